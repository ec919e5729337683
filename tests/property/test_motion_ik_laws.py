"""Inverse kinematics: FK(IK(X)) = X on every branch, nothing is missed, limits hold, singular poses are solved."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from cablecell.composition.robot_description import load_robot_description
from cablecell.core.geometry import pose_difference
from cablecell.core.motion.errors import NoIkSolutionError, RobotModelError
from cablecell.core.motion.ik import RESIDUAL_LIMIT, InverseKinematics, NumericInverseKinematics, make_ik
from cablecell.core.motion.model import RobotModel
from cablecell.evaluation.bench_ik import SHELLS, beside_shell, calibrated_ik, draw_ik_query
from tests.support import motion

DATA = Path(__file__).parents[1] / "data" / "robots"


def random_configurations(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-math.pi, math.pi, (count, 6))


def residual(model: RobotModel, q: np.ndarray, X: np.ndarray, frame: str = "tcp") -> float:
    return float(np.abs(pose_difference(model.fk(q, frame), X)).max())


def test_every_branch_reaches_the_pose_and_the_original_is_among_them() -> None:
    ik, model = motion.ik(), motion.model()
    counts: dict[int, int] = {}
    for q in random_configurations(1500, 11):
        X = model.fk(q)
        solutions = ik.solve_all(X, q)
        counts[len(solutions)] = counts.get(len(solutions), 0) + 1
        assert all(residual(model, s, X) < 2 * RESIDUAL_LIMIT for s in solutions)
        assert min(float(np.abs(s - q).max()) for s in solutions) < 1e-6
        for i, a in enumerate(solutions):
            assert all(float(np.abs(a - b).max()) > 1e-6 for b in solutions[i + 1 :])
    # Mostly eight branches, always an even number, as the arm's geometry says.
    assert set(counts) <= {2, 4, 6, 8}
    assert counts[8] > 0.6 * 1500


def test_solutions_come_nearest_first_and_within_limits() -> None:
    ik, model = motion.ik(), motion.model()
    rng = np.random.default_rng(12)
    for q in random_configurations(150, 13):
        reference = rng.uniform(model.limits.lower, model.limits.upper)
        solutions = ik.solve_all(model.fk(q), reference)
        distances = [float(np.linalg.norm(s - reference)) for s in solutions]
        assert distances == sorted(distances)
        for s in solutions:
            model.check_joint_limits(s)
            # No whole turn of any joint within the limits would be nearer.
            for turn in (-2 * math.pi, 2 * math.pi):
                nearer = np.abs(s + turn - reference) < np.abs(s - reference) - 1e-9
                inside = (s + turn >= model.limits.lower) & (s + turn <= model.limits.upper)
                assert not np.any(nearer & inside)


@pytest.mark.parametrize("q5", [0.0, 1e-9, 1e-7, 1e-5, 1e-3, math.pi])
def test_an_aligned_wrist_is_solved_with_the_present_last_joint(q5: float) -> None:
    ik, model = motion.ik(), motion.model()
    for q in random_configurations(40, 14):
        q[4] = q5
        X = model.fk(q)
        solutions = ik.solve_all(X, q)
        assert solutions
        assert min(residual(model, s, X) for s in solutions) < RESIDUAL_LIMIT * 2
        if abs(math.sin(q5)) < 1e-8:
            assert any(abs(s[5] - q[5]) < 1e-5 for s in solutions)


@pytest.mark.parametrize("q3", [0.0, 1e-8, 1e-4])
def test_a_straight_elbow_is_solved(q3: float) -> None:
    ik, model = motion.ik(), motion.model()
    for q in random_configurations(40, 15):
        q[2] = q3
        X = model.fk(q)
        assert min(residual(model, s, X) for s in ik.solve_all(X, q)) < RESIDUAL_LIMIT * 2


def test_other_tips_are_solved() -> None:
    model = motion.model()
    for frame in ("tool0", "center_camera_optical_frame", "wrist_3_link"):
        ik = InverseKinematics(model, frame)
        for q in random_configurations(20, 16):
            X = model.fk(q, frame)
            assert residual(model, ik.solve(X, q), X, frame) < RESIDUAL_LIMIT * 2


def test_home_is_found_from_its_pose() -> None:
    X = motion.model().fk(motion.HOME)
    assert motion.ik().solve(X, motion.HOME + 0.05) == pytest.approx(motion.HOME, abs=1e-9)


def test_a_calibrated_arm_is_solved_by_refining_the_nominal_branches() -> None:
    """A real arm's description: joint origins off by tenths of a millimetre and of a milliradian."""
    text = load_robot_description()
    for old, new in (
        ('<origin rpy="0 0 0" xyz="-0.425 0 0" />', '<origin rpy="0.0004 -0.0003 0.0002" xyz="-0.42531 0.0002 0" />'),
        (
            '<origin rpy="0 0 0" xyz="-0.3922 0 0.1333" />',
            '<origin rpy="0.0005 0.0006 -0.0002" xyz="-0.39201 0 0.1336" />',
        ),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    model = RobotModel(text)
    ik = InverseKinematics(model)
    assert not ik.is_exact
    for q in random_configurations(60, 17):
        X = model.fk(q)
        solutions = ik.solve_all(X, q)
        assert all(residual(model, s, X) < 2 * RESIDUAL_LIMIT for s in solutions)
        assert min(float(np.abs(s - q).max()) for s in solutions) < 1e-5
        # From elsewhere, too: the reference orders the branches and does not find them.
        away = ik.solve_all(X, motion.HOME)
        assert any(np.abs(np.angle(np.exp(1j * (s - q)))).max() < 1e-5 for s in away)
        if abs(math.sin(q[4])) > 0.05:
            followed = ik.follow(X, q + 0.01)
            assert followed is not None
            assert followed == pytest.approx(q, abs=1e-5)


@pytest.mark.parametrize("joint", [2, 4])
@pytest.mark.parametrize("distance", [1e-2, 1e-4, 1e-6, 1e-8])
def test_next_to_a_singular_shell_nothing_is_missed(joint: int, distance: float) -> None:
    ik, model = motion.ik(), motion.model()
    for q in random_configurations(100, 18):
        q[joint] = math.copysign(distance, q[joint])
        X = model.fk(q)
        solutions = ik.solve_all(X, motion.HOME)
        assert max(residual(model, s, X) for s in solutions) < 2 * RESIDUAL_LIMIT
        # A joint is known as well as the pose divided by how far the shell is.
        tolerance = max(1e-6, 1e-13 / distance)
        assert any(np.abs(np.angle(np.exp(1j * (s - q)))).max() < tolerance for s in solutions)


@pytest.mark.parametrize("shell", SHELLS)
def test_of_a_calibrated_arm_nothing_is_missed_next_to_a_singular_shell(shell: str) -> None:
    """There the nominal arm has fewer branches than the real one, or more, and elsewhere."""
    ik, rng = calibrated_ik(), np.random.default_rng(21)
    counts = []
    for q in random_configurations(400, 22):
        q = beside_shell(shell, q, math.copysign(10.0 ** rng.uniform(-6.0, -0.7), rng.uniform(-1.0, 1.0)))
        X = ik.model.fk(q)
        solutions = ik.solve_all(X, motion.HOME)
        assert all(residual(ik.model, s, X) < 2 * RESIDUAL_LIMIT for s in solutions)
        assert is_among(q, solutions, ik.model), q.tolist()
        counts.append(len(solutions))
    # Solutions come in pairs, but for double ones, and no more than a chain of six joints can have.
    assert max(counts) <= 16
    assert np.mean(np.array(counts) % 2) < 0.02


def test_of_a_calibrated_arm_hardly_anything_is_missed_where_two_shells_meet() -> None:
    """Aligned wrist and wrist centre above the shoulder at once, where up to four roots come together."""
    ik, rng = calibrated_ik(), np.random.default_rng(23)
    missed = 0
    for q in random_configurations(250, 24):
        for shell in ("wrist", "shoulder"):
            q = beside_shell(shell, q, math.copysign(10.0 ** rng.uniform(-5.0, -0.4), rng.uniform(-1.0, 1.0)))
        missed += not is_among(q, ik.solve_all(ik.model.fk(q), motion.HOME), ik.model)
    assert missed <= 1


@pytest.mark.parametrize("index", [1674, 22084, 33264, 36684, 54124, 57344])
def test_poses_that_were_missed_once_are_found(index: int) -> None:
    """Of 100 000 of the benchmark, beside two shells at once; a search about one of them does not find them."""
    q = bench_ik_configuration(0, index)
    ik = calibrated_ik()
    assert is_among(q, ik.solve_all(ik.model.fk(q), motion.HOME), ik.model)


def bench_ik_configuration(seed: int, index: int) -> np.ndarray:
    kind, q, _ = draw_ik_query(np.random.default_rng((seed, 0, index)), index)
    assert kind == "calibrated_shell"
    return q


def is_among(q: np.ndarray, solutions: list[np.ndarray], model: RobotModel) -> bool:
    """A joint is known as well as the pose, divided by how far the next singular shell is."""
    smallest = float(np.linalg.svd(model.jacobian(q), compute_uv=False)[-1])
    tolerance = max(1e-6, 1e-13 / smallest**2, 2 * RESIDUAL_LIMIT / smallest)
    return any(np.abs(np.angle(np.exp(1j * (s - q)))).max() < tolerance for s in solutions)


@pytest.fixture(scope="module")
def seven_axis() -> RobotModel:
    names = tuple(f"joint_{k}" for k in range(1, 8))
    return RobotModel((DATA / "seven_axis.urdf").read_text(), joint_names=names)


def test_an_arm_of_seven_axes_is_solved_numerically(seven_axis: RobotModel) -> None:
    ik = make_ik(seven_axis)
    assert isinstance(ik, NumericInverseKinematics)
    rng = np.random.default_rng(19)
    for q in rng.uniform(seven_axis.limits.lower, seven_axis.limits.upper, (60, 7)):
        X = seven_axis.fk(q)
        reference = np.clip(q + rng.uniform(-0.05, 0.05, 7), seven_axis.limits.lower, seven_axis.limits.upper)
        solutions = ik.solve_all(X, reference)
        assert len(solutions) > 1
        distances = [float(np.linalg.norm(s - reference)) for s in solutions]
        assert distances == sorted(distances)
        for s in solutions:
            seven_axis.check_joint_limits(s)
            assert residual(seven_axis, s, X) < 2 * RESIDUAL_LIMIT
        followed = ik.follow(X, reference)
        assert followed is not None
        assert residual(seven_axis, followed, X) < 2 * RESIDUAL_LIMIT


def test_the_numeric_solver_finds_what_the_closed_form_finds() -> None:
    """The same arm, once told to be of the UR kind and once not: most branches, and none that the other lacks."""
    model, exact = motion.model(), motion.ik()
    numeric = NumericInverseKinematics(model, "tcp")
    found = wanted = 0
    for q in random_configurations(40, 20):
        X = model.fk(q)
        branches = exact.solve_all(X, motion.HOME)
        for s in numeric.solve_all(X, motion.HOME):
            assert min(float(np.abs(s - b).max()) for b in branches) < 1e-4
            found += 1
        wanted += len(branches)
    assert found > 0.9 * wanted


def test_the_arm_decides_which_solver_it_gets(seven_axis: RobotModel) -> None:
    assert isinstance(make_ik(motion.model()), InverseKinematics)
    with pytest.raises(NoIkSolutionError, match="none was found from 65 starts"):
        make_ik(seven_axis).solve(motion.pointing_down((1.5, 0.0, 0.3)), np.zeros(7))
    with pytest.raises(ValueError, match="not a rigid motion"):
        make_ik(seven_axis).solve_all(np.diag([1.0, 1.0, -1.0, 1.0]), np.zeros(7))
    short = RobotModel((DATA / "seven_axis.urdf").read_text(), joint_names=("joint_1", "joint_2", "joint_3"))
    with pytest.raises(RobotModelError, match="3 joints; reaching a pose takes at least 6"):
        make_ik(short, "link_3")
    with pytest.raises(RobotModelError, match="'link_3' does not move with the last joint"):
        make_ik(seven_axis, "link_3")


def test_an_arm_of_another_kind_is_refused() -> None:
    text = motion.urdf().replace('<origin rpy="0 0 0" xyz="-0.425 0 0" />', '<origin rpy="0.3 0 0" xyz="-0.425 0 0" />')
    with pytest.raises(RobotModelError, match=r"differs by 0\.\d+ m or rad from the DH form of a UR arm"):
        InverseKinematics(RobotModel(text))


def test_a_pose_out_of_reach_says_where_and_how_far_the_arm_reaches() -> None:
    with pytest.raises(NoIkSolutionError, match=re.escape("puts tcp at (1.5000, 0.0000, 0.3000) m in base_link")) as e:
        motion.ik().solve(motion.pointing_down((1.5, 0.0, 0.3)), motion.HOME)
    assert "out of reach (the arm reaches 1.0" in str(e.value)
    assert motion.ik().solve_all(motion.pointing_down((1.5, 0.0, 0.3)), motion.HOME) == []


def test_a_pose_that_only_broken_limits_reach_says_so() -> None:
    text = re.sub(r'lower="-6\.28\d*" upper="6\.28\d*"', 'lower="-0.2" upper="0.2"', motion.urdf())
    model = RobotModel(text)
    X = model.fk(motion.HOME)
    with pytest.raises(NoIkSolutionError, match="every solution breaks a joint limit"):
        InverseKinematics(model).solve(X, np.zeros(6))


def test_a_matrix_that_is_no_pose_is_refused() -> None:
    with pytest.raises(ValueError, match="not a rigid motion"):
        motion.ik().solve(2 * np.eye(4), motion.HOME)
