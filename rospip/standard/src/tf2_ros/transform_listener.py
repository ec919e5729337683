"""Feeding a buffer from ``/tf`` and ``/tf_static``."""

from __future__ import annotations

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile
from rclpy.subscription import Subscription
from tf2_msgs.msg import TFMessage

from tf2_ros.buffer import Buffer
from tf2_ros.listener_thread import ListenerThread
from tf2_ros.tf_message_wire import read_tf_message

DEFAULT_TF_TOPIC = "/tf"
DEFAULT_STATIC_TF_TOPIC = "/tf_static"
AUTHORITY = "default_authority"


class TransformListener:
    """Puts every transform that is published into a buffer.

    Messages are received serialised and read into the buffer without message objects, which is what makes a 500 Hz
    stream affordable. Where ``callback`` or the buffer's ``set_transform`` is overridden, each transform goes that
    way instead.

    Args:
        buffer: Where transforms go.
        node: Subscribes; its executor runs the callbacks unless there is a thread.
        spin_thread: Spin the node in a thread of its own.
        qos: Quality of service for ``/tf``, or only the depth; reliable, volatile, depth 100 by default.
        static_qos: The same for ``/tf_static``; reliable, transient local, depth 100 by default.
        tf_topic: Topic of the moving frames.
        tf_static_topic: Topic of the static frames.
        static_only: Do not subscribe to the moving frames.
    """

    def __init__(
        self,
        buffer: Buffer,
        node: Node,
        *,
        spin_thread: bool = False,
        qos: QoSProfile | int | None = None,
        static_qos: QoSProfile | int | None = None,
        tf_topic: str = DEFAULT_TF_TOPIC,
        tf_static_topic: str = DEFAULT_STATIC_TF_TOPIC,
        static_only: bool = False,
    ) -> None:
        if qos is None:
            qos = QoSProfile(depth=100, durability=DurabilityPolicy.VOLATILE, history=HistoryPolicy.KEEP_LAST)
        if static_qos is None:
            static_qos = QoSProfile(
                depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL, history=HistoryPolicy.KEEP_LAST
            )
        self.buffer = buffer
        self.node = node
        # A mutually exclusive group would keep the listener silent while another callback of the node waits for it.
        self.group = ReentrantCallbackGroup()
        self.tf_sub: Subscription | None = None
        if not static_only:
            raw = self._reads_raw("callback", "set_transform")
            self.tf_sub = node.create_subscription(
                TFMessage, tf_topic, self._raw_callback if raw else self.callback, qos,
                callback_group=self.group, raw=raw,
            )  # fmt: skip
        raw = self._reads_raw("static_callback", "set_transform_static")
        self.tf_static_sub: Subscription | None = node.create_subscription(
            TFMessage, tf_static_topic, self._raw_static_callback if raw else self.static_callback, static_qos,
            callback_group=self.group, raw=raw,
        )  # fmt: skip
        if spin_thread:
            listener_thread = ListenerThread(node, self)
            self.executor = listener_thread.executor
            self.dedicated_listener_thread = listener_thread.thread

    def unregister(self) -> None:
        """Stop listening."""
        for subscription in (self.tf_sub, self.tf_static_sub):
            if subscription is not None:
                self.node.destroy_subscription(subscription)
        self.tf_sub = self.tf_static_sub = None

    def callback(self, data: TFMessage) -> None:
        """Put the transforms of a message into the buffer as moving frames.

        Args:
            data: A message of ``/tf``.
        """
        for transform in data.transforms:
            self.buffer.set_transform(transform, AUTHORITY)

    def static_callback(self, data: TFMessage) -> None:
        """Put the transforms of a message into the buffer as static frames.

        Args:
            data: A message of ``/tf_static``.
        """
        for transform in data.transforms:
            self.buffer.set_transform_static(transform, AUTHORITY)

    def _reads_raw(self, callback: str, setter: str) -> bool:
        return getattr(type(self), callback) is getattr(TransformListener, callback) and (
            getattr(type(self.buffer), setter, None) is getattr(Buffer, setter)
        )

    def _raw_callback(self, data: bytes) -> None:
        self._read(data, is_static=False)

    def _raw_static_callback(self, data: bytes) -> None:
        self._read(data, is_static=True)

    def _read(self, data: bytes, *, is_static: bool) -> None:
        try:
            records = read_tf_message(data)
        except ValueError as error:
            self.node.get_logger().error(f"TF_BAD_MESSAGE: Ignoring a transform message: {error}")
            return
        self.buffer._insert(records, AUTHORITY, is_static=is_static)
