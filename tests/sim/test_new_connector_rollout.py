"""A connector that `cell new connector` wrote is plugged by the whole skill, as its guide says."""

from __future__ import annotations

from cablecell.composition.scenario_files import load_scenario
from cablecell.evaluation.scenario_run import run_scenario
from cablecell.scaffold.connector import ConnectorSizes, new_connector


def test_a_new_connector_is_inserted(tmp_path):
    sizes = ConnectorSizes(width_m=6.0e-3, height_m=5.0e-3, depth_m=7.0e-3, clearance_m=1.0e-4, latch_n=5.0)
    (path,) = new_connector("tiny_plug", tmp_path, sizes=sizes)
    row = run_scenario(load_scenario(None, path), 3)
    assert row["seated"], row
    assert row["peak_force_n"] < sizes.damage_n
