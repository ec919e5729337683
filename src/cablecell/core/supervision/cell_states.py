"""Which state of the cell may follow which, where several threads say so at once."""

from __future__ import annotations

CLEARING, ABORTING, ABORTED = 1, 8, 9
"""Numbers of `cablecell_interfaces/CellState`, named as PackML names them."""

_AFTER_LOSS = {ABORTING: ABORTED, ABORTED: CLEARING}


def may_follow(state: int, wanted: int) -> bool:
    """Return whether the cell may go from one state to another.

    Only the way out of a loss is restricted, as in PackML: aborting ends in aborted, and aborted is left by clearing,
    which an operator has to command. What still ends after a loss, such as a job, cannot make the cell ready again.
    """
    return _AFTER_LOSS.get(state, wanted) == wanted
