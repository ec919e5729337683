"""Publishing the poses of moving frames."""

from __future__ import annotations

from collections.abc import Iterable

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile
from tf2_msgs.msg import TFMessage


class TransformBroadcaster:
    """Publishes transforms on ``/tf``: reliable, volatile, depth 100 unless told otherwise.

    Args:
        node: Publishes.
        qos: Quality of service, or only the depth.
    """

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        self.pub_tf = node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100) if qos is None else qos)

    def sendTransform(self, transform: TransformStamped | Iterable[TransformStamped]) -> None:  # noqa: N802 - upstream
        """Publish one transform, or several in one message.

        Args:
            transform: What to publish.
        """
        self.pub_tf.publish(TFMessage(transforms=as_list(transform)))


def as_list(transform: TransformStamped | Iterable[TransformStamped]) -> list[TransformStamped]:
    """Return one transform or several as a list.

    Args:
        transform: One message or an iterable of them.
    """
    return list(transform) if isinstance(transform, Iterable) else [transform]
