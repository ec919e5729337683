"""Laws of the snap-to-port assist, for any port, any hand and any place in the region where it takes hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cablecell.core.config.teleop import TeleopSettings
from cablecell.core.geometry import exp_so3, invert_pose, log_so3, make_pose
from cablecell.core.teleop.assist import PortAxis, SnapAssist
from cablecell.core.teleop.commands import Observation, marker_source
from cablecell.core.teleop.target import REST, Wish
from cablecell.core.teleop.teleoperation import Teleoperation

PERIOD_S = 0.01
HOME = make_pose(np.diag([1.0, -1.0, -1.0]), [-0.37, 0.19, 0.33])
X_TCP_TIP = make_pose(exp_so3(np.array([0.1, -0.05, 0.6])), [0.003, -0.002, 0.09])
HAND = marker_source("rviz")
SETTINGS = TeleopSettings(assist=True, speed_scale=1.0)
SEEDS = given(st.integers(0, 100_000))
MANY = settings(max_examples=25, deadline=None, derandomize=True)


def port_at(X_port_tip, X_base_tcp=HOME, **known):
    """The port in which the tip of a tool stands so."""
    X_base_port = X_base_tcp @ X_TCP_TIP @ invert_pose(X_port_tip)
    return PortAxis("sfp_port_0", X_base_port, X_TCP_TIP, **{"sigma_m": 2e-4, "sigma_rad": 5e-3, "rim_m": 0.0, **known})


def tip_at(height_m, aside_m=(0.0, 0.0), turn=(0.0, 0.0, 0.0)):
    return make_pose(exp_so3(np.array(turn, dtype=float)), [*aside_m, -height_m])


def somewhere(rng):
    """A place of the tip in the cone over the mouth in which the assist takes hold."""
    height = float(rng.uniform(0.004, SETTINGS.assist_height_m))
    aside = rng.normal(size=2)
    aside *= rng.uniform(0.0, min(height, SETTINGS.assist_radius_m)) / np.linalg.norm(aside)
    turn = rng.normal(size=3)
    turn *= rng.uniform(0.0, SETTINGS.assist_angle_rad) / np.linalg.norm(turn)
    return tip_at(height, 0.999 * aside, 0.999 * turn)


class Hand:
    """Teleoperation of an ideal arm, and where its tip is in the port."""

    def __init__(self, axis, limits=SETTINGS):
        self.teleop = Teleoperation(limits, period_s=PERIOD_S)
        self.axis, self.X, self.time_s, self.out = axis, HOME, 10.0, None
        self.teleop.assist.know([axis])
        self.teleop.enable(self.seen)
        self.step()

    @property
    def seen(self):
        return Observation(self.time_s, self.X, np.zeros(6), 0.0)

    @property
    def tip(self):
        return invert_pose(self.axis.X_base_port) @ self.X @ X_TCP_TIP

    def push(self, velocity, turn=(0.0, 0.0, 0.0)):
        """Hold for a period with a velocity of the port's axes, m/s, and a turn of the base, rad/s."""
        twist = np.concatenate((self.axis.X_base_port[:3, :3] @ np.array(velocity, dtype=float), turn))
        self.teleop.command_twist(twist, self.seen)
        self.step()

    def step(self):
        self.time_s += PERIOD_S
        self.out = self.teleop.step(self.seen)
        if self.out.setpoint is not None:
            self.X = self.out.setpoint.X_base_target

    @property
    def port(self):
        return self.out.assist.port


@MANY
@SEEDS
def test_a_hand_that_pushes_comes_in_on_the_axis_from_wherever_it_was_taken_hold_of(seed):
    rng = np.random.default_rng(seed)
    hand = Hand(port_at(somewhere(rng)))
    push = float(rng.uniform(0.01, 0.1))
    for _ in range(1500):
        before = hand.tip
        hand.push((0.0, 0.0, push))
        assert hand.port == "sfp_port_0"
        X = hand.tip
        assert X[2, 3] - before[2, 3] <= push * PERIOD_S + 1e-4, "never faster in than it is pushed"
        if X[2, 3] > -0.001:
            assert np.linalg.norm(X[:2, 3]) < 0.0004
            assert np.linalg.norm(log_so3(X[:3, :3])) < 0.012
        if X[2, 3] > 0.01:
            return
    raise AssertionError(f"it does not come in: {hand.tip}")


@MANY
@SEEDS
def test_without_a_hand_or_switched_off_a_wish_is_as_it_was(seed):
    rng = np.random.default_rng(seed)
    wishes = [REST, Wish(twist=rng.normal(size=6)), Wish(X_base_goal=HOME)]
    axis = port_at(somewhere(rng))
    for is_on in (True, False):
        assist = SnapAssist(SETTINGS)
        assist.know([axis])
        assist.switch(is_on)
        for wish in wishes[:1] if is_on else wishes:
            assert assist.guide(wish, HOME, PERIOD_S) is wish
        assert assist.view().port == ""
        assert assist.view().is_on is is_on


@MANY
@SEEDS
def test_who_lets_go_leaves_an_arm_at_rest(seed):
    rng = np.random.default_rng(seed)
    hand = Hand(port_at(somewhere(rng)))
    for _ in range(int(rng.integers(5, 60))):
        hand.push((0.0, 0.0, 0.02))
    for _ in range(80):
        hand.step()
    assert hand.out.setpoint is None
    at_rest = hand.X
    for _ in range(20):
        hand.step()
    np.testing.assert_array_equal(hand.X, at_rest)


@MANY
@SEEDS
def test_an_estimate_that_is_not_sure_enough_is_not_held_to_and_that_is_said(seed):
    rng = np.random.default_rng(seed)
    known = [
        ({"sigma_m": 1.01 * SETTINGS.assist_sigma_m}, "mm are needed"),
        ({"sigma_m": math.inf}, "mm are needed"),
        ({"sigma_m": math.nan}, "mm are needed"),
        ({"sigma_rad": 1.01 * SETTINGS.assist_sigma_rad}, "degrees"),
    ][rng.integers(4)]
    hand = Hand(port_at(somewhere(rng), **known[0]))
    free = Hand(port_at(somewhere(rng)), TeleopSettings(speed_scale=1.0))
    free.axis = hand.axis
    reasons = []
    for _ in range(10):
        hand.push((0.003, 0.0, 0.02))
        free.push((0.003, 0.0, 0.02))
        assert hand.port == ""
        reasons.append(hand.out.assist.reason)
    assert any(known[1] in reason for reason in reasons)
    np.testing.assert_array_equal(hand.X, free.X)


@MANY
@SEEDS
def test_an_estimate_that_trembles_neither_frees_the_plug_nor_takes_it_again(seed):
    rng = np.random.default_rng(seed)
    turn = 0.999 * SETTINGS.assist_angle_rad
    hand = Hand(port_at(tip_at(0.05, (0.0, 0.0149), (0.0, 0.0, turn))))
    X_base_port = hand.axis.X_base_port
    ports = []
    for _ in range(80):
        jitter = make_pose(exp_so3(rng.normal(size=3) * 0.01), rng.normal(size=3) * 0.0004)
        hand.teleop.assist.know([port_at(tip_at(0.0), X_base_port @ jitter @ invert_pose(X_TCP_TIP))])
        hand.push((0.0, 0.0, 0.001))
        ports.append(hand.port)
    taken = ports.index("sfp_port_0")
    assert set(ports[taken:]) == {"sfp_port_0"}


@pytest.mark.parametrize("way", ["twist", "marker"])
def test_a_hand_that_pulls_away_is_let_go_and_not_taken_again_before_it_has_left(way):
    hand = Hand(port_at(tip_at(0.03)))
    X_base_port = hand.axis.X_base_port
    marker = HOME.copy()
    if way == "marker":
        hand.teleop.press_marker(HAND, marker, hand.seen)
    ports, far = [], []
    for _ in range(400):
        if way == "twist":
            hand.push((0.03, 0.0, 0.0))
        else:
            marker[:3, 3] += X_base_port[:3, 0] * 0.03 * PERIOD_S
            hand.teleop.drag_marker(HAND, marker, hand.seen)
            hand.step()
        ports.append(hand.port)
        far.append(np.linalg.norm(hand.tip[:2, 3]))
        if far[-1] > 0.024:
            break
    assert ports[5] == "sfp_port_0"
    freed = ports.index("", 5)
    assert far[freed] < 0.001, "until then it was held to the axis, but for what a hand may move it beside that"
    assert set(ports[freed:]) == {""}, "it does not grab again who has just left"
    assert far[-1] > 0.024
    if way == "twist":
        while hand.tip[0, 3] > 0.012:
            hand.push((-0.03, 0.0, 0.0))
        assert hand.port == "sfp_port_0", "who comes back is taken again"


def test_a_hand_may_move_the_plug_beside_the_axis_by_three_sigma_and_it_stays_there():
    hand = Hand(port_at(tip_at(0.02), sigma_m=4e-4))
    for _ in range(10):
        hand.push((0.0, 0.0, 0.001))
    for _ in range(38):
        hand.push((0.03, 0.0, 0.0))
    assert hand.tip[0, 3] == pytest.approx(0.0012, abs=1e-4)
    for _ in range(80):
        hand.step()
    assert hand.out.setpoint is None
    for _ in range(50):
        hand.push((0.0, 0.0, 0.01))
    assert hand.tip[0, 3] == pytest.approx(0.0012, abs=1e-4)
    assert hand.port == "sfp_port_0"


def test_the_way_out_is_as_it_is_asked_for():
    hand = Hand(port_at(tip_at(-0.02)))
    for _ in range(60):
        hand.push((0.0, 0.0, -0.08))
    assert hand.tip[2, 3] < -0.02
    assert hand.port == "sfp_port_0"


def test_it_is_not_taken_hold_of_through_the_wall_of_a_port():
    hand = Hand(port_at(tip_at(-0.01, (0.008, 0.0))))
    for _ in range(10):
        hand.push((0.0, 0.0, -0.005))
    assert hand.port == ""


def test_a_plug_that_is_turned_too_far_is_not_taken_and_the_reason_is_said():
    hand = Hand(port_at(tip_at(0.03, (0.0, 0.0), (0.0, 0.0, 0.5))))
    hand.push((0.0, 0.0, 0.02))
    assert hand.out.assist.reason == "sfp_port_0: turned by 29 degrees, at most 20"


def test_the_arm_is_compliant_at_the_mouth_and_below_and_not_made_stiff_there():
    hand = Hand(port_at(tip_at(0.01)))
    soft = {}
    for _ in range(300):
        hand.push((0.0, 0.0, 0.01))
        soft[round(1000.0 * hand.tip[2, 3], 1)] = hand.out.setpoint.X_tcp_tip is not None
    assert not any(is_soft for depth, is_soft in soft.items() if depth < -3.2)
    assert all(is_soft for depth, is_soft in soft.items() if depth > -2.8)
    hand.teleop.assist.switch(False)
    hand.push((0.0, 0.0, -0.01))
    assert hand.out.setpoint.X_tcp_tip is not None, "a plug in a hole is not let loose by a button"
    for _ in range(300):
        hand.push((0.0, 0.0, -0.02))
    assert hand.tip[2, 3] < -0.007
    assert hand.out.setpoint.X_tcp_tip is None


@MANY
@SEEDS
def test_all_limits_of_the_motion_hold_with_it(seed):
    """Ports that come, go and jump beside a hand of any mind: the target keeps leash, box, speed and acceleration."""
    rng = np.random.default_rng(seed)
    limits = TeleopSettings(assist=True, speed_scale=float(rng.uniform(0.05, 1.0)))
    teleop = Teleoperation(limits, period_s=PERIOD_S)
    X, time_s, before, held = HOME, 5.0, None, 0
    teleop.enable(Observation(time_s, X, np.zeros(6), 0.0))
    for _ in range(300):
        time_s += PERIOD_S
        seen = Observation(time_s, X, rng.normal(size=6) * rng.choice([0.1, 8.0]), 0.0)
        if rng.random() < 0.05:
            teleop.assist.know([port_at(somewhere(rng), X)] if rng.random() < 0.9 else [])
        if rng.random() < 0.02:
            teleop.assist.switch(bool(rng.random() < 0.9))
        if rng.random() < 0.9:
            teleop.command_twist(rng.normal(size=6) * 0.1, seen)
        out = teleop.step(seen)
        held += bool(out.assist.port)
        if out.setpoint is None:
            before = None
            continue
        target, twist = out.setpoint.X_base_target, out.setpoint.twist
        assert np.linalg.norm(target[:3, 3] - X[:3, 3]) <= limits.leash_m + 1e-9
        assert np.linalg.norm(log_so3(target[:3, :3] @ X[:3, :3].T)) <= limits.leash_rad + 1e-9
        assert np.linalg.norm(twist[:3]) <= limits.linear_speed + 1e-9
        assert np.linalg.norm(twist[3:]) <= limits.angular_speed + 1e-9
        if before is not None:
            change = twist - before
            assert np.linalg.norm(change[:3]) <= limits.linear_acceleration * PERIOD_S + 1e-9
            assert np.linalg.norm(change[3:]) <= limits.angular_acceleration * PERIOD_S + 1e-9
        before = twist
        share = rng.uniform(0.0, 1.0)
        turn = log_so3(target[:3, :3] @ X[:3, :3].T)
        X = make_pose(exp_so3(share * turn) @ X[:3, :3], X[:3, 3] + share * (target[:3, 3] - X[:3, 3]))
    assert held > 0
