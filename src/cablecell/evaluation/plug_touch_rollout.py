"""One calibration of a plug's tip by touch in one process: simulated machine, controller and sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.connector import Connector
from cablecell.core.config.scenario import BenchFixture, Scenario
from cablecell.core.config.trial import Trial
from cablecell.core.geometry import exp_se3, invert_pose, log_se3, make_pose
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.plug_touch import PlugTouch, PlugTouchResult, ReferenceBlock, front_corners
from cablecell.core.insertion.touch_outcome import TouchOutcome
from cablecell.evaluation.believed import pose_matrix
from cablecell.evaluation.touching import TouchingRollout
from cablecell.simulation.description import Shape
from cablecell.simulation.rigid import NO_ROTATION, Pose
from cablecell.simulation.scene import Scene, StaticBody

Array = NDArray[np.float64]

BLOCK_SIGMA_M, BLOCK_SIGMA_RAD = 1.5e-4, 0.002
"""Error of the block's place as cameras leave it, each axis, one standard deviation."""

_BLOCK_M = (0.016, 0.016, 0.06)
_BESIDE_M = 0.05
"""From the port's middle to the block's, along the port's x: its top is as high as the port's mouth."""


class PlugTouchRollout(TouchingRollout):
    """A run that ends with an estimate of the tip instead of an insertion; a block stands beside the port."""

    def _make_scene(self, trial: Trial, connectors: Mapping[str, Connector], fixture: BenchFixture | None) -> Scene:
        scene = super()._make_scene(trial, connectors, fixture)
        self._X_world_block = scene.ports[scene.target].X_WE @ Pose((_BESIDE_M, 0.0, 0.0), NO_ROTATION)
        shape = Shape(
            "box", _BLOCK_M, Pose((0.0, 0.0, 0.5 * _BLOCK_M[2]), NO_ROTATION), (0.6, 0.6, 0.6, 1.0), "task_board/block"
        )
        block = StaticBody("task_board/block", "task_board", self._X_world_block, (shape,), (shape,))
        return replace(scene, statics=(*scene.statics, block))

    def staging(self) -> Array:
        """Return a pose of the tcp with the believed tip above the block."""
        tip = make_pose(np.eye(3), [0.0, 0.0, -0.015])
        return np.asarray(self._block.pose.X @ tip @ invert_pose(self._tip.X))

    def begin(self, seed: int) -> None:
        """Go above the block, whose place is known as well as cameras tell it."""
        rng = np.random.default_rng([seed, 50_000])
        X = self.block_as_the_arm_finds_it()
        sigma = np.repeat([BLOCK_SIGMA_M, BLOCK_SIGMA_RAD], 3)
        X = X @ exp_se3(rng.normal(size=6) * sigma)
        pose = PoseEstimate(0.0, X, np.diag(sigma**2))
        self._block = ReferenceBlock(pose, 0.5 * np.array(_BLOCK_M[:2]))
        self.move_to_staging()
        parts = self._target.connector.plug.parts
        corners = front_corners([np.array(part.centre_m) for part in parts], [np.array(part.size_m) for part in parts])
        self.touching = PlugTouch(corners, self._block, self._tip, self._make_detector())

    def true_tip(self) -> Array:
        """Return X_tcp_tip as it is, shape (4, 4)."""
        return pose_matrix(self.machine.truth.tip_in_tcp())

    def block_as_the_arm_finds_it(self) -> Array:
        """Return X_base_block for an arm that trusts its encoders, shape (4, 4)."""
        return self.as_the_arm_finds_it(self._X_world_block)

    def touch(self) -> PlugTouchResult:
        """Go on until the sequence has ended."""
        return self._run(self.touching, None)


def plug_touch_row(scenario: Scenario, seed: int) -> dict[str, Any]:
    """Run one case and compare it with the truth: the tip in the tool, and the block as seen from the tip."""
    run = PlugTouchRollout.of_scenario(scenario, seed)
    try:
        run.begin(seed)
        # Hanging in the grasp, without a touch: what a calibration is to find.
        X_true, nominal = run.true_tip(), run._tip.X
        before = run.touching.state
        result = run.touch()
        X_true_block = run.block_as_the_arm_finds_it()
        row: dict[str, Any] = {
            "connector": run._target.connector.name,
            "seed": seed,
            "outcome": result.outcome.value,
            "reason": result.reason,
            "is_found": result.outcome is TouchOutcome.FOUND,
            "touches": result.touches,
            "duration_s": result.duration_s,
            "peak_force_n": run.peak_n,
        }
        for name, X, P in (
            ("before", nominal, before.tip_covariance),
            ("after", result.state.X_tcp_tip, result.state.tip_covariance),
        ):
            error = log_se3(invert_pose(X) @ X_true)
            row |= {
                f"{name}_error_m": float(np.linalg.norm(error[:3])),
                f"{name}_error_rad": float(np.linalg.norm(error[3:])),
                f"{name}_nees": float(error @ np.linalg.solve(P, error)),
                f"{name}_error": [float(value) for value in error],
                f"{name}_sigma": [float(value) for value in np.sqrt(np.diag(P))],
            }
        # With the believed tip on the middle of the block: what an insertion needs, and better known than either place.
        state = result.state
        X_contact = state.X_base_block @ invert_pose(state.X_tcp_tip)
        row["relative_error_m"] = float(np.linalg.norm((invert_pose(X_contact @ X_true) @ X_true_block)[:3, 3]))
        return row
    finally:
        run.close()
