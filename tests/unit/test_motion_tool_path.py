"""Lines, arcs and rounded corners of the tool: shape, derivatives, and what becomes of them in time."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.geometry import exp_so3, make_pose, pose_difference
from cablecell.core.motion.errors import PathCollisionError, PathGeometryError
from cablecell.core.motion.scene import Scene
from cablecell.core.motion.sequence import ToolGoal
from cablecell.core.motion.timing import LineLimits, time_line, time_tool_path
from cablecell.core.motion.tool_path import ArcPath, BlendedPath, LinePath, ToolPath
from cablecell.core.motion.trajectory import Trajectory, is_at_rest, measure_limit_use
from tests.support import motion

LINE = LineLimits(velocity=0.25, acceleration=1.0, jerk=10.0)
START = motion.model().fk(motion.HOME)


def moved(X: np.ndarray, xyz: tuple[float, float, float], turn: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    return make_pose(exp_so3(turn) @ X[:3, :3], X[:3, 3] + xyz)


def arc() -> ArcPath:
    """A quarter turn to the side with 50 mm radius, turning the tool a little."""
    via = START[:3, 3] + (0.05 * (1 - np.cos(np.pi / 4)), 0.0, 0.05 * np.sin(np.pi / 4))
    return ArcPath(START, via, moved(START, (0.05, 0.0, 0.05), (0.1, 0.2, 0.0)))


def corner(radius_m: float) -> BlendedPath:
    middle = moved(START, (0.0, 0.0, 0.08), (0.2, 0.0, 0.0))
    return BlendedPath([LinePath(START, middle), LinePath(middle, moved(middle, (0.06, 0.03, 0.0)))], [radius_m])


def after_an_arc(radius_m: float) -> BlendedPath:
    end = arc().sample(np.array([arc().length]))[0][0]
    return BlendedPath([arc(), LinePath(end, moved(end, (0.0, 0.04, -0.03)))], [radius_m])


def tool_speed(trajectory: Trajectory, times: np.ndarray) -> np.ndarray:
    q, dq, _ = trajectory.sample_at(times)
    return np.array([np.linalg.norm((motion.model().jacobian(a) @ b)[:3]) for a, b in zip(q, dq, strict=True)])


@pytest.mark.parametrize(
    "path", [LinePath(START, moved(START, (0.1, 0, 0), (0, 0.3, 0))), arc(), corner(0.02), after_an_arc(0.02)]
)
def test_derivatives_are_those_of_the_poses(path: ToolPath) -> None:
    s, step = np.linspace(0.01, 0.99, 41) * path.length, 1e-6
    ahead, behind = path.sample(s + step), path.sample(s - step)
    _, first, second = path.sample(s)
    rates = np.array([pose_difference(a, b) for a, b in zip(behind[0], ahead[0], strict=True)]) / (2 * step)
    assert np.allclose(rates, first, atol=1e-5 * np.abs(first).max())
    bends = (ahead[1] - behind[1]) / (2 * step)
    assert np.allclose(bends, second, atol=1e-3 * max(1.0, np.abs(second).max()))


def test_an_arc_is_round_and_passes_its_via_point() -> None:
    path = arc()
    assert path.radius_m == pytest.approx(0.05)
    assert path.angle_rad == pytest.approx(np.pi / 2)
    poses = path.sample(np.linspace(0.0, path.length, 101))[0]
    centre = START[:3, 3] + (0.05, 0.0, 0.0)
    assert np.allclose(np.linalg.norm(poses[:, :3, 3] - centre, axis=1), 0.05, atol=1e-12)
    assert np.abs(pose_difference(poses[0], START)).max() < 1e-12
    assert np.abs(pose_difference(poses[-1], moved(START, (0.05, 0.0, 0.05), (0.1, 0.2, 0.0)))).max() < 1e-12
    assert np.abs(poses[50, :3, 3] - centre - 0.05 * np.array([-np.cos(np.pi / 4), 0, np.sin(np.pi / 4)])).max() < 1e-12


def test_the_via_point_decides_which_way_round() -> None:
    goal = moved(START, (0.05, 0.0, 0.05))
    short, long = (
        ArcPath(START, START[:3, 3] + np.array(offset), goal)
        for offset in ((0.05 - 0.05 * np.sqrt(0.5), 0, 0.05 * np.sqrt(0.5)), (0.1, 0.0, 0.0))
    )
    assert (short.angle_rad, long.angle_rad) == pytest.approx((np.pi / 2, 1.5 * np.pi))


@pytest.mark.parametrize(
    "via", [(0.025, 0.0, 0.025), (0.0, 0.0, 0.0), (0.0, 1e-8, 0.0), (0.05, 0.0, 0.05), (0.05, 1e-8, 0.05)]
)
def test_three_points_on_a_line_make_no_arc(via: tuple[float, float, float]) -> None:
    with pytest.raises(PathGeometryError, match="on a line, or two of them are the same") as e:
        ArcPath(START, START[:3, 3] + via, moved(START, (0.05, 0.0, 0.05)))
    assert e.value.code == 207


def test_a_rounded_corner_stays_inside_its_triangle_and_never_stops() -> None:
    radius = 0.02
    path = corner(radius)
    poses, first, _ = path.sample(np.linspace(0.0, path.length, 400))
    apex = START[:3, 3] + (0.0, 0.0, 0.08)
    sides = np.array([START[:3, 3] - apex, [0.06, 0.03, 0.0]])
    sides /= np.linalg.norm(sides, axis=1)[:, None]
    # In coordinates along the two sides a triangle is what is not negative and adds up to at most the radius.
    along = (poses[:, :3, 3] - apex) @ np.linalg.pinv(sides)
    assert along.min() > -1e-9
    assert np.all(np.minimum(along[:, 0], along[:, 1]) <= 0.5 * radius)
    assert along.sum(axis=1).min() > 0.3 * radius, "the corner is cut"
    assert np.linalg.norm(first[:, :3], axis=1).min() > 0.8
    assert np.linalg.norm(first[:, :3], axis=1).max() < 1.2
    assert path.length < LinePath(START, moved(START, (0, 0, 0.08))).length + np.hypot(0.06, 0.03)


def test_a_radius_beyond_half_a_path_is_cut_down_to_it() -> None:
    path = corner(1.0)
    poses = path.sample(np.linspace(0.0, path.length, 50))[0]
    assert np.abs(pose_difference(poses[0], START)).max() < 1e-9
    assert np.abs(poses[-1, :3, 3] - START[:3, 3] - (0.06, 0.03, 0.08)).max() < 1e-9


@pytest.mark.parametrize("path", [arc(), corner(0.02), after_an_arc(0.01)])
def test_in_time_the_tool_is_on_the_path_within_all_limits(path: ToolPath) -> None:
    trajectory = time_tool_path(motion.ik(), motion.HOME, path, LINE, motion.LIMITS)
    assert is_at_rest(trajectory)
    use = measure_limit_use(trajectory, motion.LIMITS, 0.0002)
    assert max(use.velocity, use.acceleration) <= 1.0 + 1e-6
    assert use.jerk <= 1.05
    dense = path.sample(np.linspace(0.0, path.length, 4000))[0][:, :3, 3]
    for q in trajectory.q[::25]:
        assert np.linalg.norm(dense - motion.model().fk(q)[:3, 3], axis=1).min() < path.length / 4000
    assert (
        np.abs(pose_difference(motion.model().fk(trajectory.goal), path.sample(np.array([path.length]))[0][0])).max()
        < 1e-8
    )
    # Knots carry true velocities: what lies between them is on the path, too.
    between = trajectory.sample_at(trajectory.times_s[:-1] + 0.001)[0]
    for q in between[::25]:
        assert np.linalg.norm(dense - motion.model().fk(q)[:3, 3], axis=1).min() < path.length / 4000


def test_a_line_of_150_mm_is_straight_to_a_nanometre_at_constant_speed() -> None:
    goal = moved(START, (0.09, -0.12, 0.0))
    slow = LineLimits(velocity=0.1, acceleration=0.5, jerk=5.0)
    trajectory = time_line(motion.ik(), motion.HOME, goal, slow, motion.LIMITS)
    points = np.array([motion.model().fk(q)[:3, 3] for q in trajectory.q]) - START[:3, 3]
    way = np.array([0.6, -0.8, 0.0])
    assert np.linalg.norm(points - np.outer(points @ way, way), axis=1).max() <= 1e-9
    # A ramp from rest takes v / a + a / j.
    ramp = 0.1 / 0.5 + 0.5 / 5.0
    speeds = tool_speed(trajectory, np.arange(ramp, trajectory.duration_s - ramp, 0.0005))
    assert len(speeds) > 1500
    assert np.abs(speeds - 0.1).max() < 0.01 * 0.1


def test_a_sequence_with_corners_rounded_is_faster_than_one_that_rests_there() -> None:
    moves = motion.moves()
    middle = moved(START, (0.0, 0.0, 0.08))
    end = ToolGoal(moved(middle, (0.08, 0.0, 0.0)))
    pace = LineLimits(velocity=0.1, acceleration=0.5, jerk=5.0)
    resting = moves.move_sequence(motion.HOME, [ToolGoal(middle), end], pace, Scene(), 0.003)
    rounded = moves.move_sequence(motion.HOME, [ToolGoal(middle, blend_radius_m=0.02), end], pace, Scene(), 0.003)
    assert rounded.duration_s < 0.9 * resting.duration_s
    assert rounded.goal == pytest.approx(resting.goal, abs=1e-8)
    inside = np.linspace(0.3, rounded.duration_s - 0.3, 200)
    assert tool_speed(rounded, inside).min() > 0.08
    assert tool_speed(resting, np.linspace(0.3, resting.duration_s - 0.3, 2000)).min() < 0.01


def test_arcs_and_sequences_are_checked_for_collision() -> None:
    moves = motion.moves()
    x, y, z = START[:3, 3]
    plate = motion.block("plate", (x + 0.05, y + 0.05, z), (0.03, 0.03, 0.01))
    via, goal = START[:3, 3] + (0.05, 0.05, 0.0), moved(START, (0.1, 0.0, 0.0))
    moves.move_circular(motion.HOME, via, goal, LINE, Scene(), 0.003)
    with pytest.raises(PathCollisionError, match="plate"):
        moves.move_circular(motion.HOME, via, goal, LINE, Scene((plate,)), 0.003)
    goals = [ToolGoal(goal, tuple(via.tolist()))]
    with pytest.raises(PathCollisionError, match="plate"):
        moves.move_sequence(motion.HOME, goals, LINE, Scene((plate,)), 0.003)


def test_paths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(PathGeometryError, match="0 goals"):
        motion.moves().move_sequence(motion.HOME, [], LINE, Scene(), 0.003)
    with pytest.raises(PathGeometryError, match=r"radii \[-1\.0\] m"):
        corner(-1.0)
    far = moved(START, (0.1, 0.0, 0.0))
    with pytest.raises(PathGeometryError, match=r"path 1 begins 1\.00e-01 m or rad from the end of path 0"):
        BlendedPath([LinePath(START, moved(START, (0.0, 0.0, 0.1))), LinePath(moved(far, (0, 0, 0.1)), far)], [0.01])
    with pytest.raises(PathGeometryError, match=r"begins 1\.00e-01 m or rad from the tool"):
        time_tool_path(motion.ik(), motion.HOME, LinePath(far, START), LINE, motion.LIMITS)
