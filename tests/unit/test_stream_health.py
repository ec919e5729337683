"""Every fault of a camera stream is found within half a second, with its code; a living camera raises none."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.geometry import exp_se3, invert_pose, pose_from_xyz_rpy
from cablecell.core.perception.detection import Corners
from cablecell.core.perception.stream_errors import SwappedCamerasError
from cablecell.core.perception.stream_health import ArrivedImage, StreamHealth
from cablecell.core.perception.stream_order import find_swapped
from tests.support.calibration_views import nominal_mounts

PERIOD_S, LATENCY_S = 0.1, 0.04
SCENE = np.random.default_rng(0).integers(30, 220, (64, 80, 3))


class Camera:
    """A camera with noise; `breakage` changes what arrives from a time on."""

    def __init__(self, seed=1):
        self._rng, self.kept = np.random.default_rng(seed), None

    def image(self, now_s, breakage="", since_s=np.inf):
        pixels = np.clip(SCENE + self._rng.normal(0.0, 2.0, SCENE.shape), 0, 255).astype(np.uint8)
        stamp_s, size, problem = now_s - LATENCY_S, (80, 64), ""
        if now_s < since_s:
            self.kept = pixels
            return ArrivedImage(stamp_s, pixels, size)
        if breakage == "frozen":
            pixels = self.kept
        elif breakage == "black":
            pixels = np.clip(self._rng.normal(2.0, 1.0, SCENE.shape), 0, 255).astype(np.uint8)
        elif breakage == "grey":
            pixels = np.full_like(pixels, 128)
        elif breakage == "saturated":
            pixels = np.minimum(pixels.astype(int) + 180, 255).astype(np.uint8)
        elif breakage == "future":
            stamp_s += 0.5
        elif breakage == "stale":
            stamp_s -= 1.5
        elif breakage == "stopped stamp":
            stamp_s = since_s - LATENCY_S
        elif breakage == "backwards":
            stamp_s = 2.0 * since_s - now_s
        elif breakage == "nan":
            stamp_s = np.nan
        elif breakage == "size":
            pixels = pixels[:48]
        elif breakage == "encoding":
            problem = "its encoding is 'yuv422'"
        return ArrivedImage(stamp_s, pixels, size, problem)


def watch(breakage, *, silent=False, since_s=2.0, end_s=4.0):
    """Return the faults of one broken camera among two, and the watch."""
    health, cameras, found = StreamHealth(["left", "right"]), {"left": Camera(1), "right": Camera(2)}, []
    health.open(0.0)
    for tick in range(1, round(end_s / PERIOD_S)):
        now_s = tick * PERIOD_S
        for name, camera in cameras.items():
            if name == "left" and silent and now_s >= since_s:
                continue
            image = camera.image(now_s, breakage if name == "left" else "", since_s)
            found.append(health.add(name, now_s, image))
        found += health.look(now_s)
    return [fault for fault in found if fault is not None], health


@pytest.mark.parametrize(
    ("breakage", "code"),
    [
        ("frozen", 581),
        ("black", 582),
        ("grey", 582),
        ("saturated", 583),
        ("future", 584),
        ("stale", 584),
        ("stopped stamp", 584),
        ("backwards", 584),
        ("nan", 584),
        ("size", 585),
        ("encoding", 585),
    ],
)
def test_a_broken_stream_is_found_in_half_a_second(breakage, code):
    found, health = watch(breakage)
    assert found, "nothing was found"
    assert {fault.camera for fault in found} == {"left"}
    assert found[0].error.code == code
    assert 2.0 <= found[0].detected_s <= 2.5
    assert found[0].error.quantity
    assert found[0].error.frame == "left"
    assert set(health.faults) == {"left"}


def test_a_camera_that_falls_silent_is_found_in_half_a_second():
    found, _ = watch("", silent=True)
    assert [(fault.camera, fault.error.code) for fault in found] == [("left", 587)]
    assert found[0].detected_s - found[0].since_s <= 0.5 + 1e-9


def test_an_hour_of_good_images_raises_no_alarm():
    health, camera = StreamHealth(["left"]), Camera(3)
    rng = np.random.default_rng(4)
    health.open(0.0)
    for tick in range(1, 3000):  # with jitter of arrival, and exposures that differ
        now_s = tick * PERIOD_S
        image = camera.image(now_s)
        assert health.add("left", now_s + float(rng.uniform(0.0, 0.08)), image) is None
    assert not health.faults


def test_a_camera_is_trusted_again_after_good_images():
    health, camera = StreamHealth(["left"]), Camera(5)
    health.open(0.0)
    for tick in range(1, 10):
        health.add("left", 0.1 * tick, camera.image(0.1 * tick, "black", 0.0))
    assert health.faults
    for tick in range(10, 13):
        assert health.faults
        health.add("left", 0.1 * tick, camera.image(0.1 * tick))
    assert not health.faults


def test_a_fault_is_told_once_and_silence_means_nothing_when_nobody_listens():
    found, health = watch("black")
    assert len(found) == 1
    health.close()
    assert health.look(1e6) == []
    health.open(1e6)
    assert not health.faults, "a fault must show again"
    assert health.look(1e6 + 0.35) == []
    assert health.add("right", 1e6 + 0.1, Camera(6).image(1e6 + 0.1)) is None, "what was before is no jump"


def test_a_camera_that_froze_while_nobody_listened_is_found_by_its_first_image():
    health, camera = StreamHealth(["left"]), Camera(9)
    health.open(0.0)
    health.add("left", 0.1, camera.image(0.1))
    health.close()
    health.open(50.0)
    fault = health.add("left", 50.1, ArrivedImage(50.06, camera.kept))
    assert fault.error.code == 581


def board_corners(X_optical_board, name):
    points = np.array([[x, y, 0.0] for x in np.linspace(-0.1, 0.1, 5) for y in np.linspace(-0.1, 0.1, 5)])
    K = CameraIntrinsics().matrix()
    in_camera = points @ X_optical_board[:3, :3].T + X_optical_board[:3, 3]
    pixels = in_camera @ K.T
    return Corners(0.0, name, K, pixels[:, :2] / pixels[:, 2:], points, np.zeros(len(points), dtype=np.intp))


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (("left", "center", "right"), None),
        (("right", "center", "left"), "'left' shows what 'right' must see, 'right' shows"),
        (("center", "left", "right"), "'left' shows what 'center' must see"),
        (("center", "right", "left"), "'center' shows what 'right' must see"),
    ],
)
def test_exchanged_streams_are_told_apart(order, words):
    """Whatever the order, on a board that is a little beside where it is expected."""
    mounts, X_base_tcp = nominal_mounts(), pose_from_xyz_rpy((0.4, 0.1, 0.2), (np.pi, 0.05, 0.3))
    X_base_board = pose_from_xyz_rpy((0.4, 0.1, 0.0), (0, 0, 0.2))
    expected = X_base_board @ exp_se3([0.02, -0.02, 0.0, 0.0, 0.0, 0.1])
    seen = {}
    for stream, camera in zip(mounts, order, strict=True):
        seen[stream] = board_corners(invert_pose(X_base_tcp @ mounts[camera]) @ X_base_board, stream)
    error = find_swapped(seen, mounts, X_base_tcp, expected)
    if words is None:
        assert error is None
        return
    assert isinstance(error, SwappedCamerasError)
    assert words in str(error)
    two = {name: seen[name] for name in list(seen)[:2]}
    assert find_swapped(two, mounts, X_base_tcp, expected) is not None, "two streams suffice"


def test_nothing_seen_says_nothing_about_the_order():
    assert find_swapped({}, nominal_mounts(), np.eye(4), np.eye(4)) is None


def test_a_message_that_comes_twice_is_one():
    health, camera = StreamHealth(["left"]), Camera(1)
    health.open(0.0)
    for k in range(1, 30):
        image = camera.image(PERIOD_S * k)
        assert health.add("left", PERIOD_S * k, image) is None
        assert health.add("left", PERIOD_S * k + 0.003, image) is None
    assert health.add("left", PERIOD_S * 29 + 0.05, image) is not None, "the same stamp much later is no copy"


def stream(arrivals, *, period_s, end_s=None):
    """Faults of one camera whose images come as (stamp, arrival), asked at 20 Hz; a pair without arrival is lost."""
    health, camera, found = StreamHealth(["left"]), Camera(3), []
    health.open(0.0)
    health.expect(period_s, 0.0)
    waiting = sorted(arrivals, key=lambda pair: pair[1])
    for tick in range(1, round((end_s or waiting[-1][1] + 0.1) / 0.05)):
        now_s = 0.05 * tick
        while waiting and waiting[0][1] <= now_s:
            stamp_s, arrival_s = waiting.pop(0)
            image = camera.image(stamp_s + LATENCY_S)
            fault = health.add("left", arrival_s, image)
            found += [] if fault is None else [fault]
        found += health.look(now_s)
    return [fault.error.code for fault in found], health, found


@pytest.mark.parametrize(("period_s", "limit_s"), [(0.5, 0.9), (0.25, 0.45), (0.1, 0.4)])
def test_silence_is_judged_by_the_rate_that_was_asked_for(period_s, limit_s):
    steady = [(t, t + LATENCY_S) for t in np.arange(period_s, 3.0, period_s)]
    codes, _, found = stream(steady, period_s=period_s, end_s=6.0)
    assert codes == [587]
    assert limit_s < found[0].detected_s - found[0].since_s <= limit_s + 0.05 + 1e-6


def test_a_late_delivery_is_a_silence_and_no_wrong_stamp():
    """A machine that stands still for two seconds delivers what was taken meanwhile all at once."""
    times = np.arange(0.25, 8.0, 0.25)
    stalled = [(t, max(t + LATENCY_S, 5.0 + 0.01 * t) if 3.0 <= t <= 5.0 else t + LATENCY_S) for t in times]
    codes, health, _ = stream(stalled, period_s=0.25)
    assert codes == [587]
    assert not health.faults, "a silent camera that shows something again is trusted again"


@pytest.mark.parametrize("shift_s", [-1.5, -4.0, 0.4])
def test_a_wrong_stamp_stays_a_fault_for_as_long_as_it_is_wrong(shift_s):
    times = np.arange(0.25, 8.0, 0.25)
    shifted = [(t + (shift_s if t > 3.0 else 0.0), t + LATENCY_S) for t in times]
    codes, health, found = stream(shifted, period_s=0.25)
    assert codes == [584]
    assert found[0].detected_s - 3.0 < 0.5
    assert set(health.faults) == {"left"}


def test_a_camera_that_was_never_there_is_missed_only_by_who_looks():
    for is_needed in (False, True):
        health = StreamHealth(["left"])
        health.open(0.0)
        health.expect(0.25, 0.0, is_needed=is_needed)
        assert [fault.error.code for fault in health.look(2.0)] == ([587] if is_needed else [])
