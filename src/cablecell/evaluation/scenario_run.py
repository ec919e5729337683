"""One run of a scenario as a row of plain values: what happened, what it scored, and the state it ended in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cablecell.core.config.scenario import Scenario
from cablecell.core.errors import WorkcellError
from cablecell.evaluation.handling_rollout import handle_seated
from cablecell.evaluation.rollout import Rollout
from cablecell.evaluation.rollout_result import RolloutResult
from cablecell.evaluation.rollout_seeing import SeeingRollout

Row = dict[str, Any]

MEASURED_KEYS = ("wall_s",)
"""What depends on the machine and not on scenario and seed."""


def run_scenario(scenario: Scenario, seed: int, watch: Callable[[Rollout], None] | None = None) -> Row:
    """Run one seed of a scenario from home to the end of its task; a fault of planning or control is a failed run.

    Args:
        scenario: What is run.
        seed: Of everything random.
        watch: Called after every period of the insertion; None for nobody.
    """
    kind = Rollout if scenario.seeing is None else SeeingRollout
    rollout = kind.of_scenario(scenario, seed)
    try:
        result = rollout.run(watch)
        row = _finished(result)
        if scenario.task != "insert" and result.is_success:
            row |= handle_seated(rollout, scenario.task)
    except WorkcellError as error:
        # A planner or controller that gives up is a failed trial, not a failed benchmark.
        row = _given_up(rollout, error)
    finally:
        state_hash = rollout.state_hash()
        target = rollout.machine.world.scene.target
        rollout.close()
    head = {"scenario": scenario.name, "scenario_hash": scenario.content_hash, "seed": seed, "target": target}
    head["strategy"] = scenario.strategy
    return {**head, **row, "state_hash": state_hash}


def crashed_row(scenario: Scenario, seed: int, fault: str, *, is_crash: bool) -> Row:
    """Return the row of a run that gave no result because its process died or something unforeseen was raised."""
    return {
        "scenario": scenario.name,
        "scenario_hash": scenario.content_hash,
        "seed": seed,
        "target": "",
        "strategy": scenario.strategy,
        **_nothing(),
        "outcome": "CRASHED" if is_crash else "BROKEN",
        "reason": fault,
        "state_hash": "",
    }


def comparable(row: Row) -> Row:
    """Return what two runs of the same scenario and seed must have in common."""
    return {key: value for key, value in row.items() if key not in MEASURED_KEYS}


def _nothing() -> Row:
    return {
        "success": False,
        "false_success": False,
        "false_failure": False,
        "outcome": "",
        "reason": "",
        "seated": False,
        "depth_m": 0.0,
        "lateral_m": 0.0,
        "cycle_s": 0.0,
        "insertion_s": 0.0,
        "peak_force_n": 0.0,
        "work_j": 0.0,
        "jerk_m_per_s3": 0.0,
        "over_20n_s": 0.0,
        "offlimit_contacts": [],
        "cable_faults": [],
        "score": 0.0,
        "smoothness": 0.0,
        "duration": 0.0,
        "efficiency": 0.0,
        "port_error_m": [0.0, 0.0, 0.0],
        "tip_error_m": [0.0, 0.0, 0.0],
        "simulated_s": 0.0,
        "wall_s": 0.0,
    }


def _finished(result: RolloutResult) -> Row:
    return {
        "success": result.is_success,
        "false_success": result.is_false_success,
        "false_failure": result.is_false_failure,
        "outcome": result.skill.outcome.name,
        "reason": result.skill.reason,
        "seated": result.is_seated,
        "depth_m": result.depth_m,
        "lateral_m": result.lateral_m,
        "cycle_s": result.cycle_s,
        "insertion_s": result.skill.duration_s,
        "peak_force_n": result.peak_force_n,
        "work_j": result.work_j,
        "jerk_m_per_s3": result.jerk_m_per_s3,
        "over_20n_s": result.over_20n_s,
        "offlimit_contacts": list(result.offlimit_contacts),
        "cable_faults": list(result.cable_faults),
        "score": result.score.total,
        "smoothness": result.score.smoothness,
        "duration": result.score.duration,
        "efficiency": result.score.efficiency,
        "port_error_m": [float(v) for v in result.port_error_m],
        "tip_error_m": [float(v) for v in result.tip_error_m],
        "simulated_s": result.cycle_s,
        "wall_s": result.wall_s,
    }


def _given_up(rollout: Rollout, error: WorkcellError) -> Row:
    truth, now = rollout.machine.truth, rollout.machine.clock.now_s()
    return {
        **_nothing(),
        "outcome": type(error).__name__,
        "reason": str(error),
        "false_failure": truth.inserted == rollout.machine.world.scene.target,
        "depth_m": truth.plug_in_port().depth_m,
        "cycle_s": now,
        "offlimit_contacts": [f"{contact.link} on {contact.part}" for contact in truth.contacts],
        "cable_faults": sorted(fault.value for fault in truth.cable_faults),
        "port_error_m": [float(v) for v in rollout.port_error_m],
        "simulated_s": now,
    }
