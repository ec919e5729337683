"""Faults of a calibration, family 500: nothing that was measured is used, and the old calibration stays."""

from __future__ import annotations

from cablecell.core.errors import WorkcellError


class CalibrationError(WorkcellError):
    """A calibration failed for a reason that has no class of its own."""

    code = 570


class TooFewViewsError(CalibrationError):
    """Too few views of the target are usable."""

    code = 571


class RotationsTooParallelError(CalibrationError):
    """The tool turned too little, or about one direction only, so that the views leave a pose undetermined."""

    code = 572


class TargetNotSeenError(CalibrationError):
    """No camera, or not every camera, saw the calibration target."""

    code = 573


class ResidualTooHighError(CalibrationError):
    """The result explains the views worse than the limit."""

    code = 574


class UnobservableError(CalibrationError):
    """A quantity of the result is less certain than the limit."""

    code = 575


class NotConvergedError(CalibrationError):
    """The refinement did not come to rest."""

    code = 576
