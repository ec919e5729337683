"""One relocalisation by touch in one process: simulated machine, controller and touch sequence, without middleware."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.scenario import Scenario
from cablecell.core.config.touch import TouchSettings
from cablecell.core.fusion.touch.geometry import touch_geometry
from cablecell.core.geometry import exp_so3, invert_pose, log_se3, make_pose
from cablecell.core.insertion.observation import Observation, PoseEstimate
from cablecell.core.insertion.outcome import InsertionResult
from cablecell.core.insertion.relocalise import Relocaliser
from cablecell.core.insertion.touch_first import TouchFirst, needs_touch
from cablecell.core.insertion.touch_outcome import TouchOutcome, TouchResult, TouchStep
from cablecell.evaluation.believed import pose_matrix
from cablecell.evaluation.rollout import GRIP_FORCE_N, OPEN_WIDTH_M
from cablecell.evaluation.touching import TouchingRollout

Array = NDArray[np.float64]

ERROR_M = 0.005
"""Distance of the believed port from where it is relative to the believed tip, m."""

TURN_SIGMA_RAD = 0.01
"""Standard deviation of each angle of the believed port; the turn of the plug in the grasp comes on top, rad."""


class TouchRollout(TouchingRollout):
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
        detector = self._make_detector()
        self.touching = Relocaliser(touch_geometry(self._target.connector), settings, detector, self._port, self._tip)
        self._touch_settings = settings
        self.found: TouchResult | None = None
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
            out = first.step(*self._observe(self._port))
            if was_touching and not first.is_touching:
                self._compensator = self._make_compensator()
            if out.is_gripper_open:
                self.machine.gripper.command(OPEN_WIDTH_M, GRIP_FORCE_N)
            self.controller.command_compliance(out.command, self.machine.clock.now_s())
            self._cycle()
        self.found = first.found
        return first.result

    def port_of_arm(self) -> Array:
        """Return where the port is for an arm that trusts its encoders, shape (4, 4)."""
        return self.as_the_arm_finds_it(self.machine.truth.target_entrance())

    def true_port(self) -> Array:
        """Return where the believed tip has to be for the plug to stand in the mouth, shape (4, 4)."""
        X_tip_believed = invert_pose(pose_matrix(self.machine.truth.tip_in_tcp())) @ self._tip.X
        return np.asarray(self.port_of_arm() @ X_tip_believed)

    def touch(self) -> TouchResult:
        """Go on until the sequence has ended."""
        return self._run(_Timed(self), self._port)


class _Timed:
    """The sequence of a run, with the longest time that a step has taken."""

    def __init__(self, run: TouchRollout) -> None:
        self._rollout = run

    def step(self, observation: Observation, twist_base: Array) -> TouchStep:
        """Return the set-point of this period."""
        before = time.perf_counter()
        out = self._rollout.touching.step(observation, twist_base)
        self._rollout.update_s = max(self._rollout.update_s, time.perf_counter() - before)
        return out


def touch_row(scenario: Scenario, settings: TouchSettings, seed: int) -> dict[str, Any]:
    """Run one case and compare it with the truth."""
    run = TouchRollout.of_scenario(scenario, seed)
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
