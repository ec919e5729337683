"""Force set-points of an axis: held against what the model does not know, bounded, and slow where nothing is met."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.errors import BadGainsError
from cablecell.core.control.force_loop import ForceLoop
from cablecell.ports import CommandMode
from tests.support.arm import HOME, DhArm, SteppedArm

MODEL = DhArm()
X_HOME = MODEL.dynamics(HOME).X_base_tcp
STIFF = np.diag([2000.0, 2000.0, 0.0, 60.0, 60.0, 60.0])
PUSH = np.array([0.0, 0.0, 8.0, 0.0, 0.0, 0.0])
WALL_N_PER_M = 40000.0


def along(gain):
    return np.array([0.0, 0.0, gain, 0.0, 0.0, 0.0])


def press(gain, seconds=2.0, wall_m=0.001):
    """Press on a wall along the tool, while 1 N that nobody knows of pulls the tool back; return forces and ways."""
    controller, arm = ArmController(MODEL, ControlSettings(), command_mode=CommandMode.EFFORT), SteppedArm(MODEL, HOME)
    damping, z, forces, ways = np.zeros((6, 6)), X_HOME[:3, 2], [], []
    damping[2, 2] = 400.0

    def environment(dynamics, dq):
        way = (dynamics.X_base_tcp[:3, 3] - X_HOME[:3, 3]) @ z
        contact = max(0.0, WALL_N_PER_M * (way - wall_m) + 30.0 * (dynamics.J_base_tcp @ dq)[:3] @ z)
        forces.append(contact if way > wall_m else 0.0)
        return np.concatenate((-(forces[-1] + 1.0) * z, np.zeros(3)))

    for _ in range(round(seconds / 0.002)):
        command = ComplianceCommand(
            arm.time_s, X_HOME, np.eye(4), STIFF, damping=damping, feedforward=PUSH, feedback_gains=along(gain)
        )
        controller.command_compliance(command, arm.time_s)
        felt = along(-forces[-1]) if forces else np.zeros(6)
        arm.cycle(controller.tick(arm.state(), felt, arm.time_s), environment)
        ways.append((MODEL.dynamics(arm.q).X_base_tcp[:3, 3] - X_HOME[:3, 3]) @ z)
    return np.array(forces), np.array(ways)


def test_the_sensor_closes_the_loop_over_what_the_model_does_not_know():
    open_loop, _ = press(0.0)
    closed, _ = press(0.9)
    assert open_loop[-400:].mean() == pytest.approx(7.0, abs=0.05)
    assert closed[-400:].mean() == pytest.approx(8.0, abs=0.05)
    assert closed[-400:].std() < 0.05


def test_an_axis_that_meets_nothing_keeps_its_speed():
    _, ways = press(0.9, seconds=1.0, wall_m=1.0)
    assert 0.01 < np.diff(ways).max() / 0.002 <= ControlSettings().force_speed_limit


@pytest.mark.parametrize("gains", [along(0.96), along(-0.1), np.array([0.5, 0, 0, 0, 0, 0])])
def test_a_set_point_needs_an_axis_without_stiffness_and_a_stable_gain(gains):
    controller, arm = ArmController(MODEL, ControlSettings(), command_mode=CommandMode.EFFORT), SteppedArm(MODEL, HOME)
    with pytest.raises(BadGainsError, match="a force set-point needs an axis without stiffness"):
        controller.command_compliance(ComplianceCommand(0.0, X_HOME, np.eye(4), STIFF, feedback_gains=gains), 0.0)
    controller.tick(arm.state(), None, 0.0)
    assert controller.report.mode.value == "hold"


def test_the_correction_is_bounded_and_forgotten_in_free_air():
    settings = ControlSettings()
    loop = ForceLoop(settings)
    for _ in range(5000):  # a sensor that is stuck at 1 N
        correction = loop.step(along(0.9), PUSH, along(-1.0))
    assert correction[2] == pytest.approx(settings.force_correction_limit_n + 0.3 * 0.9 * 7.0)
    for _ in range(500):
        correction = loop.step(along(0.9), PUSH, np.zeros(6))
    assert abs(correction[2]) < 1e-3
    assert not loop.step(np.zeros(6), PUSH, along(-1.0)).any()
