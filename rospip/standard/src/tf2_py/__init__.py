"""The transform buffer of tf2 for machines where the real ``tf2_py`` is not installed.

The names are upstream's; the code is our own (no C++ extension). ``rospip/README.md`` tells what is covered.
"""

from tf2_py.buffer_core import BufferCore
from tf2_py.exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TimeoutException,
    TransformException,
)

__all__ = [
    "BufferCore",
    "ConnectivityException",
    "ExtrapolationException",
    "InvalidArgumentException",
    "LookupException",
    "TimeoutException",
    "TransformException",
]
