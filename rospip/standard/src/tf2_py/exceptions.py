"""The exceptions of tf2, under their upstream names."""

from __future__ import annotations


class TransformException(Exception):  # noqa: N818 - upstream name
    """Base of everything a transform query may raise."""


class LookupException(TransformException):
    """A frame of the query does not exist, or the tree holds a loop."""


class ConnectivityException(TransformException):
    """Both frames exist but belong to different trees."""


class ExtrapolationException(TransformException):
    """The requested time lies outside the samples held for a frame on the path."""


class InvalidArgumentException(TransformException):
    """A frame name is not one: empty, or starting with a slash."""


class TimeoutException(TransformException):
    """A remote buffer did not answer in time."""
