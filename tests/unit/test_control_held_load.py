"""An arm that is left pressing: what it carries stays, and nothing springs back."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.config.control import ControlSettings
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.errors import CommandTimeoutError, ContactForceError
from cablecell.core.control.held_load import HeldLoad, met_push
from cablecell.core.control.modes import ControllerMode
from cablecell.ports import CommandMode
from tests.support.arm import HOME, DhArm, SteppedArm

MODEL = DhArm()
X_HOME = MODEL.dynamics(HOME).X_base_tcp
SOFT = np.diag([800.0, 800.0, 0.0, 30.0, 30.0, 30.0])
DAMPED = np.diag([0.0, 0.0, 800.0, 0.0, 0.0, 0.0])
WALL_N_PER_M = 40000.0
DT = 0.002


class PressedArm:
    """An arm whose tool, which points down, stands on an elastic wall; a bit of the load is not felt."""

    def __init__(self, unfelt_n: float = 0.0) -> None:
        self.controller = ArmController(MODEL, ControlSettings(), command_mode=CommandMode.EFFORT)
        self.arm = SteppedArm(MODEL, HOME)
        self.wall_z: float | None = X_HOME[2, 3] + 1e-4
        self._unfelt_n = unfelt_n

    @property
    def height(self) -> float:
        return float(MODEL.dynamics(self.arm.q).X_base_tcp[2, 3])

    @property
    def force(self) -> float:
        return 0.0 if self.wall_z is None else max(0.0, WALL_N_PER_M * (self.wall_z - self.height))

    def _push_back(self, dynamics, dq):
        up = 0.0 if self.wall_z is None else max(0.0, WALL_N_PER_M * (self.wall_z - dynamics.X_base_tcp[2, 3]))
        speed = float((dynamics.J_base_tcp @ dq)[2])
        return np.array([0.0, 0.0, up - (60.0 * speed if up else 0.0) + self._unfelt_n, 0.0, 0.0, 0.0])

    def run(self, seconds, command=None):
        for _ in range(round(seconds / DT)):
            arm, controller = self.arm, self.controller
            if command is not None:
                controller.command_compliance(command(arm.time_s), arm.time_s)
            felt = np.concatenate((X_HOME[:3, :3].T @ np.array([0.0, 0.0, self.force]), np.zeros(3)))
            arm.cycle(controller.tick(arm.state(), felt, arm.time_s), self._push_back)
            if isinstance(controller.report.fault, CommandTimeoutError):
                controller.hold()  # as the node does

    def press(self, force_n):
        push = np.array([0.0, 0.0, force_n, 0.0, 0.0, 0.0])

        def command(now):
            return ComplianceCommand(now, X_HOME, np.eye(4), SOFT, damping=DAMPED, feedforward=push)

        self.run(1.0, command)


@pytest.mark.parametrize("unfelt_n", [0.0, 1.5])
@pytest.mark.parametrize("force_n", [2.0, 10.0, 25.0])
def test_what_is_pressed_when_the_stream_ends_stays_pressed(force_n, unfelt_n):
    """Though the sensor feels less than the whole load, through the late, the dead and the ended stream."""
    pressed = PressedArm(unfelt_n)
    pressed.press(force_n)
    force, height = pressed.force, pressed.height
    assert force == pytest.approx(force_n - unfelt_n, abs=0.1)
    highest = 0.0
    for _ in range(100):
        pressed.run(0.02)
        highest = max(highest, abs(pressed.height - height))
    assert pressed.controller.report.mode is ControllerMode.HOLD
    assert highest < 2e-5
    assert pressed.force == pytest.approx(force, abs=0.8)


def test_when_what_was_pressed_on_is_gone_the_arm_moves_by_load_over_stiffness():
    pressed = PressedArm()
    pressed.press(10.0)
    pressed.run(1.0)
    height = pressed.height
    pressed.wall_z = None
    pressed.run(1.0)
    bandwidth = ControlSettings().joint_bandwidth
    J, M = MODEL.dynamics(HOME).J_base_tcp, MODEL.dynamics(HOME).M
    give = 10.0 / bandwidth**2 * float(J[2] @ np.linalg.solve(M, J[2]))
    assert height - pressed.height == pytest.approx(give, rel=0.1)
    assert np.abs(pressed.arm.dq).max() < 1e-3


def test_an_arm_stopped_by_the_force_itself_does_not_go_on_pressing():
    pressed = PressedArm()
    pressed.press(10.0)
    assert pressed.wall_z is not None
    pressed.wall_z += 2e-3  # something is pushed against the tool
    pressed.run(0.1)
    assert isinstance(pressed.controller.report.fault, ContactForceError)
    pressed.run(1.0)
    assert pressed.force < 40.0
    force, height = pressed.force, pressed.height
    pressed.controller.hold()
    pressed.run(0.5)
    assert pressed.height == pytest.approx(height, abs=2e-5), "what it carries after the stop, it goes on carrying"
    assert pressed.force == pytest.approx(force, abs=0.8)


def test_a_stream_that_comes_back_takes_the_push_over():
    pressed = PressedArm()
    pressed.press(10.0)
    pressed.run(0.15)
    height = pressed.height
    forces = []
    push = np.array([0.0, 0.0, 10.0, 0.0, 0.0, 0.0])
    for _ in range(60):
        pressed.run(DT, lambda now: ComplianceCommand(now, X_HOME, np.eye(4), SOFT, damping=DAMPED, feedforward=push))
        forces.append(pressed.force)
    assert 7.0 < min(forces) < max(forces) < 13.0
    assert pressed.height == pytest.approx(height, abs=5e-5)


def test_a_push_that_met_nothing_ends_with_its_stream():
    pressed = PressedArm()
    pressed.wall_z = None
    pressed.press(10.0)
    pressed.run(0.2)
    height = pressed.height
    pressed.run(1.0)
    assert pressed.height == pytest.approx(height, abs=1e-4)


def test_a_load_that_is_let_go_fades_and_one_that_is_dropped_is_gone():
    load, law = HeldLoad(ControlSettings(), 2), np.array([1.0, 2.0])
    assert load.step(law) is law
    load.keep(np.array([3.0, -4.0]))
    for _ in range(100):
        np.testing.assert_array_equal(load.step(law), [4.0, -2.0])
    load.let_go()
    left = np.array([load.step(law) - law for _ in range(100)])
    assert (np.diff(np.abs(left), axis=0) <= 0.0).all()
    np.testing.assert_allclose(left[10], np.exp(-1.0) * left[0], rtol=1e-6)
    load.keep(law)
    load.drop()
    assert load.step(law) is law


def test_of_a_push_only_what_is_met_stays():
    rng = np.random.default_rng(5)
    for push, wrench in zip(rng.normal(size=(200, 6)), rng.normal(size=(200, 6)), strict=True):
        met = met_push(push, wrench)
        assert (met * push >= 0.0).all(), "it never turns round"
        assert (np.abs(met) <= np.minimum(np.abs(push), np.abs(wrench)) + 1e-12).all()
        against = push * wrench < 0.0
        np.testing.assert_allclose(
            met[against], -np.sign(wrench[against]) * np.minimum(abs(push), abs(wrench))[against]
        )
        assert not met[~against].any()
