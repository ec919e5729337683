"""Node `recorder`: writes topics to an MCAP file, byte for byte as they come over the wire."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from cablecell.core.config.recorder import RecorderParameters
from cablecell.records.errors import RecordingError
from cablecell.records.writing import RecordingWriter
from cablecell.ros import qos
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.message_data.errors import UnknownInterfaceError
from cablecell.ros.message_data.interfaces import find_interface

DRAIN_PERIOD_S = 0.05
DISCOVERY_PERIOD_S = 0.25
REPORT_PERIOD_S = 1.0
LAZY_DEPTH = 2
"""Images are large: two of them are enough to pick one from."""


@dataclass
class _Tap:
    """One recorded topic."""

    subscription: Any
    profile: QoSProfile
    channel: int
    last_ns: int = 0


class Recorder(CellNode[RecorderParameters]):
    """Records topics as soon as they appear, with the quality of service their publishers offer.

    Messages are fetched from the middleware twenty times a second instead of one callback each, which costs a
    fraction of the time. The subscriptions therefore belong to a node that no executor knows.
    """

    def __init__(self) -> None:
        super().__init__("recorder", RecorderParameters)
        self._writer: RecordingWriter | None = None

    def setup(self) -> None:
        """Create the report and the node that holds the subscriptions."""
        self._diagnostics = self.create_lifecycle_publisher(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
        self._taps_node = rclpy.create_node(
            f"_{self.get_name()}_taps",
            namespace=self.get_namespace(),
            enable_rosout=False,
            start_parameter_services=False,
            use_global_arguments=False,
            parameter_overrides=[Parameter("start_type_description_service", value=False)],
        )

    def teardown(self) -> None:
        """Destroy what `setup` created."""
        self._taps_node.destroy_node()
        self.destroy_publisher(self._diagnostics)

    def start(self) -> None:
        """Create the file and begin to look for the topics."""
        values = self.parameters.values
        self._taps: dict[str, _Tap] = {}
        self._channels: dict[tuple[str, str], int] = {}
        self._refused: set[str] = set()
        self._timers: list[Any] = []
        prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", sys.prefix).split(os.pathsep) if p]
        path = Path(values.path).expanduser()
        if values.numbers_files:
            path = _next_free(path)
        self._writer = RecordingWriter(path, prefixes)
        self._lazy = {self.resolve_topic_name(name) for name in values.lazy_topics}
        self._wanted = dict.fromkeys(self.resolve_topic_name(name) for name in (*values.topics, *values.lazy_topics))
        self._flushed_s = time.monotonic()
        self._discover()
        self._timers = [
            self.create_timer(DRAIN_PERIOD_S, self._drain),
            self.create_timer(DISCOVERY_PERIOD_S, self._discover),
            self.create_timer(REPORT_PERIOD_S, self._report),
        ]
        self.get_logger().info(f"recording to {path}")

    def stop(self) -> None:
        """Fetch what is still waiting and close the file."""
        for timer in self._timers:
            self.destroy_timer(timer)
        if self._writer is None:
            return
        self._drain()
        for topic in list(self._taps):
            self._untap(topic)
        self._writer.close()
        self.get_logger().info(f"recorded {self._writer.message_count} messages, {self._writer.bytes_written} B")
        self._writer = None

    def _discover(self) -> None:
        """Follow the graph: tap new topics, meet weaker offers, leave lazy topics nobody else wants."""
        for topic in self._wanted:
            if topic in self._refused:
                continue
            offers = self.get_publishers_info_by_topic(topic)
            tap = self._taps.get(topic)
            if topic in self._lazy and self.count_subscribers(topic) <= (tap is not None):
                if tap is not None:
                    self._untap(topic)
                continue
            if not offers:
                continue
            profile = self._profile(topic, offers)
            if tap is not None and (tap.profile.reliability, tap.profile.durability) != (
                profile.reliability,
                profile.durability,
            ):
                self._untap(topic)
                tap = None
            if tap is None:
                self._tap(topic, offers, profile)

    def _profile(self, topic: str, offers: list[Any]) -> QoSProfile:
        """Return the strongest request that every publisher of a topic can meet."""
        reliable = all(offer.qos_profile.reliability == ReliabilityPolicy.RELIABLE for offer in offers)
        latched = all(offer.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
        return QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=LAZY_DEPTH if topic in self._lazy else self.parameters.values.queue_depth,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )

    def _tap(self, topic: str, offers: list[Any], profile: QoSProfile) -> None:
        type_name = offers[0].topic_type
        try:
            message_type = find_interface(type_name, "msg")
            channel = self._channel(topic, type_name, offers)
        except (UnknownInterfaceError, RecordingError) as error:
            self._refused.add(topic)
            self.get_logger().warning(f"{topic} is not recorded: {error}")
            return
        subscription = self._taps_node.create_subscription(message_type, topic, lambda _: None, profile, raw=True)
        self._taps[topic] = _Tap(subscription, profile, channel)

    def _channel(self, topic: str, type_name: str, offers: list[Any]) -> int:
        assert self._writer is not None
        if (topic, type_name) not in self._channels:
            offered = "".join(_offer_text(offer.qos_profile) for offer in offers)
            self._channels[topic, type_name] = self._writer.add_channel(
                topic, type_name, {"offered_qos_profiles": offered}
            )
        return self._channels[topic, type_name]

    def _untap(self, topic: str) -> None:
        tap = self._taps.pop(topic)
        self._fetch(topic, tap)
        self._taps_node.destroy_subscription(tap.subscription)

    def _drain(self) -> None:
        if self._writer is None:
            return
        for topic, tap in self._taps.items():
            self._fetch(topic, tap)
        now_s = time.monotonic()
        if now_s - self._flushed_s >= self.parameters.values.flush_period_s:
            self._flushed_s = now_s
            self._writer.flush()

    def _fetch(self, topic: str, tap: _Tap) -> None:
        """Write everything that waits on one topic; of a lazy one not more often than asked for."""
        assert self._writer is not None
        period_ns = int(self.parameters.values.lazy_period_s * 1e9) if topic in self._lazy else 0
        subscription = tap.subscription
        with subscription.handle:
            while (taken := subscription.handle.take_message(subscription.msg_type, True)) is not None:
                data, information = taken
                received_ns = information["received_timestamp"]
                if received_ns - tap.last_ns < period_ns:
                    continue
                tap.last_ns = received_ns
                self._writer.add(tap.channel, data, received_ns, information["source_timestamp"])

    def _report(self) -> None:
        if self._writer is None:
            return
        missing = [topic for topic in self._wanted if topic not in self._taps and topic not in self._lazy]
        status = DiagnosticStatus(
            level=DiagnosticStatus.OK,
            name=f"{self.get_name()}: recording",
            message="OK",
            hardware_id=self.parameters.values.path,
            values=[
                KeyValue(key="messages", value=str(self._writer.message_count)),
                KeyValue(key="bytes", value=str(self._writer.bytes_written)),
                KeyValue(key="topics", value=str(len(self._taps))),
                KeyValue(key="not_published", value=" ".join(missing)),
            ],
        )
        array = DiagnosticArray(status=[status])
        array.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(array)


def _offer_text(profile: Any) -> str:
    """Return a publisher's offer as `ros2 bag` reads it to play a latched topic latched again."""
    return (
        f"- history: {profile.history.short_key}\n  depth: {profile.depth}\n"
        f"  reliability: {profile.reliability.short_key}\n  durability: {profile.durability.short_key}\n"
        "  deadline: {sec: 9223372036, nsec: 854775807}\n  lifespan: {sec: 9223372036, nsec: 854775807}\n"
        f"  liveliness: {profile.liveliness.short_key}\n"
        "  liveliness_lease_duration: {sec: 9223372036, nsec: 854775807}\n"
        "  avoid_ros_namespace_conventions: false\n"
    )


def _next_free(path: Path) -> Path:
    """Return the path, or where it is taken the first of its numbered ones that is not."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}.{number}{path.suffix}")
    return free


def main() -> None:
    """Run the node."""
    sys.exit(run_node(Recorder, carries_images=True))


if __name__ == "__main__":
    main()
