"""The motion planner as a process: plans around the board, executes, stops, and says why not."""

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
from cablecell_interfaces.action import MoveTo
from cablecell_interfaces.msg import MotionTarget, PortEstimate, PortEstimateArray
from cablecell_interfaces.srv import EditScene, PlanMotion, SetLayout
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import GetState
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import MarkerArray

from cablecell.composition.robot_description import load_task_board_description
from cablecell.composition.simulated_cell import slot_arguments
from cablecell.configuration import load_trials
from cablecell.core.geometry import invert_pose, make_pose, pose_difference, pose_from_xyz_rpy
from cablecell.core.motion.model import RobotModel
from cablecell.core.perception.layout import read_layout
from cablecell.ros import qos
from cablecell.ros.conversions import fill_pose
from cablecell.ros.estimator_layout import load_layout
from cablecell.ros.planner_errors import MoveRequestError
from cablecell.ros.planner_scene import PlanningScene
from cablecell.ros.planner_targets import parse_named_targets
from tests.support.graph import GraphClient, Process
from tests.support.motion import HOME, model
from tests.support.planner_node import (
    ABORTED,
    BIN,
    CANCELED,
    SUCCEEDED,
    action,
    along_base,
    arm,
    ask,
    by,
    edit,
    graph,
    move,
    nearby,
    node,
    only_arm,
    plan,
    positions,
    process,
    start,
    through,
    to_joints,
    to_name,
    to_pose,
)
from tests.support.wait import wait_until

__all__ = ["action", "arm", "graph", "node", "only_arm", "process"]

TARGETS = {
    "trial_1": ("nic_card_mount_0/sfp_port_0", "sfp_tip"),
    "trial_2": ("nic_card_mount_1/sfp_port_0", "sfp_tip"),
    "trial_3": ("sc_port_1/sc_port_base", "sc_tip"),
}


@pytest.fixture(scope="module")
def plug_topic(graph):
    return graph.node.create_publisher(String, "cell/held_plug", qos.STATE)


@pytest.fixture(scope="module")
def ports_topic(graph):
    return graph.node.create_publisher(PortEstimateArray, "ports", qos.STATE)


def knowledge(trial):
    return PlanningScene(model(), load_layout("", trial), assume_held=True, unseen_margin_m=0.02)


def see(ports_topic, trial):
    """Publish what an estimator would: the board where it is put, its modules where they are on their rails."""
    X_base_board = invert_pose(model().X_world_base) @ load_layout("", trial).X_world_board
    board = load_trials(None).trials[trial].scene.task_board
    ports = read_layout(load_task_board_description(**slot_arguments(board)))
    message = PortEstimateArray(board_looks=1)
    fill_pose(message.board.pose, X_base_board)
    for name, port in ports.items():
        estimate = PortEstimate(port_name=name, sources=PortEstimate.SOURCE_CAMERA)
        fill_pose(estimate.pose.pose, X_base_board @ port.X_board_entrance)
        message.ports.append(estimate)
    ports_topic.publish(message)
    return {name: X_base_board @ port.X_board_entrance for name, port in ports.items()}


def test_planning_without_time_or_state_is_refused(graph, node):
    assert plan(graph, to_joints(nearby()), limit_s=0.0).error_code == 941
    answer = plan(graph, to_joints(nearby()), q_start=None)
    assert answer.error_code == 341
    assert "never came" in answer.error_msg


def test_without_a_controller_nothing_moves(graph, node, action):
    states = graph.node.create_publisher(JointState, "joint_states", qos.SENSOR)
    elsewhere = nearby(0.1).tolist()
    message = JointState(name=list(model().joint_names), position=elsewhere, velocity=[0.0] * 6)
    timer = graph.node.create_timer(0.02, lambda: states.publish(message))
    try:
        outcome = move(graph, action, to_joints(nearby()))
    finally:
        graph.node.destroy_timer(timer)
        graph.node.destroy_publisher(states)
    assert (outcome.status, outcome.result.error_code) == (ABORTED, 343)
    assert "is not there" in outcome.result.error_msg


@pytest.mark.parametrize("trial", TARGETS)
def test_the_plug_comes_to_stand_before_its_port(graph, node, arm, action, ports_topic, trial):
    previews = graph.collect(MarkerArray, "preview", qos.STATE)
    paths = graph.collect(JointTrajectory, "preview_trajectory", qos.STATE)
    assert graph.call(SetLayout, "set_planning_layout", SetLayout.Request(layout=trial)).error_code == 0
    port, tip = TARGETS[trial]
    X_base_entrance = see(ports_topic, trial)[port]
    frame = f"{port}_entrance"
    X_entrance_tip = make_pose(np.eye(3), (0.0, 0.0, -0.02))
    wait_until(
        lambda: plan(graph, to_pose(X_entrance_tip, frame=frame, tip=tip)).error_code != 103, what="the board's frames"
    )
    feedback = []
    outcome = move(graph, action, to_pose(X_entrance_tip, frame=frame, tip=tip), feedback)
    assert (outcome.status, outcome.result.error_code, outcome.result.error_msg) == (SUCCEEDED, 0, "")
    X_base_tip = model().fk(outcome.result.final_positions) @ knowledge(trial).held.X_tcp_tip
    error = pose_difference(X_base_entrance @ X_entrance_tip, X_base_tip)
    assert np.abs(error).max() < 2e-3
    q = positions(outcome.result.trajectory)
    assert np.allclose(q[0], HOME)
    assert [item.phase for item in feedback][:2] == [1, 2]
    progress = [item.progress for item in feedback]
    assert progress == sorted(progress)
    wait_until(lambda: paths and np.array_equal(positions(paths[-1]), q), what="the previewed trajectory")
    wait_until(lambda: previews, what="the preview")
    line = previews[-1].markers[0]
    end = line.points[-1]
    assert line.header.frame_id == "base_link"
    assert np.allclose((end.x, end.y, end.z), model().fk(q[-1])[:3, 3], atol=1e-6)
    assert graph.call(SetLayout, "set_planning_layout", SetLayout.Request(layout="trial_1")).error_code == 0


def test_joint_interpolation_is_a_straight_line_in_the_joints_and_obeys_its_scale(graph, node):
    fast, slow = (plan(graph, to_joints(nearby(), scale=scale)) for scale in (1.0, 0.25))
    assert (fast.error_code, slow.error_code) == (0, 0)
    for answer in (fast, slow):
        q = positions(answer.trajectory)
        fractions = (q - HOME) @ (nearby() - HOME) / np.sum((nearby() - HOME) ** 2)
        assert np.allclose(q, HOME + fractions[:, None] * (nearby() - HOME), atol=1e-9)
        assert np.allclose(answer.trajectory.points[-1].velocities, 0.0)
    duration = [a.trajectory.points[-1].time_from_start for a in (fast, slow)]
    fast_s, slow_s = (item.sec + 1e-9 * item.nanosec for item in duration)
    assert slow_s > 1.4 * fast_s


def test_a_line_of_the_tool_is_straight(graph, node):
    X = along_base(0.05, 0.03, 0.08)
    answer = plan(graph, to_pose(X, MotionTarget.PATH_LIN))
    assert answer.error_code == 0
    points = np.array([model().fk(q)[:3, 3] for q in positions(answer.trajectory)])
    way = X[:3, 3] - points[0]
    off = np.linalg.norm(np.cross(points - points[0], way), axis=1) / np.linalg.norm(way)
    assert off.max() < 1e-6
    assert len(answer.trajectory.points) < 200


def test_a_circle_passes_its_via_point(graph, node):
    X_via, X = along_base(0.05, 0.0, 0.05), along_base(0.1, 0.0, 0.0)
    answer = plan(graph, through(X_via, X))
    assert answer.error_code == 0, answer.error_msg
    points = np.array([model().fk(q)[:3, 3] for q in positions(answer.trajectory)])
    centre = along_base(0.05, 0.0, 0.0)[:3, 3]
    assert np.allclose(np.linalg.norm(points - centre, axis=1), 0.05, atol=1e-6)
    assert np.linalg.norm(points - X_via[:3, 3], axis=1).min() < 3e-3
    assert np.allclose(points[-1], X[:3, 3], atol=1e-8)


@pytest.mark.parametrize("path", [MotionTarget.PATH_LIN, MotionTarget.PATH_CIRC])
def test_a_held_plug_is_led_along_its_own_line_or_circle(graph, node, path):
    """While it turns: the tool then goes along neither."""
    X_tcp_tip = knowledge("trial_1").held.X_tcp_tip
    X_start = model().fk(HOME) @ X_tcp_tip
    turned = pose_from_xyz_rpy((0.0, 0.0, 0.0), (0.0, 0.0, 0.4))[:3, :3] @ X_start[:3, :3]
    X = make_pose(turned, X_start[:3, 3] + (0.1, 0.0, 0.0))
    target = through(make_pose(np.eye(3), X_start[:3, 3] + (0.05, 0.0, 0.05)), X, tip="sfp_tip")
    target.path = path
    answer = plan(graph, target)
    assert answer.error_code == 0, answer.error_msg
    points = np.array([(model().fk(q) @ X_tcp_tip)[:3, 3] for q in positions(answer.trajectory)])
    if path == MotionTarget.PATH_LIN:
        off = points[:, 1:] - X_start[1:3, 3]
    else:
        off = np.linalg.norm(points - (X_start[:3, 3] + (0.05, 0.0, 0.0)), axis=1) - 0.05
    assert np.abs(off).max() < 1e-6
    assert np.allclose(points[-1], X[:3, 3], atol=1e-8)


def test_a_named_target_is_where_it_says(graph, node):
    answer = plan(graph, to_name("home"), nearby())
    assert answer.error_code == 0, answer.error_msg
    assert np.allclose(positions(answer.trajectory)[-1], HOME, atol=1e-3)


def test_a_relative_goal_moves_along_the_axes_it_names(graph, node):
    """The tool points down: up is -z of its own axes and, but for its tilt, +z of the base's."""
    start_pose = model().fk(HOME)
    for target, expected in (
        (by(0.0, 0.0, -0.05), -0.05 * start_pose[:3, 2]),
        (by(0.0, 0.0, 0.05, frame="base_link"), (0.0, 0.0, 0.05)),
        (by(0.02, 0.03, 0.05, frame="base_link", path=MotionTarget.PATH_LIN), (0.02, 0.03, 0.05)),
    ):
        answer = plan(graph, target)
        assert answer.error_code == 0, answer.error_msg
        X = model().fk(positions(answer.trajectory)[-1])
        assert np.allclose(X[:3, 3] - start_pose[:3, 3], expected, atol=1e-7)
        assert np.allclose(X[:3, :3], start_pose[:3, :3], atol=1e-7)
    turned = plan(graph, by(0.0, 0.0, -0.05, (0.0, 0.0, 0.3)))
    X = model().fk(positions(turned.trajectory)[-1])
    assert np.allclose(start_pose[:3, :3].T @ X[:3, :3], pose_from_xyz_rpy((0, 0, 0), (0, 0, 0.3))[:3, :3], atol=1e-7)


def test_auto_goes_straight_where_it_can_and_around_where_it_cannot(graph, node):
    straight = plan(graph, to_pose(along_base(0.05, 0.03, 0.08), MotionTarget.PATH_AUTO))
    points = np.array([model().fk(q)[:3, 3] for q in positions(straight.trajectory)])
    way = points[-1] - points[0]
    assert np.linalg.norm(np.cross(points - points[0], way), axis=1).max() / np.linalg.norm(way) < 1e-6
    # A box where the straight line, and the joint line, would pass.
    goal = along_base(0.25, 0.0, 0.0)
    middle = along_base(0.125, 0.0, -0.02)
    assert edit(graph, EditScene.Request.ADD, "box", middle, (0.04, 0.2, 0.1)).error_code == 0
    try:
        assert plan(graph, to_pose(goal, MotionTarget.PATH_LIN)).error_code == 204
        around = plan(graph, to_pose(goal, MotionTarget.PATH_AUTO))
        assert around.error_code == 0, around.error_msg
        assert np.allclose(model().fk(positions(around.trajectory)[-1])[:3, 3], goal[:3, 3], atol=1e-6)
    finally:
        assert edit(graph, EditScene.Request.REMOVE, "box").names == []
    assert plan(graph, to_pose(goal, MotionTarget.PATH_LIN)).error_code == 0


def test_what_is_attached_is_kept_away_until_it_is_taken_off(graph, node):
    down = by(0.0, 0.0, 0.03, path=MotionTarget.PATH_LIN)
    assert plan(graph, down).error_code == 0
    X = pose_from_xyz_rpy((0.0, 0.0, 0.12), (0.0, 0.0, 0.0))
    answer = edit(graph, EditScene.Request.ATTACH, "rod", X, (0.01, 0.2), EditScene.Request.CYLINDER, frame="tcp")
    assert (answer.error_code, answer.names) == (0, ["rod"])
    blocked = plan(graph, down)
    assert blocked.error_code in (201, 204)
    assert "rod" in blocked.error_msg
    assert edit(graph, EditScene.Request.CLEAR).names == []
    assert plan(graph, down).error_code == 0


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"operation": 7}, 941, "0 (ADD)"),
        ({"operation": EditScene.Request.ADD, "name": ""}, 941, "name is empty"),
        ({"operation": EditScene.Request.REMOVE, "name": "ghost"}, 941, "no added body 'ghost'; there are none"),
        ({"operation": EditScene.Request.ADD, "name": "a", "dimensions": (1.0, 1.0)}, 941, "3 finite numbers above 0"),
        ({"operation": EditScene.Request.ADD, "name": "a", "dimensions": (1.0, -1.0, 1.0)}, 941, "above 0"),
        ({"operation": EditScene.Request.ADD, "name": "a", "shape": 9}, 941, "0 (BOX)"),
        ({"operation": EditScene.Request.ADD, "name": "a", "dimensions": (1, 1, 1), "frame": "moon"}, 103, "moon"),
        ({"operation": EditScene.Request.ATTACH, "name": "a", "dimensions": (1, 1, 1), "frame": "nose"}, 103, "nose"),
    ],
)
def test_a_scene_edit_that_makes_no_sense_is_refused(graph, node, change, code, words):
    answer = edit(graph, **change)
    assert answer.error_code == code
    assert words in answer.error_msg
    assert answer.names == []


def test_joints_that_are_not_named_stay(graph, node):
    answer = plan(graph, to_joints([0.1], names=["wrist_3_joint"]))
    assert answer.error_code == 0
    assert np.allclose(positions(answer.trajectory)[-1], [*HOME[:5], 0.1])


FOLDED = np.array([0.0, -0.3, 2.9, 0.0, 0.0, 0.0])
FLAT_WRIST = np.array([*HOME[:4], 0.3, HOME[5]])
OTHER_WRIST = np.array([*HOME[:3], HOME[3] + 0.02, -0.3, HOME[5]])
NEAR_A_LIMIT = np.array([*HOME[:5], 2.0 * math.pi - 0.1])
NO_ROTATION = MotionTarget(path=MotionTarget.PATH_SAMPLED, goal=MotionTarget.GOAL_POSE, velocity_scale=1.0)
NO_ROTATION.acceleration_scale = 1.0
NO_ROTATION.pose.pose.orientation.w = 0.0


@pytest.mark.parametrize(
    ("target", "q_start", "code", "words"),
    [
        (to_pose(pose_from_xyz_rpy((3.0, 0.0, 0.5), (math.pi, 0.0, 0.0))), HOME, 101, "out of reach"),
        (to_joints([7.0], names=["elbow_joint"]), HOME, 102, "elbow_joint"),
        (to_pose(along_base(0.0, 0.0, 0.05), tip="nose"), HOME, 103, "no frame 'nose'"),
        (to_pose(np.eye(4), frame="moon"), HOME, 103, "base_link, "),
        (to_pose(along_base(1.5, 0.0, 0.0), MotionTarget.PATH_LIN), HOME, 101, "leaves the reach"),
        (to_pose(model().fk(OTHER_WRIST), MotionTarget.PATH_LIN), FLAT_WRIST, 104, "singularity"),
        (
            by(0.0, 0.0, 0.0, (0.0, 0.0, 0.4), path=MotionTarget.PATH_LIN),
            NEAR_A_LIMIT,
            205,
            "wrist_3_joint would be at",
        ),
        (to_joints(nearby()), FOLDED, 201, "start is in collision"),
        (to_pose(along_base(0.0, 0.0, -0.25)), HOME, 202, "in collision"),
        (to_pose(along_base(0.0, 0.0, -0.25), MotionTarget.PATH_LIN), HOME, 204, "in collision after"),
        (to_joints(FOLDED), HOME, 204, "in collision"),
        (NO_ROTATION, HOME, 302, "orientation"),
        (to_pose(np.full((4, 4), math.nan)), HOME, 301, "position"),
        (to_joints(nearby(), path=9), HOME, 941, "0 (PATH_PTP)"),
        (through(along_base(0.05, 0.0, 0.05), along_base(0.1, 0.0, 0.1)), HOME, 207, "on a line"),
        (through(along_base(math.nan, 0.0, 0.05), along_base(0.1, 0.0, 0.1)), HOME, 941, "via"),
        (to_name("away"), HOME, 941, "valid: home"),
        (by(0.0, 0.0, 0.05, frame="moon"), HOME, 103, "moon"),
        (by(0.0, 0.0, 0.25, path=MotionTarget.PATH_LIN), HOME, 204, "in collision after"),
        (to_pose(along_base(1e6, 0.0, 0.0), MotionTarget.PATH_LIN), HOME, 207, "the limit is 20 m"),
        (to_joints(nearby(), scale=0.0), HOME, 941, "velocity_scale = 0.0"),
        (to_joints(nearby(), scale=1e-9), HOME, 941, "valid: 0.001 to 1"),
        (to_joints([0.1], names=["nose_joint"]), HOME, 941, "shoulder_pan_joint"),
        (to_joints([0.1]), HOME, 941, "with a position"),
        (to_joints([math.nan], names=["elbow_joint"]), HOME, 941, "finite"),
    ],
)
def test_a_target_that_cannot_be_reached_has_a_code_and_a_reason(graph, node, target, q_start, code, words):
    answer = plan(graph, target, q_start)
    assert answer.error_code == code, answer.error_msg
    assert words in answer.error_msg
    assert not answer.trajectory.points


def test_a_goal_no_way_leads_to_ends_within_the_budget_and_the_node_answers_meanwhile(graph, node, arm, action):
    """With the wrist over the other way and the plug held, the goal is free, but the walls cut it off."""
    hard = to_joints([-0.16, -1.83, -1.18, 1.44, 4.71, -1.73], path=MotionTarget.PATH_SAMPLED)
    answer = plan(graph, hard, limit_s=0.3)
    assert answer.error_code == 203, answer.error_msg
    handle = start(graph, action, hard)
    begun_s = time.monotonic()
    assert graph.call(GetState, "/motion_planner/get_state", GetState.Request()).current_state.label == "active"
    answered_s = time.monotonic() - begun_s
    assert answered_s < 2.5
    ask(graph, handle.cancel_goal_async)
    ended = ask(graph, handle.get_result_async)
    assert (ended.status, ended.result.error_code) == (CANCELED, 346)
    assert time.monotonic() - begun_s < 3.8, "the answer waited for the planner"


def test_cancel_stops_the_arm_and_a_second_move_is_refused_meanwhile(graph, node, arm, action):
    feedback = []
    handle = start(graph, action, to_joints(nearby(0.6), scale=0.1), feedback)
    wait_until(lambda: any(item.progress > 0.05 for item in feedback), what="progress")
    second = move(graph, action, to_joints(HOME))
    assert (second.status, second.result.error_code) == (ABORTED, 342)
    ask(graph, handle.cancel_goal_async)
    ended = ask(graph, handle.get_result_async)
    assert (ended.status, ended.result.error_code) == (CANCELED, 346)
    q = arm.q.copy()
    assert not np.allclose(q, HOME)
    assert not np.allclose(q, nearby(0.6))
    assert np.allclose(ended.result.final_positions, q, atol=0.02)
    wait_until(lambda: feedback[-1].phase == MoveTo.Feedback.PHASE_STOPPING, what="the stop to be announced")
    assert np.allclose(arm.q, q), "the arm went on"


def test_a_newer_move_takes_over_when_it_may(graph, node, arm, action):
    feedback = []
    first = start(graph, action, to_joints(nearby(0.6), scale=0.1), feedback)
    wait_until(lambda: any(item.progress > 0.05 for item in feedback), what="progress")
    second = move(graph, action, to_name("home"), preempt=True)
    ended = ask(graph, first.get_result_async)
    assert (ended.status, ended.result.error_code) == (ABORTED, 348)
    assert (second.status, second.result.error_code) == (SUCCEEDED, 0), second.result.error_msg
    assert np.allclose(arm.q, HOME, atol=1e-3)
    alone = move(graph, action, to_joints(nearby(0.1)), preempt=True)
    assert alone.status == SUCCEEDED


def fail_with(code, text=""):
    return lambda arm: setattr(arm, "failure", (code, text))


@pytest.mark.parametrize(
    ("breakage", "limit_s", "code", "words"),
    [
        (fail_with(-4), 0.0, 310, "result -4"),
        (fail_with(-5), 0.0, 311, "result -5"),
        (fail_with(-1, "code 314: stopped by an operator"), 0.0, 314, "operator"),
        (fail_with(-77), 0.0, 344, "result -77"),
        (lambda arm: setattr(arm, "is_accepting", False), 0.0, 343, "rejected"),
        (lambda arm: setattr(arm, "is_stuck", True), 0.0, 345, "not done after"),
        (lambda arm: None, 0.35, 345, "time limit of 0.350 s"),
    ],
)
def test_what_goes_wrong_on_the_way_has_a_code(graph, node, arm, action, breakage, limit_s, code, words):
    breakage(arm)
    outcome = move(graph, action, to_joints(nearby(0.15), scale=0.1), limit_s=limit_s)
    assert (outcome.status, outcome.result.error_code) == (ABORTED, code), outcome.result.error_msg
    assert words in outcome.result.error_msg


def test_a_move_does_not_begin_while_the_arm_moves(graph, node, arm, action):
    arm.dq = np.full(6, 0.5)
    wait_until(lambda: plan(graph, to_joints(nearby()), q_start=None).error_code == 347, what="the motion to be seen")
    outcome = move(graph, action, to_joints(nearby()))
    assert (outcome.status, outcome.result.error_code) == (ABORTED, 347)
    assert "0.5000 rad/s" in outcome.result.error_msg


def test_old_joint_positions_are_not_used(graph, node, arm, action):
    arm.has_state = False
    wait_until(lambda: plan(graph, to_joints(nearby()), q_start=None).error_code == 341, what="the state to be old")
    outcome = move(graph, action, to_joints(nearby()))
    assert (outcome.status, outcome.result.error_code) == (ABORTED, 341)
    assert "s old" in outcome.result.error_msg


def test_plan_only_does_not_move(graph, node, arm, action):
    outcome = move(graph, action, to_joints(nearby()), plan_only=True)
    assert (outcome.status, outcome.result.error_code) == (SUCCEEDED, 0)
    assert np.allclose(positions(outcome.result.trajectory)[-1], nearby())
    assert np.allclose(arm.q, HOME)


def test_what_is_held_is_kept_away_from_the_board(graph, node, plug_topic, ports_topic):
    see(ports_topic, "trial_1")
    held = knowledge("trial_1").held
    down = to_pose(along_base(0.0, 0.0, -0.1), MotionTarget.PATH_LIN)
    low_plug = {
        "cable": "cable_0",
        "plug": held.plug,
        "connector": "sfp",
        "position_m": [0.0, 0.0, 0.1],
        "quat_xyzw": [0.0, 0.0, 0.0, 1.0],
    }
    plug_topic.publish(String(data=json.dumps(low_plug)))
    wait_until(lambda: plan(graph, down).error_code == 204, what="the plug to be in the way")
    assert "sfp_tip/" in plan(graph, down).error_msg
    plug_topic.publish(String(data="not a plug"))
    node.wait_for_output("code 941: cell/held_plug cannot be read")
    assert plan(graph, down).error_code == 204
    plug_topic.publish(String(data=""))
    wait_until(lambda: plan(graph, down).error_code == 0, what="the gripper to be empty")


def test_a_layout_that_is_not_there_is_refused(graph, node):
    answer = graph.call(SetLayout, "set_planning_layout", SetLayout.Request(layout="trial_9"))
    assert answer.error_code == 932
    assert "trial_1, trial_2, trial_3" in answer.error_msg


def test_deactivation_stops_the_arm(graph, node, arm, action):
    feedback = []
    handle = start(graph, action, to_joints(nearby(0.6), scale=0.1), feedback)
    wait_until(lambda: any(item.progress > 0.02 for item in feedback), what="progress")
    assert graph.change_state("/motion_planner", Transition.TRANSITION_DEACTIVATE)
    q = arm.q.copy()
    assert not np.allclose(q, nearby(0.6))
    ended = ask(graph, handle.get_result_async)
    assert (ended.status, ended.result.error_code) == (ABORTED, 346)
    assert np.allclose(arm.q, q), "the arm went on"
    assert plan(graph, to_joints(nearby())).error_code == 604
    assert graph.change_state("/motion_planner", Transition.TRANSITION_ACTIVATE)


ROBOTS = Path(__file__).parents[1] / "data" / "robots"
SEVEN = tuple(f"joint_{k}" for k in range(1, 8))
BENT = np.array([0.3, 0.5, -0.2, -1.2, 0.1, 0.9, 0.4])


@pytest.fixture(scope="module")
def other_arm():
    """A planner for an arm of seven axes, told by parameters alone."""
    parameters = (
        f"description_file:={ROBOTS / 'seven_axis.urdf'}",
        f"joint_names:=[{', '.join(SEVEN)}]",
        f"named_targets:=['home: {', '.join(map(str, BENT))}']",
        "assume_held:=false",
        "autostart:=true",
    )
    words = [word for parameter in parameters for word in ("-p", parameter)]
    with GraphClient("other") as client:
        with Process(BIN / "motion_planner", "--ros-args", "-r", "__ns:=/other", *words) as node:
            node.wait_for_output("activation done")
            yield client
        assert "Traceback" not in node.output


@pytest.mark.parametrize("path", [MotionTarget.PATH_PTP, MotionTarget.PATH_LIN, MotionTarget.PATH_SAMPLED])
def test_an_arm_of_seven_axes_is_planned_for(other_arm, path):
    arm = RobotModel((ROBOTS / "seven_axis.urdf").read_text(), joint_names=SEVEN)
    X = arm.fk(BENT)
    X[:3, 3] += (0.05, -0.08, 0.06)
    request = PlanMotion.Request(target=to_pose(X, path))
    request.planning_time_limit.sec = 4
    request.start = JointState(name=list(SEVEN), position=BENT.tolist())
    answer = other_arm.call(PlanMotion, "/other/plan_motion", request, timeout_s=30.0)
    assert answer.error_code == 0, answer.error_msg
    q = positions(answer.trajectory)
    assert list(answer.trajectory.joint_names) == list(SEVEN)
    assert np.allclose(q[0], BENT)
    assert np.abs(pose_difference(arm.fk(q[-1]), X)).max() < 1e-8
    if path == MotionTarget.PATH_LIN:
        points = np.array([arm.fk(one)[:3, 3] for one in q])
        way = X[:3, 3] - points[0]
        assert (np.linalg.norm(np.cross(points - points[0], way), axis=1) / np.linalg.norm(way)).max() < 1e-6


def test_the_home_of_another_arm_has_to_be_told(other_arm):
    request = PlanMotion.Request(target=to_name("home"))
    request.planning_time_limit.sec = 4
    request.start = JointState(name=list(SEVEN), position=(BENT + 0.1).tolist())
    answer = other_arm.call(PlanMotion, "/other/plan_motion", request, timeout_s=30.0)
    assert answer.error_code == 0, answer.error_msg
    assert np.allclose(positions(answer.trajectory)[-1], BENT)
    arm = RobotModel((ROBOTS / "seven_axis.urdf").read_text(), joint_names=SEVEN)
    with pytest.raises(MoveRequestError, match="home: 7 joint positions, for this arm"):
        parse_named_targets([], arm)
