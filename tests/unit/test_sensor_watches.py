"""What nodes say about cameras and force sensor: messages in, typed diagnostics out."""

from __future__ import annotations

import array
from types import SimpleNamespace

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import Image

from cablecell.core.control.modes import ControllerMode
from cablecell.ports import WrenchSample
from cablecell.ros.pose_messages import to_stamp
from cablecell.ros.skill_messages import sensor_stop
from cablecell.ros.stream_watch import StreamWatch
from cablecell.ros.wrench_watch import WrenchWatch
from cablecell.simulation.wrench_faults import WrenchFault


def message(stamp_s, pixels, **changes):
    height, width = pixels.shape[:2]
    image = Image(height=height, width=width, encoding="rgb8", step=3 * width, data=array.array("B", pixels.tobytes()))
    image.header.stamp = to_stamp(stamp_s)
    for key, value in changes.items():
        setattr(image, key, value)
    return image


def test_camera_messages_are_judged_and_told():
    rng, found, now = np.random.default_rng(1), [], [0.0]
    watch = StreamWatch(["left", "right"], lambda: now[0], found.append)
    watch.open()
    still = rng.integers(0, 255, (32, 40, 3), dtype=np.uint8)
    for tick in range(5):
        now[0] = 0.1 * (tick + 1)
        watch.take("left", message(now[0] - 0.03, still))
        watch.take("right", message(now[0] - 0.03, rng.integers(0, 255, (32, 40, 3), dtype=np.uint8)))
    assert [(fault.camera, fault.error.code) for fault in found] == [("left", 581)]
    left, right = watch.statuses("port_estimator")
    assert (left.level, right.level) == (b"\2", b"\0")
    assert left.name == "port_estimator: left camera"
    assert {pair.key: pair.value for pair in left.values}["code"] == "581"
    watch.take("right", message(now[0], still, encoding="yuv422"))
    watch.take("right", message(now[0], still, height=31))
    assert found[-1].error.code == 585
    assert "yuv422" in str(found[-1].error)
    now[0] += 1.0
    watch.look()
    assert {fault.error.code for fault in watch.faults.values()} == {581, 585}, "silence hides nothing"


def cycle(number, rng, *, mode=ControllerMode.HOLD, force_n=0.0, width_m=0.01, stuck=None, bias_n=0.0):
    stamp_s = 0.002 * number
    force = np.round(rng.normal(size=3) * 0.1 + [force_n, 0.0, -10.0], 1)
    if stuck is not None:
        force[1] = stuck
    return SimpleNamespace(
        number=number,
        sample=WrenchSample(stamp_s, force, rng.normal(size=3) * 0.004),
        state=SimpleNamespace(stamp_s=stamp_s, q=np.zeros(6)),
        wrench_tcp=np.zeros(6),
        bias=np.full(6, bias_n),
        report=SimpleNamespace(mode=mode, V_base_tcp=np.zeros(6)),
        gripper=SimpleNamespace(width_m=width_m),
    )


def test_a_stuck_axis_is_told_by_its_code():
    rng, found = np.random.default_rng(2), []
    watch = WrenchWatch(found.append)
    for number in range(1500):
        watch.take(cycle(number, rng, stuck=0.3 if number > 1000 else None))
    assert [fault.error.code for fault in found] == [591]
    assert found[0].detected_s <= 2.0 + 0.5
    status = watch.status("arm_controller")
    assert {pair.key: pair.value for pair in status.values}["axes"] == "fy"
    watch.forget()
    assert watch.status("arm_controller").level == b"\0"


def test_a_plug_that_is_gripped_is_no_drift_and_a_force_from_nowhere_is():
    for is_gripped in (True, False):
        rng, found = np.random.default_rng(3), []
        watch = WrenchWatch(found.append)
        for number in range(2500):
            after = number > 1500
            width = 0.01 if is_gripped and 1500 < number <= 1600 else 0.012
            width += 1e-5 * (number - 1500) if is_gripped and 1500 < number <= 1600 else 0.0
            watch.take(cycle(number, rng, force_n=3.0 if after else 0.0, width_m=width))
        codes = {fault.error.code for fault in found}
        assert codes == (set() if is_gripped else {592})
    rng, found = np.random.default_rng(3), []
    watch = WrenchWatch(found.append)
    for number in range(2500):
        watch.take(cycle(number, rng, mode=ControllerMode.COMPLIANCE, force_n=3.0 if number > 1500 else 0.0))
    assert found == [], "an arm that presses feels what it presses on"


@pytest.mark.parametrize(
    ("mode", "stops"),
    [(ControllerMode.COMPLIANCE, True), (ControllerMode.MOTION_UPDATE, True), (ControllerMode.TRAJECTORY, False)],
)
def test_a_stuck_axis_ends_a_guarded_motion_and_no_other(mode, stops):
    rng, found, stopped = np.random.default_rng(4), [], []
    watch = WrenchWatch(found.append, stop=stopped.append)
    for number in range(1000):
        watch.take(cycle(number, rng, mode=mode, stuck=0.3 if number > 500 else None))
    assert [fault.error.code for fault in found] == [591]
    assert {fault.error.code for fault in stopped} == ({591} if stops else set())


def guarded(watch, rng, disagreement, ramp, first=0):
    """Two seconds of a guarded motion from cycle `first`; after one the disagreement grows by `ramp` a second."""
    for number in range(1000):
        disagreement[0] = rng.normal(size=6) * ([0.3] * 3 + [0.03] * 3)
        disagreement[0][0] += ramp * max(0.0, 0.002 * number - 1.0)
        watch.take(cycle(first + number, rng, mode=ControllerMode.COMPLIANCE, force_n=8.0))


def test_drift_in_a_guarded_motion_is_told_from_contact_by_what_the_arm_feels():
    rng, found, stopped, disagreement = np.random.default_rng(5), [], [], [np.zeros(6)]
    watch = WrenchWatch(found.append, stop=stopped.append, disagreement=lambda: disagreement[0])
    guarded(watch, rng, disagreement, 0.0)
    assert not found, "contact that both feel is no drift"
    guarded(watch, rng, disagreement, 3.0, first=1000)
    assert [fault.error.code for fault in found] == [592]
    assert found[0].axes == ("fx",)
    # By the law of a first-order filter behind a ramp: limit / rate + time constant, and what noise takes off or adds.
    assert 3.0 < found[0].detected_s < 3.0 + 0.65 / 3.0 + 0.1 + 0.1
    assert stopped
    for number in range(2000, 2500):
        watch.take(cycle(number, rng, mode=ControllerMode.STOPPED))
    assert watch.fault.error.code == 592, "while it is stopped nobody knows"
    for number in range(2500, 3500):
        watch.take(cycle(number, rng, mode=ControllerMode.TRAJECTORY))
    assert watch.fault.error.code == 592, "nor while it moves"
    for number in range(3500, 4500):
        watch.take(cycle(number, rng, mode=ControllerMode.HOLD))
    assert watch.fault is None, "steady at rest"


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_sensor_that_drifted_at_rest_is_trusted_again_after_a_tare_where_it_drifts_no_more(goes_on):
    """Without a tare it stays where it drifted to, which is a fault for as long as the arm is held."""
    rng, found = np.random.default_rng(8), []
    watch = WrenchWatch(found.append)

    def hold(first, last, bias_n):
        for number in range(first, last):
            drift_n = 2.0 * min(0.002 * max(0, number - 1000), 20.0 if goes_on else 1.0)
            watch.take(cycle(number, rng, force_n=drift_n, bias_n=bias_n))

    hold(0, 3500, 0.0)
    assert [fault.error.code for fault in found[:1]] == [592]
    assert watch.fault is not None
    hold(3500, 4500, 2.0)
    assert (watch.fault is not None) == goes_on


def test_a_bias_that_was_there_in_the_beginning_is_no_drift():
    """A sensor that nobody has tared disagrees with the arm from the first sample on, and guarded motions go on."""
    rng, found, disagreement = np.random.default_rng(6), [], [np.zeros(6)]
    bias = np.array([2.0, -1.0, 0.9, 0.2, 0.0, -0.3])
    watch = WrenchWatch(found.append, disagreement=lambda: disagreement[0] + bias)
    guarded(watch, rng, disagreement, 0.0)
    assert not found
    guarded(watch, rng, disagreement, 3.0, first=1000)
    assert [fault.error.code for fault in found] == [592]


def test_a_stopped_controller_tells_the_skill_only_about_its_force_sensor():
    def diagnostics(mode, code):
        status = DiagnosticStatus(name="arm_controller: control loop", message=f"stopped, code {code}")
        status.values = [KeyValue(key="mode", value=mode), KeyValue(key="fault_code", value=str(code))]
        return DiagnosticArray(status=[status])

    error = sensor_stop(diagnostics("stopped", 591))
    assert (error.code, str(error)) == (591, "stopped, code 591")
    assert sensor_stop(diagnostics("stopped", 312)) is None
    assert sensor_stop(diagnostics("compliance", 591)) is None


@pytest.mark.parametrize(
    ("kind", "changes", "stamps"),
    [("stuck", 5, 2), ("all_stuck", 0, 2), ("silent", 0, 1), ("drift", 6, 2)],
)
def test_an_injected_fault_of_the_force_sensor_does_what_it_is_called(kind, changes, stamps):
    fault = WrenchFault.parse({"kind": kind, "axis": 1, "rate": 2.0})
    first = fault.alter(WrenchSample(1.0, np.zeros(3), np.zeros(3)))
    later = fault.alter(WrenchSample(2.0, np.ones(3), np.ones(3)))
    moved = np.concatenate((later.force - first.force, later.torque - first.torque))
    assert (int(np.count_nonzero(moved)), len({first.stamp_s, later.stamp_s})) == (changes, stamps)
    assert moved[1] == {"drift": 3.0}.get(kind, 0.0)
    with pytest.raises(ValueError, match="valid are"):
        WrenchFault.parse({"kind": "melted"})
