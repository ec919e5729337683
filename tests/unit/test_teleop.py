"""Teleoperation case by case: who may move the arm, what contact leaves, and how each mistake is answered."""

import math

import numpy as np
import pytest

from cablecell.core.config.parameters import validate
from cablecell.core.config.teleop import TeleopParameters, TeleopSettings
from cablecell.core.control.errors import FutureCommandError, NonFiniteCommandError, StaleCommandError
from cablecell.core.errors import ParameterError
from cablecell.core.geometry import make_pose
from cablecell.core.teleop.commands import (
    Observation,
    marker_source,
    require_fresh,
    twist_in_units,
)
from cablecell.core.teleop.errors import (
    CommandRangeError,
    CommandTypeError,
    ControlHeldError,
    DeadmanError,
    LeashError,
    StateLostError,
    TeleopDisabledError,
    TeleopPausedError,
    WorkspaceError,
)
from cablecell.core.teleop.output import TeleopState
from cablecell.core.teleop.target import Limit
from cablecell.core.teleop.teleoperation import Teleoperation

PERIOD_S = 0.01
HOME = make_pose(np.diag([1.0, -1.0, -1.0]), [-0.37, 0.19, 0.33])
RVIZ, OTHER = marker_source("rviz"), marker_source("rviz_2")


def moved(dx=0.0, dy=0.0, dz=0.0):
    return make_pose(HOME[:3, :3], HOME[:3, 3] + [dx, dy, dz])


class Rig:
    """Teleoperation with an ideal arm, or one that stands still."""

    def __init__(self, *, enabled=True, blocked=False, **changes):
        self.settings = TeleopSettings(**{"speed_scale": 1.0, **changes})
        self.teleop = Teleoperation(self.settings, period_s=PERIOD_S)
        self.time_s, self.X, self.wrench, self.age_s = 10.0, HOME, np.zeros(6), 0.0
        self.blocked, self.sent = blocked, []
        if enabled:
            self.teleop.enable(self.seen)

    @property
    def seen(self):
        return Observation(self.time_s, self.X, self.wrench, self.age_s)

    def run(self, seconds, each=lambda: None):
        for _ in range(round(seconds / PERIOD_S)):
            each()
            self.time_s += PERIOD_S
            out = self.teleop.step(self.seen)
            if out.setpoint is not None:
                self.sent.append(out.setpoint)
                if not self.blocked:
                    self.X = out.setpoint.X_base_target
        return out

    def push(self, *twist):
        return lambda: self.teleop.command_twist(np.array([*twist, *[0.0] * (6 - len(twist))]), self.seen)


def test_enabling_sends_nothing():
    rig = Rig()
    out = rig.run(1.0)
    assert rig.sent == []
    assert out.state is TeleopState.READY


def test_a_drag_while_disabled_does_not_count_after_enabling():
    rig = Rig(enabled=False)
    with pytest.raises(TeleopDisabledError):
        rig.teleop.press_marker(RVIZ, HOME, rig.seen)
    rig.teleop.enable(rig.seen)
    with pytest.raises(DeadmanError):
        rig.teleop.drag_marker(RVIZ, moved(0.3), rig.seen)
    rig.run(0.5)
    assert rig.sent == []


def test_a_drag_that_goes_on_after_a_long_silence_does_not_count():
    rig = Rig()
    rig.teleop.press_marker(RVIZ, HOME, rig.seen)
    rig.time_s += 0.6
    with pytest.raises(DeadmanError):
        rig.teleop.drag_marker(RVIZ, moved(0.1), rig.seen)


def test_the_arm_follows_what_the_marker_moves_not_where_it_is():
    rig = Rig()
    rig.teleop.press_marker(RVIZ, moved(0.2, 0.1), rig.seen)
    rig.run(0.05, lambda: rig.teleop.keep_marker(RVIZ, rig.seen))
    np.testing.assert_allclose(rig.X, HOME, atol=1e-12)
    rig.run(1.0, lambda: rig.teleop.drag_marker(RVIZ, moved(0.23, 0.1), rig.seen))
    np.testing.assert_allclose(rig.X, moved(0.03), atol=1e-5)


def test_a_twist_moves_with_its_speed_and_stops_when_it_is_silent():
    rig = Rig()
    rig.run(1.0, rig.push(0.0, 0.05))
    assert 0.045 < rig.X[1, 3] - HOME[1, 3] < 0.0501
    silent_s = rig.time_s
    out = rig.run(0.3)
    assert not rig.sent[-1].twist.any()
    assert rig.settings.command_timeout_s + 0.05 < rig.time_s - silent_s
    assert out.state is TeleopState.MOVING, "the lease still runs"
    assert rig.run(0.5).state is TeleopState.READY


def test_a_stream_of_zeros_does_not_hold_control():
    rig = Rig()
    rig.run(0.2, rig.push(0.05))
    out = rig.run(0.8, rig.push(0.0))
    assert out.holder == ""


def test_one_holder_at_a_time_but_a_person_takes_control_from_a_device():
    rig = Rig()
    rig.run(0.1, rig.push(0.05))
    rig.teleop.press_marker(RVIZ, HOME, rig.seen)
    with pytest.raises(ControlHeldError, match="'twist' is refused: 'marker rviz' holds control for 0"):
        rig.push(0.05)()
    with pytest.raises(ControlHeldError):
        rig.teleop.press_marker(OTHER, HOME, rig.seen)
    rig.run(0.6)
    rig.push(0.05)()
    assert rig.run(PERIOD_S).holder == "twist"


def test_a_paused_teleoperation_brakes_and_refuses():
    rig = Rig()
    rig.run(0.5, rig.push(0.1))
    rig.teleop.pause(True)
    out = rig.run(0.2)
    assert out.state is TeleopState.PAUSED
    assert not rig.sent[-1].twist.any()
    with pytest.raises(TeleopPausedError):
        rig.push(0.1)()
    rig.teleop.pause(False)
    rig.push(0.1)()


def test_a_blocked_arm_lets_the_target_go_ahead_to_the_leash_and_no_further():
    rig = Rig(blocked=True)
    out = rig.run(2.0, rig.push(0.1))
    assert 0.8 * rig.settings.leash_m < out.leash[0] <= rig.settings.leash_m
    assert out.limits & Limit.LEASH


def test_an_arm_that_goes_away_ends_the_motion():
    rig = Rig(blocked=True)
    rig.run(0.5, rig.push(0.1))
    rig.X = moved(-0.03)
    rig.time_s += PERIOD_S
    out = rig.teleop.step(rig.seen)
    assert isinstance(out.fault, LeashError)
    assert out.setpoint is None
    assert out.state is TeleopState.READY


def test_the_target_slides_along_the_wall_of_the_box():
    rig = Rig(box_x_max_m=-0.35)
    out = rig.run(2.0, rig.push(0.05, 0.05))
    assert -0.3501 < rig.X[0, 3] <= -0.35
    assert rig.X[1, 3] - HOME[1, 3] > 0.09
    assert out.limits & Limit.BOX


@pytest.mark.parametrize(("force", "share"), [(0.0, 1.0), (7.9, 1.0), (14.0, 0.5), (20.0, 0.0), (50.0, 0.0)])
def test_contact_slows_the_target_down(force, share):
    rig = Rig()
    rig.wrench = np.array([-force, 0.0, 0.0, 0.0, 0.0, 0.0])
    rig.run(0.5, rig.push(0.05))
    assert rig.sent[-1].twist[0] == pytest.approx(0.05 * share, abs=1e-9)


def test_above_the_limit_of_force_only_the_way_back_is_left():
    rig = Rig()
    rig.wrench = np.array([-30.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    out = rig.run(0.5, rig.push(0.05, 0.05))
    assert not rig.sent[-1].twist.any()
    assert out.limits & Limit.RETRACT_ONLY
    rig.run(0.5, rig.push(-0.05, 0.05))
    np.testing.assert_allclose(rig.sent[-1].twist, [-0.05, 0.0, 0.0, 0.0, 0.0, 0.0], atol=1e-9)


def test_a_moment_alone_stops_all_but_the_turn_back():
    rig = Rig()
    rig.wrench = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 3.0])
    rig.run(0.5, rig.push(0.05, 0.0, 0.0, 0.0, 0.0, -0.2))
    assert not rig.sent[-1].twist.any()
    rig.run(0.5, rig.push(0.05, 0.0, 0.0, 0.0, 0.0, 0.2))
    np.testing.assert_allclose(rig.sent[-1].twist, [0.0, 0.0, 0.0, 0.0, 0.0, 0.2], atol=1e-9)


@pytest.mark.parametrize("break_state", ["age_s", "wrench", "X"])
def test_without_the_state_of_the_arm_teleoperation_ends(break_state):
    rig = Rig()
    rig.run(0.2, rig.push(0.05))
    broken = {"age_s": math.inf, "wrench": np.full(6, math.nan), "X": np.full((4, 4), math.nan)}
    setattr(rig, break_state, broken[break_state])
    rig.time_s += PERIOD_S
    out = rig.teleop.step(rig.seen)
    assert isinstance(out.fault, StateLostError)
    assert out.setpoint is None
    assert out.state is TeleopState.DISABLED
    with pytest.raises(StateLostError):
        rig.teleop.enable(rig.seen)


def test_a_tool_outside_the_box_is_not_moved():
    rig = Rig(enabled=False)
    rig.X = moved(0.0, 0.0, 0.5)
    with pytest.raises(WorkspaceError, match=r"z = 0\.8300 m is not in \[0\.05, 0\.6\] m") as caught:
        rig.teleop.enable(rig.seen)
    assert (caught.value.code, caught.value.unit, caught.value.frame) == (707, "m", "base_link")


@pytest.mark.parametrize("number", [-1, 0, 3])
def test_other_command_types_are_refused(number):
    rig = Rig()
    with pytest.raises(CommandTypeError, match="valid are 1"):
        rig.teleop.switch_command_type(number)
    rig.push(0.05)()


def test_only_the_selected_topic_is_listened_to():
    rig = Rig()
    with pytest.raises(CommandTypeError):
        rig.teleop.command_pose(moved(0.05), rig.seen)
    rig.teleop.switch_command_type(2)
    rig.run(1.5, lambda: rig.teleop.command_pose(moved(0.05), rig.seen))
    np.testing.assert_allclose(rig.X, moved(0.05), atol=1e-5)


@pytest.mark.parametrize(
    ("stamp_s", "error"),
    [(9.7, StaleCommandError), (10.2, FutureCommandError), (math.nan, NonFiniteCommandError)],
)
def test_stamps_are_checked(stamp_s, error):
    with pytest.raises(error):
        require_fresh(stamp_s, 10.0, TeleopSettings())
    require_fresh(9.9, 10.0, TeleopSettings())


def test_units_of_a_twist():
    settings = TeleopSettings(linear_speed=0.1, angular_speed=0.4)
    half = twist_in_units(np.full(6, 0.5), settings, 0.5, is_unitless=True)
    np.testing.assert_allclose(half, [0.025] * 3 + [0.1] * 3)
    np.testing.assert_array_equal(twist_in_units(np.full(6, 0.5), settings, 0.5, is_unitless=False), np.full(6, 0.5))
    with pytest.raises(CommandRangeError, match=r"twist\.angular has 1\.5"):
        twist_in_units(np.array([0.0, 0.0, 0.0, 0.0, -1.5, 0.0]), settings, 0.5, is_unitless=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stop_force_n": 5.0}, "stop_force_n = 5.0 N is not above slow_force_n = 8.0 N"),
        ({"box_x_max_m": -0.7}, "box_x_max_m = -0.7 m is not 0.01 m above"),
        ({"linear_speed": 0.25, "linear_acceleration": 0.5}, "time to brake from full speed is 0.820 s"),
        ({"linear_speed": 0.3}, "above the maximum of 0.25 m/s"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ParameterError, match=message):
        validate(TeleopParameters, changes)
