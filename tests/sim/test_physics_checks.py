"""Every check of the physics, at parameters that are not those of the page; and the page itself."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from cablecell.evaluation import bench_physics, physics_report
from cablecell.evaluation.physics_checks.check import Check

PAGE = Path(__file__).parents[2] / "docs" / "physics.md"


@pytest.mark.parametrize("name", list(bench_physics.CHECKS))
def test_the_physics_is_what_mechanics_says(name):
    row = bench_physics.run_one((name, 71, 0))
    assert row["pass"], row


def test_a_wrong_value_fails_whatever_the_kind():
    rng = np.random.default_rng(0)
    for kind, wrong in (("relative", 1.2), ("absolute", 1.2), ("limit", 1.2), ("relative", float("nan"))):
        check = Check("x", "x", "N", 1.0 if kind == "limit" else 0.1, lambda _, v=wrong: (v, 1.0, {}), kind)
        assert not check.run(rng)["pass"]
        good = Check("x", "x", "N", 1.0 if kind == "limit" else 0.1, lambda _: (1.0, 1.0, {}), kind)
        assert good.run(rng)["pass"]


def table_lines():
    return {m[1]: m[0] for m in re.finditer(r"^\| `(\w[\w.]*)` \|.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)}


def test_the_page_is_of_these_checks_and_none_failed():
    lines = table_lines()
    assert set(lines) == set(bench_physics.CHECKS)
    for name, check in bench_physics.CHECKS.items():
        assert f"| {check.item} |" in lines[name]
        assert f"| {check.tolerance:.3g} |" in lines[name]
        assert "FAILED" not in lines[name]
    for figure in re.findall(r"\((images/\w+\.svg)\)", PAGE.read_text(encoding="utf-8")):
        assert (PAGE.parent / figure).stat().st_size < 200_000


@pytest.mark.parametrize("name", ["pin_floor", "box_jam_mu_0.4", "tooth_out", "socket_onset_20um"])
def test_numbers_of_the_page_still_come_out(name):
    jobs = [(name, physics_report.SEED, i) for i in range(physics_report.REPETITIONS)]
    (worst,) = bench_physics.worst_rows([bench_physics.run_one(job) for job in jobs])
    stated = table_lines()[name].split("|")
    assert float(stated[3]) == pytest.approx(worst["measured"], rel=0.02)
    assert float(stated[4]) == pytest.approx(worst["expected"], rel=0.02)
