"""A plug no camera sees is calibrated by touching a block in the simulated cell: gently, and far better than before."""

from __future__ import annotations

import pytest

from cablecell.evaluation.bench_plug_touch import FAMILIES, LIMIT_N, scenarios, summarise
from cablecell.evaluation.plug_touch_rollout import BLOCK_SIGMA_M, plug_touch_row


@pytest.mark.parametrize("family", ["rj45", "jst_ph_4"])
def test_a_hidden_tip_is_found_by_seven_touches(family):
    row = plug_touch_row(scenarios()[FAMILIES.index(family)], 3)
    assert row["is_found"], row["reason"]
    assert row["touches"] == 7
    assert row["peak_force_n"] < LIMIT_N
    assert row["duration_s"] < 12.0
    # In space the tip is known as well as the block is; from the tip, the block better than that.
    assert row["after_error_m"] < 4.0 * BLOCK_SIGMA_M
    assert row["after_nees"] < 22.5  # 99.9 %
    assert summarise([row])["success_rate"] == 1.0
