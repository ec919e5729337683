"""Map typed errors to the `error_code` and `error_msg` that every result of the cell carries."""

from __future__ import annotations

from typing import Any

from cablecell.core.errors import WorkcellError

SUCCESS = 0
UNEXPECTED = WorkcellError.code
"""Code of an exception that has no class of ours: a bug, reported as such."""


def fill_result(result: Any, error: Exception | None) -> Any:
    """Set code and message of an action or service result, and return it.

    Args:
        result: Message with `error_code` and `error_msg`.
        error: What went wrong; None is success.
    """
    if error is None:
        result.error_code, result.error_msg = SUCCESS, ""
    elif isinstance(error, WorkcellError):
        result.error_code, result.error_msg = error.code, str(error)
    else:
        result.error_code, result.error_msg = UNEXPECTED, f"unexpected {type(error).__name__}: {error}"
    return result
