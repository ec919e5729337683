"""The recorder in its own process: what arrives is in the file, bit for bit, also after a kill."""

import itertools
import signal
import sys
import time
from pathlib import Path

import pytest
from geometry_msgs.msg import WrenchStamped
from mcap.reader import make_reader
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import String

from cablecell.records.reading import leading_numbers, read_messages
from cablecell.ros import qos
from tests.support.graph import GraphClient, Process
from tests.support.wait import wait_until

RECORDER = Path(sys.prefix) / "bin" / "recorder"


_PATIENT = QoSProfile(
    depth=1000, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE
)  # nothing is lost on the way, however busy the machine


def _start(path, *parameters):
    words = [word for parameter in parameters for word in ("-p", parameter)]
    return Process(RECORDER, "--ros-args", "-p", "autostart:=true", "-p", f"path:={path}", *words)


@pytest.fixture
def client():
    with GraphClient() as graph:
        yield graph


def _wrench(number):
    message = WrenchStamped()
    message.header.stamp.sec = number
    message.header.frame_id = "ft_frame"
    message.wrench.force.z = float(number)
    return message


def _listened(publisher):
    return lambda: publisher.get_subscription_count() > 0


def _numbers(path):
    return [round(leading_numbers(m.data, 6)[0]) for m in read_messages(path, {"/wrench"})]


def test_everything_published_is_in_the_file_in_order(client, tmp_path):
    path = tmp_path / "run.mcap"
    latched = client.node.create_publisher(String, "cell_state", qos.STATE)
    latched.publish(String(data="before the recorder was there"))
    with _start(path, "topics:=[wrench, cell_state]", "lazy_topics:=['none']", "flush_period_s:=0.2") as recorder:
        recorder.wait_for_output("activation done")
        wrench = client.node.create_publisher(WrenchStamped, "wrench", _PATIENT)  # appears late
        wait_until(_listened(wrench), what="the recorder on a late topic")
        for number in range(300):
            wrench.publish(_wrench(number))
        wait_until(lambda: len(_numbers(path)) == 300, what="the last message in the file")
        recorder.send(signal.SIGINT)
        assert recorder.wait() == 0
        assert "Traceback" not in recorder.output
    assert _numbers(path) == list(range(300))
    with path.open("rb") as stream:
        reader = make_reader(stream)
        assert reader.get_header().profile == "ros2"
        summary = reader.get_summary()
        assert summary.statistics.message_count == 301
        schemas = {schema.name: schema for schema in summary.schemas.values()}
        text = schemas["geometry_msgs/msg/WrenchStamped"].data.decode()
        for part in ("std_msgs/Header", "builtin_interfaces/Time", "geometry_msgs/Wrench", "geometry_msgs/Vector3"):
            assert f"MSG: {part}\n" in text
        profiles = {channel.topic: channel.metadata["offered_qos_profiles"] for channel in summary.channels.values()}
        assert "durability: transient_local" in profiles["/cell_state"]
        _, _, first = next(iter(reader.iter_messages(topics=["/wrench"])))
        assert deserialize_message(first.data, WrenchStamped) == _wrench(0)
        _, _, state = next(iter(reader.iter_messages(topics=["/cell_state"])))
        assert deserialize_message(state.data, String).data == "before the recorder was there"


def test_a_killed_recorder_leaves_what_it_had_flushed(client, tmp_path):
    path = tmp_path / "run.mcap"
    wrench = client.node.create_publisher(WrenchStamped, "wrench", _PATIENT)
    with _start(path, "topics:=[wrench]", "flush_period_s:=0.2") as recorder:
        wait_until(_listened(wrench), what="the recorder")
        for number in range(100):
            wrench.publish(_wrench(number))
        wait_until(lambda: len(_numbers(path)) == 100, what="the flush of the messages")
        recorder.send(signal.SIGKILL)
        recorder.wait()
    assert _numbers(path) == list(range(100))


def test_it_takes_what_publishers_offer_and_follows_a_weaker_one(client, tmp_path):
    path = tmp_path / "run.mcap"
    reliable = client.node.create_publisher(WrenchStamped, "wrench", qos.COMMAND)
    with _start(path, "topics:=[wrench]", "flush_period_s:=0.2") as recorder:
        wait_until(_listened(reliable), what="the recorder")
        weak = client.node.create_publisher(
            WrenchStamped,
            "wrench",
            QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT, durability=DurabilityPolicy.VOLATILE),
        )
        wait_until(_listened(weak), what="the recorder on the best-effort publisher")
        wait_until(_listened(reliable), what="the recorder still on the reliable one")
        count = itertools.count()

        def both_are_recorded():
            number = next(count)
            weak.publish(_wrench(number))
            reliable.publish(_wrench(1000 + number))
            numbers = _numbers(path)
            return sum(n < 1000 for n in numbers) >= 10 and sum(n >= 1000 for n in numbers) >= 10

        wait_until(both_are_recorded, timeout_s=5.0, what="messages of both publishers in the file")
        recorder.send(signal.SIGTERM)
        assert recorder.wait() == 0


def test_images_are_recorded_only_while_somebody_else_looks(client, tmp_path):
    path = tmp_path / "run.mcap"
    camera = client.node.create_publisher(Image, "center_camera/image", qos.SENSOR)
    beat = client.node.create_publisher(String, "beat", qos.COMMAND)
    image = Image(height=2, width=2, encoding="rgb8", step=6, data=bytes(12))
    with _start(path, "topics:=[beat]", "lazy_period_s:=0.3") as recorder:
        wait_until(_listened(beat), what="the recorder")
        assert camera.get_subscription_count() == 0, "the recorder wakes the camera"
        viewer = client.node.create_subscription(Image, "center_camera/image", lambda _: None, qos.SENSOR)
        wait_until(lambda: camera.get_subscription_count() == 2, what="the recorder to join")
        begun = time.monotonic()
        while time.monotonic() - begun < 1.0:
            camera.publish(image)
            time.sleep(0.02)
        client.node.destroy_subscription(viewer)
        looked_s = time.monotonic() - begun
        wait_until(lambda: camera.get_subscription_count() == 0, what="the recorder to leave")
        recorder.send(signal.SIGINT)
        assert recorder.wait() == 0
    count = len(list(read_messages(path, {"/center_camera/image"})))
    assert 2 <= count <= looked_s / 0.3 + 2


@pytest.mark.parametrize(
    ("name", "message"),
    [("there.mcap", "File exists"), ("no/such/folder.mcap", "No such file or directory")],
)
def test_a_file_that_cannot_be_created_refuses_activation(tmp_path, name, message):
    (tmp_path / "there.mcap").write_bytes(b"precious")
    with _start(tmp_path / name) as recorder:
        assert recorder.wait() == 2
        reason = f"recording {tmp_path / name} cannot be created: {message}"
        assert f"activation refused, code 934: {reason}" in recorder.output
    assert (tmp_path / "there.mcap").read_bytes() == b"precious"
