"""One relocalisation by touch in one process: simulated machine, controller and touch sequence, without middleware."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.scenario import Scenario
from cablecell.core.config.touch import TouchSettings
from cablecell.core.fusion.contact import ContactDetector, ContactSettings
from cablecell.core.fusion.touch.geometry import touch_geometry
from cablecell.core.fusion.wrench import WrenchCompensator
from cablecell.core.geometry import exp_so3, invert_pose, log_se3, make_pose
from cablecell.core.insertion.observation import Observation, PoseEstimate
from cablecell.core.insertion.outcome import InsertionResult
from cablecell.core.insertion.relocalise import Relocaliser
from cablecell.core.insertion.touch_first import TouchFirst, needs_touch
from cablecell.core.insertion.touch_outcome import TouchOutcome, TouchResult
from cablecell.evaluation.believed import pose_matrix
from cablecell.evaluation.draw import draw_run
from cablecell.evaluation.rollout import GRIP_FORCE_N, OPEN_WIDTH_M, Rollout, robot_model

Array = NDArray[np.float64]

ERROR_M = 0.005
"""Distance of the believed port from where it is relative to the believed tip, m."""

RAW_HZ = 1000.0
"""Low-pass of the wrench that is next to none at the sensor's rate."""

TURN_SIGMA_RAD = 0.01
"""Standard deviation of each angle of the believed port; the turn of the plug in the grasp comes on top, rad."""


def sensor_pose() -> Array:
    """Return where the force sensor is in `tcp`, shape (4, 4)."""
    return np.asarray(robot_model().relative_pose("tcp", "ft_frame"))


class TouchRollout(Rollout):
    """A run that ends with an estimate of the port instead of an insertion."""

    def begin(self, settings: TouchSettings, seed: int, *, error_m: float = ERROR_M) -> None:
        """Forget where the port is but for an error of a given size in a random direction, and go in front of it."""
        rng = np.random.default_rng([seed, 30_000])
        nominal, exact = self._tip, np.diag([1.0e-8] * 3 + [1.0e-6] * 3)
        # Staging is from where the port is, whatever the uncertainty; the belief is spoilt after that.
        self._tip = PoseEstimate(0.0, nominal.X, exact)
        self._port = PoseEstimate(0.0, self.true_port(), exact)
        self.move_to_staging()
        self._tip = nominal
        direction = rng.normal(size=3)
        direction *= error_m / np.linalg.norm(direction)
        X = self.port_of_arm() @ make_pose(exp_so3(rng.normal(size=3) * TURN_SIGMA_RAD), [0.0, 0.0, 0.0])
        # The error is that of the port relative to the tip: what the grasp has shifted is part of it.
        X[:3, 3] = self.true_port()[:3, 3] + X[:3, :3] @ direction
        covariance = np.diag([error_m**2 / 3.0] * 3 + [TURN_SIGMA_RAD**2] * 3)
        self._port = PoseEstimate(0.0, X, covariance)
        X_tcp_ft = sensor_pose()
        payload = self._compensator.payload
        # A contact detector filters by itself: it gets what the sensor reads.
        self._compensator = WrenchCompensator(
            X_tcp_ft, cutoff_hz=RAW_HZ, rate_hz=self._control.rate_hz, payload=payload
        )
        detector = ContactDetector(ContactSettings(), payload, X_tcp_ft)
        self.touching = Relocaliser(touch_geometry(self._target.connector), settings, detector, self._port, self._tip)
        self._touch_settings = settings
        self.found: TouchResult | None = None
        self.peak_n = 0.0
        self._hanging: Array | None = None
        self.update_s = 0.0

    def insert(self) -> InsertionResult:
        """Find the port by touch if its estimate asks for that, and insert with what was found."""
        if not needs_touch(self._port, self._touch_settings.needed_above_m):
            while (result := self.step()) is None:
                pass
            return result
        first = TouchFirst(self.touching, self.skill)
        while first.result is None:
            was_touching = first.is_touching
            out = first.step(*self._observe())
            if was_touching and not first.is_touching:
                self._compensator = self._make_compensator()
            if out.is_gripper_open:
                self.machine.gripper.command(OPEN_WIDTH_M, GRIP_FORCE_N)
            self.controller.command_compliance(out.command, self.machine.clock.now_s())
            self._cycle()
        self.found = first.found
        return first.result

    def _observe(self) -> tuple[Observation, Array]:
        """Return what is seen now, and the twist of the tcp."""
        state = self.machine.arm.read()
        dynamics = self._arm.dynamics(state.q)
        wrench = self._compensator.compensate(self.machine.wrench_sensor.read(), dynamics.X_base_tcp[:3, :3])
        now = self.machine.clock.now_s()
        observation = Observation(now, dynamics.X_base_tcp, wrench, self._port, self._tip)
        return observation, dynamics.J_base_tcp @ state.dq

    def port_of_arm(self) -> Array:
        """Return where the port is for an arm that trusts its encoders, shape (4, 4)."""
        X_base_tcp = self._arm.dynamics(self.machine.arm.read().q).X_base_tcp
        X_tcp_port = invert_pose(pose_matrix(self.machine.world.tcp())) @ pose_matrix(
            self.machine.truth.target_entrance()
        )
        return np.asarray(X_base_tcp @ X_tcp_port)

    def true_port(self) -> Array:
        """Return where the believed tip has to be for the plug to stand in the mouth, shape (4, 4)."""
        X_tip_believed = invert_pose(pose_matrix(self.machine.truth.tip_in_tcp())) @ self._tip.X
        return np.asarray(self.port_of_arm() @ X_tip_believed)

    def touch(self) -> TouchResult:
        """Go on until the sequence has ended."""
        while True:
            now = self.machine.clock.now_s()
            seen = self._observe()
            before = time.perf_counter()
            out = self.touching.step(*seen)
            self.update_s = max(self.update_s, time.perf_counter() - before)
            if out.result is not None:
                return out.result
            self.controller.command_compliance(out.command, now)
            self._cycle()
            grasp = self.machine.world.grasp
            assert grasp is not None
            if self._hanging is None:
                self._hanging = np.array(grasp.force)
            # What the port does to the plug is what the grasp holds beyond weight and cable.
            self.peak_n = max(self.peak_n, float(np.linalg.norm(np.array(grasp.force) - self._hanging)))


def make_run(scenario: Scenario, seed: int) -> TouchRollout:
    """Return the run of one seed, before it has begun."""
    draw = draw_run(scenario, seed)
    return TouchRollout(
        draw.trial,
        scenario.connectors,
        seed=seed,
        simulation=draw.simulation,
        control=scenario.control,
        insertion=scenario.insertion,
        errors=scenario.estimates,
        fixture=draw.fixture,
        home=scenario.home,
    )


def touch_row(scenario: Scenario, settings: TouchSettings, seed: int) -> dict[str, Any]:
    """Run one case and compare it with the truth."""
    run = make_run(scenario, seed)
    try:
        run.begin(settings, seed)
        started, begun = time.perf_counter(), run.machine.clock.now_s()
        result = run.touch()
        wall = time.perf_counter() - started
        error = log_se3(invert_pose(result.port.X) @ run.true_port())
        sigma = np.sqrt(np.diag(result.port.covariance))
        nees = float(error @ np.linalg.solve(result.port.covariance, error))
        return {
            "connector": run.touching._geometry.name,
            "seed": seed,
            "outcome": result.outcome.value,
            "reason": result.reason,
            "is_found": result.outcome is TouchOutcome.FOUND,
            "touches": result.touches,
            "duration_s": result.duration_s,
            "peak_force_n": run.peak_n,
            "felt_force_n": result.peak_force_n,
            "error": [float(v) for v in error],
            "sigma": [float(v) for v in sigma],
            "nees": nees,
            "slipped_m": float(run.machine.world.grasp.slipped_m) if run.machine.world.grasp is not None else 0.0,
            "update_s": run.update_s,
            "rtf": (run.machine.clock.now_s() - begun) / wall,
        }
    finally:
        run.close()
