"""Faults of an observation, family 500, and which reason of the core is which of them."""

from __future__ import annotations

from cablecell.core.errors import ConfigurationError, WorkcellError
from cablecell.core.perception.outcome import NoEstimate, Reason


class ObservationError(WorkcellError):
    """A fault of an observation that has no class of its own."""

    code = 520


class NothingSeenError(ObservationError):
    """No image showed a fiducial of the task board."""

    code = 521


class TooFewCornersError(ObservationError):
    """The images show fiducials, but too few corners of them."""

    code = 522


class DegenerateCornersError(ObservationError):
    """The corners lie so that they determine no pose."""

    code = 523


class ReprojectionError(ObservationError):
    """The best pose of the board explains the corners worse than the limit, or tilts the board unbelievably."""

    code = 524


class InconsistentViewsError(ObservationError):
    """Images contradict each other or the estimate so far."""

    code = 525


class UnexpectedBoardError(ObservationError):
    """The board would be farther from where it is put than is believable."""

    code = 526


class UncertainPortError(ObservationError):
    """The port's position is less certain than what may be reported at all."""

    code = 527


class StaleEstimateError(ObservationError):
    """The board was seen too long ago."""

    code = 528


class RefinementError(ObservationError):
    """The refinement of the board's pose did not come to rest."""

    code = 529


class UnknownPortError(ObservationError):
    """No port of this name is on the board, or the name fits several; nothing was looked at."""

    code = 530


class AccuracyNotReachedError(ObservationError):
    """The views are used up, or more from here would not help, and a port is not known as well as asked for."""

    code = 531


class NoToolPoseError(ObservationError):
    """The controller's state is absent or too old, so that nobody knows from where the images were taken."""

    code = 532


class ArmMovingError(ObservationError):
    """The arm did not come to rest before the deadline; images of a moving arm are not used."""

    code = 533


class NoImagesError(ObservationError):
    """Too few cameras delivered an image before the deadline."""

    code = 534


class ImageFormatError(ObservationError):
    """An image or its calibration is of a kind the estimator cannot use."""

    code = 535


class ObservationBusyError(ObservationError):
    """Another observation is running; nothing was done."""

    code = 536


class ObservationTimeoutError(ObservationError):
    """The time limit of the observation is used up."""

    code = 537


class ObservationCancelledError(ObservationError):
    """The client cancelled the observation, or the node was deactivated meanwhile."""

    code = 538


class CoveredPortError(ObservationError):
    """The rim of the port is not where its module has it, or nowhere on the rail: something covers it."""

    code = 539


class AmbiguousModuleError(ObservationError):
    """A module fits nearly as well at another place on its rail."""

    code = 540


class ObservationRequestError(ConfigurationError):
    """The goal of an observation holds a value outside its range; nothing was done."""

    code = 931


_CLASSES: dict[Reason, type[ObservationError]] = {
    Reason.NOTHING_SEEN: NothingSeenError,
    Reason.TOO_FEW_CORNERS: TooFewCornersError,
    Reason.DEGENERATE_CORNERS: DegenerateCornersError,
    Reason.REPROJECTION_TOO_HIGH: ReprojectionError,
    Reason.INCONSISTENT_VIEWS: InconsistentViewsError,
    Reason.UNEXPECTED_POSE: UnexpectedBoardError,
    Reason.UNCERTAIN: UncertainPortError,
    Reason.STALE: StaleEstimateError,
    Reason.NOT_CONVERGED: RefinementError,
    Reason.UNKNOWN_PORT: UnknownPortError,
    Reason.COVERED: CoveredPortError,
    Reason.AMBIGUOUS: AmbiguousModuleError,
}


def error_of(problem: NoEstimate) -> ObservationError:
    """Return the typed error of an answer without an estimate."""
    return _CLASSES[problem.reason](problem.message, quantity=problem.reason.value)
