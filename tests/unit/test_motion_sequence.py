"""Sequences of joint lines, lines and arcs: blends keep the limits on a fine grid, the radius and the margin."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cablecell.core.geometry import exp_so3, invert_pose, make_pose, pose_difference, pose_from_xyz_rpy
from cablecell.core.motion.blend import blend
from cablecell.core.motion.errors import PathCollisionError, PathGeometryError, StartInCollisionError
from cablecell.core.motion.joint_blend import time_rounded_joint_path
from cablecell.core.motion.scene import Scene
from cablecell.core.motion.sequence import JointGoal, SequenceGoal, Tip, ToolGoal
from cablecell.core.motion.timing import LineLimits, time_joint_path
from cablecell.core.motion.tool_path import ArcPath, CarriedPath, LinePath
from cablecell.core.motion.trajectory import Trajectory, is_at_rest, measure_limit_use
from tests.support import motion

LINE = LineLimits(velocity=0.25, acceleration=1.0, jerk=10.0)
START = motion.model().fk(motion.HOME)
NAMES = motion.model().joint_names


def at(offset: tuple[float, float, float], turn: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> np.ndarray:
    return make_pose(exp_so3(turn) @ START[:3, :3], START[:3, 3] + offset)


def tip(q: np.ndarray) -> np.ndarray:
    return motion.model().fk(q)[:3, 3]


def sequence(*goals: SequenceGoal, scene: Scene | None = None, **options: object) -> Trajectory:
    return motion.moves().move_sequence(motion.HOME, goals, LINE, scene or Scene(), 0.003, **options)


def assert_within_limits(trajectory: Trajectory) -> None:
    use = measure_limit_use(trajectory, motion.LIMITS, 0.0002)
    assert max(use.velocity, use.acceleration) <= 1.0 + 1e-6
    assert use.jerk <= 1.05
    assert is_at_rest(trajectory)


def closest(trajectory: Trajectory, point: np.ndarray) -> float:
    return min(float(np.linalg.norm(tip(q) - point)) for q in trajectory.sample_every(0.002)[1])


@pytest.mark.parametrize("kinds", list(itertools.product("jla", repeat=2)))
def test_any_two_moves_are_blended_within_the_limits_and_the_radius(kinds: tuple[str, str]) -> None:
    radius = 0.03
    middle, end = at((0.0, 0.1, 0.06)), at((0.05, 0.2, 0.06), (0.0, 0.0, 0.2))
    vias = ((0.02, 0.05, 0.05), (0.03, 0.13, 0.08))

    def goals(radius_m: float) -> list[SequenceGoal]:
        made: list[SequenceGoal] = []
        for kind, X, via, r in zip(kinds, (middle, end), vias, (radius_m, 0.0), strict=True):
            if kind == "j":
                made.append(JointGoal(X_base_tip=X, blend_radius_m=r))
            else:
                point = tuple((START[:3, 3] + via).tolist()) if kind == "a" else None
                made.append(ToolGoal(X, point, r))
        return made

    resting, rounded = sequence(*goals(0.0)), sequence(*goals(radius))
    for trajectory in (resting, rounded):
        assert_within_limits(trajectory)
        assert np.abs(pose_difference(motion.model().fk(trajectory.goal), end)).max() < 1e-8
    assert rounded.duration_s < resting.duration_s - 0.005
    assert closest(resting, middle[:3, 3]) < 1e-6
    assert 1e-4 < closest(rounded, middle[:3, 3]) < radius
    # Outside the radius the tip is where it is without a blend.
    unblended = np.array([tip(q) for q in resting.sample_every(0.001)[1]])
    for q in rounded.sample_every(0.01)[1]:
        point = tip(q)
        if np.linalg.norm(point - middle[:3, 3]) > radius * 1.001:
            assert np.linalg.norm(unblended - point, axis=1).min() < 4e-4


def test_random_blends_of_joint_lines_keep_the_limits() -> None:
    rng = np.random.default_rng(5)
    gained = []
    for _ in range(60):
        points = motion.HOME + np.vstack([np.zeros(6), np.cumsum(rng.uniform(-0.6, 0.6, (2, 6)), axis=0)])
        first, second = (time_joint_path(points[k : k + 2], motion.LIMITS, NAMES) for k in (0, 1))
        radius, longest = float(rng.uniform(0.002, 0.3)), 0.5 * min(first.duration_s, second.duration_s)
        whole = blend(first, second, radius, longest, motion.LIMITS, tip)
        assert_within_limits(whole)
        assert np.array_equal(whole.start, points[0])
        assert whole.goal == pytest.approx(points[2], abs=1e-12)
        assert closest(whole, tip(points[1])) <= radius
        gained.append(first.duration_s + second.duration_s - whole.duration_s)
    # A joint that turns back has to stop anyway; most of them do in one of six.
    assert min(gained) >= 0.0
    assert np.mean(np.array(gained) > 0.0) > 0.5


def test_random_joint_lines_go_round_their_corners_within_limits_and_radii() -> None:
    rng = np.random.default_rng(6)
    gained = []
    for _ in range(40):
        points = motion.HOME + np.vstack([np.zeros(6), np.cumsum(rng.uniform(-0.4, 0.6, (3, 6)), axis=0)])
        radii = rng.uniform(0.005, 0.2, 2)
        whole = time_rounded_joint_path(points, radii.tolist(), motion.LIMITS, NAMES, tip)
        assert_within_limits(whole)
        assert np.array_equal(whole.start, points[0])
        assert np.array_equal(whole.goal, points[3])
        moving = np.abs(whole.sample_at(np.linspace(0.1, whole.duration_s - 0.1, 400))[1]).max(axis=1)
        assert moving.min() > 1e-3, "it stops at a corner"
        for corner, radius in zip(points[1:3], radii, strict=True):
            assert closest(whole, tip(corner)) <= radius
        resting = time_joint_path(points, motion.LIMITS, NAMES)
        gained.append(1.0 - whole.duration_s / resting.duration_s)
    # What a joint that turns back loses by not resting is more than others gain: the sequence takes the faster way.
    assert max(gained) > 0.2


def test_going_on_the_same_way_does_not_slow_down_and_turning_back_stops() -> None:
    far = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    out = time_joint_path([motion.HOME, motion.HOME + far], motion.LIMITS, NAMES)
    on = time_joint_path([motion.HOME + far, motion.HOME + 2.0 * far], motion.LIMITS, NAMES)
    back = time_joint_path([motion.HOME + far, motion.HOME], motion.LIMITS, NAMES)
    # A ramp from rest to v takes v / a + a / j.
    ramp = 2.0 / 6.0 + 6.0 / 60.0
    whole = blend(out, on, 5.0, ramp, motion.LIMITS, tip)
    assert_within_limits(whole)
    assert whole.sample_at(np.linspace(ramp, whole.duration_s - ramp, 200))[1][:, 0].min() > 1.85
    assert whole.duration_s < out.duration_s + on.duration_s - 0.9 * ramp
    turned = blend(out, back, 5.0, ramp, motion.LIMITS, tip)
    assert_within_limits(turned)
    # From v to -v at the limits takes 2 v / a + a / j, 0.1 s less than with a rest between.
    assert turned.duration_s >= out.duration_s + back.duration_s - 0.1


def test_a_blend_into_something_is_made_smaller_until_it_is_free() -> None:
    corner, end = at((0.0, 0.2, 0.0)), at((0.2, 0.2, 0.0))
    goals = (ToolGoal(corner, blend_radius_m=0.06), ToolGoal(end))
    free = sequence(*goals)
    path = np.array([tip(q) for q in free.sample_every(0.002)[1]]) - corner[:3, 3]
    inwards = path[int(np.argmin(np.linalg.norm(path, axis=1)))]
    inwards /= np.linalg.norm(inwards)

    def with_a_post(depth: float) -> Scene:
        post = motion.block("post", tuple(corner[:3, 3] + depth * inwards), (0.01, 0.01, 0.01))
        return Scene((post,))

    def is_free(depth: float) -> bool:
        try:
            sequence(ToolGoal(corner), ToolGoal(end), scene=with_a_post(depth))
        except (PathCollisionError, StartInCollisionError):
            return False
        return True

    # As near to the corner, from inside, as the motion that rests there lets it be: the blend does not.
    low, high = 0.02, 0.4
    for _ in range(9):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if is_free(middle) else (middle, high)
    scene = with_a_post(high)
    with pytest.raises(PathCollisionError, match="post"):
        motion.moves().check_free(free, scene, 0.003)
    found = sequence(*goals, scene=scene)
    motion.moves().check_free(found, scene, 0.003)
    assert free.duration_s < found.duration_s <= sequence(ToolGoal(corner), ToolGoal(end)).duration_s


def test_what_no_radius_helps_is_told() -> None:
    x, y, z = START[:3, 3] + (0.1, 0.0, 0.1)
    wall = Scene((motion.block("wall", (x, y, z), (0.01, 0.02, 0.02)),))
    goals = (JointGoal(X_base_tip=at((0.0, 0.0, 0.1)), blend_radius_m=0.02), ToolGoal(at((0.2, 0.0, 0.1))))
    with pytest.raises(PathCollisionError, match="wall"):
        sequence(*goals, scene=wall)


@pytest.mark.parametrize(
    ("radii", "words"), [((0.0, 0.01), r"\[0\.0, 0\.01\] m"), ((-0.01, 0.0), "last of them 0"), ((np.nan, 0.0), "nan")]
)
def test_radii_that_make_no_sense_are_refused(radii: tuple[float, float], words: str) -> None:
    with pytest.raises(PathGeometryError, match=words):
        sequence(*(JointGoal([motion.HOME + 0.1 * k], blend_radius_m=r) for k, r in enumerate(radii, 1)))
    with pytest.raises(ValueError, match="either configurations or a pose"):
        JointGoal()


def test_a_joint_line_goes_to_the_first_goal_that_has_a_free_one() -> None:
    pan = np.array([0.4, 0.0, 0.0, 0.0, 0.0, 0.0])
    near, far, half = motion.HOME + pan, motion.HOME - pan, tip(motion.HOME + 0.5 * pan)
    scene = Scene((motion.block("post", tuple(half), (0.02, 0.02, 0.2)),))
    assert np.array_equal(motion.moves().move_joint_line(motion.HOME, [near, far], Scene(), 0.003).goal, near)
    assert np.array_equal(motion.moves().move_joint_line(motion.HOME, [near, far], scene, 0.003).goal, far)
    with pytest.raises(PathCollisionError, match="post"):
        motion.moves().move_joint_line(motion.HOME, [near], scene, 0.003)


def test_the_tip_of_what_is_held_goes_straight_and_round() -> None:
    """A line that turns: the tip 60 mm before the tool is on it, the tool itself is not."""
    X_tcp_tip = pose_from_xyz_rpy((0.0, 0.01, 0.06), (0.3, 0.0, 0.0))
    X_tip = START @ X_tcp_tip
    goal = make_pose(exp_so3((0.1, 0.2, 0.5)) @ X_tip[:3, :3], X_tip[:3, 3] + (0.06, -0.08, 0.0))
    held = Tip("tcp", X_tcp_tip)
    trajectory = motion.moves().move_linear(motion.HOME, goal, LINE, Scene(), 0.003, tip=held)
    poses = np.array([motion.model().fk(q) @ X_tcp_tip for q in trajectory.q])
    way = np.array([0.6, -0.8, 0.0])
    off = poses[:, :3, 3] - X_tip[:3, 3]
    assert np.linalg.norm(off - np.outer(off @ way, way), axis=1).max() < 1e-9
    tools = np.array([tip(q) for q in trajectory.q]) - START[:3, 3]
    straight = (tools[-1] / np.linalg.norm(tools[-1])).copy()
    assert np.linalg.norm(tools - np.outer(tools @ straight, straight), axis=1).max() > 3e-4
    assert_within_limits(trajectory)
    via = X_tip[:3, 3] + (0.05, -0.02, 0.0)
    arc = motion.moves().move_circular(motion.HOME, via, goal, LINE, Scene(), 0.003, tip=held)
    points = np.array([(motion.model().fk(q) @ X_tcp_tip)[:3, 3] for q in arc.q])
    assert np.linalg.norm(points - via, axis=1).min() < 1e-3
    assert np.abs(pose_difference(motion.model().fk(arc.goal) @ X_tcp_tip, goal)).max() < 1e-8


@pytest.mark.parametrize(
    "path",
    [
        LinePath(START, at((0.05, 0.1, 0), (0.2, 0.5, 0.1))),
        ArcPath(START, START[:3, 3] + (0.05, 0.05, 0), at((0.1, 0, 0), (0.3, 0.1, 0.4))),
    ],
)
def test_the_rates_of_a_carried_path_are_the_derivatives_of_its_poses(path: LinePath | ArcPath) -> None:
    X_frame_tip = pose_from_xyz_rpy((0.02, -0.03, 0.06), (0.3, 0.2, -0.5))
    carried = CarriedPath(path, X_frame_tip)
    s, h = np.linspace(0.01, path.length - 0.01, 9), 1e-5
    X, first, second = carried.sample(s)
    (before, rate_before, _), (after, rate_after, _) = carried.sample(s - h), carried.sample(s + h)
    for k in range(len(s)):
        assert np.abs(X[k] @ X_frame_tip - path.sample(s)[0][k]).max() < 1e-12
        assert pose_difference(before[k], after[k]) / (2 * h) == pytest.approx(first[k], abs=1e-7)
        assert (rate_after[k] - rate_before[k]) / (2 * h) == pytest.approx(second[k], abs=1e-6)
    assert np.abs(invert_pose(X[0]) @ X[0] - np.eye(4)).max() < 1e-12
