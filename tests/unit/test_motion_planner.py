"""Planning: free paths on the cell's own boards, postconditions, and every error by its name."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest

from cablecell.core.geometry import pose_difference, pose_from_xyz_rpy
from cablecell.core.motion import planner as planner_module
from cablecell.core.motion.collision import CollisionChecker
from cablecell.core.motion.compiled import CompiledChecker
from cablecell.core.motion.errors import (
    GoalInCollisionError,
    JointLimitError,
    NoIkSolutionError,
    NoPlanError,
    PathCollisionError,
    PlannerFaultError,
    StartInCollisionError,
)
from cablecell.core.motion.moves import MovePlanner
from cablecell.core.motion.planner import JointPath, PathPlanner, PlannerSettings, RrtConnectPlanner
from cablecell.core.motion.scene import Box as SceneBox
from cablecell.core.motion.scene import Obstacle, Scene
from cablecell.core.motion.search import Search, SearchProblem, search_with_compiled_trees, search_with_ompl
from cablecell.core.motion.timing import LineLimits
from cablecell.core.motion.trajectory import MotionLimits, is_at_rest, measure_limit_use
from tests.support import motion

LINE = LineLimits(velocity=0.25, acceleration=1.0, jerk=10.0)


def hover(trial: int, frame: str, height_m: float) -> np.ndarray:
    """Pose of the tcp with the held plug's tip above the entrance of a port, pointing into it."""
    X_base_entrance = motion.board_frame(trial, frame)
    return X_base_entrance @ pose_from_xyz_rpy((0, 0, -height_m - 0.0579), (0, 0, 0))


def turned(q: np.ndarray, **radians: float) -> np.ndarray:
    names = ("pan", "lift", "elbow", "w1", "w2", "w3")
    result = q.copy()
    for name, value in radians.items():
        result[names.index(name)] += value
    return result


def wall_scene() -> Scene:
    """A wall beside the tool, between home and home turned by half a radian."""
    X = motion.model().fk(turned(motion.HOME, pan=0.35))
    pose = pose_from_xyz_rpy((X[0, 3], X[1, 3], 0.2), (0, 0, 0))
    return Scene((Obstacle("wall", SceneBox((0.25, 0.01, 0.4)), pose),))


@pytest.mark.parametrize(
    ("trial", "entrance"),
    [
        (1, "nic_card_mount_0/sfp_port_0_entrance"),
        (2, "nic_card_mount_1/sfp_port_0_entrance"),
        (3, "sc_port_1/sc_port_base_entrance"),
    ],
)
def test_the_sample_trials_can_be_approached_and_left(trial: int, entrance: str) -> None:
    """From home to 50 mm above the port, straight down to 5 mm above it, and back, with the plug held."""
    moves = motion.moves()
    scene = motion.scene(trial).with_attached(motion.held_plug())
    staging, near = hover(trial, entrance, 0.050), hover(trial, entrance, 0.005)
    approach = moves.move_to_pose(motion.HOME, staging, scene, motion.MARGIN_M)
    down = moves.move_linear(approach.goal, near, LINE, scene, motion.MARGIN_M)
    up = moves.move_linear(down.goal, staging, LINE, scene, motion.MARGIN_M)
    back = moves.move_to_joints(up.goal, motion.HOME, scene, motion.MARGIN_M, speed_scale=0.5)
    assert np.abs(pose_difference(motion.model().fk(approach.goal), staging)).max() < 1e-9
    assert np.abs(pose_difference(motion.model().fk(down.goal), near)).max() < 1e-9
    assert back.goal == pytest.approx(motion.HOME, abs=1e-9)
    checker = CollisionChecker(motion.geometry(), scene, 0.0)
    for trajectory in (approach, down, up, back):
        assert is_at_rest(trajectory)
        use = measure_limit_use(trajectory, motion.LIMITS)
        assert max(use.velocity, use.acceleration) <= 1.0 + 1e-6
        assert use.jerk <= 1.01
        for q in trajectory.sample_every(0.005)[1]:
            assert checker.is_free(q), checker.describe(q)


def test_a_free_straight_line_is_taken() -> None:
    goal = turned(motion.HOME, pan=0.3, w3=0.5)
    path = motion.moves().planner.plan(motion.HOME, [goal], Scene(), motion.MARGIN_M)
    assert path.is_direct
    assert np.array_equal(path.waypoints, [motion.HOME, goal])


def test_an_obstacle_is_gone_around() -> None:
    goal = turned(motion.HOME, pan=0.7)
    scene = wall_scene()
    path = motion.moves().planner.plan(motion.HOME, [goal], scene, motion.MARGIN_M)
    assert not path.is_direct
    assert np.array_equal(path.waypoints[0], motion.HOME)
    assert np.array_equal(path.goal, goal)
    checker = CollisionChecker(motion.geometry(), scene, 0.0)
    assert not checker.is_edge_free(motion.HOME, goal, 0.005)
    for a, b in zip(path.waypoints[:-1], path.waypoints[1:], strict=True):
        assert checker.is_free(a)
        assert checker.is_edge_free(a, b, 0.002)
    # Shortened: no waypoint can be left out.
    with_margin = CollisionChecker(motion.geometry(), scene, motion.MARGIN_M)
    for a, b in zip(path.waypoints[:-2], path.waypoints[2:], strict=True):
        assert not with_margin.is_edge_free(a, b, 0.02)


def test_the_same_question_gets_the_same_answer() -> None:
    goal = turned(motion.HOME, pan=0.7)
    paths = [motion.moves().planner.plan(motion.HOME, [goal], wall_scene(), motion.MARGIN_M) for _ in range(2)]
    assert np.array_equal(paths[0].waypoints, paths[1].waypoints)


def test_the_nearest_free_goal_is_chosen() -> None:
    near_blocked, far_free = turned(motion.HOME, pan=0.35), turned(motion.HOME, pan=-0.6)
    path = motion.moves().planner.plan(motion.HOME, [far_free, near_blocked], wall_scene(), motion.MARGIN_M)
    assert np.array_equal(path.goal, far_free)


def test_a_start_in_collision_names_the_pair() -> None:
    blocked = turned(motion.HOME, pan=0.35)
    with pytest.raises(StartInCollisionError, match=r"start is in collision: \w+ and wall.* margin 3\.0 mm") as e:
        motion.moves().planner.plan(blocked, [motion.HOME], wall_scene(), motion.MARGIN_M)
    assert e.value.code == 201


def test_a_goal_in_collision_names_the_pair() -> None:
    blocked = turned(motion.HOME, pan=0.35)
    with pytest.raises(GoalInCollisionError, match=r"the goal is in collision, the nearest: \w+ and wall"):
        motion.moves().planner.plan(motion.HOME, [blocked], wall_scene(), motion.MARGIN_M)
    with pytest.raises(GoalInCollisionError, match="all 2 goals are in collision"):
        motion.moves().planner.plan(motion.HOME, [blocked, blocked], wall_scene(), motion.MARGIN_M)


def test_a_goal_closer_than_the_margin_is_in_collision() -> None:
    X = motion.model().fk(motion.HOME)
    plate = motion.block("plate", (X[0, 3], X[1, 3], X[2, 3] - 0.01), (0.2, 0.2, 0.01))
    goal = motion.ik().solve(X, motion.HOME)
    start = turned(motion.HOME, pan=-0.8)
    motion.moves().planner.plan(start, [goal], Scene((plate,)), 0.001)
    with pytest.raises(GoalInCollisionError, match=r"nearest \d\.\d mm, margin 20\.0 mm"):
        motion.moves().planner.plan(start, [goal], Scene((plate,)), 0.02)


def test_no_plan_within_the_budget_says_how_long_it_looked() -> None:
    """A radial wall on either side of the arm, closer and higher than it folds: no way out to the sides."""
    X = motion.model().fk(motion.HOME)
    ahead = float(np.arctan2(X[1, 3], X[0, 3]))
    walls = []
    for side in (-0.75, 0.75):
        c, s = np.cos(ahead + side), np.sin(ahead + side)
        pose = pose_from_xyz_rpy((0.62 * c, 0.62 * s, 0.75), (0, 0, ahead + side))
        walls.append(Obstacle("wall", SceneBox((0.92, 0.02, 1.5)), pose))
    scene = Scene(tuple(walls))
    quick = RrtConnectPlanner(motion.geometry(), PlannerSettings(budget_s=0.2))
    goal = turned(motion.HOME, pan=-1.7)
    with pytest.raises(NoPlanError, match=r"no path to any of 1 goals within 0\.2 s at a margin of 3\.0 mm") as e:
        quick.plan(motion.HOME, [goal], scene, motion.MARGIN_M)
    assert e.value.unit == "s"


def test_joints_outside_their_limits_are_refused_before_planning() -> None:
    outside = turned(motion.HOME, elbow=-2.0)
    for start, goal in ((outside, motion.HOME), (motion.HOME, outside)):
        with pytest.raises(JointLimitError, match="elbow_joint is -3"):
            motion.moves().planner.plan(start, [goal], Scene(), motion.MARGIN_M)


def test_a_plan_without_goals_is_a_programmers_error() -> None:
    with pytest.raises(ValueError, match="at least one goal"):
        motion.moves().planner.plan(motion.HOME, [], Scene(), motion.MARGIN_M)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (lambda s, g: [g, g], "does not begin at the start"),
        (lambda s, g: [s, g + 1e-6], "does not end at the goal"),
    ],
)
def test_a_planner_that_breaks_its_promise_is_caught(
    monkeypatch: pytest.MonkeyPatch, answer: object, fault: str
) -> None:
    """Some planners of the library have returned [goal, goal] as an exact solution."""

    def fake(problem: SearchProblem) -> np.ndarray:
        assert callable(answer)
        return np.array(answer(problem.from_start[0], problem.from_goal[0]))

    goal = turned(motion.HOME, pan=0.7)
    straight = np.array([motion.HOME, goal])
    monkeypatch.setattr(planner_module, "search_with_ompl", fake)
    monkeypatch.setattr(planner_module, "shortened", lambda path, *_: path)
    monkeypatch.setattr(RrtConnectPlanner, "_is_path_free", lambda _, path, *__: not np.array_equal(path, straight))
    # What the other search finds is taken; a fault is told where that finds nothing either.
    path = motion.moves().planner.plan(motion.HOME, [goal], wall_scene(), motion.MARGIN_M)
    assert np.array_equal(path.goal, goal)
    monkeypatch.setattr(planner_module, "search_with_compiled_trees", lambda _: None)
    with pytest.raises(PlannerFaultError, match=fault):
        motion.moves().planner.plan(motion.HOME, [goal], wall_scene(), motion.MARGIN_M)


@pytest.mark.parametrize("search", [search_with_compiled_trees, search_with_ompl])
def test_a_search_gives_every_configuration_of_its_way(search: Search) -> None:
    """From the first row of one beginning to the first row of the other, by free edges no longer than asked.

    Left out where the two trees meet, a configuration was missed by the check of the path alone.
    """
    checker = CompiledChecker(CollisionChecker(motion.geometry(), wall_scene(), motion.MARGIN_M))
    limits = motion.model().limits
    goal = turned(motion.HOME, pan=0.7)
    for seed in range(30):
        problem = SearchProblem(
            motion.HOME[None], goal[None], checker, limits.lower, limits.upper, 0.02, 0.4, budget_s=5.0, seed=seed
        )
        path = search(problem)
        assert path is not None
        assert np.array_equal(path[0], motion.HOME)
        assert np.array_equal(path[-1], goal)
        assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() <= 0.4 + 1e-9
        assert all(checker.is_edge_free(a, b, 0.02) for a, b in itertools.pairwise(path))


def test_a_search_that_steps_over_something_thin_is_repeated_finer(monkeypatch: pytest.MonkeyPatch) -> None:
    resolutions = []
    real = planner_module.search_with_ompl

    def careless(problem: SearchProblem) -> np.ndarray | None:
        resolutions.append(problem.resolution_rad)
        if len(resolutions) == 1:
            return np.array([problem.from_start[0], problem.from_goal[0]])
        return real(problem)

    monkeypatch.setattr(planner_module, "search_with_ompl", careless)
    path = motion.moves().planner.plan(motion.HOME, [turned(motion.HOME, pan=0.7)], wall_scene(), motion.MARGIN_M)
    assert resolutions == [0.02, 0.005]
    assert len(path.waypoints) > 2


@pytest.mark.parametrize(
    ("backend", "broken"), [("ompl", "search_with_ompl"), ("compiled", "search_with_compiled_trees")]
)
def test_where_one_search_finds_nothing_the_other_is_asked(
    monkeypatch: pytest.MonkeyPatch, backend: Literal["ompl", "compiled"], broken: str
) -> None:
    goal = turned(motion.HOME, pan=0.7)
    planner = RrtConnectPlanner(motion.geometry(), PlannerSettings(backend=backend))
    monkeypatch.setattr(planner_module, broken, lambda *_, **__: None)
    path = planner.plan(motion.HOME, [goal], wall_scene(), motion.MARGIN_M)
    assert np.array_equal(path.goal, goal)


def test_the_compiled_backend_is_repeatable_and_its_path_free_for_coal() -> None:
    goal, scene = turned(motion.HOME, pan=0.7), wall_scene()
    settings = PlannerSettings(backend="compiled")
    paths = [
        RrtConnectPlanner(motion.geometry(), settings).plan(motion.HOME, [goal], scene, motion.MARGIN_M)
        for _ in range(2)
    ]
    assert np.array_equal(paths[0].waypoints, paths[1].waypoints)
    other = PlannerSettings(backend="compiled", seed=9)
    path = RrtConnectPlanner(motion.geometry(), other).plan(motion.HOME, [goal], scene, motion.MARGIN_M)
    assert not np.array_equal(paths[0].waypoints, path.waypoints)
    checker = CollisionChecker(motion.geometry(), scene, 0.0)
    for a, b in zip(path.waypoints[:-1], path.waypoints[1:], strict=True):
        assert checker.is_edge_free(a, b, 0.002)


def test_any_planner_fits_behind_the_interface() -> None:
    class Straight:
        def plan(self, q_start: np.ndarray, q_goals: Sequence[np.ndarray], scene: Scene, margin_m: float) -> JointPath:
            return JointPath(np.array([q_start, q_goals[0]]), True)

    planners: list[PathPlanner] = [Straight(), motion.moves().planner]
    goal = turned(motion.HOME, pan=0.2)
    for planner in planners:
        assert np.array_equal(planner.plan(motion.HOME, [goal], Scene(), 0.0).goal, goal)


def test_a_pose_out_of_reach_is_told_by_the_move() -> None:
    with pytest.raises(NoIkSolutionError, match="out of reach"):
        motion.moves().move_to_pose(motion.HOME, motion.pointing_down((1.4, 0.0, 0.2)), Scene(), motion.MARGIN_M)


def test_a_line_into_an_obstacle_says_when_and_what() -> None:
    X = motion.model().fk(motion.HOME)
    goal = X.copy()
    goal[2, 3] -= 0.12
    plate = motion.block("plate", (X[0, 3], X[1, 3], X[2, 3] - 0.1), (0.2, 0.2, 0.01))
    scene = Scene((plate,))
    with pytest.raises(PathCollisionError, match=r"in collision after 0\.\d+ s of 0\.\d+ s: \w+ and plate") as e:
        motion.moves().move_linear(motion.HOME, goal, LINE, scene, motion.MARGIN_M)
    assert e.value.code == 204
    low = motion.ik().solve(goal, motion.HOME)
    with pytest.raises(StartInCollisionError, match="plate"):
        motion.moves().move_linear(low, X, LINE, scene, motion.MARGIN_M)
    allowed = scene.allowing(("plate", "left_finger_link"), ("plate", "right_finger_link"))
    goal[2, 3] += 0.02
    motion.moves().move_linear(motion.HOME, goal, LINE, allowed, motion.MARGIN_M)


def test_limits_above_the_description_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shoulder_pan_joint is 4\.000 rad/s; the description allows 3\.142 rad/s"):
        MovePlanner(motion.model(), MotionLimits.uniform(6, 4.0, 6.0, 60.0), geometry=motion.geometry())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("backend", "fast"),
        ("retreat_m", -0.1),
        ("budget_s", 0.0),
        ("edge_resolution_rad", float("nan")),
        ("goals_tried", 0),
    ],
)
def test_settings_that_make_no_sense_are_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        PlannerSettings(**{name: value})  # type: ignore[arg-type]
