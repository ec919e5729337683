"""A run in one process that ends with what touching has found: the wrench as the sensor has it, peak of the force."""

from __future__ import annotations

from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from cablecell.core.control.command import ComplianceCommand
from cablecell.core.fusion.contact import ContactDetector, ContactSettings
from cablecell.core.fusion.wrench import WrenchCompensator
from cablecell.core.geometry import invert_pose
from cablecell.core.insertion.observation import Observation, PoseEstimate
from cablecell.evaluation.believed import pose_matrix
from cablecell.evaluation.rollout import Rollout, robot_model
from cablecell.simulation.rigid import Pose

Array = NDArray[np.float64]

RAW_HZ = 1000.0
"""Low-pass of the wrench that is next to none at the sensor's rate."""

Found = TypeVar("Found", covariant=True)


class Step(Protocol[Found]):
    """Output of one step of a touch sequence."""

    @property
    def command(self) -> ComplianceCommand:
        """Set-point for the controller."""
        ...

    @property
    def result(self) -> Found | None:
        """Set once the sequence has ended."""
        ...


class Sequence(Protocol[Found]):
    """A touch sequence."""

    def step(self, observation: Observation, twist_base: Array) -> Step[Found]:
        """Return the set-point of this period."""
        ...


Result = TypeVar("Result")


def sensor_pose() -> Array:
    """Return where the force sensor is in `tcp`, shape (4, 4)."""
    return np.asarray(robot_model().relative_pose("tcp", "ft_frame"))


class TouchingRollout(Rollout):
    """A run of a touch sequence from in front of what it touches.

    Attributes:
        peak_n: Largest force so far that the grasp held beyond weight and cable: what is touched does that, N.
    """

    peak_n = 0.0
    _hanging: Array | None = None

    def _make_detector(self) -> ContactDetector:
        """Take the wrench as the sensor has it from now on, and return what finds contacts: that filters by itself."""
        X_tcp_ft, payload = sensor_pose(), self._compensator.payload
        self._compensator = WrenchCompensator(
            X_tcp_ft, cutoff_hz=RAW_HZ, rate_hz=self._control.rate_hz, payload=payload
        )
        return ContactDetector(ContactSettings(), payload, X_tcp_ft)

    def _observe(self, port: PoseEstimate | None) -> tuple[Observation, Array]:
        """Return what is seen now, and the twist of the tcp."""
        state = self.machine.arm.read()
        dynamics = self._arm.dynamics(state.q)
        wrench = self._compensator.compensate(self.machine.wrench_sensor.read(), dynamics.X_base_tcp[:3, :3])
        now = self.machine.clock.now_s()
        return Observation(now, dynamics.X_base_tcp, wrench, port, self._tip), dynamics.J_base_tcp @ state.dq

    def as_the_arm_finds_it(self, X_world: Pose) -> Array:
        """Return where something is in `base_link` for an arm that trusts its encoders, shape (4, 4)."""
        X_base_tcp = self._arm.dynamics(self.machine.arm.read().q).X_base_tcp
        return np.asarray(X_base_tcp @ invert_pose(pose_matrix(self.machine.world.tcp())) @ pose_matrix(X_world))

    def _run(self, sequence: Sequence[Result], port: PoseEstimate | None) -> Result:
        """Go on until a sequence has ended; return its result."""
        while True:
            out = sequence.step(*self._observe(port))
            if out.result is not None:
                return out.result
            self.controller.command_compliance(out.command, self.machine.clock.now_s())
            self._cycle()
            self._feel()

    def _feel(self) -> None:
        grasp = self.machine.world.grasp
        assert grasp is not None
        force = np.array(grasp.force)
        if self._hanging is None:
            self._hanging = force
        self.peak_n = max(self.peak_n, float(np.linalg.norm(force - self._hanging)))
