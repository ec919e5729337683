"""An arm with seven joints: its tool obeys as that of any other, and what is left free returns to how the arm stood."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.admittance import ContactLoop
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.posture import is_redundant, posture_rate, posture_torque
from cablecell.ports import CommandMode
from tests.support.arm import DhArm, SteppedArm

HALF = math.pi / 2
SEVEN = DhArm(
    (
        (0.333, 0.0, 0.316, 0.0, 0.384, 0.0, 0.207),
        (0.0, 0.0, 0.0825, -0.0825, 0.0, 0.088, 0.0),
        (-HALF, HALF, HALF, -HALF, HALF, HALF, 0.0),
    ),
    np.array([3.0, 3.0, 2.5, 2.5, 2.0, 1.5, 1.0]),
)
HOME = np.array([0.1, -0.4, 0.2, -2.0, 0.1, 1.8, 0.7])
DT = 0.002


def test_no_torque_and_no_rate_of_the_posture_moves_the_tool():
    rng = np.random.default_rng(2)
    for _ in range(100):
        q = HOME + rng.normal(size=7) * 0.3
        dynamics = SEVEN.dynamics(q)
        J, M = dynamics.J_base_tcp, dynamics.M
        tau = posture_torque(J, M, q, rng.normal(size=7), HOME)
        assert np.abs(tau).max() > 1e-3
        assert np.abs(J @ np.linalg.solve(M, tau)).max() < 1e-3 * np.abs(np.linalg.solve(M, tau)).max()
        rate = posture_rate(J, q, HOME)
        assert np.abs(J @ rate).max() < 1e-9
        assert rate @ (HOME - q) >= 0.0
    assert not is_redundant(6)


@pytest.mark.parametrize("mode", [CommandMode.EFFORT, CommandMode.POSITION])
def test_the_elbow_returns_when_the_tool_has_gone_round_and_the_tool_is_where_it_was_told(mode):
    """The joints of an arm without a posture drift with every round."""
    loop = ContactLoop(0.012, 0.010, 40000.0, 30.0)
    controller, arm = ArmController(SEVEN, ControlSettings(), command_mode=mode, loop=loop), SteppedArm(SEVEN, HOME)
    X_home = SEVEN.dynamics(HOME).X_base_tcp
    K = np.diag([3000.0] * 3 + [100.0] * 3)
    arm.cycle(controller.tick(arm.state(), None, arm.time_s))
    away = 0.0
    for i in range(3000):
        angle = 2.0 * math.pi * min(i / 2000.0, 1.0)
        X = X_home.copy()
        X[:3, 3] += [0.08 * (1.0 - math.cos(angle)), 0.08 * math.sin(angle), 0.0]
        controller.command_compliance(ComplianceCommand(arm.time_s, X, np.eye(4), K), arm.time_s)
        arm.cycle(controller.tick(arm.state(), None, arm.time_s))
        away = max(away, np.abs(arm.q - HOME).max())
    assert away > 0.1, "it never moved"
    assert np.abs(SEVEN.dynamics(arm.q).X_base_tcp - X_home).max() < 3e-4
    assert np.abs(arm.q - HOME).max() < 2e-3


def test_an_elbow_that_is_pushed_aside_comes_back():
    controller = ArmController(SEVEN, ControlSettings(), command_mode=CommandMode.EFFORT)
    arm = SteppedArm(SEVEN, HOME)
    X_home = SEVEN.dynamics(HOME).X_base_tcp
    K = np.diag([3000.0] * 3 + [100.0] * 3)
    arm.cycle(controller.tick(arm.state(), None, arm.time_s))
    _, _, rows = np.linalg.svd(SEVEN.dynamics(HOME).J_base_tcp)
    aside = 0.0
    for i in range(2000):
        controller.command_compliance(ComplianceCommand(arm.time_s, X_home, np.eye(4), K), arm.time_s)
        if i == 50:
            arm.dq = 0.6 * rows[-1]  # a motion that the tool does not feel
        arm.cycle(controller.tick(arm.state(), None, arm.time_s))
        aside = max(aside, np.abs(arm.q - HOME).max())
    assert aside > 0.02
    assert np.abs(arm.q - HOME).max() < 2e-3
