"""Faults of teleoperation, codes 700 to 799. Malformed commands have the codes of the arm controller, 301 to 306."""

from __future__ import annotations

from cablecell.core.errors import WorkcellError


class TeleopError(WorkcellError):
    """A fault of teleoperation that has no class of its own."""

    code = 700


class TeleopDisabledError(TeleopError):
    """A command came while teleoperation is disabled; nothing was changed."""

    code = 701


class ControlHeldError(TeleopError):
    """A command came from somebody while somebody else holds control; nothing was changed."""

    code = 702


class DeadmanError(TeleopError):
    """A marker moved without a mouse press since control was last free; nothing was changed."""

    code = 703


class TeleopPausedError(TeleopError):
    """A command came during a pause; nothing was changed."""

    code = 704


class CommandTypeError(TeleopError):
    """A command came on the topic that is not selected, or a type was asked for that is not supported."""

    code = 705


class StateLostError(TeleopError):
    """There is no fresh state of the arm or of its force sensor; teleoperation does not run without."""

    code = 706


class WorkspaceError(TeleopError):
    """The tool is outside the workspace box; it has to be brought back by a planned motion."""

    code = 707


class LeashError(TeleopError):
    """The arm is farther from its target than the leash; control was dropped and the arm holds."""

    code = 708


class CellBusyError(TeleopError):
    """The cell is in a state in which nobody may move the arm by hand; nothing was changed."""

    code = 709


class CommandRangeError(TeleopError):
    """A twist asks for more than the whole of the chosen speed; nothing was changed."""

    code = 710


class StopUnconfirmedError(TeleopError):
    """The arm controller did not confirm a stop that the operator asked for; the arm may still move."""

    code = 711
