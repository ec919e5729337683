"""The node `aic_model` runs policies in the published style, and treats their ends as the challenge documents."""

import contextlib
import itertools
import os
import signal
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest
from action_msgs.msg import GoalStatus
from aic_control_interfaces.msg import JointMotionUpdate, MotionUpdate, TargetMode
from aic_control_interfaces.srv import ChangeTargetMode
from aic_model.loading import load_policy_class
from aic_model_interfaces.msg import Observation
from aic_task_interfaces.action import InsertCable
from aic_task_interfaces.msg import Task
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from std_srvs.srv import Empty

from cablecell.ros.action_client import MutualActionClient
from tests.support.graph import GraphClient, Process
from tests.support.wait import wait_until

POLICIES = "tests.support.aic_policies"
CARTESIAN, JOINT = TargetMode.MODE_CARTESIAN, TargetMode.MODE_JOINT

Ended = namedtuple("Ended", "status success message took_s")


class Engine(GraphClient):
    """Everything that a policy talks to."""

    def __init__(self):
        super().__init__("engine")
        self.poses = self.collect(MotionUpdate, "/aic_controller/pose_commands", 10)
        self.joints = self.collect(JointMotionUpdate, "/aic_controller/joint_commands", 10)
        self.modes, self.feedback = [], []
        self.node.create_service(ChangeTargetMode, "/aic_controller/change_target_mode", self._change_mode)
        self.observations = self.node.create_publisher(Observation, "/observations", 10)
        self.insert = MutualActionClient(self.node, InsertCable, "/insert_cable")

    def close(self):
        self.run(self.insert.destroy)
        super().close()

    def _change_mode(self, request, response):
        self.modes.append(request.target_mode.mode)
        response.success = True
        return response

    def state(self):
        return self.call(GetState, "/aic_model/get_state", GetState.Request(), repeats=True).current_state.id

    def change(self, transition):
        request = ChangeState.Request()
        request.transition.id = transition
        return self.call(ChangeState, "/aic_model/change_state", request).success

    def send(self, **task):
        wait_until(self.insert.server_is_ready)
        goal = InsertCable.Goal(task=Task(**task))
        keep = lambda message: self.feedback.append(message.feedback.message)  # noqa: E731
        sent = self.run(lambda: self.insert.send_goal_async(goal, feedback_callback=keep))
        return self.wait_for(sent, what="goal")

    def result(self, handle):
        started_s = time.monotonic()
        answer = self.wait_for(self.run(handle.get_result_async), 15.0, "result")
        return Ended(answer.status, answer.result.success, answer.result.message, time.monotonic() - started_s)

    def run_policy(self, **task):
        handle = self.send(**task)
        assert handle.accepted
        return self.result(handle)


@pytest.fixture(scope="module")
def engine():
    with Engine() as client:
        yield client


@pytest.fixture
def start(engine):
    """Return what starts the node with a policy, in state unconfigured."""
    with contextlib.ExitStack() as processes:

        def start(policy, *, is_active=True):
            for heard in (engine.poses, engine.joints, engine.modes, engine.feedback):
                heard.clear()
            process = processes.enter_context(ending(model(policy)))
            assert engine.state() == State.PRIMARY_STATE_UNCONFIGURED
            if is_active:
                assert engine.change(Transition.TRANSITION_CONFIGURE)
                assert engine.change(Transition.TRANSITION_ACTIVATE)
            return process

        yield start
    wait_until(lambda: "aic_model" not in engine.node.get_node_names(), what="the model leaves the graph")


@contextlib.contextmanager
def ending(process):
    """End a process as a person would: killed, it would stay in the graph for 20 s."""
    with process:
        yield process
        if process.is_running:
            process.send(signal.SIGTERM)
            assert process.wait() == 0, process.output


def model(policy):
    path = os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    words = ("-m", "aic_model", "--ros-args", "-p", f"policy:={policy}")
    return Process(sys.executable, *words, PYTHONPATH=path)


def test_states_goals_and_poses(engine, start):
    process = start(f"{POLICIES}.PoseSweep", is_active=False)
    assert not engine.change(Transition.TRANSITION_ACTIVATE)  # illegal, answered, survived
    assert engine.change(Transition.TRANSITION_CONFIGURE)
    assert not engine.send(id="too early").accepted
    assert engine.change(Transition.TRANSITION_ACTIVATE)
    handle = engine.send(id="task 7")
    assert handle.accepted
    assert not engine.send(id="second").accepted
    ended = engine.result(handle)
    assert (ended.status, ended.success) == (GoalStatus.STATUS_SUCCEEDED, True)
    assert engine.feedback == ["sweeping for task 7"]
    assert engine.modes == [CARTESIAN]
    assert len(engine.poses) in (5, 6)
    first = engine.poses[0]
    assert first.header.frame_id == "base_link"
    assert first.trajectory_generation_mode.mode == 2
    assert [first.target_stiffness[7 * i] for i in range(6)] == [90.0, 90.0, 90.0, 50.0, 50.0, 50.0]
    assert [first.target_damping[7 * i] for i in range(6)] == [50.0, 50.0, 50.0, 20.0, 20.0, 20.0]
    assert sum(first.target_stiffness) == 420.0
    assert list(first.wrench_feedback_gains_at_tip) == [0.5, 0.5, 0.5, 0.0, 0.0, 0.0]
    assert first.pose.position.x == -0.4
    stamps = [message.header.stamp.sec + message.header.stamp.nanosec * 1e-9 for message in engine.poses]
    assert all(later > sooner for sooner, later in itertools.pairwise(stamps))

    sent = len(engine.poses)
    assert engine.change(Transition.TRANSITION_DEACTIVATE)
    assert not engine.send(id="too late").accepted
    assert len(engine.poses) == sent
    assert engine.change(Transition.TRANSITION_CLEANUP)
    assert engine.change(Transition.TRANSITION_CONFIGURE)
    assert engine.change(Transition.TRANSITION_INACTIVE_SHUTDOWN)
    for topic in ("pose_commands", "joint_commands"):
        wait_until(lambda name=topic: engine.node.count_publishers(f"/aic_controller/{name}") == 0)
    process.send(signal.SIGINT)
    assert process.wait() == 0, process.output


def test_a_velocity_and_a_false_result(engine, start):
    start(f"{POLICIES}.TwistNudge")
    ended = engine.run_policy(id="t")
    assert (ended.status, ended.success) == (GoalStatus.STATUS_SUCCEEDED, False)
    assert ended.took_s > 0.5  # an end is seen at the next look, once in a second
    assert engine.feedback == ["nudged"]
    assert len(engine.poses) == 1
    assert engine.poses[0].trajectory_generation_mode.mode == 1
    assert engine.poses[0].velocity.linear.z == 0.01


def test_joint_commands_change_the_mode_and_none_is_false(engine, start):
    process = start(f"{POLICIES}.JointSwing")
    engine.observations.publish(Observation())
    ended = engine.run_policy(id="t")
    assert (ended.status, ended.success) == (GoalStatus.STATUS_SUCCEEDED, False)
    assert engine.modes == [JOINT, CARTESIAN]
    wait_until(lambda: len(engine.joints) == 2)
    assert list(engine.joints[1].target_state.positions)[:2] == [0.5, -1.3]
    assert len(engine.poses) == 1
    assert engine.poses[0].target_stiffness[0] == 200.0
    assert engine.feedback == ["seen"]
    assert "six numbers are needed" in process.output
    # Activated again it asks for the mode again: somebody may have changed it.
    assert engine.change(Transition.TRANSITION_DEACTIVATE)
    assert engine.change(Transition.TRANSITION_ACTIVATE)
    engine.run_policy(id="t")
    assert engine.modes == [JOINT, CARTESIAN] * 2


def test_a_policy_that_raises_has_not_succeeded(engine, start):
    process = start(f"{POLICIES}.Broken")
    ended = engine.run_policy(id="t")
    assert (ended.status, ended.success) == (GoalStatus.STATUS_SUCCEEDED, False)
    assert "my network is missing" in ended.message
    assert "RuntimeError" in process.output
    assert engine.run_policy(id="again").success is False  # the node lives


@pytest.mark.parametrize("how", ["cancel", "cancel_task", "deactivate"])
def test_a_goal_ends_but_its_policy_does_not(engine, start, tmp_path, how):
    process = start(f"{POLICIES}.Stubborn")
    handle = engine.send(id=str(tmp_path / "enough"))
    wait_until(lambda: engine.poses)
    if how == "cancel":
        engine.run(handle.cancel_goal_async)
    elif how == "cancel_task":
        engine.call(Empty, "/cancel_task", Empty.Request())
    else:
        assert engine.change(Transition.TRANSITION_DEACTIVATE)
    ended = engine.result(handle)
    wanted = GoalStatus.STATUS_CANCELED if how == "cancel" else GoalStatus.STATUS_ABORTED
    assert (ended.status, ended.success) == (wanted, False)
    engine.poses.clear()
    if how == "deactivate":
        time.sleep(0.3)  # ten commands: none may come
        assert not engine.poses
    else:
        wait_until(lambda: len(engine.poses) > 3, what="the policy goes on commanding, as documented")
    feedback = len(engine.feedback)
    if how == "cancel":  # the next goal is taken, and the first policy still runs
        (tmp_path / "enough").touch()
        assert engine.run_policy(id=str(tmp_path / "enough")).success
        assert len(engine.feedback) == feedback
    if how == "deactivate":
        (tmp_path / "enough").touch()  # with a policy that runs, the middleware is not left in order: it takes 20 s
    process.send(signal.SIGTERM)
    assert process.wait() == 0, process.output


def test_a_policy_that_cannot_be_made_leaves_the_node_unconfigured(engine, start):
    process = start(f"{POLICIES}.Unmakeable", is_active=False)
    assert not engine.change(Transition.TRANSITION_CONFIGURE)
    assert engine.state() == State.PRIMARY_STATE_UNCONFIGURED
    assert "weights.pt" in process.output


def test_a_policy_that_is_not_there_ends_the_process():
    with model(f"{POLICIES}.Missing") as process:
        assert process.wait() == 1
    assert "[FATAL] [aic_model]: the policy cannot be loaded: No module named" in process.output


def test_the_class_is_named_like_its_module():
    assert load_policy_class(f"{POLICIES}.Broken").__name__ == "Broken"
    with pytest.raises(ImportError, match="has no class wait"):
        load_policy_class("tests.support.wait")
