"""Laws of SO(3) and SE(3), against SciPy and against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cablecell.core import geometry as g
from cablecell.core.geometry import scalar

fast = settings(max_examples=60, deadline=None, derandomize=True)

coordinate = st.floats(-2.0, 2.0, allow_nan=False)
vector = st.tuples(coordinate, coordinate, coordinate)
unit = st.floats(-1.0, 1.0)


@st.composite
def quaternions(draw: st.DrawFn) -> np.ndarray:
    q = np.array([draw(unit), draw(unit), draw(unit), draw(unit)])
    norm = np.linalg.norm(q)
    return q / norm if norm > 1e-2 else np.array([0.0, 0.0, 0.0, 1.0])


@st.composite
def poses(draw: st.DrawFn) -> np.ndarray:
    return g.pose_from_quat(draw(vector), draw(quaternions()))


@st.composite
def rotvecs(draw: st.DrawFn) -> np.ndarray:
    """Rotation vectors of every size: tiny, ordinary, and close to half a turn."""
    axis = Rotation.from_quat(draw(quaternions())).as_matrix()[:, 0]
    angle = draw(st.one_of(st.floats(0.0, 3.1), st.floats(0.0, 1e-3), st.floats(3.14159, math.pi - 1e-9)))
    return axis * angle


@fast
@given(poses(), poses(), poses())
def test_group_axioms(A: np.ndarray, B: np.ndarray, C: np.ndarray) -> None:
    assert g.is_pose(g.compose(A, B), 1e-9)
    assert np.allclose(g.compose(g.compose(A, B), C), g.compose(A, g.compose(B, C)), atol=1e-12)
    assert np.allclose(g.compose(A, g.invert_pose(A)), np.eye(4), atol=1e-12)
    assert np.allclose(g.compose(A, np.eye(4)), A, atol=0)
    assert np.allclose(g.invert_pose(g.compose(A, B)), g.compose(g.invert_pose(B), g.invert_pose(A)), atol=1e-12)


@fast
@given(rotvecs())
def test_rotation_exponential_is_scipys_and_has_its_logarithm(w: np.ndarray) -> None:
    R = g.exp_so3(w)
    assert np.allclose(R, Rotation.from_rotvec(w).as_matrix(), atol=1e-12)
    assert np.allclose(g.log_so3(R), w, atol=2e-7 if np.linalg.norm(w) > 3.14 else 1e-12)


@fast
@given(st.tuples(vector, rotvecs()))
def test_motion_logarithm_inverts_the_exponential(parts: tuple[tuple[float, float, float], np.ndarray]) -> None:
    xi = np.concatenate(parts)
    X = g.exp_se3(xi)
    assert g.is_pose(X, 1e-9)
    assert np.allclose(g.exp_se3(g.log_se3(X)), X, atol=1e-9)
    # Half a motion twice is the whole motion.
    assert np.allclose(g.compose(g.exp_se3(xi / 2), g.exp_se3(xi / 2)), X, atol=1e-9)


@fast
@given(quaternions())
def test_quaternion_conversions_are_scipys(q: np.ndarray) -> None:
    R = g.rotation_from_quat(q)
    assert np.allclose(R, Rotation.from_quat(q).as_matrix(), atol=1e-12)
    back = g.quat_from_rotation(R)
    assert np.linalg.norm(back) == pytest.approx(1.0, abs=1e-12)
    assert abs(float(back @ q)) == pytest.approx(1.0, abs=1e-12)


@fast
@given(st.tuples(st.floats(-3.1, 3.1), st.floats(-1.57, 1.57), st.floats(-3.1, 3.1)))
def test_roll_pitch_yaw_is_the_fixed_axis_convention(rpy: tuple[float, float, float]) -> None:
    R = g.rotation_from_rpy(*rpy)
    assert np.allclose(R, Rotation.from_euler("xyz", rpy).as_matrix(), atol=1e-12)
    assert np.allclose(g.rotation_from_rpy(*g.rpy_from_rotation(R)), R, atol=1e-12)


@pytest.mark.parametrize("pitch", [math.pi / 2, -math.pi / 2])
def test_roll_pitch_yaw_at_the_gimbal(pitch: float) -> None:
    R = g.rotation_from_rpy(0.4, pitch, 1.1)
    assert np.allclose(g.rotation_from_rpy(*g.rpy_from_rotation(R)), R, atol=1e-9)


@fast
@given(poses(), poses(), vector, vector)
def test_adjoint_is_a_representation_and_moves_twists(
    A: np.ndarray, B: np.ndarray, v: tuple[float, ...], w: tuple[float, ...]
) -> None:
    twist = np.concatenate([v, w])
    assert np.allclose(g.adjoint(A @ B), g.adjoint(A) @ g.adjoint(B), atol=1e-11)
    assert np.allclose(g.transform_twist(A, twist), g.adjoint(A) @ twist, atol=1e-12)
    # The definition: conjugating a motion by A is the motion of the transformed twist.
    assert np.allclose(A @ g.exp_se3(twist) @ g.invert_pose(A), g.exp_se3(g.adjoint(A) @ twist), atol=1e-8)


@fast
@given(poses(), poses(), vector, vector, vector, vector)
def test_power_does_not_depend_on_the_frame(
    A: np.ndarray,
    B: np.ndarray,
    v: tuple[float, ...],
    w: tuple[float, ...],
    f: tuple[float, ...],
    m: tuple[float, ...],
) -> None:
    twist, wrench = np.concatenate([v, w]), np.concatenate([f, m])
    power = float(twist @ wrench)
    assert g.transform_twist(A, twist) @ g.transform_wrench(A, wrench) == pytest.approx(power, abs=1e-10)
    through = g.transform_wrench(A, g.transform_wrench(B, wrench))
    assert np.allclose(through, g.transform_wrench(A @ B, wrench), atol=1e-11)


@fast
@given(poses(), poses(), st.floats(0.0, 1.0))
def test_interpolation_is_straight_and_even(A: np.ndarray, B: np.ndarray, s: float) -> None:
    assert np.allclose(g.interpolate_pose(A, B, 0.0), A, atol=1e-12)
    assert np.allclose(g.interpolate_pose(A, B, 1.0), B, atol=1e-9)
    X = g.interpolate_pose(A, B, s)
    assert np.allclose(X[:3, 3], (1 - s) * A[:3, 3] + s * B[:3, 3], atol=1e-12)
    turn = g.angle_between(A[:3, :3], B[:3, :3])
    assert g.angle_between(A[:3, :3], X[:3, :3]) == pytest.approx(s * turn, abs=1e-7)


@fast
@given(poses(), poses())
def test_difference_leads_from_one_pose_to_the_other(A: np.ndarray, B: np.ndarray) -> None:
    d = g.pose_difference(A, B)
    assert np.allclose(A[:3, 3] + d[:3], B[:3, 3], atol=1e-12)
    assert np.allclose(g.exp_so3(d[3:]) @ A[:3, :3], B[:3, :3], atol=1e-9)


def as_scalar(X: np.ndarray) -> scalar.Pose:
    x, y, z = X[:3, 3].tolist()
    qx, qy, qz, qw = g.quat_from_rotation(X[:3, :3]).tolist()
    return (x, y, z), (qx, qy, qz, qw)


def as_matrix(X: scalar.Pose) -> np.ndarray:
    return g.pose_from_quat(*X)


@fast
@given(poses(), poses(), vector, vector)
def test_scalar_functions_agree_with_arrays(
    A: np.ndarray, B: np.ndarray, u: tuple[float, float, float], v: tuple[float, float, float]
) -> None:
    a, b = as_scalar(A), as_scalar(B)
    assert np.allclose(as_matrix(scalar.compose(a, b)), A @ B, atol=1e-12)
    assert np.allclose(as_matrix(scalar.invert(a)), g.invert_pose(A), atol=1e-12)
    assert np.allclose(scalar.transform_point(a, u), g.transform_point(A, u), atol=1e-12)
    assert np.allclose(
        np.concatenate(scalar.transform_wrench(a, u, v)), g.transform_wrench(A, np.concatenate([u, v])), atol=1e-12
    )
    turn = g.pose_difference(A, B)[3:]
    ours = np.array(scalar.rotation_difference(a[1], b[1]))
    # Half a turn has two equal answers.
    assert np.allclose(g.exp_so3(ours), g.exp_so3(turn), atol=1e-9)
    assert scalar.norm(scalar.cross(u, v)) == pytest.approx(np.linalg.norm(np.cross(u, v)), abs=1e-12)
    assert scalar.dot(scalar.subtract(u, v), scalar.cross(u, v)) == pytest.approx(0.0, abs=1e-11)


@fast
@given(poses(), rotvecs())
def test_scalar_integration_is_the_exact_turn(A: np.ndarray, w: np.ndarray) -> None:
    rate = (float(w[0]), float(w[1]), float(w[2]))
    moved = as_matrix(scalar.integrate(as_scalar(A), (0.3, -0.2, 0.1), rate, 0.5))
    assert np.allclose(moved[:3, 3], A[:3, 3] + 0.5 * np.array([0.3, -0.2, 0.1]), atol=1e-12)
    assert np.allclose(moved[:3, :3], g.exp_so3(0.5 * w) @ A[:3, :3], atol=1e-10)


def test_a_quaternion_without_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a unit quaternion"):
        g.rotation_from_quat((0.0, 0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="nan"):
        g.rotation_from_quat((math.nan, 0.0, 0.0, 1.0))


def test_what_is_no_pose_is_told() -> None:
    assert g.is_pose(np.eye(4))
    assert not g.is_pose(np.eye(3))
    assert not g.is_pose(np.diag([1.0, 1.0, -1.0, 1.0]))
    assert not g.is_pose(np.diag([1.0, 1.0, 1.1, 1.0]))
    assert not g.is_pose(np.full((4, 4), np.nan))
