"""Kinematics and dynamics of the arm: pinocchio, PyBullet and the published DH table agree; wrong input is named."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pinocchio as pin
import pybullet
import pytest

from cablecell.composition.robot_description import load_robot_description
from cablecell.core.geometry import compose, invert_pose, make_pose, pose_difference, pose_from_quat, pose_from_xyz_rpy
from cablecell.core.motion.errors import JointLimitError, RobotModelError, UnknownFrameError
from cablecell.core.motion.model import ARM_JOINT_NAMES, RobotModel
from tests.support import motion

# Denavit-Hartenberg parameters published by Universal Robots for the UR5e: d, a, alpha.
PUBLISHED_DH = (
    (0.1625, 0.0, math.pi / 2),
    (0.0, -0.425, 0.0),
    (0.0, -0.3922, 0.0),
    (0.1333, 0.0, math.pi / 2),
    (0.0997, 0.0, -math.pi / 2),
    (0.0996, 0.0, 0.0),
)
FINGER_M = 0.0073


def dh_fk(q: np.ndarray) -> np.ndarray:
    """Pose of the flange in the vendor's base, link by link: Rz(q) Tz(d) Tx(a) Rx(alpha)."""
    X = np.eye(4)
    for angle, (d, a, alpha) in zip(q, PUBLISHED_DH, strict=True):
        X = compose(X, pose_from_xyz_rpy((0, 0, d), (0, 0, angle)), pose_from_xyz_rpy((a, 0, 0), (alpha, 0, 0)))
    return X


@dataclass
class BulletArm:
    client: int
    body: int
    joints: dict[str, int]

    def set(self, q: np.ndarray) -> None:
        for name, value in zip(ARM_JOINT_NAMES, q, strict=True):
            pybullet.resetJointState(self.body, self.joints[name], value, physicsClientId=self.client)
        for name in ("left_finger_joint", "right_finger_joint"):
            pybullet.resetJointState(self.body, self.joints[name], FINGER_M, physicsClientId=self.client)

    def pose(self, link: str) -> np.ndarray:
        state = pybullet.getLinkState(
            self.body, self.joints[f"{link}_joint"], computeForwardKinematics=True, physicsClientId=self.client
        )
        return pose_from_quat(state[4], state[5])


@pytest.fixture(scope="module")
def bullet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BulletArm]:
    path: Path = tmp_path_factory.mktemp("urdf") / "cell.urdf"
    path.write_text(load_robot_description(with_enclosure=False))
    client = pybullet.connect(pybullet.DIRECT)
    body = pybullet.loadURDF(
        str(path), useFixedBase=True, flags=pybullet.URDF_USE_INERTIA_FROM_FILE, physicsClientId=client
    )
    joints = {
        pybullet.getJointInfo(body, i, physicsClientId=client)[1].decode(): i
        for i in range(pybullet.getNumJoints(body, physicsClientId=client))
    }
    yield BulletArm(client, body, joints)
    pybullet.disconnect(client)


def configurations(count: int, seed: int) -> np.ndarray:
    limits = motion.model().limits
    return np.random.default_rng(seed).uniform(limits.lower, limits.upper, (count, 6))


def test_forward_kinematics_agree_with_the_published_parameters() -> None:
    model = motion.model()
    X_base_vendor = pose_from_xyz_rpy((0, 0, 0), (0, 0, math.pi))
    for q in configurations(200, 1):
        difference = pose_difference(X_base_vendor @ dh_fk(q), model.fk(q, "tool0"))
        assert np.abs(difference).max() < 1e-9
        assert np.abs(pose_difference(model.fk(q, "base") @ dh_fk(q), model.fk(q, "wrist_3_link"))).max() < 1e-9


@pytest.mark.parametrize("link", ["tool0", "ft_frame", "tcp", "center_camera_optical_frame", "gripper/tcp"])
def test_pybullet_sees_the_same_poses(bullet: BulletArm, link: str) -> None:
    model = motion.model()
    for q in configurations(40, 2):
        bullet.set(q)
        difference = pose_difference(model.X_world_base @ model.fk(q, link), bullet.pose(link))
        assert np.abs(difference).max() < 1e-6


def test_pybullet_feels_the_same_gravity(bullet: BulletArm) -> None:
    model = motion.model()
    pybullet.setGravity(0, 0, -9.81, physicsClientId=bullet.client)
    for q in configurations(20, 3):
        full = [*q, FINGER_M, FINGER_M]
        theirs = pybullet.calculateInverseDynamics(
            bullet.body, full, [0.0] * 8, [0.0] * 8, physicsClientId=bullet.client
        )
        assert np.array(theirs[:6]) == pytest.approx(model.gravity_torque(q), abs=1e-4)


def test_jacobian_and_drift_are_derivatives_of_the_pose() -> None:
    model = motion.model()
    rng = np.random.default_rng(4)
    h = 1e-6
    for q in configurations(20, 5):
        dq = rng.uniform(-1, 1, 6)
        twist = pose_difference(model.fk(q - h * dq), model.fk(q + h * dq)) / (2 * h)
        assert model.jacobian(q) @ dq == pytest.approx(twist, abs=1e-6)
        before, after = model.jacobian(q - h * dq) @ dq, model.jacobian(q + h * dq) @ dq
        assert model.drift_acceleration(q, dq) == pytest.approx((after - before) / (2 * h), abs=1e-5)


def test_body_jacobian_and_tip_error_lead_to_the_goal() -> None:
    model = motion.model()
    q = motion.HOME + 0.1
    step = 1e-4 * np.arange(1, 7)
    error = model.tip_error(q, "tcp", pin.SE3(model.fk(q + step)))
    assert model.body_jacobian(q, "tcp") @ step == pytest.approx(error, abs=1e-6)


def test_dynamics_are_consistent() -> None:
    model = motion.model()
    rng = np.random.default_rng(6)
    for q in configurations(10, 7):
        M = model.mass_matrix(q)
        assert np.array_equal(M, M.T)
        assert np.linalg.eigvalsh(M).min() > 0.0
        ddq = rng.uniform(-1, 1, 6)
        still = np.zeros(6)
        torque = model.inverse_dynamics(q, still, ddq)
        assert torque == pytest.approx(M @ ddq + model.gravity_torque(q), abs=1e-9)


def test_limits_are_the_published_ones() -> None:
    limits = motion.model().limits
    assert limits.upper == pytest.approx([2 * math.pi, 2 * math.pi, math.pi, 2 * math.pi, 2 * math.pi, 2 * math.pi])
    assert limits.lower == pytest.approx(-limits.upper)
    assert limits.velocity == pytest.approx([math.pi] * 6)
    assert limits.effort == pytest.approx([150, 150, 150, 28, 28, 28])


def test_relative_pose_of_frames_on_one_body() -> None:
    model = motion.model()
    expected = invert_pose(model.fk(motion.HOME, "tool0")) @ model.fk(motion.HOME, "tcp")
    assert model.relative_pose("tool0", "tcp") == pytest.approx(expected, abs=1e-12)
    assert model.relative_pose("tool0", "tcp") == pytest.approx(make_pose(np.eye(3), (0, 0, 0.1965)), abs=1e-12)


def test_a_joint_outside_its_limits_is_named() -> None:
    q = motion.HOME.copy()
    q[2] = 3.3
    with pytest.raises(
        JointLimitError, match=r"elbow_joint is 3\.3000 rad; the limits are -3\.1416\.\.3\.1416 rad"
    ) as e:
        motion.model().check_joint_limits(q)
    assert (e.value.quantity, e.value.unit) == ("elbow_joint", "rad")


def test_a_joint_that_is_not_a_number_is_named() -> None:
    q = motion.HOME.copy()
    q[4] = math.nan
    with pytest.raises(JointLimitError, match="wrist_2_joint is not a finite number"):
        motion.model().check_joint_limits(q)


def test_a_joint_vector_of_the_wrong_length_is_a_programmers_error() -> None:
    with pytest.raises(ValueError, match=r"shape \(7,\); expected \(6,\)"):
        motion.model().check_joint_limits(np.zeros(7))


def test_an_unknown_frame_is_named_with_the_valid_ones() -> None:
    with pytest.raises(UnknownFrameError, match=r"no frame 'tpc'; valid are .*tcp"):
        motion.model().fk(motion.HOME, "tpc")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<robot name='x'/>", "not a URDF"),
        ("no xml", "not a URDF"),
        ("<robot name='x'><link name='base_link'/></robot>", "no joint 'shoulder_pan_joint'"),
    ],
)
def test_a_description_that_cannot_be_used_is_refused(text: str, message: str) -> None:
    with pytest.raises(RobotModelError, match=message):
        RobotModel(text)


def test_joints_in_another_order_are_refused() -> None:
    with pytest.raises(RobotModelError, match="are in the order"):
        RobotModel(motion.urdf(), joint_names=tuple(reversed(ARM_JOINT_NAMES)))
