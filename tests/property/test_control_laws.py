"""Laws of the control mathematics at random configurations."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.impedance import (
    bound_damping,
    compliance_jacobian,
    design_damping,
    operational_inertia,
    square_root,
)
from cablecell.core.control.interpolation import PoseInterpolator
from cablecell.core.control.joint_reference import JointReference
from cablecell.core.geometry import exp_so3, log_so3, make_pose, rotation_from_quat, shift_wrench
from tests.support.arm import HOME, DhArm

MODEL = DhArm()
seeds = st.integers(0, 10_000)


def random_spd(rng: np.random.Generator, n: int = 6) -> np.ndarray:
    A = rng.normal(size=(n, n))
    return A @ A.T + 0.1 * np.eye(n)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(arrays(np.float64, 3, elements=st.floats(-1.8, 1.8)))
def test_exp_and_log_agree_with_scipy_and_undo_each_other(rotvec):
    R = exp_so3(rotvec)
    np.testing.assert_allclose(R, Rotation.from_rotvec(rotvec).as_matrix(), atol=1e-12)
    np.testing.assert_allclose(exp_so3(log_so3(R)), R, atol=1e-9)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(seeds)
def test_log_is_right_next_to_half_a_turn(seed):
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    R = exp_so3(axis * (np.pi - 10.0 ** rng.uniform(-12, -1)))
    np.testing.assert_allclose(exp_so3(log_so3(R)), R, atol=1e-7)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(seeds)
def test_quaternions_agree_with_scipy(seed):
    rotation = Rotation.random(random_state=seed)
    np.testing.assert_allclose(rotation_from_quat(rotation.as_quat()), rotation.as_matrix(), atol=1e-12)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(seeds)
def test_shifting_a_wrench_keeps_its_power(seed):
    rng = np.random.default_rng(seed)
    force, moment, p, v, w = rng.normal(size=(5, 3))
    shifted = shift_wrench(force, moment, p)
    power = force @ v + moment @ w
    assert np.isclose(shifted[:3] @ (v + np.cross(w, p)) + shifted[3:] @ w, power)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seeds)
def test_the_jacobian_of_the_compliance_frame_agrees_with_differences(seed):
    rng = np.random.default_rng(seed)
    q = HOME + rng.uniform(-0.5, 0.5, 6)
    X_tcp_comp = make_pose(Rotation.random(random_state=seed).as_matrix(), rng.uniform(-0.1, 0.1, 3))
    _, J = compliance_jacobian(MODEL.dynamics(q), X_tcp_comp)
    dq = rng.normal(size=6)
    h = 1e-6
    a, b = (MODEL.dynamics(q + s * h * dq).X_base_tcp @ X_tcp_comp for s in (1, -1))
    np.testing.assert_allclose((a - b)[:3, 3] / (2 * h), (J @ dq)[:3], atol=1e-6)
    np.testing.assert_allclose(log_so3(a[:3, :3] @ b[:3, :3].T) / (2 * h), (J @ dq)[3:], atol=1e-6)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(seeds)
def test_designed_damping_is_positive_and_critical_for_isotropic_pairs(seed):
    rng = np.random.default_rng(seed)
    stiffness = random_spd(rng) * 100.0
    root = square_root(stiffness)
    np.testing.assert_allclose(root @ root, stiffness, rtol=1e-9, atol=1e-9)
    m, k = rng.uniform(1, 10), rng.uniform(100, 5000)
    np.testing.assert_allclose(
        design_damping(m * np.eye(6), k * np.eye(6), 1.0), 2.0 * np.sqrt(k * m) * np.eye(6), rtol=1e-9, atol=1e-9
    )


@settings(max_examples=50, deadline=None, derandomize=True)
@given(seeds)
def test_bounded_damping_keeps_every_rate_below_the_limit_and_small_damping_as_it_is(seed):
    rng = np.random.default_rng(seed)
    inertia, damping = random_spd(rng), random_spd(rng) * 50.0
    bounded = bound_damping(damping, inertia, 100.0)
    rates = np.linalg.eigvals(np.linalg.solve(inertia, bounded)).real
    assert rates.max() < 100.0 * (1 + 1e-6)
    assert rates.min() > 0.0
    small = damping * 1e-6
    np.testing.assert_array_equal(bound_damping(small, inertia, 100.0), small)


def test_operational_inertia_stays_finite_at_a_singularity():
    straight = np.array([0.0, -1.2, 0.0, -1.2, 0.0, 0.0])  # elbow straight, wrist aligned
    dynamics = MODEL.dynamics(straight)
    inertia = operational_inertia(dynamics.J_base_tcp, dynamics.M)
    assert np.isfinite(inertia).all()
    assert np.linalg.eigvalsh(inertia).min() > 0.0


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seeds)
def test_the_interpolator_never_exceeds_its_limits_whatever_the_target_does(seed):
    rng = np.random.default_rng(seed)
    config = ControlSettings()
    interpolator = PoseInterpolator(config)
    interpolator.reset(np.eye(4))
    dt = 1.0 / config.rate_hz
    target = np.eye(4)
    last_twist, last_acceleration = np.zeros(6), np.zeros(6)
    for k in range(600):
        if k % 100 == 0:
            target = make_pose(Rotation.random(random_state=rng.integers(1e6)).as_matrix(), rng.uniform(-0.2, 0.2, 3))
        interpolator.step(target, np.zeros(6))
        twist = interpolator.twist
        assert np.linalg.norm(twist[:3]) <= config.linear_speed * 1.0001
        assert np.linalg.norm(twist[3:]) <= config.angular_speed * 1.0001
        assert np.linalg.norm(twist[:3] - last_twist[:3]) <= config.linear_acceleration * dt * 1.0001
        assert np.linalg.norm(twist[3:] - last_twist[3:]) <= config.angular_acceleration * dt * 1.0001
        jerk = np.linalg.norm((interpolator.acceleration - last_acceleration)[:3]) / dt
        assert jerk <= 2.0 * config.linear_acceleration / config.smoothing_time_s * 1.0001
        last_twist, last_acceleration = twist, interpolator.acceleration
    R = interpolator.X_base_reference[:3, :3]
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)


@settings(max_examples=10, deadline=None, derandomize=True)
@given(seeds)
def test_joint_references_keep_every_limit_whatever_the_targets_do(seed):
    rng = np.random.default_rng(seed)
    config = ControlSettings()
    reference, limits = JointReference(config, MODEL.joint_limits), MODEL.joint_limits
    reference.reset(HOME)
    dt, ddq = 1.0 / config.rate_hz, np.zeros(6)
    for k in range(500):
        if k % 40 == 0:
            reference.aim(rng.uniform(1.2 * limits.lower, 1.2 * limits.upper), int(rng.integers(1, 60)))
        if k < 450:
            reference.step()
        else:
            reference.brake()
        assert (np.abs(reference.dq) <= limits.velocity * (1 + 1e-9)).all()
        assert (np.abs(reference.ddq) <= config.joint_reference_acceleration * (1 + 1e-6)).all()
        jerk = np.abs(reference.ddq - ddq) / dt
        assert (jerk <= 2.0 * config.joint_reference_acceleration / config.smoothing_time_s * (1 + 1e-6)).all()
        assert ((reference.q >= limits.lower) & (reference.q <= limits.upper)).all()
        ddq = reference.ddq


def test_the_interpolator_arrives_without_overshoot():
    interpolator = PoseInterpolator(ControlSettings())
    interpolator.reset(np.eye(4))
    target = make_pose(exp_so3([0.0, 0.0, 0.5]), [0.1, 0.0, 0.0])
    furthest = 0.0
    for _ in range(1000):
        interpolator.step(target, np.zeros(6))
        furthest = max(furthest, interpolator.X_base_reference[0, 3])
    assert furthest < 0.1 + 1e-6
    np.testing.assert_allclose(interpolator.X_base_reference, target, atol=1e-9)


def test_a_moving_target_is_followed_without_lag():
    config = ControlSettings()
    interpolator = PoseInterpolator(config)
    interpolator.reset(np.eye(4))
    dt, speed = 1.0 / config.rate_hz, 0.03
    target = np.eye(4)
    for _ in range(500):
        target = target.copy()
        target[0, 3] += speed * dt
        twist = np.array([speed, 0, 0, 0, 0, 0])
        interpolator.step(interpolator.ahead_of(target, twist, np.zeros(6), 0.0), twist)
    # What a period follows is where the target is at its beginning.
    assert abs(interpolator.X_base_reference[0, 3] - target[0, 3]) < 1e-9
