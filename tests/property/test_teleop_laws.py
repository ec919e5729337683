"""Laws of teleoperation for any stream of commands, requests and measurements."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cablecell.core.config.teleop import TeleopSettings
from cablecell.core.errors import WorkcellError
from cablecell.core.geometry import exp_so3, log_so3, make_pose
from cablecell.core.teleop.commands import Observation, marker_source
from cablecell.core.teleop.guard import Contact
from cablecell.core.teleop.output import TeleopState
from cablecell.core.teleop.target import LimitedTarget, Wish
from cablecell.core.teleop.teleoperation import Teleoperation

PERIOD_S = 0.01
HOME = make_pose(np.diag([1.0, -1.0, -1.0]), [-0.37, 0.19, 0.33])
CLIENTS = [marker_source("rviz_1"), marker_source("rviz_2")]


def observation(time_s, X_base_tcp=HOME, wrench=(0.0,) * 6, age_s=0.0):
    return Observation(time_s, X_base_tcp, np.array(wrench, dtype=float), age_s)


class Operators:
    """Sends commands and requests at random, good and bad ones, and remembers which were refused."""

    def __init__(self, rng, teleop):
        self.rng, self.teleop = rng, teleop
        self.refused = 0

    def pose(self, X, far):
        turn = exp_so3(self.rng.normal(size=3) * 0.3)
        return make_pose(turn @ X[:3, :3], X[:3, 3] + self.rng.normal(size=3) * far)

    def act(self, seen):
        rng, teleop = self.rng, self.teleop
        far = 10.0 ** rng.uniform(-3, 1)
        client = CLIENTS[rng.integers(2)]
        choice = rng.choice(
            ["twist", "pose", "press", "drag", "keep", "release", "type", "pause", "stop", "enable", "scale", "bad"],
            p=[0.2, 0.1, 0.1, 0.25, 0.1, 0.02, 0.03, 0.02, 0.01, 0.1, 0.02, 0.05],
        )
        actions = {
            "twist": lambda: teleop.command_twist(rng.normal(size=6) * far * rng.integers(2), seen),
            "pose": lambda: teleop.command_pose(self.pose(seen.X_base_tcp, far), seen),
            "press": lambda: teleop.press_marker(client, self.pose(seen.X_base_tcp, far), seen),
            "drag": lambda: teleop.drag_marker(client, self.pose(seen.X_base_tcp, far), seen),
            "keep": lambda: teleop.keep_marker(client, seen),
            "release": lambda: teleop.release_marker(client),
            "type": lambda: teleop.switch_command_type(int(rng.integers(0, 4))),
            "pause": lambda: teleop.pause(bool(rng.integers(2))),
            "stop": teleop.stop,
            "enable": lambda: teleop.enable(seen) if rng.random() < 0.9 else teleop.disable(),
            "scale": lambda: teleop.set_speed_scale(float(rng.uniform(-1, 2))),
            "bad": lambda: teleop.command_twist(np.full(6, rng.choice([np.nan, np.inf])), seen),
        }
        try:
            actions[choice]()
        except WorkcellError:
            self.refused += 1


def follow(rng, X, setpoint, period_s):
    """An arm of any kind: ideal, lagging, blocked or pushed about."""
    kind = rng.choice(["ideal", "lag", "blocked", "pushed"], p=[0.3, 0.5, 0.1, 0.1])
    if kind == "pushed" and rng.random() < 0.3:
        return make_pose(exp_so3(rng.normal(size=3) * 0.02) @ X[:3, :3], X[:3, 3] + rng.normal(size=3) * 0.004)
    if setpoint is None or kind in ("blocked", "pushed"):
        return X
    share = 1.0 if kind == "ideal" else float(rng.uniform(0.02, 0.6))
    turn = log_so3(setpoint.X_base_target[:3, :3] @ X[:3, :3].T)
    p = X[:3, 3] + share * (setpoint.X_base_target[:3, 3] - X[:3, 3])
    return make_pose(exp_so3(share * turn) @ X[:3, :3], p)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 100_000))
def test_the_target_never_leaves_leash_box_and_limits(seed):
    rng = np.random.default_rng(seed)
    # Small boxes, short leashes and high speeds, so that every limit is met in a short stream.
    limits = TeleopSettings(
        linear_speed=float(rng.uniform(0.02, 0.25)),
        linear_acceleration=float(rng.uniform(1.9, 2.0)),
        leash_m=float(rng.uniform(0.004, 0.03)),
        speed_scale=float(rng.uniform(0.1, 1.0)),
        **{
            f"box_{axis}_{side}_m": float(HOME[i, 3]) + sign * float(rng.uniform(0.01, 0.05))
            for i, axis in enumerate("xyz")
            for side, sign in (("min", -1.0), ("max", 1.0))
        },
    )
    low = np.array([limits.box_x_min_m, limits.box_y_min_m, limits.box_z_min_m])
    high = np.array([limits.box_x_max_m, limits.box_y_max_m, limits.box_z_max_m])
    teleop = Teleoperation(limits, period_s=PERIOD_S)
    operators = Operators(rng, teleop)
    X, time_s = HOME, 100.0
    teleop.enable(observation(time_s, X))
    before, moved = None, 0
    for _ in range(250):
        dt_s = float(rng.choice([PERIOD_S, 0.3 * PERIOD_S, 2.0 * PERIOD_S, 0.2], p=[0.85, 0.07, 0.07, 0.01]))
        time_s += dt_s
        age_s = 1.0 if rng.random() < 0.005 else 0.004
        wrench = rng.normal(size=6) * rng.choice([0.1, 10.0], p=[0.9, 0.1])
        seen = observation(time_s, X, wrench, age_s)
        for _ in range(int(rng.integers(0, 4))):
            operators.act(seen)
        out = teleop.step(seen)
        if out.setpoint is None:
            before = None
        else:
            target, twist = out.setpoint.X_base_target, out.setpoint.twist
            offset = target[:3, 3] - X[:3, 3]
            assert np.linalg.norm(offset) <= limits.leash_m + 1e-9
            assert np.linalg.norm(log_so3(target[:3, :3] @ X[:3, :3].T)) <= limits.leash_rad + 1e-9
            assert (target[:3, 3] >= low - 1e-9).all()
            assert (target[:3, 3] <= high + 1e-9).all()
            assert np.linalg.norm(twist[:3]) <= limits.linear_speed + 1e-9
            assert np.linalg.norm(twist[3:]) <= limits.angular_speed + 1e-9
            if before is None:  # whoever takes control starts on the tcp, at rest
                assert np.linalg.norm(offset) <= limits.linear_acceleration * dt_s**2 + 1e-9
                before = (X, np.zeros(6))
            step = target[:3, 3] - before[0][:3, 3]
            turn = log_so3(target[:3, :3] @ before[0][:3, :3].T)
            assert np.linalg.norm(step) <= limits.linear_speed * dt_s + 1e-9
            assert np.linalg.norm(turn) <= limits.angular_speed * dt_s + 1e-9
            # The target is where its velocity carried it: nothing is cut off at a wall or at the end of the leash.
            np.testing.assert_allclose(step, twist[:3] * min(dt_s, 2.5 * PERIOD_S), atol=1e-8)
            change = twist - before[1]
            assert np.linalg.norm(change[:3]) <= limits.linear_acceleration * dt_s + 1e-9
            assert np.linalg.norm(change[3:]) <= limits.angular_acceleration * dt_s + 1e-9
            moved += bool(twist.any())
            before = (target, twist)
        X = follow(rng, X, out.setpoint, dt_s)
        if not teleop.is_enabled and rng.random() < 0.5:
            X = HOME
    assert operators.refused > 0
    assert moved > 0


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 100_000))
def test_an_arm_that_stands_still_is_never_farther_than_the_leash(seed):
    """Wishes that turn and reverse all the time never lead a target so far that control has to be dropped."""
    rng = np.random.default_rng(seed)
    teleop = Teleoperation(TeleopSettings(speed_scale=1.0), period_s=PERIOD_S)
    time_s = 1.0
    teleop.enable(observation(time_s))
    farthest = 0.0
    for _ in range(20):
        twist = rng.normal(size=6) * [1.0, 1.0, 1.0, 4.0, 4.0, 4.0]
        for _ in range(int(rng.integers(3, 25))):
            time_s += PERIOD_S
            teleop.command_twist(twist, observation(time_s))
            out = teleop.step(observation(time_s))
            assert out.fault is None
            farthest = max(farthest, out.leash[0])
    assert 0.85 * 0.02 < farthest <= 0.9 * 0.02 + 1e-9


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 100_000))
def test_silence_brings_any_motion_to_rest_within_half_a_second(seed):
    rng = np.random.default_rng(seed)
    teleop = Teleoperation(TeleopSettings(speed_scale=1.0), period_s=PERIOD_S)
    operators = Operators(rng, teleop)
    X, time_s = HOME, 5.0
    teleop.enable(observation(time_s, X))
    for _ in range(int(rng.integers(20, 120))):
        time_s += PERIOD_S
        seen = observation(time_s, X)
        for _ in range(3):
            operators.act(seen)
        X = follow(rng, X, teleop.step(seen).setpoint, PERIOD_S)
    silent_s, last_motion_s = time_s, time_s
    while time_s < silent_s + 2.0:
        time_s += PERIOD_S
        out = teleop.step(observation(time_s, X))
        if out.setpoint is not None and out.setpoint.twist.any():
            last_motion_s = time_s
    assert last_motion_s - silent_s <= 0.45 + PERIOD_S
    assert out.setpoint is None
    assert out.holder == ""


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 100_000))
def test_a_refused_command_changes_nothing(seed):
    """The same stream with and without what was refused gives the same targets."""
    rng = np.random.default_rng(seed)
    limits = TeleopSettings(speed_scale=1.0)
    with_refused, without = (Teleoperation(limits, period_s=PERIOD_S) for _ in range(2))
    time_s = 1.0
    for teleop in (with_refused, without):
        teleop.enable(observation(time_s))
        teleop.press_marker(CLIENTS[0], HOME, observation(time_s))
    refusals = 0
    for _ in range(60):
        time_s += PERIOD_S
        seen = observation(time_s)
        goal = make_pose(HOME[:3, :3], HOME[:3, 3] + rng.normal(size=3) * 0.05)
        for teleop in (with_refused, without):
            teleop.drag_marker(CLIENTS[0], goal, seen)
        wrong = [
            lambda now: with_refused.command_twist(np.full(6, math.nan), now),
            lambda now: with_refused.command_twist(np.ones(6), now),
            lambda now: with_refused.command_pose(HOME, now),
            lambda now: with_refused.drag_marker(CLIENTS[1], HOME, now),
            lambda now: with_refused.press_marker(CLIENTS[1], HOME, now),
            lambda now: with_refused.drag_marker(CLIENTS[0], np.full((4, 4), math.nan), now),
            lambda now: with_refused.drag_marker(CLIENTS[0], np.zeros((4, 4)), now),
            lambda now: with_refused.switch_command_type(0),
        ]
        with pytest.raises(WorkcellError):
            wrong[rng.integers(len(wrong))](seen)
        refusals += 1
        one, two = with_refused.step(seen), without.step(seen)
        assert one.state is two.state is TeleopState.MOVING
        np.testing.assert_array_equal(one.setpoint.X_base_target, two.setpoint.X_base_target)
        np.testing.assert_array_equal(one.setpoint.twist, two.setpoint.twist)
    assert refusals == 60


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(0, 100_000))
def test_the_target_never_passes_the_marker_however_late_a_step_is(seed):
    rng = np.random.default_rng(seed)
    target, goal = LimitedTarget(TeleopSettings(speed_scale=1.0), HOME), HOME.copy()
    goal[:3, 3] += rng.uniform(0.001, 0.01) * np.array([1.0, 0.0, 0.0])
    free = Contact(0.0, 0.0, 1.0, (np.zeros(3), np.zeros(3)))
    for _ in range(400):
        dt_s = float(rng.choice([0.002, 0.01, 0.05, 0.2], p=[0.4, 0.4, 0.15, 0.05]))
        target.step(Wish(X_base_goal=goal), HOME, free, 1.0, dt_s)
        assert target.X_base_target[0, 3] <= goal[0, 3] + 1e-9
    assert target.X_base_target[0, 3] == pytest.approx(goal[0, 3], abs=1e-5)
