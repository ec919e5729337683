"""Figures of the benchmark of observations."""

from __future__ import annotations

import pytest
from cablecell_interfaces.action import Observe

from cablecell.evaluation.bench_observe import LIMIT_S, phase_times, summarise

MOVING, CAPTURING, FUSING = (
    Observe.Feedback.PHASE_MOVING,
    Observe.Feedback.PHASE_CAPTURING,
    Observe.Feedback.PHASE_FUSING,
)


def _row(duration_s: float, error_m: float | None) -> dict[str, object]:
    row: dict[str, object] = {"from": "front", "duration_s": duration_s, "moving_s": 1.0, "begin_s": 0.1}
    row |= {"capturing_s": 0.5, "fusing_s": 0.2}
    return row if error_m is None else row | {"error_m": error_m, "error_rad": 1.0e-3}


def test_phases_add_up_to_the_whole_duration() -> None:
    heard = [(10.2, CAPTURING), (10.9, FUSING), (11.0, FUSING), (11.1, MOVING), (12.0, CAPTURING), (12.3, FUSING)]
    spent = phase_times(heard, 10.0, 12.5)
    assert sum(spent.values()) == pytest.approx(2.5)
    assert spent == pytest.approx({"begin": 0.2, "capturing": 1.0, "fusing": 0.4, "moving": 0.9})


def test_observation_that_found_nothing_is_not_within_the_limit() -> None:
    rows = [_row(LIMIT_S - 0.5, 1.0e-4), _row(LIMIT_S + 0.5, 1.0e-4), _row(LIMIT_S - 2.0, None)]
    summary = summarise(rows)
    assert summary["front_n"] == 3.0
    assert summary["front_found"] == 2.0
    assert summary["front_within_limit_rate"] == pytest.approx(1.0 / 3.0)
