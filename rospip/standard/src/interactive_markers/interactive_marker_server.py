"""The server side of interactive markers: what a node shows in RViz and hears back from it.

Protocol, per namespace: a client asks the service ``get_interactive_markers`` for all markers and the sequence
number they belong to, then applies each message of the topic ``update`` with a higher number, which must follow
without a gap; what the operator does arrives on the topic ``feedback``.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from enum import Enum, auto
from threading import Lock
from typing import TypeAlias

from builtin_interfaces.msg import Time as TimeMessage
from geometry_msgs.msg import Pose
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.time import Time
from std_msgs.msg import Header
from visualization_msgs.msg import (
    InteractiveMarker,
    InteractiveMarkerFeedback,
    InteractiveMarkerPose,
    InteractiveMarkerUpdate,
)
from visualization_msgs.srv import GetInteractiveMarkers

FeedbackCallback: TypeAlias = Callable[[InteractiveMarkerFeedback], None]

CLIENT_HOLD_NS = 1_000_000_000
"""How long after a client's last feedback on a marker another client is ignored there, ns."""


@dataclass
class _Callbacks:
    default: FeedbackCallback | None = None
    by_event: dict[int, FeedbackCallback] = field(default_factory=dict)

    def set(self, feedback_type: int, callback: FeedbackCallback | None) -> None:
        if feedback_type == InteractiveMarkerServer.DEFAULT_FEEDBACK_CALLBACK:
            self.default = callback
        elif callback is not None:
            self.by_event[feedback_type] = callback
        else:
            self.by_event.pop(feedback_type, None)


@dataclass
class _Shown:
    """A marker the clients know."""

    marker: InteractiveMarker
    callbacks: _Callbacks
    last_client_id: str = ""
    last_feedback: Time | None = None


class _Change(Enum):
    INSERT = auto()
    POSE = auto()
    ERASE = auto()


@dataclass
class _Pending:
    """A change the clients do not know yet; a pose change only uses the marker's pose and header."""

    change: _Change
    marker: InteractiveMarker = field(default_factory=InteractiveMarker)
    callbacks: _Callbacks = field(default_factory=_Callbacks)


class InteractiveMarkerServer:
    """Shows interactive markers to one or many clients such as RViz.

    ``insert``, ``setPose``, ``erase`` and ``clear`` only collect changes; ``applyChanges`` sends them. Markers are
    copied on their way in and out, so a message object may be reused. Safe to use from several threads.

    Args:
        node: Owns the topics and the service.
        namespace: Prefix of their names; clients use the same.
        update_pub_qos: Quality of service of the updates; reliable, depth 100 by default.
        feedback_sub_qos: Quality of service of the feedback; reliable, depth 1 by default.
    """

    DEFAULT_FEEDBACK_CALLBACK = 255

    def __init__(
        self,
        node: Node,
        namespace: str,
        *,
        update_pub_qos: QoSProfile | None = None,
        feedback_sub_qos: QoSProfile | None = None,
    ) -> None:
        self.node = node
        self.namespace = namespace
        self.seq_num = 0
        self._lock = Lock()
        self._shown: dict[str, _Shown] = {}
        self._pending: dict[str, _Pending] = {}
        self.get_interactive_markers_srv: Service | None = node.create_service(
            GetInteractiveMarkers, f"{namespace}/get_interactive_markers", self._answer_all_markers
        )
        self.update_pub: Publisher | None = node.create_publisher(
            InteractiveMarkerUpdate, f"{namespace}/update", update_pub_qos or QoSProfile(depth=100)
        )
        self.feedback_sub: Subscription | None = node.create_subscription(
            InteractiveMarkerFeedback,
            f"{namespace}/feedback",
            self.processFeedback,
            feedback_sub_qos or QoSProfile(depth=1),
        )

    def shutdown(self) -> None:
        """Erase all markers at the clients and leave the graph; call it before the node is destroyed."""
        if self.node.context.ok():
            self.clear()
            self.applyChanges()
        with self._lock:
            if self.get_interactive_markers_srv is not None:
                self.node.destroy_service(self.get_interactive_markers_srv)
            if self.update_pub is not None:
                self.node.destroy_publisher(self.update_pub)
            if self.feedback_sub is not None:
                self.node.destroy_subscription(self.feedback_sub)
            self.get_interactive_markers_srv = self.update_pub = self.feedback_sub = None

    def insert(
        self,
        marker: InteractiveMarker,
        *,
        feedback_callback: FeedbackCallback | None = None,
        feedback_type: int = DEFAULT_FEEDBACK_CALLBACK,
    ) -> None:
        """Add a marker, or replace the one of the same name and keep its callbacks.

        Args:
            marker: What to show.
            feedback_callback: Called with each feedback; None leaves the callbacks as they are.
            feedback_type: Event the callback is for; by default all that have none of their own.
        """
        with self._lock:
            pending = self._pending.setdefault(marker.name, _Pending(_Change.INSERT))
            pending.change = _Change.INSERT
            pending.marker = deepcopy(marker)
        if feedback_callback is not None:
            self.setCallback(marker.name, feedback_callback, feedback_type)

    def setPose(self, name: str, pose: Pose, header: Header | None = None) -> bool:  # noqa: N802 - upstream name
        """Move a marker.

        Args:
            name: Which marker.
            pose: Where to.
            header: Replaces the marker's header; None or one without a frame keeps it.

        Returns:
            False when there is no such marker.
        """
        with self._lock:
            pending = self._pending.get(name)
            if pending is not None and pending.change is _Change.ERASE:
                return False
            marker = pending.marker if pending is not None else None
            if marker is None:
                if name not in self._shown:
                    return False
                marker = self._shown[name].marker
            self._move(name, pose, header if header is not None and header.frame_id else marker.header)
            return True

    def erase(self, name: str) -> bool:
        """Remove a marker.

        Args:
            name: Which marker.

        Returns:
            False when there is no such marker.
        """
        with self._lock:
            return self._erase(name)

    def clear(self) -> None:
        """Remove all markers, and forget changes that were not applied."""
        with self._lock:
            self._pending.clear()
            for name in self._shown:
                self._erase(name)

    def setCallback(  # noqa: N802 - upstream name
        self,
        name: str,
        feedback_callback: FeedbackCallback | None,
        feedback_type: int = DEFAULT_FEEDBACK_CALLBACK,
    ) -> bool:
        """Set who hears about a marker; takes effect at once.

        Args:
            name: Which marker.
            feedback_callback: Called with each feedback; None removes the callback.
            feedback_type: Event the callback is for; by default all that have none of their own.

        Returns:
            False when there is no such marker.
        """
        with self._lock:
            known = [place[name] for place in (self._shown, self._pending) if name in place]
            for entry in known:
                entry.callbacks.set(feedback_type, feedback_callback)
            return bool(known)

    def applyChanges(self) -> None:  # noqa: N802 - upstream name
        """Send all changes since the last call to the clients, as one update; after `shutdown` nobody is told."""
        with self._lock:
            update = InteractiveMarkerUpdate(type=InteractiveMarkerUpdate.UPDATE)
            for name, pending in self._pending.items():
                if pending.change is _Change.INSERT:
                    shown = self._shown.setdefault(name, _Shown(pending.marker, pending.callbacks))
                    shown.marker = pending.marker
                    update.markers.append(shown.marker)
                elif pending.change is _Change.POSE:
                    marker = self._shown[name].marker
                    marker.pose, marker.header = pending.marker.pose, pending.marker.header
                    update.poses.append(InteractiveMarkerPose(header=marker.header, pose=marker.pose, name=name))
                elif self._shown.pop(name, None) is not None:
                    update.erases.append(name)
            self._pending.clear()
            if self.update_pub is None or not (update.markers or update.poses or update.erases):
                return
            # Numbered and sent under the lock: a client takes updates out of order for a gap and starts again.
            self.seq_num += 1
            update.seq_num = self.seq_num
            self.update_pub.publish(update)

    def get(self, name: str) -> InteractiveMarker | None:
        """Return a copy of a marker as it will be once changes are applied; None when there is no such marker.

        Args:
            name: Which marker.
        """
        with self._lock:
            pending = self._pending.get(name)
            if pending is not None and pending.change is _Change.INSERT:
                return deepcopy(pending.marker)
            if name not in self._shown or (pending is not None and pending.change is _Change.ERASE):
                return None
            marker = deepcopy(self._shown[name].marker)
            if pending is not None:
                marker.pose, marker.header = deepcopy(pending.marker.pose), deepcopy(pending.marker.header)
            return marker

    def processFeedback(self, feedback: InteractiveMarkerFeedback) -> None:  # noqa: N802 - upstream name
        """Move the marker a client has dragged, call the callback, then apply changes.

        Feedback for an unknown marker is ignored, and so is a second client within a second of the first one's last
        feedback: two operators cannot drag one marker.

        Args:
            feedback: What the client reports.
        """
        with self._lock:
            shown = self._shown.get(feedback.marker_name)
            if shown is None:
                return
            now = self.node.get_clock().now()
            if (
                shown.last_feedback is not None
                and shown.last_client_id != feedback.client_id
                and 0 <= (now - shown.last_feedback).nanoseconds < CLIENT_HOLD_NS
            ):
                self.node.get_logger().debug(
                    f"Rejecting feedback for '{feedback.marker_name}' from '{feedback.client_id}': "
                    f"'{shown.last_client_id}' has it"
                )
                return
            shown.last_feedback = now
            shown.last_client_id = feedback.client_id
            if feedback.event_type == InteractiveMarkerFeedback.POSE_UPDATE:
                # A stamp of zero means "always where the frame is": the marker keeps it.
                is_frame_locked = shown.marker.header.stamp == TimeMessage()
                header = shown.marker.header if is_frame_locked else feedback.header
                self._move(feedback.marker_name, feedback.pose, header)
            callback = shown.callbacks.by_event.get(feedback.event_type, shown.callbacks.default)
        if callback is not None:
            callback(feedback)
        self.applyChanges()

    def _move(self, name: str, pose: Pose, header: Header) -> None:
        pending = self._pending.setdefault(name, _Pending(_Change.POSE))
        if pending.change is _Change.ERASE:
            return
        pending.marker.pose, pending.marker.header = deepcopy(pose), deepcopy(header)

    def _erase(self, name: str) -> bool:
        if name not in self._shown and name not in self._pending:
            return False
        self._pending[name] = _Pending(_Change.ERASE)
        return True

    def _answer_all_markers(
        self, request: GetInteractiveMarkers.Request, response: GetInteractiveMarkers.Response
    ) -> GetInteractiveMarkers.Response:
        with self._lock:
            response.sequence_number = self.seq_num
            response.markers = [deepcopy(shown.marker) for shown in self._shown.values()]
        return response
