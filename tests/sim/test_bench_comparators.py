"""The benchmark of comparators: a row for every strategy and error, the same seeds and errors for all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cablecell.composition.scenario_files import load_fixture_scenario
from cablecell.core.config.documents import DocumentError
from cablecell.core.config.scenario import EstimateErrors
from cablecell.evaluation import bench_comparators as bench
from cablecell.evaluation.bench import wilson_interval
from cablecell.evaluation.bench_page import write_page
from cablecell.evaluation.rollout import Rollout


@pytest.fixture(scope="module")
def scenario():
    return load_fixture_scenario(Path("sfp"))


def started(scenario, **change) -> Rollout:
    return Rollout.of_scenario(scenario.model_copy(update=change), 11)


def test_the_table_has_a_line_per_strategy_and_error_and_counts_what_happened(monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "STRATEGIES", ("straight", "oracle"))
    monkeypatch.setattr(bench, "OFFSETS_M", (0.0, 0.005))
    rows, summary = bench.run(n=1, seed=9000, workers=1)
    assert [(row["strategy"], row["offset_m"]) for row in rows] == [
        ("straight", 0.0),
        ("straight", 0.005),
        ("oracle", 0.0),
    ]
    known, unknown, told = rows
    assert known["success"]
    assert told["success"]
    assert not unknown["success"]
    assert unknown["outcome"] == "NOT_SEATED"
    assert told["port_error_m"] == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)
    assert 0.0 < known["work_j"] < 1.0
    assert known["jerk_m_per_s3"] > 0.0
    for name, row in (("straight_0mm", known), ("straight_5mm", unknown), ("oracle_0mm", told)):
        assert summary[f"success_rate_{name}"] == row["success"]
        assert (summary[f"wilson_low_{name}"], summary[f"wilson_high_{name}"]) == wilson_interval(row["success"], 1)
        assert summary[f"peak_force_max_{name}_n"] == row["peak_force_n"]
    assert bench.table(rows).row_count == 3
    result = {
        "name": "comparators",
        "version": "0",
        "settings": {"n": 1, "seed": 9000, "workers": 1},
        "machine": {"processor": "", "cores": 1, "load_1min": 0.0},
        "results": rows,
        "summary": summary,
    }
    json.dumps(result)
    write_page(tmp_path / "page.html", result, bench.figures("comparators", rows))
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("<svg") == 4


def test_errors_of_a_seed_differ_by_the_offset_alone_whatever_the_strategy(scenario):
    seen = []
    for strategy, offset_m in (("straight", 0.0), ("hybrid", 0.0), ("tilt", 0.002), ("spiral", 0.005)):
        estimates = bench.RESIDUAL.model_copy(update={"port_offset_m": offset_m})
        run = started(scenario, strategy=strategy, estimates=estimates)
        seen.append((run.port_error_m, np.diag(run._port.covariance), run._tip.X, run.machine.truth.tip_in_tcp()))
        run.close()
    (none, sigma, tip, grasp), (same, *_), (two, sigma_two, tip_two, grasp_two), (five, *_) = seen
    np.testing.assert_array_equal(none, same)
    np.testing.assert_array_equal(tip, tip_two)
    assert grasp == grasp_two
    for error, offset_m in ((two, 0.002), (five, 0.005)):
        assert np.linalg.norm((error - none)[:2]) == pytest.approx(offset_m)
        assert error[2] == none[2]
    np.testing.assert_allclose((five - none) / 0.005, (two - none) / 0.002)
    # What is told is the spread of such errors over directions: half of the square on each axis.
    np.testing.assert_allclose((sigma_two - sigma)[:3], [2.0e-6, 2.0e-6, 0.0], atol=1e-15)


def test_only_the_oracle_is_told_the_truth(scenario):
    estimates = EstimateErrors(port_offset_m=0.005)
    errors = {}
    for strategy in ("straight", "passive", "spiral", "tilt", "hybrid", "oracle"):
        run = started(scenario, strategy=strategy, estimates=estimates)
        errors[strategy] = float(np.linalg.norm(run.port_error_m[:2]))
        run.close()
    assert errors.pop("oracle") == 0.0
    assert min(errors.values()) > 0.004


def test_a_connector_that_is_nowhere_is_named():
    with pytest.raises(DocumentError, match="no_such"):
        bench.run(n=1, seed=0, workers=1, connector=Path("no_such"))
