"""Collision checks against independent truths, margins, held bodies, allowed pairs and the names in messages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cablecell.core.geometry import invert_pose, pose_from_xyz_rpy
from cablecell.core.motion.collision import CollisionChecker, RobotGeometry
from cablecell.core.motion.compiled import CompiledChecker
from cablecell.core.motion.errors import RobotModelError, UnknownFrameError
from cablecell.core.motion.scene import (
    AttachedBody,
    Box,
    Capsule,
    Cylinder,
    Obstacle,
    Scene,
    Sphere,
    hold_cable,
    obstacles_from_urdf,
)
from tests.support import motion


def random_configurations(count: int, seed: int) -> np.ndarray:
    """Half anywhere, half around home, where the tool is close to itself and to the board."""
    rng = np.random.default_rng(seed)
    return np.vstack([rng.uniform(-3, 3, (count // 2, 6)), motion.HOME + rng.uniform(-0.4, 0.4, (count // 2, 6))])


@pytest.mark.parametrize(("margin_m", "count"), [(0.0, 2000), (0.01, 400)])
def test_the_broad_phase_agrees_with_checking_every_pair(margin_m: float, count: int) -> None:
    checker = CollisionChecker(motion.geometry(), motion.scene(3).with_attached(motion.held_plug()), margin_m)
    assert checker.pair_count > 1000
    hits = 0
    for q in random_configurations(count, 21):
        is_free = checker.is_free(q)
        hits += not is_free
        assert is_free == (not checker.colliding_pairs(q)), q
    assert 0.2 < hits / count < 0.95


def agreeing_answers(checker: CollisionChecker, configurations: np.ndarray) -> list[bool]:
    """What coal says, after the compiled twin has said the same but for what touches to a tenth of a micrometre."""
    compiled = CompiledChecker(checker)
    answers = []
    for q in configurations:
        is_free = checker.is_free(q)
        if compiled.is_free(q) != is_free:
            assert abs(checker.nearest(q).distance_m - checker.margin_m) < 1e-7, q
        answers.append(is_free)
    return answers


@pytest.mark.parametrize(("trial", "margin_m", "has_cable"), [(1, 0.0, True), (2, 0.006, True), (3, 0.003, False)])
def test_the_compiled_checker_gives_coals_answers(trial: int, margin_m: float, has_cable: bool) -> None:
    scene = motion.scene(trial).with_attached(motion.held_plug())
    scene = scene.with_cable(motion.held_cable() if has_cable else None)
    checker = CollisionChecker(motion.geometry(), scene, margin_m)
    answers = agreeing_answers(checker, random_configurations(1000, 22))
    assert 0.1 < np.mean(answers) < 0.9


def test_the_compiled_checker_gives_coals_answers_for_every_shape() -> None:
    """Random balls, boxes, cylinders and capsules about the tool, most of them near a touch."""
    rng = np.random.default_rng(23)
    X = motion.model().fk(motion.HOME)
    for shape in (Sphere(0.03), Box((0.05, 0.02, 0.08)), Cylinder(0.02, 0.1), Capsule(0.02, 0.1)):
        obstacles = []
        for k in range(12):
            pose = pose_from_xyz_rpy(X[:3, 3] + rng.uniform(-0.2, 0.2, 3), rng.uniform(-3, 3, 3))
            obstacles.append(Obstacle(f"{k}", shape, pose))
        body = AttachedBody("held", shape, "tcp", pose_from_xyz_rpy((0.0, 0.0, 0.1), (0.3, 0.2, 0.1)))
        checker = CollisionChecker(motion.geometry(), Scene(tuple(obstacles), (body,)), 0.001)
        answers = agreeing_answers(checker, motion.HOME + rng.uniform(-0.3, 0.3, (250, 6)))
        assert 0.0 < np.mean(answers) < 1.0


def test_an_edge_and_a_path_are_checked_as_finely_as_asked() -> None:
    end = motion.HOME + np.array([0.7, 0, 0, 0, 0, 0])
    X = motion.model().fk(motion.HOME + np.array([0.35, 0, 0, 0, 0, 0]))
    thin = motion.block("thin", (X[0, 3], X[1, 3], X[2, 3] + 0.1), (0.002, 0.002, 0.002))
    checker = CollisionChecker(motion.geometry(), Scene((thin,)), 0.0)
    compiled = CompiledChecker(checker)
    assert compiled.is_free(motion.HOME)
    assert compiled.is_free(end)
    assert not compiled.is_edge_free(motion.HOME, end, 0.002)
    samples = np.linspace(motion.HOME, end, 2001)
    hits = [k for k, q in enumerate(samples) if not checker.is_free(q)]
    assert compiled.first_collision(samples, 1e-9) == hits[0]
    assert compiled.first_collision(samples[: hits[0]], 1e-9) is None
    with_margin = CompiledChecker(CollisionChecker(motion.geometry(), Scene((thin,)), 0.02))
    early, late = (with_margin.first_collision(samples, 1e-9, share) for share in (1.0, 0.5))
    assert early is not None
    assert late is not None
    assert early < late < hits[0]
    assert with_margin.first_collision(samples, 1e-9) == early
    # Between two samples that are looked at, no joint moves more than the step: a thicker step cannot come later.
    step = 0.7 / 2000 * 5
    found = compiled.first_collision(samples, step + 1e-9)
    assert found is not None
    assert hits[0] <= found <= hits[0] + 5


def test_a_held_cable_bends_no_tighter_than_it_may_and_hangs_down() -> None:
    """However the tool is turned: links are joined, turn at most by the allowed angle, and end up pointing down."""
    cable = replace(motion.held_cable(), links=20)
    model = motion.model()
    checker = CollisionChecker(motion.geometry(), Scene(cable=cable), 0.0)
    rng = np.random.default_rng(24)
    for q in [motion.HOME, *(motion.HOME + rng.uniform(-1.0, 1.0, (20, 6)))]:
        checker.is_free(q)
        placements = [checker.geometry.geometryObjects[k].placement for k in checker.cable_shapes]
        axes = np.array([p.rotation[:, 2] for p in placements])
        middles = np.array([p.translation for p in placements])
        half = 0.5 * cable.link_length_m
        assert np.allclose(middles[1:] - half * axes[1:], middles[:-1] + half * axes[:-1], atol=1e-12)
        boot = model.X_world_base @ model.fk(q) @ cable.X_frame_boot
        assert np.allclose(middles[0] - half * axes[0], boot[:3, 3], atol=1e-12)
        turns = np.arccos(np.clip((np.vstack([boot[:3, 2], axes[:-1]]) * axes).sum(axis=1), -1.0, 1.0))
        assert turns.max() <= cable.link_length_m / cable.bend_radius_m + 1e-6
        assert axes[-1] @ (0.0, 0.0, -1.0) > 0.99


def test_a_held_cable_is_kept_off_the_scene_and_not_off_its_tool() -> None:
    scene = Scene(cable=motion.held_cable())
    checker = CollisionChecker(motion.geometry(), scene, 0.003)
    assert checker.is_free(motion.HOME), checker.describe(motion.HOME)
    last = checker.geometry.geometryObjects[checker.cable_shapes[-1]].placement
    X_base_last = invert_pose(motion.model().X_world_base) @ np.array(last.homogeneous)
    x, y, z = X_base_last[:3, 3]
    post = motion.block("post", (x, y, z), (0.01, 0.01, 0.01))
    assert CollisionChecker(motion.geometry(), Scene((post,)), 0.003).is_free(motion.HOME)
    with_both = CollisionChecker(motion.geometry(), Scene((post,), cable=motion.held_cable()), 0.003)
    assert ("cable", "post") in with_both.colliding_pairs(motion.HOME) or (
        "post",
        "cable",
    ) in with_both.colliding_pairs(motion.HOME)
    allowed = Scene((post,), cable=motion.held_cable()).allowing(("cable", "post"))
    assert CollisionChecker(motion.geometry(), allowed, 0.003).is_free(motion.HOME)


def test_the_bend_radius_comes_from_stiffness_and_weight_but_not_below_what_the_cable_may() -> None:
    def radius(**changed: float) -> float:
        data = {"diameter_m": 0.004, "bending_stiffness_nm2": 3e-4, "mass_kg_per_m": 0.052, "min_bend_radius_m": 0.016}
        data |= changed
        return hold_cable("tcp", np.eye(4), **data).bend_radius_m

    assert radius() == pytest.approx(0.6 * (3e-4 / (9.81 * 0.052)) ** (1 / 3))
    assert radius(min_bend_radius_m=0.1) == pytest.approx(0.1)
    assert radius(bending_stiffness_nm2=2.4e-3) == pytest.approx(2.0 * radius())
    with pytest.raises(ValueError, match="bend_radius_m of the held cable is 0"):
        replace(motion.held_cable(), bend_radius_m=0.0)
    with pytest.raises(ValueError, match="has 0 links"):
        replace(motion.held_cable(), links=0)


def test_free_means_a_distance_above_the_margin() -> None:
    """The distance is computed by another algorithm than the collision."""
    checker = CollisionChecker(motion.geometry(), motion.scene(1), 0.0)
    for q in random_configurations(400, 22):
        distance = checker.nearest(q).distance_m
        if abs(distance) > 1e-6:
            assert checker.is_free(q) == (distance > 0.0), (q, distance)


@pytest.mark.parametrize(
    "q",
    [
        (-0.0396, -1.2261, -1.2251, -2.0424, 1.3381, 1.7914),
        (0.1143, -1.5960, -1.8496, -1.9370, 1.3632, 1.7342),
        (-0.6320, -1.4970, -1.6839, -1.6093, 1.3181, 1.7512),
    ],
)
def test_a_camera_in_the_wrist_is_found(q: tuple[float, ...]) -> None:
    """A cylinder and a box 0.4 to 1.5 mm inside each other, which coal calls free at its default tolerance."""
    checker = CollisionChecker(motion.geometry())
    assert checker.nearest(q).distance_m < -3e-4
    assert not checker.is_free(q)
    assert checker.colliding_pairs(q) == (("wrist_1_link", "right_camera_link"),)


def test_home_is_free_in_all_sample_trials() -> None:
    for trial in (1, 2, 3):
        checker = CollisionChecker(motion.geometry(), motion.scene(trial).with_attached(motion.held_plug()), 0.003)
        assert checker.is_free(motion.HOME), checker.describe(motion.HOME)


def test_margin_is_a_distance() -> None:
    """A block 20 mm below the plug is found from 20 mm margin on."""
    tip = motion.model().fk(motion.HOME)[:3, 3] - [0, 0, 0.0579]
    top = tip[2] - 0.020
    scene = Scene((motion.block("block", (tip[0], tip[1], top - 0.05), (0.1, 0.1, 0.1)),)).with_attached(
        motion.held_plug()
    )
    assert CollisionChecker(motion.geometry(), scene, 0.0195).is_free(motion.HOME)
    checker = CollisionChecker(motion.geometry(), scene, 0.0205)
    assert not checker.is_free(motion.HOME)
    assert checker.colliding_pairs(motion.HOME) == (("plug", "block"),)
    assert checker.nearest(motion.HOME).distance_m == pytest.approx(0.020, abs=2e-4)
    assert checker.describe(motion.HOME).startswith("plug and block (nearest 20.0 mm, margin 20.5 mm)")


def test_a_held_body_collides_only_while_it_is_held() -> None:
    tip = motion.model().fk(motion.HOME)[:3, 3] - [0, 0, 0.0579]
    scene = Scene((motion.block("block", (tip[0], tip[1], tip[2]), (0.02, 0.02, 0.02)),))
    held = scene.with_attached(motion.held_plug())
    assert CollisionChecker(motion.geometry(), scene).is_free(motion.HOME)
    assert not CollisionChecker(motion.geometry(), held).is_free(motion.HOME)
    assert CollisionChecker(motion.geometry(), held.allowing(("block", "plug"))).is_free(motion.HOME)
    assert CollisionChecker(motion.geometry(), held.with_attached()).is_free(motion.HOME)


def test_a_held_body_does_not_collide_with_the_fingers_that_hold_it() -> None:
    body = AttachedBody("plug", Box((0.0146, 0.01, 0.02)), "tcp", np.eye(4))
    assert CollisionChecker(motion.geometry(), Scene().with_attached(body)).is_free(motion.HOME)


def test_a_held_body_collides_with_the_arm() -> None:
    body = AttachedBody("rod", Cylinder(0.01, 1.6), "tcp", pose_from_xyz_rpy((0, 0, 0.05), (0, np.pi / 2, 0)))
    checker = CollisionChecker(motion.geometry(), Scene().with_attached(body))
    names = {name for pair in checker.colliding_pairs(motion.HOME) for name in pair}
    assert "rod" in names
    assert names & {"upper_arm_link", "forearm_link", "enclosure_walls", "shoulder_link"}


def test_the_enclosure_and_the_arm_itself_are_checked() -> None:
    checker = CollisionChecker(motion.geometry())
    down = motion.HOME.copy()
    down[1] = 0.3
    assert ("enclosure", "forearm_link") in checker.colliding_pairs(down) or not checker.is_free(down)
    folded = np.array([0.0, -1.5, 2.9, 0.0, 1.57, 0.0])
    assert any("wall" not in a + b and "enclosure" not in a + b for a, b in checker.colliding_pairs(folded))


def test_pairs_that_can_never_part_are_left_out() -> None:
    disabled = {frozenset(pair) for pair in motion.geometry().disabled}
    assert frozenset(("wrist_1_link", "wrist_3_link")) in disabled
    assert frozenset(("enclosure", "shoulder_link")) in disabled
    # Real self-collisions stay, such as those of the test above.
    assert frozenset(("wrist_1_link", "right_camera_link")) not in disabled


def test_sampling_is_the_same_every_time() -> None:
    assert RobotGeometry(motion.model()).pairs == motion.geometry().pairs


def test_a_description_becomes_obstacles_at_its_pose() -> None:
    obstacles = motion.scene(3).obstacles
    names = {obstacle.name for obstacle in obstacles}
    assert {"task_board", "task_board/sc_port_1/sc_port_base_shell"} <= names
    shell = [o for o in obstacles if o.name == "task_board/sc_port_1/sc_port_base_shell"]
    port = motion.board_frame(3, "task_board/sc_port_1/sc_port_base_link")
    # The walls of the port stand within 20 mm around its axis.
    for obstacle in shell:
        assert np.abs((invert_pose(port) @ obstacle.X_base_shape)[:3, 3]).max() < 0.02


def test_all_primitive_shapes_are_understood() -> None:
    text = """<robot name="s"><link name="a">
      <collision><geometry><box size="0.1 0.2 0.3"/></geometry></collision>
      <collision><geometry><cylinder radius="0.1" length="0.4"/></geometry></collision>
      <collision><origin xyz="1 0 0"/><geometry><sphere radius="0.2"/></geometry></collision>
    </link></robot>"""
    found = obstacles_from_urdf(text, pose_from_xyz_rpy((0, 0, 1), (0, 0, 0)))
    assert {type(o.shape) for o in found} == {Box, Cylinder, Sphere}
    by_type = {type(o.shape): o for o in found}
    assert by_type[Box].shape == Box((0.1, 0.2, 0.3))
    assert by_type[Cylinder].shape == Cylinder(0.1, 0.4)
    assert by_type[Sphere].X_base_shape[:3, 3] == pytest.approx([1, 0, 1])
    near = Scene((Obstacle("ball", Sphere(0.02), motion.pointing_down((-0.3714, 0.1948, 0.30))),))
    assert not CollisionChecker(motion.geometry(), near, 0.02).is_free(motion.HOME)


def test_text_that_is_no_urdf_is_refused() -> None:
    with pytest.raises(RobotModelError, match="not a URDF"):
        obstacles_from_urdf("<robot", np.eye(4))


def test_wrong_margins_and_frames_are_refused() -> None:
    with pytest.raises(ValueError, match=r"margin is -0\.001 m"):
        CollisionChecker(motion.geometry(), None, -0.001)
    body = AttachedBody("plug", Box((0.01, 0.01, 0.01)), "tpc", np.eye(4))
    with pytest.raises(UnknownFrameError, match="no frame 'tpc'"):
        CollisionChecker(motion.geometry(), Scene().with_attached(body))


def test_an_edge_is_blocked_in_the_middle_and_not_at_its_ends() -> None:
    """Two free ends with a thin plate between them."""
    X = motion.model().fk(motion.HOME)
    q_left = motion.HOME.copy()
    q_right = motion.HOME.copy()
    q_left[0] -= 0.25
    q_right[0] += 0.25
    plate = Obstacle("plate", Box((0.2, 0.002, 0.2)), pose_from_xyz_rpy(X[:3, 3], (0, 0, -0.48)))
    checker = CollisionChecker(motion.geometry(), Scene((plate,)))
    assert checker.is_free(q_left)
    assert checker.is_free(q_right)
    assert not checker.is_edge_free(q_left, q_right, 0.02)
    assert checker.is_edge_free(q_left, q_left + 0.01, 0.02)
