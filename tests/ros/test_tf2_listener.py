"""Listeners and broadcasters over the middleware.

Only upstream's public names are used, so the same file holds for the real ``tf2_ros`` (``StaticTransformListener`` and
``static_only`` since Kilted).
"""

from __future__ import annotations

import threading
import time

import pytest
import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from rosgraph_msgs.msg import Clock
from tf2_msgs.msg import TFMessage
from tf2_msgs.srv import FrameGraph
from tf2_ros import Buffer, StaticTransformBroadcaster, TransformBroadcaster, TransformListener

from tests.support.tf2_graph import graph, wait_until
from tests.support.tf2_messages import LATEST, about_z, at, lasting, transform, xyz_of, xyzw_of

tf2_ros = pytest.importorskip("tf2_ros")


@pytest.fixture
def ros():
    with graph() as running:
        yield running


def connected(node, topic: str, publishers: int = 1):
    return lambda: node.count_publishers(topic) >= publishers and node.count_subscribers(topic) >= 1


def test_what_is_broadcast_can_be_looked_up(ros):
    sender, receiver = ros.node("sender"), ros.node("receiver")
    buffer = Buffer()
    listener = TransformListener(buffer, receiver)
    broadcaster = TransformBroadcaster(sender)
    wait_until(connected(sender, "/tf"), "discovery of /tf")
    broadcaster.sendTransform(transform("world", "arm", 1.0, (1.0, 2.0, 3.0), about_z(0.3)))
    broadcaster.sendTransform([transform("arm", "ünit/töol", 1.0, (0.0, 0.0, 0.5)), transform("world", "arm", 2.0)])
    answer = buffer.lookup_transform("world", "ünit/töol", at(1.0), lasting(10.0))
    assert xyz_of(answer) == pytest.approx((1.0, 2.0, 3.5))
    assert xyzw_of(answer) == pytest.approx(about_z(0.3))
    assert "broadcaster: 'default_authority'" in buffer.all_frames_as_yaml()
    listener.unregister()
    wait_until(lambda: sender.count_subscribers("/tf") == 0, "end of the subscription")


@pytest.mark.parametrize("name_length", range(1, 10))
def test_frame_names_of_every_length_arrive(ros, name_length):
    """On the wire a name's length decides where the numbers after it are aligned."""
    sender, receiver = ros.node("sender"), ros.node("receiver")
    buffer = Buffer()
    listener = TransformListener(buffer, receiver)
    broadcaster = TransformBroadcaster(sender)
    wait_until(connected(sender, "/tf"), "discovery of /tf")
    parents = ["p" * length for length in range(1, 9)]
    child = "c" * name_length
    broadcaster.sendTransform([transform(p, f"{child}{i}", 1.5, (i, 0.25, -1.0)) for i, p in enumerate(parents)])
    for i, parent in enumerate(parents):
        answer = buffer.lookup_transform(parent, f"{child}{i}", at(1.5), lasting(10.0))
        assert xyz_of(answer) == (float(i), 0.25, -1.0)
    listener.unregister()


def test_endpoints_have_the_quality_of_service_others_expect(ros):
    node = ros.node("everything")
    keep = TransformListener(Buffer(), node), TransformBroadcaster(node), StaticTransformBroadcaster(node)
    for topic, durability in (("/tf", DurabilityPolicy.VOLATILE), ("/tf_static", DurabilityPolicy.TRANSIENT_LOCAL)):
        wait_until(connected(node, topic), f"discovery of {topic}")
        endpoints = node.get_publishers_info_by_topic(topic) + node.get_subscriptions_info_by_topic(topic)
        assert len(endpoints) == 2
        for endpoint in endpoints:
            assert endpoint.topic_type == "tf2_msgs/msg/TFMessage"
            assert endpoint.qos_profile.reliability == ReliabilityPolicy.RELIABLE
            assert endpoint.qos_profile.durability == durability
    assert keep[0].buffer.can_transform("a", "a", LATEST)


def test_a_late_listener_gets_all_static_frames(ros):
    sender = ros.node("sender")
    broadcaster = StaticTransformBroadcaster(sender)
    broadcaster.sendTransform(transform("world", "table", xyz=(0.0, 0.0, 0.7)))
    broadcaster.sendTransform([transform("table", "fixture", xyz=(0.1, 0.0, 0.0)), transform("table", "camera")])
    buffer = Buffer()
    listener = TransformListener(buffer, ros.node("late"))
    assert xyz_of(buffer.lookup_transform("world", "fixture", LATEST, lasting(10.0))) == pytest.approx((0.1, 0.0, 0.7))
    assert buffer.can_transform("camera", "table", at(123.0))
    listener.unregister()


def test_a_listener_with_a_thread_needs_no_spinning(ros):
    sender, receiver = ros.node("sender"), ros.node("receiver", spin=False)
    buffer = Buffer()
    listener = TransformListener(buffer, receiver, spin_thread=True)
    broadcaster = TransformBroadcaster(sender)
    wait_until(connected(sender, "/tf"), "discovery of /tf")
    timer = sender.create_timer(0.02, lambda: broadcaster.sendTransform(transform("w", "a", 1.0, (4.0, 0.0, 0.0))))
    assert xyz_of(buffer.lookup_transform("w", "a", LATEST, lasting(10.0)))[0] == 4.0
    timer.cancel()
    end_thread(listener)


def end_thread(listener) -> None:
    """End a listener and its thread the way the real one needs it: its thread does not survive ``rclpy.shutdown``."""
    listener.unregister()
    listener.executor.shutdown()
    listener.dedicated_listener_thread.join(10.0)
    assert not listener.dedicated_listener_thread.is_alive()


def test_a_callback_may_wait_for_a_transform_of_its_own_node(ros):
    """The listener is in a reentrant group: on a multi-threaded executor a waiting callback does not silence it."""
    sender, receiver = ros.node("sender"), ros.node("receiver", spin=False)
    buffer = Buffer()
    listener = TransformListener(buffer, receiver)
    found: list[TransformStamped] = []

    def once() -> None:
        timer.cancel()
        found.append(buffer.lookup_transform("w", "a", LATEST, lasting(10.0)))

    timer = receiver.create_timer(0.01, once)
    ros.spin(receiver, rclpy.executors.MultiThreadedExecutor(num_threads=2))
    broadcaster = TransformBroadcaster(sender)
    sender.create_timer(0.02, lambda: broadcaster.sendTransform(transform("w", "a", 1.0, (4.0, 0.0, 0.0))))
    wait_until(lambda: bool(found), "the look-up in the callback")
    assert xyz_of(found[0])[0] == 4.0
    listener.unregister()


def test_a_coroutine_can_await_a_transform(ros):
    sender, receiver = ros.node("sender"), ros.node("receiver")
    buffer = Buffer()
    listener = TransformListener(buffer, receiver)
    broadcaster = TransformBroadcaster(sender)
    wait_until(connected(sender, "/tf"), "discovery of /tf")
    simple = receiver.executor.create_task(buffer.lookup_transform_async("w", "a", at(1.0)))
    full = receiver.executor.create_task(buffer.lookup_transform_full_async("w", at(1.0), "a", at(1.0), "w"))
    assert not simple.done()
    broadcaster.sendTransform(transform("w", "a", 1.0, (4.0, 0.0, 0.0)))
    wait_until(lambda: simple.done() and full.done(), "the awaited transforms")
    assert [xyz_of(task.result())[0] for task in (simple, full)] == [4.0, 4.0]
    listener.unregister()


def test_a_subclass_hears_every_message(ros):
    """Who overrides ``callback`` or ``set_transform`` gets messages and transforms, however the listener reads them."""
    heard: list[TFMessage] = []
    stored: list[tuple[TransformStamped, str]] = []

    class Eavesdropper(TransformListener):
        def callback(self, data: TFMessage) -> None:
            heard.append(data)
            super().callback(data)

    class Ledger(Buffer):
        def set_transform(self, transform: TransformStamped, authority: str) -> None:
            stored.append((transform, authority))
            super().set_transform(transform, authority)

    sender, receiver = ros.node("sender"), ros.node("receiver")
    ledger, plain = Ledger(), Buffer()
    listeners = TransformListener(ledger, receiver), Eavesdropper(plain, receiver)
    broadcaster = TransformBroadcaster(sender)
    wait_until(lambda: sender.count_subscribers("/tf") == 2, "discovery of /tf")
    broadcaster.sendTransform([transform("w", "a", 1.0), transform("w", "b", 1.0)])
    assert ledger.can_transform("a", "b", at(1.0), lasting(10.0))
    assert plain.can_transform("a", "b", at(1.0), lasting(10.0))
    assert [len(message.transforms) for message in heard] == [2]
    assert [(message.child_frame_id, who) for message, who in stored] == [
        ("a", "default_authority"), ("b", "default_authority"),
    ]  # fmt: skip
    for listener in listeners:
        listener.unregister()


def test_bad_transforms_in_a_message_do_not_harm_the_good_ones(ros, capfd):
    sender, receiver = ros.node("sender"), ros.node("receiver")
    buffer = Buffer()
    listener = TransformListener(buffer, receiver)
    broadcaster = TransformBroadcaster(sender)
    wait_until(connected(sender, "/tf"), "discovery of /tf")
    broadcaster.sendTransform(
        [transform("w", "bad", 1.0, (float("nan"), 0.0, 0.0)), transform("self", "self", 1.0), transform("w", "a", 1.0)]
    )
    assert buffer.can_transform("w", "a", at(1.0), lasting(10.0))
    assert not buffer.can_transform("w", "bad", at(1.0))
    err = capfd.readouterr().err
    assert "TF_NAN_INPUT" in err
    assert "TF_SELF_TRANSFORM" in err
    listener.unregister()


def test_the_frames_can_be_asked_for_by_service(ros):
    server, asker = ros.node("server"), ros.node("asker")
    buffer = Buffer(node=server)
    buffer.set_transform_static(transform("w", "a"), "me")
    client = asker.create_client(FrameGraph, "tf2_frames")
    wait_until(client.service_is_ready, "the service tf2_frames")
    future = client.call_async(FrameGraph.Request())
    wait_until(future.done, "the answer")
    assert future.result().frame_yaml == buffer.all_frames_as_yaml()


def test_the_buffer_is_cleared_when_simulated_time_jumps_back(ros, capfd):
    node, clock = ros.node("player", parameter_overrides=[simulated_time()]), ros.node("clock")
    buffer = Buffer(node=node)
    publisher = clock.create_publisher(Clock, "/clock", 10)

    def set_time(seconds: float) -> None:
        def reached() -> bool:
            publisher.publish(Clock(clock=at(seconds).to_msg()))
            return node.get_clock().now() == at_ros(node, seconds)

        wait_until(reached, f"simulated time {seconds}")

    set_time(100.0)
    buffer.set_transform_static(transform("w", "table"), "test")
    buffer.set_transform(transform("table", "a", 100.0), "test")
    set_time(101.0)
    assert buffer.can_transform("w", "a", at(100.0))
    set_time(50.0)
    wait_until(lambda: not buffer.can_transform("w", "a", LATEST), "the cleared buffer")
    assert buffer.can_transform("w", "table", LATEST)
    assert "Detected jump back in time. Clearing tf buffer." in capfd.readouterr().err


def simulated_time():
    return rclpy.parameter.Parameter("use_sim_time", value=True)


def at_ros(node, seconds: float):
    return rclpy.time.Time(nanoseconds=round(seconds * 1e9), clock_type=node.get_clock().clock_type)


def test_a_blocking_lookup_does_not_stop_the_stream(ros):
    """While one thread waits for a frame that never comes, another one's look-ups follow the stream."""
    sender, receiver = ros.node("sender"), ros.node("receiver", spin=False)
    buffer = Buffer()
    listener = TransformListener(buffer, receiver, spin_thread=True)
    broadcaster = TransformBroadcaster(sender)
    started = time.monotonic()
    sender.create_timer(0.01, lambda: broadcaster.sendTransform(transform("w", "a", time.monotonic() - started + 1.0)))
    assert buffer.can_transform("w", "a", LATEST, lasting(10.0))
    waiting = threading.Thread(target=lambda: buffer.can_transform("w", "never", LATEST, lasting(0.5)))
    waiting.start()
    first = buffer.get_latest_common_time("w", "a")
    wait_until(lambda: buffer.get_latest_common_time("w", "a") > first, "newer samples while another thread waits")
    assert waiting.is_alive()
    waiting.join()
    end_thread(listener)


needs_static_listener = pytest.mark.skipif(
    not hasattr(tf2_ros, "StaticTransformListener"),
    reason="tf2_ros has StaticTransformListener since Kilted",
)


@needs_static_listener
@pytest.mark.parametrize("thread", [False, True])
def test_a_static_listener_leaves_the_stream_alone(ros, thread):
    sender, receiver = ros.node("sender"), ros.node("receiver", spin=not thread)
    buffer = Buffer()
    listener = tf2_ros.StaticTransformListener(buffer, receiver, spin_thread=thread)
    StaticTransformBroadcaster(sender).sendTransform(transform("w", "table", xyz=(0.0, 0.0, 0.7)))
    assert xyz_of(buffer.lookup_transform("w", "table", LATEST, lasting(10.0)))[2] == 0.7
    TransformBroadcaster(sender)
    wait_until(lambda: sender.count_publishers("/tf") == 1, "the publisher of /tf")
    assert sender.count_subscribers("/tf") == 0
    if thread:
        end_thread(listener)
    else:
        listener.unregister()


@needs_static_listener
def test_topics_can_be_chosen_and_the_stream_left_out(ros):
    node = ros.node("everything")
    listener = TransformListener(
        Buffer(), node, tf_topic="/robot/tf", tf_static_topic="/robot/tf_static", static_only=True
    )
    wait_until(lambda: node.count_subscribers("/robot/tf_static") == 1, "the subscription")
    assert [node.count_subscribers(topic) for topic in ("/tf", "/tf_static", "/robot/tf")] == [0, 0, 0]
    other = TransformListener(Buffer(), node, tf_topic="/robot/tf")
    wait_until(lambda: node.count_subscribers("/robot/tf") == 1, "the subscription")
    listener.unregister()
    other.unregister()
