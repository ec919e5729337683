"""Our reader of serialised transform messages against rclpy's own serialisation."""

from __future__ import annotations

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from tf2_msgs.msg import TFMessage

from tests.support.tf2_messages import transform

wire = pytest.importorskip("tf2_ros.tf_message_wire", reason="the real tf2_ros reads message objects")


def random_message(rng: np.random.Generator) -> TFMessage:
    transforms = []
    for _ in range(int(rng.integers(0, 5))):
        parent, child = ("".join(rng.choice(list("abcdé/_"), size=rng.integers(0, 12))) for _ in range(2))
        values = rng.normal(size=7)
        transforms.append(
            transform(parent, child, float(rng.integers(0, 2**31 - 1)) + 0.123456789, values[:3], values[3:])
        )
    return TFMessage(transforms=transforms)


def expected_records(message: TFMessage) -> list[tuple]:
    return [
        (
            each.header.stamp.sec * 1_000_000_000 + each.header.stamp.nanosec,
            each.header.frame_id,
            each.child_frame_id,
            tuple(getattr(each.transform.translation, axis) for axis in "xyz")
            + tuple(getattr(each.transform.rotation, axis) for axis in "xyzw"),
        )
        for each in message.transforms
    ]


@pytest.mark.parametrize("seed", range(200))
def test_reads_what_rclpy_writes(seed):
    message = random_message(np.random.default_rng(seed))
    assert wire.read_tf_message(serialize_message(message)) == expected_records(message)


def test_another_byte_order_is_read_as_well():
    message = TFMessage(transforms=[transform("wo", "a", 1.5, (1.0, 2.0, 3.0))])
    assert wire.read_tf_message(big_endian(message)) == expected_records(message)


def big_endian(message: TFMessage) -> bytes:
    """Write a message of one transform by hand: names of two and one letters, 4-byte then 8-byte alignment."""
    (only,) = message.transforms
    stamp = only.header.stamp
    body = (
        np.array([1, stamp.sec, stamp.nanosec, 3], ">i4").tobytes()
        + b"wo\0\0"
        + np.array([2], ">i4").tobytes()
        + b"a\0"
    )
    body += b"\0" * (-len(body) % 8)
    body += np.array(expected_records(message)[0][3], ">f8").tobytes()
    return b"\x00\x00\x00\x00" + body


@pytest.mark.parametrize("seed", range(20))
def test_a_cut_message_is_refused(seed):
    rng = np.random.default_rng(seed)
    data = serialize_message(TFMessage(transforms=[transform("world", "arm", 1.0), transform("arm", "tool", 1.0)]))
    with pytest.raises(ValueError, match="not a tf2_msgs/msg/TFMessage"):
        wire.read_tf_message(data[: int(rng.integers(8, len(data) - 8))])


def test_a_name_that_is_no_text_is_refused():
    data = serialize_message(TFMessage(transforms=[transform("world", "arm", 1.0)])).replace(b"world", b"w\xff\xfeld")
    with pytest.raises(ValueError, match="not a tf2_msgs/msg/TFMessage"):
        wire.read_tf_message(data)
