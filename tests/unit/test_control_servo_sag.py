"""Servos that give way beside the law: what is felt at the tool is the stiffness that was commanded."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.admittance import ContactLoop
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.servo_sag import ServoSag
from cablecell.ports import ArmState, CommandMode
from tests.support.arm import HOME, DhArm

MODEL = DhArm()
X_HOME = MODEL.dynamics(HOME).X_base_tcp
DT = 0.002
SERVO_NM_PER_RAD = 2.0e4
LOAD = np.array([6.0, -4.0, 8.0, 0.0, 0.0, 0.0])


def deflection(K):
    """Return how far the tool is moved by a load, in base axes, when the servos give way, too."""
    loop = ContactLoop(0.012, 0.010, 40000.0, 30.0)
    controller = ArmController(MODEL, ControlSettings(), command_mode=CommandMode.POSITION, loop=loop)
    q, dq, found = HOME, np.zeros(6), []
    X_target = MODEL.dynamics(HOME).X_base_tcp
    for i in range(4000):
        load = LOAD if i >= 1000 else np.zeros(6)
        dynamics = MODEL.dynamics(q)
        in_tool = np.concatenate((dynamics.X_base_tcp[:3, :3].T @ load[:3], np.zeros(3)))
        controller.command_compliance(ComplianceCommand(i * DT, X_target, np.eye(4), K), i * DT)
        told = controller.tick(ArmState(i * DT, q, dq, np.zeros(6)), in_tool, i * DT).values
        settled = told + dynamics.J_base_tcp.T @ load / SERVO_NM_PER_RAD
        step = (settled - q) * (DT / 0.010)  # the lag of the servos
        q, dq = q + step, step / DT
        found.append(dynamics.X_base_tcp[:3, 3])
    return found[-1] - found[990]


@pytest.mark.parametrize("k", [1500.0, 4000.0])
def test_the_tool_yields_by_the_commanded_stiffness_though_the_servos_yield_too(k):
    moved = deflection(np.diag([k] * 3 + [80.0] * 3))
    np.testing.assert_allclose(moved * k, LOAD[:3], atol=0.01 * np.linalg.norm(LOAD[:3]))


def test_the_lag_of_a_motion_is_no_sag_and_how_the_arm_hung_before_neither():
    sag, q = ServoSag(ControlSettings(), 2), np.zeros(2)
    sag.observe(q, np.zeros(2), q, np.zeros(2))
    for _ in range(500):
        sag.observe(q, np.zeros(2), q + 0.001, np.full(2, 0.05))
        sag.observe(q, np.full(2, 0.05), q + 0.001, np.zeros(2))
    assert not sag.q.any()
    for _ in range(500):
        sag.observe(q, np.zeros(2), np.array([0.001, 1.0]), np.zeros(2))
    np.testing.assert_allclose(sag.q, [-0.001, -0.004], rtol=1e-3)
    sag.reset()
    sag.observe(q, np.zeros(2), q + 0.001, np.zeros(2))
    assert not sag.q.any()
