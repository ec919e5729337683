"""The simulated cameras in their own process, shown states of a simulation that the test steps itself."""

import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
from std_msgs.msg import Empty, Float64MultiArray, String
from visualization_msgs.msg import MarkerArray

from cablecell.composition.camera_rig import CameraRig, scaled_intrinsics
from cablecell.composition.machines import MachineOptions, TrialSource
from cablecell.composition.simulated_backend import SimulatedCell
from cablecell.configuration import load_simulation
from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.sensors import CameraSettings
from cablecell.ports import Region
from cablecell.ros import conversions, qos
from tests.support.arm_node import end, start_node
from tests.support.graph import GraphClient
from tests.support.wait import wait_until

SCALE = 0.25
CELL = "/line_a"
"""Namespace of everything here: cells beside each other see their own scenes only."""


def without_camera_errors():
    return load_simulation().model_copy(update={"cameras": CameraSettings.exact()})


class Studio:
    """Plays the simulation's part and listens to the cameras."""

    def __init__(self, client, backend, cell=CELL):
        self.client, self.backend, self.cell = client, backend, cell
        self.trial = client.node.create_publisher(String, f"{self.cell}/sim/trial", qos.STATE)
        self.states = client.node.create_publisher(Float64MultiArray, f"{self.cell}/sim/scene_state", qos.SENSOR)
        self.listeners = []
        self.stamp_s = 1000.0
        self.regions = {}

    def show(self):
        source = self.backend.simulation.source
        self.trial.publish(String(data=json.dumps(vars(source))))

    def send_state(self):
        self.stamp_s += 0.05
        values = self.backend.simulation.scene_state()
        values[0] = self.stamp_s
        self.states.publish(Float64MultiArray(data=values))
        return values

    def listen(self, message_type, topic):
        heard = []
        self.listeners.append(
            self.client.node.create_subscription(message_type, f"{self.cell}/{topic}", heard.append, qos.IMAGE)
        )
        return heard

    def wait_for(self, condition, timeout_s=20.0, what=""):
        """Go on sending states until the condition holds."""

        def look():
            self.send_state()
            return condition()

        wait_until(look, timeout_s=timeout_s, poll_s=0.05, what=what)

    def set_region(self, side, *numbers):
        x, y, width, height = numbers
        if side not in self.regions:
            self.regions[side] = self.client.node.create_publisher(
                RegionOfInterest, f"{self.cell}/{side}_camera/region", qos.STATE
            )
        message = RegionOfInterest(x_offset=x, y_offset=y, width=width, height=height)
        self.regions[side].publish(message)

    def silence(self):
        for subscription in self.listeners:
            self.client.node.destroy_subscription(subscription)
        self.listeners.clear()


@pytest.fixture(scope="module")
def backend():
    cell = SimulatedCell(MachineOptions(trial="trial_1", seed=3))
    cell.machine.connect()
    yield SimpleNamespace(simulation=cell, machine=cell.machine)
    cell.machine.disconnect()


@pytest.fixture(scope="module")
def process():
    with start_node(
        "sim_camera", "autostart:=true", f"scale:={SCALE}", "rate_hz:=20.0", "has_errors:=false", namespace=CELL
    ) as node:
        yield node
        end(node)


@pytest.fixture
def studio(process, backend):
    with GraphClient() as client:
        found = Studio(client, backend)
        wait_until(lambda: found.trial.get_subscription_count() and found.states.get_subscription_count())
        found.show()
        yield found
        found.silence()


def pixels(message):
    return np.frombuffer(message.data, dtype=np.uint8).reshape(message.height, message.width, 3)


def test_image_and_its_camera_info_agree(studio, backend):
    infos = studio.listen(CameraInfo, "center_camera/camera_info")
    images = studio.listen(Image, "center_camera/image")
    studio.wait_for(lambda: len(images) > 1 and infos)
    image = images[-1]
    assert (image.width, image.height, image.step, image.encoding) == (288, 256, 864, "rgb8")
    assert image.header.frame_id == "center_camera_optical_frame"
    stamps = {conversions.time_ns(info.header.stamp) for info in infos}
    assert conversions.time_ns(image.header.stamp) in stamps
    assert 1000.0 < conversions.time_ns(image.header.stamp) * 1e-9 <= studio.stamp_s + 1e-6, "the stamp of a state"
    info = infos[-1]
    # A quarter of the pixels: the focal length is a quarter, and the centre of the image stays where it was.
    assert info.k[0] == pytest.approx(1236.63 * SCALE)
    assert info.k[2] == pytest.approx((576.0 + 0.5) * SCALE - 0.5)
    assert (info.width, info.height, info.roi.width) == (288, 256, 0)

    rig = CameraRig(scaled_intrinsics(SCALE), without_camera_errors())
    rig.show_trial(backend.simulation.source)
    rig.set_state(backend.simulation.scene_state())
    assert np.array_equal(pixels(image), rig.capture("center").pixels), "another renderer sees the same"
    rig.close()


def test_nothing_is_rendered_without_a_listener(studio):
    infos = studio.listen(CameraInfo, "left_camera/camera_info")
    others = studio.listen(Image, "right_camera/image")
    studio.wait_for(lambda: len(others) > 5)
    assert not infos
    images = studio.listen(Image, "left_camera/image")
    studio.wait_for(lambda: images and infos)
    assert images[-1].header.frame_id == "left_camera_optical_frame"


def test_region_is_the_same_part_of_the_full_image(studio):
    infos = studio.listen(CameraInfo, "right_camera/camera_info")
    images = studio.listen(Image, "right_camera/image")
    studio.wait_for(lambda: images)
    full = pixels(images[-1])
    studio.set_region("right", 40, 60, 100, 80)
    studio.wait_for(lambda: images[-1].width == 100 and infos[-1].roi.width == 100)
    info = infos[-1]
    assert (info.roi.x_offset, info.roi.y_offset, info.roi.height) == (40, 60, 80)
    assert (info.width, info.height) == (288, 256), "K is that of the full image"
    assert np.array_equal(pixels(images[-1]), full[60:140, 40:140])
    studio.set_region("right", 0, 0, 0, 0)
    studio.wait_for(lambda: images[-1].width == 288)


def test_region_outside_the_image_is_refused(studio, process):
    images = studio.listen(Image, "right_camera/image")
    studio.wait_for(lambda: images)
    studio.set_region("right", 200, 0, 200, 100)
    process.wait_for_output("is not inside the 288x256 px image of right")
    count = len(images)
    studio.wait_for(lambda: len(images) > count + 1)
    assert images[-1].width == 288


def test_a_preview_is_a_small_image_of_the_center_camera(studio, backend):
    infos = studio.listen(CameraInfo, "preview/camera_info")
    images = studio.listen(Image, "preview/image")
    studio.wait_for(lambda: len(images) > 2 and infos)
    assert (images[-1].width, images[-1].height) == (640, 480)
    assert images[-1].header.frame_id == "center_camera_optical_frame"
    scale = 640 / 1152
    assert infos[-1].k[0] == pytest.approx(1236.63 * scale)
    # The whole width is there, and the middle of the height stays the middle.
    assert infos[-1].k[5] - 239.5 == pytest.approx((512.0 - 511.5) * scale, abs=0.5)
    rig = CameraRig(scaled_intrinsics(SCALE), without_camera_errors())
    rig.show_trial(backend.simulation.source)
    rig.set_state(backend.simulation.scene_state())
    assert np.array_equal(pixels(images[-1]), rig.capture_preview("center").pixels)
    rig.close()


def test_the_cable_is_drawn_where_the_simulation_has_it(studio, backend):
    drawn = []
    studio.listeners.append(
        studio.client.node.create_subscription(MarkerArray, f"{CELL}/sim/cable_markers", drawn.append, qos.MEASUREMENT)
    )
    studio.wait_for(lambda: drawn and len(drawn[-1].markers) > 1, what="markers of the cable")
    strip = drawn[-1].markers[-1]
    line = np.array([[point.x, point.y, point.z] for point in strip.points])
    assert strip.header.frame_id == "world"
    assert len(line) > 24
    assert line == pytest.approx(np.array(backend.machine.world.cable.centre_line(len(line))), abs=1e-12)
    assert strip.scale.x == pytest.approx(0.004)


def test_another_trial_is_shown(studio, backend):
    images = studio.listen(Image, "center_camera/image")
    studio.wait_for(lambda: images)
    before = pixels(images[-1])
    backend.simulation.prepare("trial_3", 3)()
    studio.show()
    studio.wait_for(lambda: np.abs(pixels(images[-1]).astype(int) - before).mean() > 5.0, what="another board")
    backend.simulation.prepare("trial_1", 3)()


def test_nonsense_is_refused_and_the_node_lives(studio, process):
    studio.trial.publish(String(data="{"))
    process.wait_for_output("sim/trial cannot be shown")
    studio.states.publish(Float64MultiArray(data=[1.0, 2.0]))
    process.wait_for_output("sim/scene_state is refused: a scene state has")
    studio.show()
    images = studio.listen(Image, "center_camera/image")
    studio.wait_for(lambda: images)


def test_inactive_cameras_are_silent(studio):
    images = studio.listen(Image, "center_camera/image")
    studio.wait_for(lambda: images)
    assert studio.client.change_state(f"{CELL}/sim_camera", Transition.TRANSITION_DEACTIVATE)
    assert studio.client.get_state(f"{CELL}/sim_camera") == "inactive"
    count = len(images)
    others = studio.listen(Image, "left_camera/image")
    for _ in range(10):
        studio.send_state()
    assert studio.client.get_state(f"{CELL}/sim_camera") == "inactive"
    assert len(images) <= count + 1
    assert not others
    assert studio.client.change_state(f"{CELL}/sim_camera", Transition.TRANSITION_ACTIVATE)
    studio.wait_for(lambda: others)


def test_triggered_cameras_expose_when_they_are_told_and_arrive_their_latency_later(backend):
    """All that are listened to expose at one state; without a trigger there is no image."""
    with (
        start_node(
            "sim_camera", "autostart:=true", f"scale:={SCALE}", "mode:=triggered", namespace="/triggered"
        ) as node,
        GraphClient() as client,
    ):
        studio = Studio(client, backend, "/triggered")
        wait_until(lambda: studio.trial.get_subscription_count() and studio.states.get_subscription_count())
        studio.show()
        trigger = client.node.create_publisher(Empty, "/triggered/camera_trigger", qos.COMMAND)
        images = {side: studio.listen(Image, f"{side}_camera/image") for side in ("left", "center")}
        wait_until(trigger.get_subscription_count)
        preview = studio.listen(Image, "preview/image")
        studio.wait_for(lambda: preview, what="the preview, which runs freely")
        assert not any(images.values())
        for count in (1, 2):
            studio.send_state()
            sent_s = time.monotonic()
            trigger.publish(Empty())
            wait_until(lambda count=count: all(len(heard) >= count for heard in images.values()), timeout_s=20.0)
            assert time.monotonic() - sent_s >= load_simulation().cameras.latency_s
        assert {len(heard) for heard in images.values()} == {2}
        stamps = [{conversions.time_ns(heard[i].header.stamp) for heard in images.values()} for i in range(2)]
        assert all(len(found) == 1 for found in stamps)
        end(node)


def test_full_scale_is_the_real_camera():
    assert scaled_intrinsics(1.0) == CameraIntrinsics()


def test_small_image_sees_the_same_points(backend):
    """A region of the large image, reduced, is that region of the small image: intrinsics scale with half pixels."""
    images = {}
    for scale, region in ((1.0, Region(400, 400, 200, 200)), (0.5, Region(200, 200, 100, 100))):
        rig = CameraRig(scaled_intrinsics(scale), without_camera_errors())
        source = backend.simulation.source
        rig.show_trial(TrialSource(source.trials_file, "trial_1", 3))
        rig.set_state(backend.simulation.scene_state())
        images[scale] = rig.capture("center", region).pixels.astype(float)
        rig.close()
    large = images[1.0].reshape(100, 2, 100, 2, 3).mean(axis=(1, 3))
    shift = [
        np.abs(np.roll(large, (dy, dx), (0, 1)) - images[0.5])[5:-5, 5:-5].mean()
        for dx, dy in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
    ]
    assert shift[0] == min(shift)
    assert shift[0] < 8.0
