"""A touch sequence in the simulated cell: it finds a port that is 5 mm off, and the insertion goes on from there."""

from __future__ import annotations

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.core.geometry import invert_pose, log_se3
from cablecell.core.insertion.outcome import Outcome
from cablecell.core.insertion.touch_outcome import TouchOutcome
from cablecell.evaluation.bench_touch import LIMIT_N, LIMIT_S, LIMIT_TOUCHES, scenarios
from cablecell.evaluation.touch_rollout import TouchRollout


def test_port_five_millimetres_off_is_found_by_touch_and_plugged() -> None:
    run = TouchRollout.of_scenario(scenarios()[0], 8007)
    try:
        run.begin(TouchSettings(), 8007)
        wanted = run.true_port()
        result = run.insert()
        found = run.found
        assert found is not None
        assert found.outcome is TouchOutcome.FOUND
        assert found.duration_s < LIMIT_S
        assert found.touches <= LIMIT_TOUCHES
        assert found.peak_force_n < LIMIT_N
        error = log_se3(invert_pose(found.port.X) @ wanted)
        assert np.linalg.norm(error[:3]) < 3.0e-4
        assert np.linalg.norm(error[3:]) < 0.03
        assert result.outcome is Outcome.SEATED, result.reason
        assert run.machine.truth.is_seated
    finally:
        run.close()
