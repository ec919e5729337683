"""The port estimator as a process: rendered images in, ports with honest covariance or a typed reason out."""

import array
import math
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from aic_control_interfaces.msg import ControllerState
from cablecell_interfaces.action import MoveTo, Observe
from cablecell_interfaces.msg import InsertionResult, PortEstimateArray
from cablecell_interfaces.srv import SetLayout
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.action import ActionServer
from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from cablecell.configuration import load_fiducials
from cablecell.core.config.camera import CameraIntrinsics, ImageErrors
from cablecell.core.geometry import invert_pose, log_se3, make_pose
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.core.perception.detection import find_corners
from cablecell.core.perception.fiducials import build_patches
from cablecell.ports import Region
from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient
from cablecell.ros.pose_messages import from_pose, to_pose
from cablecell.ros.skill_messages import held_plug_to_json
from cablecell.simulation.camera import CameraPose, SimulatedCamera
from cablecell.simulation.camera_scene import build_camera_scene
from cablecell.simulation.visual_scene import link_poses, show_state
from tests.support import sim_cell
from tests.support.graph import GraphClient, Process
from tests.support.wait import wait_until

BIN = Path(sys.prefix) / "bin"
CAMERAS = ("left", "center", "right")
PORT = "nic_card_mount_0/sfp_port_0"
SUCCEEDED, CANCELED, ABORTED = 4, 5, 6
FIRST_PAUSE_S = 0.25
_BETWEEN_S = 0.04
IMAGE_TIMEOUT_S = 40.0
EXPECTED_SIGMAS = 22.5  # 99.9 % of a chi-square of 6


class HomeView:
    """Sample trial 1 with the arm at home: rendered images, and the truth beside them."""

    def __init__(self):
        scene = sim_cell.scene("trial_1")
        machine = sim_cell.connected("trial_1", seed=4)
        try:
            state = machine.scene_state()
        finally:
            machine.disconnect()
        poses = {body: X.matrix() for body, X in link_poses(scene.robot, state).items()}

        def frame(link):
            body, X = scene.robot.frames[link]
            return poses[body] @ X.matrix()

        X_base_world = invert_pose(frame("base_link"))
        self.X_base_tcp = X_base_world @ frame("tcp")
        self.X_base_board = X_base_world @ scene.board.matrix()
        self.X_base_entrance = {name: X_base_world @ port.X_WE.matrix() for name, port in scene.ports.items()}
        self._render = build_camera_scene(scene, load_fiducials())
        show_state(self._render, scene, state)
        X_tcp_world = invert_pose(frame("tcp"))
        self._mounts = {name: X_tcp_world @ frame(f"{name}_camera_optical_frame") for name in CAMERAS}
        self._X_world_base = invert_pose(X_base_world)
        self.frames = self.frames_from(self.X_base_tcp)

    def frames_from(self, X_base_tcp):
        """Images with the tool elsewhere; gripper and plug stay behind."""
        frames = {}
        for name, mount in self._mounts.items():
            pose = CameraPose(0.0, self._X_world_base @ X_base_tcp @ mount)
            eye = SimulatedCamera(name, name, self._render, lambda pose=pose: pose, errors=ImageErrors())
            frames[name] = eye.capture()
        return frames


class FakeCell:
    """Publishes the controller's state and, while somebody listens, images; the test breaks what it wants."""

    def __init__(self, graph, home):
        self.graph, self.home = graph, home
        self.reset()
        node = graph.node
        self._state = node.create_publisher(ControllerState, "controller_state", qos.SENSOR)
        self._images = {name: node.create_publisher(Image, f"{name}_camera/image", qos.IMAGE) for name in CAMERAS}
        self._infos = {
            name: node.create_publisher(CameraInfo, f"{name}_camera/camera_info", qos.IMAGE) for name in CAMERAS
        }
        for name in CAMERAS:
            node.create_subscription(
                RegionOfInterest, f"{name}_camera/region", lambda roi, name=name: self._ask(name, roi), qos.STATE
            )
        self._ending = threading.Event()
        # An image is placed by the states around it, which must not wait for it.
        self._threads = [threading.Thread(target=work) for work in (self._publish_states, self._publish_images)]
        for thread in self._threads:
            thread.start()

    def reset(self):
        """Show what there is again."""
        self.show(self.home.X_base_tcp, self.home.frames)
        self.silent_cameras, self.frozen_cameras = set(), set()
        self.taken = 0
        self.has_state = True
        self.shift_m = 0.0
        self.speed = 0.0
        self.encoding = "rgb8"
        self.distortion = []
        self.regions = {}
        self.asked = []
        self._is_asked = False

    def show(self, X_base_tcp, frames):
        """Be somewhere, and see what is seen from there."""
        self.X_base_tcp, self.pixels = X_base_tcp, {name: frames[name].pixels for name in CAMERAS}

    def close(self):
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, name, roi):
        self.asked.append((name, roi.width, roi.height))
        self._is_asked = True
        self.regions[name] = Region(roi.x_offset, roi.y_offset, roi.width, roi.height) if roi.width else None

    def _publish_states(self):
        while not self._ending.wait(0.01):
            if self.has_state:
                self._publish_state()

    def _publish_images(self):
        due_s, pause_s = 0.0, FIRST_PAUSE_S
        while not self._ending.wait(0.01):
            watched = [name for name in CAMERAS if self._images[name].get_subscription_count()]
            if not watched or self._is_asked:
                # A slow machine gets more and more time: a new image takes the place of one still on its way.
                self._is_asked, pause_s = False, FIRST_PAUSE_S
                due_s = time.monotonic() + pause_s
            elif time.monotonic() > due_s:
                stamp = self.graph.node.get_clock().now().to_msg()
                for name in watched:
                    if name not in self.silent_cameras:
                        self._publish_image(name, stamp)
                        # Three images at once are more than the middleware holds for a reader that is still busy.
                        self._ending.wait(_BETWEEN_S)
                pause_s *= 1.5
                due_s = time.monotonic() + pause_s

    def _publish_state(self):
        message = ControllerState(tcp_pose=to_pose(self.X_base_tcp))
        message.tcp_pose.position.x += self.shift_m
        message.header.stamp = self.graph.node.get_clock().now().to_msg()
        message.tcp_velocity.linear.x = self.speed
        self._state.publish(message)

    def _publish_image(self, name, stamp):
        full = CameraIntrinsics()
        region = self.regions.get(name) or Region(0, 0, full.width, full.height)
        x, y = region.x, region.y
        pixels = self.pixels[name][y : y + region.height, x : x + region.width].copy()
        self.taken += 1
        if name not in self.frozen_cameras:
            pixels[0, 0] = self.taken % 256  # a living camera has noise
        info = CameraInfo(width=full.width, height=full.height, k=full.matrix().ravel().tolist(), d=self.distortion)
        info.roi = RegionOfInterest(x_offset=x, y_offset=y, width=region.width, height=region.height)
        image = Image(height=region.height, width=region.width, encoding=self.encoding, step=3 * region.width)
        image.data = array.array("B", pixels.tobytes())
        for message in (info, image):
            message.header.stamp, message.header.frame_id = stamp, f"{name}_camera_optical_frame"
        self._infos[name].publish(info)
        self._images[name].publish(image)


@pytest.fixture(scope="module")
def home():
    return HomeView()


@pytest.fixture(scope="module")
def graph():
    with GraphClient() as client:
        yield client


@pytest.fixture(scope="module")
def process(graph):
    parameters = [
        "state_timeout_s:=2.0",
        "rest_timeout_s:=4.0",
        "max_pose_gap_s:=0.5",
        f"image_timeout_s:={IMAGE_TIMEOUT_S}",
        # An image that is lost comes again; a view of the other cameras is not what most tests are about.
        "stream_patience_s:=4.0",
    ]
    words = [word for parameter in parameters for word in ("-p", parameter)]
    with Process(BIN / "port_estimator", "--ros-args", *words) as node:
        assert graph.get_state("/port_estimator") == "unconfigured"
        yield node
        node.send(signal.SIGINT)
        code = node.wait()
        assert code == 0, node.output
        assert "Traceback" not in node.output
        assert "never retrieved" not in node.output


@pytest.fixture(scope="module")
def only_cell(graph, home):
    """The cell of all tests: each one more would offer its images to the node as well."""
    fake = FakeCell(graph, home)
    yield fake
    fake.close()


@pytest.fixture
def cell(only_cell):
    only_cell.reset()
    return only_cell


@contextmanager
def active(graph):
    for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        assert graph.change_state("/port_estimator", transition)
    yield
    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
        assert graph.change_state("/port_estimator", transition)


@contextmanager
def changed(graph, name, value, usual):
    assert set_parameter(graph, name, value)
    yield
    assert set_parameter(graph, name, usual)


@pytest.fixture
def node(graph, process):
    """The node, active and without an estimate."""
    with active(graph):
        yield


@pytest.fixture
def impatient_node(graph, process):
    with changed(graph, "image_timeout_s", 6.0, IMAGE_TIMEOUT_S), active(graph):
        yield


@pytest.fixture(scope="module")
def action(graph):
    client = MutualActionClient(graph.node, Observe, "observe")
    yield client
    graph.run(client.destroy)


def goal(*ports, position_std=0.001, orientation_std=0.01, max_views=1, limit_s=0):
    message = Observe.Goal(
        port_names=ports, position_std=position_std, orientation_std=orientation_std, max_views=max_views
    )
    message.time_limit.sec = limit_s
    return message


def start(graph, action, message, feedback=None):
    assert action.wait_for_server(timeout_sec=60.0)
    callback = None if feedback is None else lambda item: feedback.append(item.feedback)
    handle = ask(graph, lambda: action.send_goal_async(message, feedback_callback=callback))
    assert handle.accepted
    return handle


def ask(graph, call, timeout_s=60.0):
    """Make a request in the client's own thread: from another one, a quick answer can come before it is expected."""
    sent = graph.wait_for(graph.node.executor.create_task(call))
    return graph.wait_for(sent, timeout_s)


def result_of(graph, handle):
    return ask(graph, handle.get_result_async)


def observe(graph, action, message, feedback=None):
    return result_of(graph, start(graph, action, message, feedback))


def port_std(port):
    return float(np.sqrt(np.linalg.eigvalsh(np.array(port.pose.covariance).reshape(6, 6)[:3, :3])[-1]))


def port_named(message, name):
    return next(port for port in message.ports if port.port_name == name)


def set_parameter(graph, name, value):
    if isinstance(value, bool):
        content = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=value)
    else:
        content = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
    parameter = Parameter(name=name, value=content)
    request = SetParameters.Request(parameters=[parameter])
    return graph.call(SetParameters, "/port_estimator/set_parameters", request).results[0].successful


def mahalanobis(port, X_true):
    """Squared distance of a port from the truth by its own covariance, as a ROS consumer would compute it."""
    X = from_pose(port.pose.pose)
    R = X[:3, :3]
    error = np.concatenate([X_true[:3, 3] - X[:3, 3], R @ log_se3(invert_pose(X) @ X_true)[3:]])
    return float(error @ np.linalg.solve(np.array(port.pose.covariance).reshape(6, 6), error))


def test_one_view_from_home_finds_every_port(graph, node, cell, action, home):
    arrays = graph.collect(PortEstimateArray, "ports", qos.STATE)
    transforms = graph.collect(TFMessage, "/tf", qos.COMMAND)
    diagnostics = graph.collect(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
    wait_until(lambda: arrays, what="ports by design")
    assert all(port.sources == port.SOURCE_BOARD_MODEL for port in arrays[0].ports)
    wait_until(lambda: any(item.status[0].level == b"\1" for item in diagnostics), what="a warning")
    assert not transforms, "a board that was never seen has no frame"
    feedback = []
    outcome = observe(graph, action, goal(), feedback)
    assert (outcome.status, outcome.result.error_code, outcome.result.attempts) == (SUCCEEDED, 0, 1)
    ports = outcome.result.ports
    assert ports.header.frame_id == "base_link"
    assert {port.port_name for port in ports.ports} == set(home.X_base_entrance)
    for port in ports.ports:
        X_true = home.X_base_entrance[port.port_name]
        X = from_pose(port.pose.pose)
        assert np.linalg.norm(X[:3, 3] - X_true[:3, 3]) < 0.0006
        assert mahalanobis(port, X_true) < EXPECTED_SIGMAS
        assert port.sources == port.SOURCE_BOARD_MODEL | port.SOURCE_CAMERA
        assert port.measurement_count == 1
    assert port_named(ports, PORT).connector_type == "sfp"
    assert port_named(ports, "sc_port_0/sc_port_base").connector_type == "sc"
    assert [item.phase for item in feedback] == [2, 3, 3]
    assert feedback[-1].position_std < 0.001
    wait_until(lambda: arrays[-1].ports[0].measurement_count == 1, what="the latched estimate")
    # A frame set gives the board first and, some milliseconds later, the ports on it.
    wait_until(lambda: transforms and len(transforms[-1].transforms) > 1, what="transforms of ports")
    children = {item.child_frame_id: item for item in transforms[-1].transforms}
    assert children["task_board"].header.frame_id == "base_link"
    assert children[f"{PORT}_entrance"].header.frame_id == "task_board"
    board = children["task_board"].transform.translation
    assert np.linalg.norm(np.array([board.x, board.y, board.z]) - home.X_base_board[:3, 3]) < 0.0006
    wait_until(lambda: diagnostics[-1].status[0].level == b"\0", what="the warning to go")


def test_a_second_look_asks_for_the_fiducials_only_and_then_for_a_small_piece(graph, node, cell, action):
    assert observe(graph, action, goal("sfp_port_0")).result.error_code == 0

    def is_small():
        """Look again; a camera whose image was lost the last time is asked for all of it once more."""
        cell.asked.clear()
        assert observe(graph, action, goal("sfp_port_0")).result.error_code == 0
        wait_until(lambda: len(cell.asked) >= 6, what="regions")
        asked = {name: (width, height) for name, width, height in cell.asked[:3]}
        assert set(asked) == set(CAMERAS)
        return all(0 < width * height < 0.9 * 1152 * 1024 for width, height in asked.values())

    wait_until(is_small, what="regions of the fiducials")
    assert all(width == height == 128 for _, width, height in cell.asked[-3:])


def test_images_of_a_moving_arm_are_not_used(graph, node, cell, action):
    cell.speed = 0.05
    outcome = observe(graph, action, goal())
    assert (outcome.status, outcome.result.error_code, outcome.result.attempts) == (ABORTED, 533, 0)
    assert "0.0500 m/s" in outcome.result.error_msg
    handle = start(graph, action, goal())
    cell.speed = 0.0
    assert result_of(graph, handle).result.error_code == 0


def test_without_the_controllers_state_nobody_knows_where_the_cameras_are(graph, node, cell, action):
    cell.has_state = False
    outcome = observe(graph, action, goal())
    assert (outcome.status, outcome.result.error_code) == (ABORTED, 532)
    assert "never came" in outcome.result.error_msg


def test_a_state_that_stops_during_the_observation_is_noticed(graph, node, cell, action):
    cell.silent_cameras = set(CAMERAS)
    feedback = []
    handle = start(graph, action, goal(), feedback)
    wait_until(lambda: len(cell.asked) >= 3, what="the regions, which are asked for when the arm rests")
    cell.has_state = False
    result = result_of(graph, handle).result
    assert result.error_code == 532
    assert "s old" in result.error_msg


def test_too_few_cameras_are_no_view_and_one_missing_is_tolerated(graph, impatient_node, cell, action):
    cell.silent_cameras = {"left", "center"}
    outcome = observe(graph, action, goal())
    assert (outcome.status, outcome.result.error_code) == (ABORTED, 534)
    assert "left, center" in outcome.result.error_msg
    cell.silent_cameras = {"left"}
    assert observe(graph, action, goal("sfp_port_0")).result.error_code == 0


def blank(cell):
    cell.pixels = {name: np.zeros_like(pixels) for name, pixels in cell.pixels.items()}


def a_few_corners(cell):
    """Hide all of each image but the surroundings of one corner."""
    for name, pixels in cell.pixels.items():
        corners = find_corners(cell.home.frames[name], build_patches(load_fiducials())).pixels
        u, v = np.rint(corners[len(corners) // 2]).astype(int)
        window = np.zeros_like(pixels)
        window[v - 70 : v + 70, u - 70 : u + 70] = pixels[v - 70 : v + 70, u - 70 : u + 70]
        cell.pixels[name] = window


def swapped(cell):
    left, right = cell.pixels["left"], cell.pixels["right"]
    cell.pixels |= {"left": right, "right": left}


def shifted(cell):
    cell.pixels = {
        name: np.roll(pixels, 40 if name == "left" else -40 if name == "right" else 0, axis=0)
        for name, pixels in cell.pixels.items()
    }


def wrong_encoding(cell):
    cell.encoding = "mono8"


def distorted(cell):
    cell.distortion = [0.1, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("breakage", "codes", "words"),
    [
        (blank, {521}, "no marker"),
        (a_few_corners, {522}, "below the minimum"),
        (shifted, {524, 525, 529}, ""),
        (swapped, {586}, "'left' shows what 'right' must see"),
        (wrong_encoding, {535}, "mono8"),
        (distorted, {535}, "distortion"),
    ],
)
def test_bad_images_give_a_reason_and_no_estimate(graph, node, cell, action, breakage, codes, words):
    breakage(cell)
    outcome = observe(graph, action, goal())
    assert outcome.status == ABORTED
    assert outcome.result.error_code in codes
    assert words in outcome.result.error_msg
    assert all(port.sources == port.SOURCE_BOARD_MODEL for port in outcome.result.ports.ports)


def test_one_frozen_camera_is_reported_and_left_out(graph, impatient_node, cell, action):
    diagnostics = graph.collect(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
    good = observe(graph, action, goal()).result
    assert good.error_code == 0
    cell.frozen_cameras = {"left"}
    cell.silent_cameras = {"right"}  # so that the observation waits until the frozen camera has repeated itself
    outcome = observe(graph, action, goal()).result
    assert outcome.error_code == 581, "a frozen camera does not stand in for one that is missing"

    def told():
        values = [status for item in diagnostics for status in item.status if "left camera" in status.name]
        return any(pair.value == "581" for status in values for pair in status.values)

    wait_until(told, what="the code of the frozen camera")
    cell.frozen_cameras, cell.silent_cameras = set(), set()
    assert observe(graph, action, goal()).result.error_code == 0


def test_frozen_cameras_all_together_end_the_observation(graph, impatient_node, cell, action):
    cell.frozen_cameras = set(CAMERAS)
    cell.silent_cameras = {"left"}
    outcome = observe(graph, action, goal()).result
    assert outcome.error_code == 581
    assert "shows the same image" in outcome.error_msg


def test_a_board_far_from_where_it_is_put_is_not_believed(graph, process, cell, action):
    cell.shift_m = 0.02
    with changed(graph, "board_radius_m", 0.01, 0.12), active(graph):
        outcome = observe(graph, action, goal())
    assert (outcome.status, outcome.result.error_code) == (ABORTED, 526)
    assert "limits 0.010 m" in outcome.result.error_msg


def test_the_wish_for_more_than_a_view_can_give_is_refused_with_the_numbers(graph, node, cell, action):
    outcome = observe(graph, action, goal(PORT, position_std=1e-6, max_views=5))
    assert (outcome.status, outcome.result.error_code, outcome.result.attempts) == (ABORTED, 531, 2)
    assert "wanted 0.001 mm" in outcome.result.error_msg
    assert "would add nothing" in outcome.result.error_msg
    assert port_named(outcome.result.ports, PORT).measurement_count == 1
    single = observe(graph, action, goal(PORT, orientation_std=1e-6)).result
    assert single.error_code == 531
    assert "used up" in single.error_msg


@contextmanager
def planner(graph, cell, home, code=0):
    """A server of `move_to` that is there at once; yields where it was sent."""
    sent = []

    def execute(handle):
        X = from_pose(handle.request.target.pose.pose)
        sent.append(X)
        if code == 0:
            cell.show(X, home.frames_from(X))
            handle.succeed()
        else:
            handle.abort()
        return MoveTo.Result(error_code=code, error_msg="" if code == 0 else "in the way")

    server = graph.run(lambda: ActionServer(graph.node, MoveTo, "move_to", execute_callback=execute))
    try:
        yield sent
    finally:
        graph.run(server.destroy)


def test_an_observation_moves_to_views_that_make_the_port_more_certain(graph, process, cell, action, home):
    with changed(graph, "moves_to_views", True, False), active(graph):
        first = observe(graph, action, goal(PORT)).result
        std = port_std(port_named(first.ports, PORT))
        with planner(graph, cell, home) as sent:
            feedback = []
            outcome = observe(graph, action, goal(PORT, position_std=0.95 * std, max_views=4), feedback)
            result = outcome.result
            assert Observe.Feedback.PHASE_MOVING in [item.phase for item in feedback]
            assert sent
            step = log_se3(invert_pose(home.X_base_tcp) @ sent[0])
            assert 0.005 < np.linalg.norm(step[:3]) + 0.2 * np.linalg.norm(step[3:]) < 0.15
            port = port_named(result.ports, PORT)
            assert port_std(port) < std
            assert mahalanobis(port, home.X_base_entrance[PORT]) < EXPECTED_SIGMAS
        cell.reset()
        with planner(graph, cell, home, code=210) as sent:
            refused = observe(graph, action, goal(PORT, position_std=1e-6, max_views=5)).result
            assert sent, "asked to move, and told that there is no way"
            assert refused.error_code == 531


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (goal("sfp_port_9"), 530, "valid are nic_card_mount_0/sfp_port_0"),
        (goal(position_std=0.0), 931, "position_std"),
        (goal(orientation_std=math.nan), 931, "orientation_std"),
        (goal(max_views=0), 931, "max_views"),
    ],
)
def test_a_goal_that_makes_no_sense_is_answered_before_anything_is_looked_at(graph, node, action, message, code, words):
    outcome = observe(graph, action, message)
    assert (outcome.status, outcome.result.error_code, outcome.result.attempts) == (ABORTED, code, 0)
    assert words in outcome.result.error_msg


def test_cancel_time_limit_and_a_second_goal(graph, node, cell, action):
    cell.silent_cameras = set(CAMERAS)
    late = observe(graph, action, goal(limit_s=1))
    assert (late.status, late.result.error_code) == (ABORTED, 537)
    first = start(graph, action, goal())
    second = ask(graph, lambda: action.send_goal_async(goal()))
    assert not second.accepted
    busy = graph.call(SetLayout, "set_layout", SetLayout.Request(layout="trial_2"))
    assert busy.error_code == 536
    begun_s = time.monotonic()
    ask(graph, first.cancel_goal_async)
    ended = result_of(graph, first)
    assert (ended.status, ended.result.error_code) == (CANCELED, 538)
    assert time.monotonic() - begun_s < 0.25 * IMAGE_TIMEOUT_S, "the cancel waited for images"


def test_deactivation_ends_an_observation(graph, node, cell, action):
    cell.silent_cameras = set(CAMERAS)
    handle = start(graph, action, goal())
    assert graph.change_state("/port_estimator", Transition.TRANSITION_DEACTIVATE)
    ended = result_of(graph, handle)
    assert (ended.status, ended.result.error_code) == (ABORTED, 538)
    refused = ask(graph, lambda: action.send_goal_async(goal()))
    assert not refused.accepted
    assert graph.change_state("/port_estimator", Transition.TRANSITION_ACTIVATE)


def test_every_transition_is_safe_while_an_observation_runs(graph, process, cell, action):
    """Twenty times: each observation is answered, wherever it is interrupted, and the node goes on."""
    for number in range(20):
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            assert graph.change_state("/port_estimator", transition)
        handle = start_and_wait(graph, action, cell, is_blind=bool(number % 2))
        assert graph.change_state("/port_estimator", Transition.TRANSITION_DEACTIVATE)
        if number % 4 > 1:
            assert graph.change_state("/port_estimator", Transition.TRANSITION_ACTIVATE)
            assert graph.change_state("/port_estimator", Transition.TRANSITION_DEACTIVATE)
        outcome = result_of(graph, handle)
        assert (outcome.status, outcome.result.error_code in (531, 538)) == (ABORTED, True)
        assert graph.change_state("/port_estimator", Transition.TRANSITION_CLEANUP)
    check_output(process)


def test_a_shutdown_ends_an_observation(graph, cell, action):
    with Process(BIN / "port_estimator", "--ros-args", "-r", "__node:=doomed") as other:
        assert graph.get_state("/doomed") == "unconfigured"
        for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
            assert graph.change_state("/doomed", transition)
        cell.silent_cameras = set(CAMERAS)
        handle = start(graph, action, goal())
        # Asked for before the end: a node that was shut down has no action any more.
        result = graph.wait_for(graph.node.executor.create_task(handle.get_result_async))
        wait_until(lambda: cell.asked, what="the regions")
        assert graph.change_state("/doomed", Transition.TRANSITION_ACTIVE_SHUTDOWN)
        assert graph.wait_for(result, 60.0).result.error_code == 538
        other.send(signal.SIGINT)
        assert other.wait() == 0, other.output
        check_output(other)


def start_and_wait(graph, action, cell, *, is_blind):
    """Start an observation; return when it waits for images that do not come, or is in the middle of an estimate."""
    cell.silent_cameras = set(CAMERAS) if is_blind else set()
    cell.asked.clear()
    feedback = []
    handle = start(graph, action, goal(position_std=1e-6, max_views=1000), feedback)
    wait_until(lambda: cell.asked if is_blind else feedback[-1:] and feedback[-1].views, what="a view")
    return handle


def check_output(process):
    for word in ("Traceback", "InvalidHandle", "never retrieved"):
        assert word not in process.output, process.output


def test_another_layout_forgets_the_board(graph, node, cell, action):
    arrays = graph.collect(PortEstimateArray, "ports", qos.STATE)
    assert observe(graph, action, goal()).result.error_code == 0
    refused = graph.call(SetLayout, "set_layout", SetLayout.Request(layout="trial_9"))
    assert refused.error_code == 932
    assert "trial_1, trial_2, trial_3" in refused.error_msg
    assert graph.call(SetLayout, "set_layout", SetLayout.Request(layout="trial_3")).error_code == 0
    wait_until(lambda: [port.port_name for port in arrays[-1].ports] == ["sc_port_1/sc_port_base"], what="new ports")
    assert arrays[-1].ports[0].measurement_count == 0


def test_between_observations_cameras_are_watched_in_small_pieces(graph, node, cell, action):
    def topics():
        return {
            topic
            for name in graph.node.get_node_names()
            if name.startswith("port_estimator")
            for topic, _ in graph.node.get_subscriber_names_and_types_by_node(name, "/")
        }

    assert observe(graph, action, goal()).result.error_code == 0
    wait_until(lambda: "/controller_state" not in topics(), what="the controller's state to be let go")
    assert "/left_camera/image" in topics()
    assert not any(name.startswith("/sim") for name in topics())
    wait_until(lambda: all(roi and roi.width == 128 for roi in cell.regions.values()), what="small pieces")


def camera_codes(graph, seen):
    """Codes of the faults in the newest diagnostics, by camera."""
    status = {one.name: {pair.key: pair.value for pair in one.values} for one in seen[-1].status} if seen else {}
    return {name: int(status.get(f"port_estimator: {name} camera", {}).get("code", 0)) for name in CAMERAS}


def test_a_camera_that_freezes_while_nobody_looks_is_told(graph, node, cell, action):
    diagnostics = graph.collect(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
    wait_until(lambda: cell.taken > 6, what="images")
    cell.frozen_cameras.add("left")
    wait_until(lambda: camera_codes(graph, diagnostics)["left"] == 581, what="the frozen camera to be told")


def drift(diagnostics):
    """What the newest diagnostics say of the drift watch: its words, and a code."""
    found = [one for item in diagnostics for one in item.status if one.name == "port_estimator: calibration drift"]
    return (found[-1].message, {pair.key: pair.value for pair in found[-1].values}.get("code")) if found else ("", None)


def test_a_seat_is_evidence_of_drift_once_in_a_grasp(graph, node, cell, action, home):
    diagnostics = graph.collect(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
    held = graph.node.create_publisher(String, "cell/held_plug", qos.STATE)
    results = graph.node.create_publisher(InsertionResult, "insertion_result", qos.COMMAND)
    X_seat = home.X_base_entrance[PORT] @ make_pose(np.eye(3), (0.0, 0.0, 0.046747))

    def grip():
        plug = HeldPlug("cable", "sfp_tip", "sfp", make_pose(np.eye(3), (0.0, 0.0, 0.054)), 0.002, 0.04)
        held.publish(String(data=held_plug_to_json(plug)))

    def sit(shift_m, outcome=InsertionResult.OUTCOME_SEATED):
        message = InsertionResult(port_name=PORT, connector_type="sfp", outcome=outcome)
        message.final_pose.pose = to_pose(X_seat @ make_pose(np.eye(3), (shift_m, 0.0, 0.0)))
        results.publish(message)

    wait_until(lambda: results.get_subscription_count() and held.get_subscription_count(), what="the node to listen")
    sit(0.03)
    assert observe(graph, action, goal()).result.error_code == 0
    wait_until(lambda: "nothing moved in 1 looks, 0 seats" in drift(diagnostics)[0], what="a look without a seat")
    grip()
    time.sleep(0.5)
    sit(0.03, InsertionResult.OUTCOME_JAMMED)
    sit(math.nan)
    sit(0.0002)
    wait_until(lambda: "nothing moved in 2 looks, 1 seats" in drift(diagnostics)[0], what="a seat where it should be")
    sit(0.03)
    time.sleep(1.5)
    assert drift(diagnostics)[1] is None, "a second seat in one grasp says nothing new"
    grip()
    time.sleep(0.5)
    sit(0.03)
    wait_until(lambda: drift(diagnostics)[1] in ("595", "596", "598"), what="a seat far off to raise the alarm")
    graph.node.destroy_publisher(held)
    graph.node.destroy_publisher(results)


@pytest.mark.parametrize(
    ("name", "parameter", "words"),
    [
        ("unknown_layout", "layout:=trial_9", "no layout 'trial_9'"),
        ("no_file", "layout_file:=/nowhere.yaml", "cannot be read"),
    ],
)
def test_a_layout_that_is_not_there_refuses_the_configuration(graph, name, parameter, words):
    with Process(BIN / "port_estimator", "--ros-args", "-r", f"__node:={name}", "-p", parameter) as other:
        assert not graph.change_state(f"/{name}", Transition.TRANSITION_CONFIGURE)
        other.wait_for_output(words)
