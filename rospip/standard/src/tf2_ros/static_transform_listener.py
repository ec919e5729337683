"""Feeding a buffer from ``/tf_static`` alone."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.qos import QoSProfile

from tf2_ros.buffer import Buffer
from tf2_ros.transform_listener import DEFAULT_STATIC_TF_TOPIC, TransformListener


class StaticTransformListener(TransformListener):
    """A `TransformListener` for nodes that only ask about static frames: the stream of moving ones costs them nothing.

    Args:
        buffer: Where transforms go.
        node: Subscribes; its executor runs the callbacks unless there is a thread.
        spin_thread: Spin the node in a thread of its own.
        static_qos: Quality of service, or only the depth; reliable, transient local, depth 100 by default.
        tf_static_topic: Topic of the static frames.
    """

    def __init__(
        self,
        buffer: Buffer,
        node: Node,
        *,
        spin_thread: bool = False,
        static_qos: QoSProfile | int | None = None,
        tf_static_topic: str = DEFAULT_STATIC_TF_TOPIC,
    ) -> None:
        super().__init__(
            buffer,
            node,
            spin_thread=spin_thread,
            static_qos=static_qos,
            tf_static_topic=tf_static_topic,
            static_only=True,
        )
