"""An interactive-marker client with the rules of RViz's: fetch all, then follow the updates without a gap."""

from __future__ import annotations

import threading

from geometry_msgs.msg import Pose
from rclpy.node import Node
from rclpy.qos import QoSProfile
from visualization_msgs.msg import InteractiveMarker, InteractiveMarkerFeedback, InteractiveMarkerUpdate
from visualization_msgs.srv import GetInteractiveMarkers

from tests.support.tf2_graph import wait_until


class FakeRViz:
    """Shows the markers of one namespace and acts as the operator's hand.

    Attributes:
        markers: What is on the screen.
        updates: Every update that arrived, whether used or not.
        gaps: Pairs of expected and received sequence number that did not match.
    """

    def __init__(self, node: Node, namespace: str) -> None:
        self.client_id = node.get_name()
        self.markers: dict[str, InteractiveMarker] = {}
        self.updates: list[InteractiveMarkerUpdate] = []
        self.gaps: list[tuple[int, int]] = []
        self._number: int | None = None
        self._lock = threading.Lock()  # updates arrive in the thread that spins the node
        qos = QoSProfile(depth=100)
        self._feedback = node.create_publisher(InteractiveMarkerFeedback, f"{namespace}/feedback", qos)
        node.create_subscription(InteractiveMarkerUpdate, f"{namespace}/update", self._on_update, qos)
        self._client = node.create_client(GetInteractiveMarkers, f"{namespace}/get_interactive_markers")
        wait_until(self._client.service_is_ready, "the service get_interactive_markers")
        wait_until(lambda: node.count_publishers(f"{namespace}/update") == 1, "the updates")
        wait_until(lambda: node.count_subscribers(f"{namespace}/feedback") == 1, "the feedback")

    def fetch(self) -> int:
        """Ask for all markers, apply the updates that came meanwhile, and return the sequence number of the answer."""
        future = self._client.call_async(GetInteractiveMarkers.Request())
        wait_until(future.done, "the answer of get_interactive_markers")
        answer = future.result()
        with self._lock:
            self.markers = {marker.name: marker for marker in answer.markers}
            self._number = answer.sequence_number
            for update in self.updates:
                self._apply(update)
        return answer.sequence_number

    def send(self, name: str, event_type: int, pose: Pose | None = None, **fields) -> None:
        """Report what the operator did with a marker."""
        message = InteractiveMarkerFeedback(
            client_id=self.client_id, marker_name=name, event_type=event_type, pose=pose or Pose(), **fields
        )
        self._feedback.publish(message)

    def _on_update(self, update: InteractiveMarkerUpdate) -> None:
        with self._lock:
            self.updates.append(update)
            if self._number is not None:
                self._apply(update)

    def _apply(self, update: InteractiveMarkerUpdate) -> None:
        if update.seq_num <= self._number:
            return
        if update.seq_num != self._number + 1:
            self.gaps.append((self._number + 1, update.seq_num))
        self._number = update.seq_num
        for marker in update.markers:
            self.markers[marker.name] = marker
        for moved in update.poses:
            self.markers[moved.name].pose, self.markers[moved.name].header = moved.pose, moved.header
        for name in update.erases:
            del self.markers[name]
