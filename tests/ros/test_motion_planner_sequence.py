"""Sequences over ROS: one motion through rounded goals, all or nothing, that takes over and is taken over."""

import itertools
import math

import numpy as np
import pytest
from cablecell_interfaces.action import MoveSequence
from cablecell_interfaces.msg import MotionSequenceItem, MotionTarget
from cablecell_interfaces.srv import PlanSequence
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from cablecell.core.geometry import pose_from_xyz_rpy
from cablecell.core.motion.trajectory import Trajectory, is_at_rest, measure_limit_use
from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient
from cablecell.ros.estimator_layout import load_layout
from cablecell.ros.planner_scene import PlanningScene
from tests.support.motion import HOME, LIMITS, model
from tests.support.planner_node import (
    ABORTED,
    CANCELED,
    SUCCEEDED,
    action,
    along_base,
    arm,
    ask,
    by,
    graph,
    nearby,
    node,
    only_arm,
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

LIN, PTP = MotionTarget.PATH_LIN, MotionTarget.PATH_PTP
CORNER, SIDE, FAR = along_base(0.0, 0.0, 0.1), along_base(0.0, 0.12, 0.1), along_base(0.1, 0.12, 0.1)


@pytest.fixture(scope="module")
def sequence(graph):
    client = MutualActionClient(graph.node, MoveSequence, "move_sequence")
    yield client
    graph.run(client.destroy)


def items(*pairs):
    """Items of targets and radii."""
    return [MotionSequenceItem(target=target, blend_radius=radius) for target, radius in pairs]


def plan(graph, *pairs, q_start=HOME):
    request = PlanSequence.Request(items=items(*pairs))
    request.start = JointState(name=list(model().joint_names), position=q_start.tolist())
    return graph.call(PlanSequence, "plan_sequence", request, timeout_s=20.0)


def begin(graph, sequence, *pairs, feedback=None, **options):
    assert sequence.wait_for_server(timeout_sec=60.0)
    callback = None if feedback is None else lambda item: feedback.append(item.feedback)
    goal = MoveSequence.Goal(items=items(*pairs), **options)
    handle = ask(graph, lambda: sequence.send_goal_async(goal, feedback_callback=callback))
    assert handle.accepted
    return handle


def run(graph, sequence, *pairs, **options):
    return ask(graph, begin(graph, sequence, *pairs, **options).get_result_async)


def as_trajectory(message):
    times = [point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec for point in message.points]
    rows = (np.array([getattr(point, name) for point in message.points]) for name in JOINT_FIELDS)
    return Trajectory(tuple(message.joint_names), np.array(times), *rows)


JOINT_FIELDS = ("positions", "velocities", "accelerations")


def tips(message):
    return np.array([model().fk(q)[:3, 3] for q in as_trajectory(message).sample_every(0.004)[1]])


def duration_s(message):
    return as_trajectory(message).duration_s


def there_and_on(radius, scale=1.0):
    return (to_pose(CORNER, LIN, scale=scale), radius), (to_pose(SIDE, LIN, scale=scale), 0.0)


def test_a_corner_with_a_radius_is_rounded_within_it_and_faster(graph, node):
    resting, rounded = (plan(graph, *there_and_on(radius)) for radius in (0.0, 0.03))
    assert (resting.error_code, rounded.error_code) == (0, 0), rounded.error_msg
    nearest = [np.linalg.norm(tips(answer.trajectory) - CORNER[:3, 3], axis=1).min() for answer in (resting, rounded)]
    assert nearest[0] < 1e-5
    assert 1e-3 < nearest[1] < 0.03
    assert duration_s(rounded.trajectory) < 0.95 * duration_s(resting.trajectory)
    for answer in (resting, rounded):
        assert np.allclose(model().fk(positions(answer.trajectory)[-1]), SIDE, atol=1e-6)
        trajectory = as_trajectory(answer.trajectory)
        use = measure_limit_use(trajectory, LIMITS)
        assert is_at_rest(trajectory)
        assert max(use.velocity, use.acceleration) <= 1.02
        assert use.jerk <= 1.05


def test_joint_lines_lines_and_arcs_follow_each_other(graph, node):
    arc = through(along_base(0.06, 0.1, 0.1), FAR)
    answer = plan(graph, (to_pose(CORNER, PTP), 0.02), (to_pose(SIDE, LIN), 0.02), (arc, 0.01), (to_name("home"), 0.0))
    assert answer.error_code == 0, answer.error_msg
    points = tips(answer.trajectory)
    for X, radius in ((CORNER, 0.02), (SIDE, 0.02), (FAR, 0.01)):
        assert np.linalg.norm(points - X[:3, 3], axis=1).min() < radius
    assert np.allclose(positions(answer.trajectory)[-1], HOME, atol=1e-3)


def test_a_sequence_leads_the_tip_of_a_held_plug(graph, node):
    scene = PlanningScene(model(), load_layout("", "trial_1"), assume_held=True, unseen_margin_m=0.02)
    X_tcp_tip, radius = scene.held.X_tcp_tip, 0.02
    turned = SIDE @ pose_from_xyz_rpy((0.0, 0.0, 0.0), (0.0, 0.0, 0.3))
    goals = [X @ X_tcp_tip for X in (CORNER, turned)]
    answer = plan(graph, *((to_pose(X, LIN, tip="sfp_tip"), r) for X, r in zip(goals, (radius, 0.0), strict=True)))
    assert answer.error_code == 0, answer.error_msg
    samples = as_trajectory(answer.trajectory).sample_every(0.004)[1]
    points = np.array([(model().fk(q) @ X_tcp_tip)[:3, 3] for q in samples])
    ends = [(model().fk(HOME) @ X_tcp_tip)[:3, 3], *(X[:3, 3] for X in goals)]
    off = np.minimum(*(distances_to_line(points, a, b) for a, b in itertools.pairwise(ends)))
    is_at_corner = np.linalg.norm(points - ends[1], axis=1) < radius
    assert off[~is_at_corner].max() < 1e-6
    assert is_at_corner.any()
    assert off[is_at_corner].max() > 1e-3
    assert np.allclose(points[-1], ends[2], atol=1e-7)


def distances_to_line(points, a, b):
    way = (b - a) / np.linalg.norm(b - a)
    return np.linalg.norm(np.cross(points - a, way), axis=1)


def test_each_item_keeps_its_own_pace_and_starts_where_the_one_before_ends(graph, node):
    up, aside = by(0.0, 0.0, 0.08, frame="base_link", path=LIN), by(0.0, 0.1, 0.0, frame="base_link", path=LIN)
    aside.velocity_scale = 0.2
    turn = to_joints([HOME[5] + 0.5], names=["wrist_3_joint"])
    answer = plan(graph, (up, 0.0), (aside, 0.0), (turn, 0.0))
    assert answer.error_code == 0, answer.error_msg
    trajectory = as_trajectory(answer.trajectory)
    times, samples = trajectory.sample_every(0.004)[:2]
    points = np.array([model().fk(q)[:3, 3] for q in samples])
    corner, end = (along_base(*offset)[:3, 3] for offset in ((0.0, 0.0, 0.08), (0.0, 0.1, 0.08)))
    at_corner, at_end = (int(np.linalg.norm(points - point, axis=1).argmin()) for point in (corner, end))
    speeds = np.linalg.norm(np.diff(points, axis=0), axis=1) / np.diff(times)
    assert speeds[:at_corner].max() > 0.15
    assert speeds[at_corner + 1 : at_end - 1].max() == pytest.approx(0.2 * 0.25, rel=0.01)
    assert np.linalg.norm(points[-1] - end) < 1e-3, "the tool turned on the spot"
    assert samples[-1][5] == pytest.approx(HOME[5] + 0.5)
    assert np.allclose(samples[-1][:5], samples[at_end][:5], atol=1e-3)


def test_what_cannot_be_is_refused_with_its_item(graph, node):
    near, lin = to_pose(CORNER, LIN), to_pose(SIDE, LIN)
    into_the_table = to_pose(along_base(0.0, 0.0, -0.25), LIN)
    for pairs, code, words in (
        ((), 941, "items = nothing"),
        (((near, 0.01),), 941, "blend_radius = 0.01 m"),
        (((near, -0.01), (lin, 0.0)), 941, "goal 1 of 2: blend_radius = -0.01 m"),
        (((near, math.nan), (lin, 0.0)), 941, "blend_radius = nan m"),
        (((near, 0.01), (to_pose(SIDE, MotionTarget.PATH_AUTO), 0.0)), 941, "goal 2 of 2: path of a sequence"),
        (((near, 0.01), (to_pose(SIDE, LIN, tip="sfp_tip"), 0.0)), 941, "goal 2 of 2: tip_frame = sfp_tip"),
        (((near, 0.01), (to_joints([7.0], names=["elbow_joint"]), 0.0)), 102, "goal 2 of 2: "),
        (((near, 0.01), (to_pose(along_base(1.5, 0.0, 0.0), LIN), 0.0)), 101, "goal 2 of 2: "),
        (((near, 0.01), (into_the_table, 0.0)), 204, "goal 2 of 2: the path is in collision"),
        (((near, 0.01), (through(CORNER, SIDE), 0.0)), 207, "goal 2 of 2: "),
        (((near, 0.01), (to_pose(SIDE, LIN, frame="moon"), 0.0)), 103, "goal 2 of 2: "),
        (((near, 0.01), (to_pose(SIDE, LIN, scale=0.0), 0.0)), 941, "goal 2 of 2: velocity_scale"),
    ):
        answer = plan(graph, *pairs)
        assert answer.error_code == code, answer.error_msg
        assert words in answer.error_msg
        assert not answer.trajectory.points


def test_a_sequence_is_run_as_one_motion_that_does_not_stop_at_rounded_goals(graph, node, arm, sequence):
    paths = graph.collect(JointTrajectory, "preview_trajectory", qos.STATE)
    feedback = []
    outcome = run(graph, sequence, *there_and_on(0.03), feedback=feedback)
    assert (outcome.status, outcome.result.error_code, outcome.result.error_msg) == (SUCCEEDED, 0, "")
    assert np.allclose(model().fk(outcome.result.final_positions), SIDE, atol=1e-3)
    points = tips(outcome.result.trajectory)
    inner = np.linalg.norm(np.diff(points, axis=0), axis=1)[60:-60] / 0.004
    assert inner.min() > 0.05
    assert [item.phase for item in feedback][:2] == [1, 2]
    q = positions(outcome.result.trajectory)
    wait_until(lambda: paths and np.array_equal(positions(paths[-1]), q), what="the previewed trajectory")


def test_nothing_moves_where_a_later_item_cannot_be_or_only_a_plan_is_wanted(graph, node, arm, sequence):
    failed = run(graph, sequence, (to_pose(CORNER, LIN), 0.02), (to_pose(along_base(0.0, 0.0, -0.25), LIN), 0.0))
    assert (failed.status, failed.result.error_code) == (ABORTED, 204)
    assert not failed.result.trajectory.points
    planned = run(graph, sequence, *there_and_on(0.03), plan_only=True)
    assert (planned.status, planned.result.error_code) == (SUCCEEDED, 0)
    assert planned.result.trajectory.points
    for outcome in (failed, planned):
        assert np.allclose(outcome.result.final_positions, HOME)
    assert np.array_equal(arm.q, HOME)


def test_cancel_stops_a_sequence(graph, node, arm, sequence):
    feedback = []
    handle = begin(graph, sequence, *there_and_on(0.03, scale=0.1), feedback=feedback)
    wait_until(lambda: any(item.progress > 0.05 for item in feedback), what="progress")
    ask(graph, handle.cancel_goal_async)
    ended = ask(graph, handle.get_result_async)
    assert (ended.status, ended.result.error_code) == (CANCELED, 346)
    q = arm.q.copy()
    assert not np.allclose(q, HOME)
    wait_until(lambda: feedback[-1].phase == MoveSequence.Feedback.PHASE_STOPPING, what="the stop to be announced")
    assert np.allclose(arm.q, q), "the arm went on"


def test_moves_and_sequences_take_turns_and_take_over_from_each_other(graph, node, arm, action, sequence):
    slow_sequence = there_and_on(0.03, scale=0.1)
    feedback = []
    running = begin(graph, sequence, *slow_sequence, feedback=feedback)
    wait_until(lambda: any(item.progress > 0.02 for item in feedback), what="progress of the sequence")
    refused = ask(graph, start(graph, action, to_joints(nearby())).get_result_async)
    assert (refused.status, refused.result.error_code) == (ABORTED, 342)
    moving = []
    slow_move = start(graph, action, to_joints(nearby(0.6), scale=0.1), moving, preempt=True)
    stopped = ask(graph, running.get_result_async)
    assert (stopped.status, stopped.result.error_code) == (ABORTED, 348)
    wait_until(lambda: any(item.progress > 0.02 for item in moving), what="progress of the move")
    also_refused = run(graph, sequence, *there_and_on(0.03))
    assert (also_refused.status, also_refused.result.error_code) == (ABORTED, 342)
    last = run(graph, sequence, (to_name("home"), 0.0), preempt=True)
    assert (last.status, last.result.error_code) == (SUCCEEDED, 0)
    ended = ask(graph, slow_move.get_result_async)
    assert (ended.status, ended.result.error_code) == (ABORTED, 348)
    assert np.allclose(arm.q, HOME, atol=1e-3)
