"""The drift watch names what moved, by how much and since when, and keeps quiet when nothing did."""

from __future__ import annotations

import time

import numpy as np
import pytest

from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.fusion.board_state import CameraRig
from cablecell.core.fusion.drift import BOARD, MOUNT, TIP, DriftWatch, FeltSeat, SeenPose, WatchedLook
from cablecell.core.fusion.drift_look import seen_boards
from cablecell.core.geometry import exp_se3, invert_pose, log_se3, pose_from_xyz_rpy
from tests.support.calibration_views import nominal_mounts
from tests.unit.test_stream_health import board_corners

TOOL = np.diag([5e-5**2] * 3 + [1e-4**2] * 3)
SEEN = np.diag([1e-4**2, 1e-4**2, 3e-4**2, 1e-3**2, 1e-3**2, 3e-4**2])
TIP_SEEN = np.diag([1e-4**2] * 3 + [5e-3**2] * 3)
GRASP = [1.2e-3] * 3 + [0.023] * 3
X_BOARD = pose_from_xyz_rpy((0.4, 0.1, 0.0), (0, 0, 0.2))
X_TIP = pose_from_xyz_rpy((0.0, -0.02, 0.05), (0.3, 0, 0))
RIG = CameraRig.calibrated(nominal_mounts(), EstimatorSettings())


class Shift:
    """A cell that is looked at again and again; `change` moves a part of it."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        error = np.linalg.cholesky(RIG.covariance) @ self.rng.normal(size=len(RIG.covariance))
        self.mounts = {name: X @ exp_se3(error[6 * i : 6 * i + 6]) for i, (name, X) in enumerate(RIG.mounts.items())}
        self.X_base_board = X_BOARD @ exp_se3(self.rng.normal(size=6) * ([0.01] * 3 + [0.03] * 3))
        self.X_tcp_tip = X_TIP
        self.watch = DriftWatch(RIG, X_BOARD, TOOL)
        self.stamp_s = 0.0

    def change(self, part, step):
        motion = exp_se3(step)
        if part == BOARD:
            self.X_base_board = self.X_base_board @ motion
        elif part == MOUNT:
            self.mounts = {name: motion @ X for name, X in self.mounts.items()}
        elif part == TIP:
            self.X_tcp_tip = motion @ self.X_tcp_tip
        else:
            self.mounts[part] = self.mounts[part] @ motion

    def look(self, *, with_tip=False):
        rng = self.rng
        self.stamp_s += 10.0
        turn = rng.normal(size=3) * [0.1, 0.1, 0.4]
        X = pose_from_xyz_rpy((0.4, 0.1, 0.2), (np.pi, 0, 0)) @ pose_from_xyz_rpy(rng.normal(size=3) * 0.03, turn)
        true = X @ exp_se3(rng.normal(size=6) * np.sqrt(np.diag(TOOL)))
        boards = {}
        for name, X_tcp_optical in self.mounts.items():
            noise = exp_se3(rng.normal(size=6) * np.sqrt(np.diag(SEEN)))
            boards[name] = SeenPose(invert_pose(true @ X_tcp_optical) @ self.X_base_board @ noise, SEEN)
        tip = None
        if with_tip:
            held = self.X_tcp_tip @ exp_se3(rng.normal(size=6) * GRASP)
            # What the cameras say of the tip is what they see of it, put where they are thought to be.
            errors = [RIG.mounts[name] @ invert_pose(X) for name, X in self.mounts.items()]
            seen = errors[0] @ held @ exp_se3(rng.normal(size=6) * np.sqrt(np.diag(TIP_SEEN)))
            tip = SeenPose(seen, TIP_SEEN)
        return self.watch.add(WatchedLook(self.stamp_s, X, boards, tip, X_TIP))


STEP = np.array([0.001, -0.0005, 0.0003, 0.001, 0.0, 0.003])


@pytest.mark.parametrize(("part", "code"), [(BOARD, 595), (MOUNT, 596), ("left", 597), ("center", 597), ("right", 597)])
def test_what_moved_is_named_with_how_much_and_since_when(part, code):
    for seed in range(3):
        shift = Shift(seed)
        assert all(shift.look() is None for _ in range(12))
        begun_s = shift.stamp_s
        shift.change(part, STEP)
        for _ in range(6):
            shift.look()
        alarm = shift.watch.alarm
        assert (alarm.part, alarm.error.code) == (part, code)
        assert not alarm.alternatives
        assert np.abs((alarm.change - STEP) / alarm.sigma).max() < 4.5
        # The first image of a camera that contradicts all others may just be bad; it waits for the next.
        waits = part in RIG.mounts
        assert alarm.since_s - begun_s == pytest.approx(20.0 if waits else 10.0)
        assert alarm.looks == (5 if waits else 6)


def test_a_bump_shows_in_the_first_look_but_not_yet_what_it_was():
    shift = Shift(5)
    for _ in range(5):
        shift.look()
    shift.change(BOARD, STEP * 3.0)
    alarm = shift.look()
    assert alarm is not None
    assert {alarm.part, *alarm.alternatives} >= {BOARD, MOUNT}, "one look cannot tell them apart"
    assert "almost as well" in str(alarm.error)
    for _ in range(4):
        shift.look()
    assert shift.watch.alarm.part == BOARD
    assert not shift.watch.alarm.alternatives


@pytest.mark.parametrize("camera", ["left", "right"])
def test_one_bad_image_is_no_knocked_camera(camera):
    for seed in range(3):
        shift = Shift(40 + seed)
        for _ in range(8):
            shift.look()
        shift.change(camera, [0.007, 0.0, 0.0, 0.0, 0.019, 0.0])
        shift.look()
        shift.change(camera, -np.array([0.007, 0.0, 0.0, 0.0, 0.019, 0.0]))
        for _ in range(6):
            shift.look()
        assert shift.watch.alarm is None


def test_a_tip_that_is_held_elsewhere_is_named_after_some_grasps():
    shift = Shift(6)
    for _ in range(20):
        assert shift.look(with_tip=True) is None
    shift.change(TIP, [0.003, 0.0, 0.0, 0.0, 0.0, 0.0])
    for _ in range(30):
        shift.look(with_tip=True)
    alarm = shift.watch.alarm
    assert (alarm.part, alarm.error.code) == (TIP, 598)
    assert abs(alarm.change[0] - 0.003) < 4.0 * alarm.sigma[0]


def test_a_knocked_mount_is_not_taken_for_a_tip():
    shift = Shift(7)
    for _ in range(10):
        shift.look(with_tip=True)
    shift.change(MOUNT, STEP)
    for _ in range(8):
        shift.look(with_tip=True)
    assert shift.watch.alarm.part == MOUNT


def test_three_shifts_without_a_change_raise_no_alarm():
    for seed in range(3):
        shift = Shift(100 + seed)
        assert all(shift.look(with_tip=index % 3 == 0) is None for index in range(60))


def test_without_a_change_the_evidence_of_a_board_is_chi_square_of_six():
    """For one given look the statistic has six degrees of freedom: its mean over repetitions is six."""
    values = []
    for seed in range(150):
        shift = Shift(300 + seed)
        for _ in range(4):
            shift.look()
        watch = shift.watch
        A_all = watch._A + sum(look.A for look in watch._looks)
        b_all = watch._b + sum(look.b for look in watch._looks)
        P, E, last = np.linalg.inv(A_all), watch._parts[BOARD], watch._looks[-1]
        D = E.T @ (last.A - last.A @ P @ last.A) @ E
        r = E.T @ (last.b - last.A @ (P @ b_all))
        values.append(r @ np.linalg.solve(D, r))
    assert np.mean(values) == pytest.approx(6.0, abs=3.0 * np.sqrt(12.0 / 150.0))


def test_after_a_reset_the_new_place_is_the_right_one():
    shift = Shift(8)
    for _ in range(5):
        shift.look()
    shift.change(BOARD, STEP * 2.0)
    while shift.watch.alarm is None:
        shift.look()
    shift.watch.reset()
    assert all(shift.look() is None for _ in range(10))


def test_a_look_takes_milliseconds():
    shift = Shift(9)
    for _ in range(45):
        shift.look()
    begun_s = time.process_time()
    for _ in range(5):
        shift.look()
    assert (time.process_time() - begun_s) / 5.0 < 0.1


def test_a_look_with_nothing_in_it_changes_nothing():
    watch = DriftWatch(RIG, X_BOARD, TOOL)
    assert watch.add(WatchedLook(0.0, np.eye(4), {})) is None


def test_the_board_in_an_image_is_found_from_its_corners_with_its_covariance():
    X_base_tcp, mounts = pose_from_xyz_rpy((0.4, 0.1, 0.2), (np.pi, 0.05, 0.3)), nominal_mounts()
    settings, rng, distances = EstimatorSettings(shared_sigma_px=0.0, corner_sigma_px=0.1), np.random.default_rng(3), []
    X_true = invert_pose(X_base_tcp @ mounts["left"]) @ X_BOARD
    for _ in range(30):
        corners = board_corners(X_true, "left")
        corners.pixels[:] += rng.normal(size=corners.pixels.shape) * 0.1
        beside = X_BOARD @ exp_se3([0.003, -0.002, 0.0, 0.0, 0.0, 0.02])
        found = seen_boards({"left": corners}, mounts, X_base_tcp, beside, settings)["left"]
        error = log_se3(invert_pose(found.X) @ X_true)
        distances.append(error @ np.linalg.solve(found.covariance, error))
    assert np.mean(distances) == pytest.approx(6.0, rel=0.5)


X_BOARD_SEAT = pose_from_xyz_rpy((0.05, -0.03, 0.1), (np.pi, 0.0, 0.4))
PLAY = np.diag([1.5e-4**2] * 3 + [4e-3**2] * 3)


def sit(shift, *, is_tip_seen):
    """Let a plug be seated where the board truly is; what is believed of its tip is seen through wrong mounts."""
    rng = shift.rng
    shift.stamp_s += 10.0
    grasp = np.zeros(6) if is_tip_seen else rng.normal(size=6) * GRASP
    held = shift.X_tcp_tip @ exp_se3(grasp)
    play = exp_se3(rng.normal(size=6) * np.sqrt(np.diag(PLAY)))
    X_base_tcp = shift.X_base_board @ X_BOARD_SEAT @ play @ invert_pose(held)
    believed = X_TIP
    if is_tip_seen:
        errors = [log_se3(RIG.mounts[name] @ invert_pose(X)) for name, X in shift.mounts.items()]
        believed = exp_se3(np.mean(errors, axis=0)) @ held
    reported = X_base_tcp @ exp_se3(rng.normal(size=6) * np.sqrt(np.diag(TOOL)))
    seat = FeltSeat(reported, believed, X_BOARD_SEAT, PLAY, is_tip_seen)
    return shift.watch.add(WatchedLook(shift.stamp_s, np.eye(4), {}, seat=seat))


@pytest.mark.parametrize("is_tip_seen", [True, False])
def test_seats_where_they_should_be_raise_no_alarm(is_tip_seen):
    for seed in range(4):
        shift = Shift(70 + seed)
        for _ in range(10):
            shift.look()
            sit(shift, is_tip_seen=is_tip_seen)
        assert shift.watch.alarm is None


def test_a_tip_offset_that_no_camera_sees_is_found_by_seats():
    step = np.array([0.0025, -0.001, 0.0, 0.0, 0.0, 0.0])
    for seed in range(3):
        shift = Shift(80 + seed)
        for _ in range(10):
            shift.look()
            sit(shift, is_tip_seen=False)
        shift.change(TIP, step)
        for _ in range(12):
            shift.look()
            sit(shift, is_tip_seen=False)
        alarm = shift.watch.alarm
        assert (alarm.part, alarm.error.code) == (TIP, 598)
        assert np.abs((alarm.change[:3] - step[:3]) / alarm.sigma[:3]).max() < 4.5


def test_a_seat_tells_a_moved_board_from_a_knocked_mount():
    """One look after a change cannot; a seat is felt without the cameras."""
    for part, code in ((BOARD, 595), (MOUNT, 596)):
        shift = Shift(5)
        for _ in range(5):
            shift.look()
            sit(shift, is_tip_seen=False)
        shift.change(part, STEP * 5.0)
        alarm = shift.look()
        assert alarm is not None
        assert alarm.alternatives
        for _ in range(2):
            sit(shift, is_tip_seen=False)
        assert (shift.watch.alarm.part, shift.watch.alarm.error.code) == (part, code)
        assert not set(shift.watch.alarm.alternatives) & {BOARD, MOUNT}
