"""Faults of the operator console, codes 720 to 755."""

from __future__ import annotations

from cablecell.core.errors import WorkcellError


class ConsoleError(WorkcellError):
    """A fault of the console that has no class of its own."""

    code = 720


class TokenFileError(ConsoleError):
    """The file of tokens cannot be used: others may read it, or it is not what the console wrote."""

    code = 721


class LoginRefusedError(ConsoleError):
    """The token is none of this console, or the name of the person cannot be kept in the ledger."""

    code = 722


class LoginRateError(ConsoleError):
    """There were too many failed logins; nothing is looked at until some time has passed."""

    code = 723


class SessionEndedError(ConsoleError):
    """The session of who commands has expired or was logged out; nothing was done."""

    code = 724


class RoleError(ConsoleError):
    """The role of who commands does not allow it; nothing was done."""

    code = 725


class UnknownCommandError(ConsoleError):
    """The console has no such command, or it does not take what was given with it; nothing was done."""

    code = 726


class ExposedError(ConsoleError):
    """The console would be reachable from other machines, and nobody said that it may."""

    code = 727


class NoLedgerError(ConsoleError):
    """The cell keeps no ledger, so it has no queue of jobs and no history."""

    code = 728


class BusyGoalError(ConsoleError):
    """The cell did not take the job; nothing was started."""

    code = 729


class UnknownReportError(ConsoleError):
    """There is no report of that name, or the cell keeps nothing of which it could be made."""

    code = 740


class BusyReportError(ConsoleError):
    """Another report is being made: the console makes one at a time, so that nobody keeps the machine busy."""

    code = 741


class FailedReportError(ConsoleError):
    """A report could not be made, took too long, or is too large to be handed out."""

    code = 742


class NoCalibrationError(ConsoleError):
    """The cell was started without records of this kind, so there is nothing to go back to."""

    code = 743
