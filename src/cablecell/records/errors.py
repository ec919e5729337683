"""What can be wrong with a recording."""

from __future__ import annotations

from cablecell.core.errors import ConfigurationError


class RecordingError(ConfigurationError):
    """A recording cannot be written or read, or a message definition it needs is not installed."""

    code = 934
