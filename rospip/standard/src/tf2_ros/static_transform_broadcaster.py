"""Publishing the poses of frames that never move."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from tf2_ros.transform_broadcaster import as_list


class StaticTransformBroadcaster:
    """Publishes transforms on ``/tf_static``: reliable, transient local, depth 1 unless told otherwise.

    A late listener only gets the last message, so each one holds all frames sent so far. A frame sent again
    replaces what was said before, as in upstream's C++ (upstream's Python did so only after Kilted: before, it kept
    the first pose).

    Args:
        node: Publishes.
        qos: Quality of service, or only the depth.
    """

    def __init__(self, node: Node, qos: QoSProfile | int | None = None) -> None:
        if qos is None:
            qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL, history=HistoryPolicy.KEEP_LAST)
        self.pub_tf = node.create_publisher(TFMessage, "/tf_static", qos)
        self._sent: dict[str, TransformStamped] = {}

    def sendTransform(self, transform: TransformStamped | Iterable[TransformStamped]) -> None:  # noqa: N802 - upstream
        """Add one transform or several to the published set, and publish the set.

        Args:
            transform: What to add; copied, so the caller may reuse the object.
        """
        for message in as_list(transform):
            self._sent[message.child_frame_id] = deepcopy(message)
        self.pub_tf.publish(TFMessage(transforms=list(self._sent.values())))
