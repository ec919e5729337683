"""The motion planner as a process, an arm that follows it, and what tests ask of it."""

import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rclpy
from cablecell_interfaces.action import MoveTo
from cablecell_interfaces.msg import MotionTarget
from cablecell_interfaces.srv import EditScene, PlanMotion
from control_msgs.action import FollowJointTrajectory
from lifecycle_msgs.msg import Transition
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from sensor_msgs.msg import JointState

from cablecell.core.geometry import pose_from_xyz_rpy
from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient
from cablecell.ros.conversions import fill_pose
from tests.support.graph import GraphClient, Process
from tests.support.motion import HOME, model
from tests.support.wait import wait_until

BIN = Path(sys.prefix) / "bin"
SUCCEEDED, CANCELED, ABORTED = 4, 5, 6


class FakeArm:
    """Publishes joint states and follows trajectories exactly; the test breaks what it wants."""

    def __init__(self):
        self.reset()
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("fake_arm", context=self.context)
        group = ReentrantCallbackGroup()
        self._states = self.node.create_publisher(JointState, "joint_states", qos.SENSOR)
        self.node.create_timer(0.01, self._publish, callback_group=group)
        self._server = ActionServer(
            self.node,
            FollowJointTrajectory,
            "follow_joint_trajectory",
            execute_callback=self._follow,
            goal_callback=lambda _: GoalResponse.ACCEPT if self.is_accepting else GoalResponse.REJECT,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=group,
        )
        self._executor = MultiThreadedExecutor(num_threads=3, context=self.context)
        self._executor.add_node(self.node)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()

    def reset(self):
        self.q, self.dq = HOME.copy(), np.zeros(6)
        self.has_state = True
        self.is_accepting = True
        self.failure = None  # result code and text of an abort half-way
        self.is_stuck = False  # arrives, but does not say so

    def close(self):
        self._ending.set()
        self._thread.join()
        self._server.destroy()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def _spin(self):
        while not self._ending.is_set():
            self._executor.spin_once(timeout_sec=0.05)

    def _publish(self):
        if self.has_state:
            message = JointState(name=["left_finger_joint", *model().joint_names])
            message.header.stamp = self.node.get_clock().now().to_msg()
            message.position = [0.0073, *self.q.tolist()]
            message.velocity = [0.0, *self.dq.tolist()]
            self._states.publish(message)

    def _follow(self, goal):
        points = goal.request.trajectory.points
        times = [p.time_from_start.sec + 1e-9 * p.time_from_start.nanosec for p in points]
        positions = np.array([p.positions for p in points])
        begun_s = time.monotonic()
        result = FollowJointTrajectory.Result()
        while not self._ending.is_set():
            elapsed_s = time.monotonic() - begun_s
            self.q = np.array([np.interp(elapsed_s, times, column) for column in positions.T])
            if goal.is_cancel_requested:
                goal.canceled()
                return result
            if self.failure is not None and elapsed_s > 0.5 * times[-1]:
                result.error_code, result.error_string = self.failure
                goal.abort()
                return result
            if elapsed_s >= times[-1] and not self.is_stuck:
                break
            time.sleep(0.005)
        goal.succeed()
        return result


@pytest.fixture(scope="module")
def graph():
    with GraphClient() as client:
        yield client


@pytest.fixture(scope="module")
def process(graph):
    parameters = ["controller_timeout_s:=2.0", "overrun_s:=0.3", "planning_budget_s:=4.0"]
    words = [word for parameter in parameters for word in ("-p", parameter)]
    with Process(BIN / "motion_planner", "--ros-args", *words) as node:
        assert graph.get_state("/motion_planner") == "unconfigured"
        yield node
        node.send(signal.SIGINT)
        code = node.wait()
        assert code == 0, node.output
        assert "Traceback" not in node.output


@contextmanager
def active(graph):
    for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        assert graph.change_state("/motion_planner", transition)
    yield
    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
        assert graph.change_state("/motion_planner", transition)


@pytest.fixture(scope="module")
def node(graph, process):
    with active(graph):
        yield process


@pytest.fixture(scope="module")
def only_arm():
    """The arm of all tests that have one; those without one come first."""
    fake = FakeArm()
    yield fake
    fake.close()


@pytest.fixture
def arm(graph, node, only_arm):
    only_arm.reset()
    wait_until(lambda: measured_start(graph) == pytest.approx(HOME.tolist()), what="the planner to see the arm at home")
    return only_arm


@pytest.fixture(scope="module")
def action(graph):
    client = MutualActionClient(graph.node, MoveTo, "move_to")
    yield client
    graph.run(client.destroy)


def ask(graph, call, timeout_s=30.0):
    """Make a request in the client's own thread: from another one, a quick answer can come before it is expected."""
    return graph.wait_for(graph.wait_for(graph.node.executor.create_task(call)), timeout_s)


def start(graph, action, target, feedback=None, *, plan_only=False, limit_s=0.0, preempt=False):
    assert action.wait_for_server(timeout_sec=60.0)
    callback = None if feedback is None else lambda item: feedback.append(item.feedback)
    message = MoveTo.Goal(target=target, plan_only=plan_only, preempt=preempt)
    message.time_limit.nanosec = int(1e9 * limit_s)
    handle = ask(graph, lambda: action.send_goal_async(message, feedback_callback=callback))
    assert handle.accepted
    return handle


def move(graph, action, target, feedback=None, **options):
    return ask(graph, start(graph, action, target, feedback, **options).get_result_async)


def plan(graph, target, q_start=HOME, limit_s=2.0):
    request = PlanMotion.Request(target=target)
    request.planning_time_limit.sec = int(limit_s)
    request.planning_time_limit.nanosec = round(1e9 * (limit_s % 1.0))
    if q_start is not None:
        request.start = JointState(name=list(model().joint_names), position=np.asarray(q_start).tolist())
    return graph.call(PlanMotion, "plan_motion", request, timeout_s=20.0)


def measured_start(graph):
    answer = plan(graph, to_joints([0.1], names=["wrist_3_joint"]), q_start=None)
    return [] if answer.error_code else answer.trajectory.points[0].positions.tolist()


def to_joints(q, path=MotionTarget.PATH_PTP, scale=1.0, names=None):
    return MotionTarget(
        path=path,
        goal=MotionTarget.GOAL_JOINTS,
        joint_names=list(names or model().joint_names),
        joint_positions=[float(value) for value in q],
        velocity_scale=scale,
        acceleration_scale=scale,
    )


def to_pose(X, path=MotionTarget.PATH_SAMPLED, frame="base_link", tip="", scale=1.0):
    target = MotionTarget(path=path, goal=MotionTarget.GOAL_POSE, velocity_scale=scale, acceleration_scale=scale)
    target.pose.header.frame_id, target.tip_frame = frame, tip
    fill_pose(target.pose.pose, X)
    return target


def to_name(name, path=MotionTarget.PATH_PTP):
    target = MotionTarget(path=path, goal=MotionTarget.GOAL_NAMED, name=name)
    target.velocity_scale = target.acceleration_scale = 1.0
    return target


def by(x, y, z, rpy=(0.0, 0.0, 0.0), frame="", path=MotionTarget.PATH_AUTO):
    """Relative to where the tip is."""
    target = to_pose(pose_from_xyz_rpy((x, y, z), rpy), path, frame)
    target.goal = MotionTarget.GOAL_RELATIVE
    return target


def through(X_via, X, tip=""):
    target = to_pose(X, MotionTarget.PATH_CIRC, tip=tip)
    target.via.point.x, target.via.point.y, target.via.point.z = X_via[:3, 3].tolist()
    return target


def nearby(by_rad=0.2):
    return HOME + by_rad * np.array([1.0, -0.3, 0.2, 0.1, 0.0, 0.4])


def along_base(x, y, z):
    X = model().fk(HOME)
    X[:3, 3] += (x, y, z)
    return X


def positions(trajectory):
    return np.array([point.positions for point in trajectory.points])


def edit(graph, operation, name="", X=None, dimensions=(), shape=EditScene.Request.BOX, frame="base_link"):
    request = EditScene.Request(operation=operation, name=name, shape=shape, dimensions=[float(v) for v in dimensions])
    request.pose.header.frame_id = frame
    fill_pose(request.pose.pose, np.eye(4) if X is None else X)
    return graph.call(EditScene, "edit_planning_scene", request)
