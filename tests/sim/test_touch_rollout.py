"""A touch sequence in the simulated cell: it ends, keeps its force, and knows the port far better than before."""

from __future__ import annotations

import numpy as np

from cablecell.core.config.touch import TouchSettings
from cablecell.evaluation.bench_touch import LIMIT_N, scenarios
from cablecell.evaluation.touch_rollout import ERROR_M, touch_row


def test_port_five_millimetres_off_is_found_by_touch_alone() -> None:
    row = touch_row(scenarios()[1], TouchSettings(), 2)
    assert row["outcome"] in ("found", "unsure")
    assert row["peak_force_n"] < LIMIT_N
    assert row["slipped_m"] < 1.0e-4
    # From 5 mm; which of the touches came when is the planner's business.
    assert np.linalg.norm(row["error"][:3]) < 0.1 * ERROR_M
    assert max(row["sigma"][:3]) < 0.1 * ERROR_M
