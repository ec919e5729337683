"""What can be wrong with a stream of images, family 500."""

from __future__ import annotations

from cablecell.core.errors import WorkcellError


class StreamError(WorkcellError):
    """A camera's stream cannot be trusted, for a reason that has no class of its own."""

    code = 580


class FrozenImageError(StreamError):
    """A camera repeats an image under new stamps."""

    code = 581


class BlackImageError(StreamError):
    """A camera shows nothing: its images are black, or of one brightness."""

    code = 582


class SaturatedImageError(StreamError):
    """A camera's images are overexposed over most of their area."""

    code = 583


class ImageStampError(StreamError):
    """A camera's stamps are in the future, too old, not increasing, or jump."""

    code = 584


class ImageSizeError(StreamError):
    """A camera's images have another size or encoding than they should."""

    code = 585


class SwappedCamerasError(StreamError):
    """The streams of cameras are exchanged: each shows what another one must see."""

    code = 586


class SilentCameraError(StreamError):
    """A camera has delivered no image for too long."""

    code = 587
