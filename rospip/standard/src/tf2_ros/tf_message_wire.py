"""Reading a serialised ``tf2_msgs/msg/TFMessage`` without making message objects.

rclpy builds some fourteen Python objects for each transform it receives; at 500 Hz with eight transforms a message
that alone exceeds the budget of a tenth of a core. The buffer wants plain floats anyway, so the listener takes the
serialised message and reads those.
"""

from __future__ import annotations

from struct import Struct
from struct import error as StructError  # noqa: N812 - the module names its exception in lower case

from rclpy.serialization import deserialize_message
from tf2_msgs.msg import TFMessage
from tf2_py.buffer_core import TransformRecord
from tf2_py.frame_history import NS_PER_S

_HEADER_BYTES = 4
_CDR_LITTLE_ENDIAN = b"\x00\x01"
_COUNT = Struct("<I")
_STAMP_AND_LENGTH = Struct("<iII")
_POSE = Struct("<7d")


def read_tf_message(data: bytes) -> list[TransformRecord]:
    """Return the transforms of a serialised TFMessage.

    The usual encoding (plain CDR, little endian) is read directly; anything else goes through rclpy.

    Args:
        data: The message with its four-byte encapsulation header.

    Raises:
        ValueError: The bytes are not a TFMessage.
    """
    if data[:2] == _CDR_LITTLE_ENDIAN:
        try:
            return _read(data)
        except (StructError, IndexError, UnicodeDecodeError) as error:
            raise ValueError(f"{len(data)} bytes are not a tf2_msgs/msg/TFMessage: {error}") from error
    try:
        message = deserialize_message(data, TFMessage)
    except RuntimeError as error:
        raise ValueError(f"{len(data)} bytes are not a tf2_msgs/msg/TFMessage: {error}") from error
    return [
        (
            transform.header.stamp.sec * NS_PER_S + transform.header.stamp.nanosec,
            transform.header.frame_id,
            transform.child_frame_id,
            (
                transform.transform.translation.x,
                transform.transform.translation.y,
                transform.transform.translation.z,
                transform.transform.rotation.x,
                transform.transform.rotation.y,
                transform.transform.rotation.z,
                transform.transform.rotation.w,
            ),
        )
        for transform in message.transforms
    ]


def _read(data: bytes) -> list[TransformRecord]:
    # Alignment counts from the end of the four-byte header, so a multiple of eight in the body is 4 modulo 8 in data.
    (count,) = _COUNT.unpack_from(data, _HEADER_BYTES)
    offset = _HEADER_BYTES + _COUNT.size
    records: list[TransformRecord] = []
    for _ in range(count):
        sec, nanosec, length = _STAMP_AND_LENGTH.unpack_from(data, offset)
        offset += _STAMP_AND_LENGTH.size
        parent = str(data[offset : offset + length - 1], "utf-8")
        offset = (offset + length + 3) & ~3
        (length,) = _COUNT.unpack_from(data, offset)
        offset += _COUNT.size
        child = str(data[offset : offset + length - 1], "utf-8")
        offset = ((offset + length + 3) & ~7) + 4
        records.append((sec * NS_PER_S + nanosec, parent, child, _POSE.unpack_from(data, offset)))
        offset += _POSE.size
    return records
