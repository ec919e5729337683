"""Rollouts in PyBullet: the three AIC sample trials from home to a proven seat, with realistic errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cablecell.configuration import load_connectors, load_simulation, load_trials
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.config.scenario import EstimateErrors
from cablecell.core.control.errors import CommandTimeoutError
from cablecell.core.control.modes import ControllerMode
from cablecell.core.insertion.outcome import Outcome
from cablecell.evaluation import bench_insertion
from cablecell.evaluation.bench import wilson_interval
from cablecell.evaluation.rollout import Rollout
from cablecell.evaluation.rollout_result import RolloutResult


def roll(trial: str, seed: int, **options) -> RolloutResult:
    rollout = Rollout(
        load_trials().trials[trial], load_connectors(), seed=seed, simulation=load_simulation(), **options
    )
    try:
        return rollout.run()
    finally:
        rollout.close()


@pytest.mark.parametrize(("trial", "seed"), [("trial_1", 3), ("trial_2", 5), ("trial_3", 2)])
def test_the_sample_trials_are_seated_gently(trial, seed):
    result = roll(trial, seed)
    assert result.skill.outcome is Outcome.SEATED, result.skill.reason
    assert result.is_seated
    assert result.skill.is_latched
    assert result.peak_force_n < 20.0
    assert result.over_20n_s == 0.0
    assert result.cycle_s < 20.0
    assert result.offlimit_contacts == ()
    assert result.score.total > 90.0


ROOT = Path(__file__).parents[2]
ONE_SEED = """
import json, sys
from cablecell.core.config.scenario import EstimateErrors
from tests.sim.test_rollout import roll

# With the port three times as badly known as it is, as when they were found.
result = roll("trial_3", int(sys.argv[1]), errors=EstimateErrors(port_sigma_m=0.001, port_sigma_rad=0.0087))
told = {name: getattr(result, name) for name in ("is_success", "peak_force_n", "offlimit_contacts")}
print(json.dumps({**told, "reason": result.skill.reason}))
"""


@pytest.mark.parametrize("rounding", ["Haswell", "Nehalem"])
@pytest.mark.parametrize(
    ("seed", "what"),
    [
        (5000, "tilted on its shoulders: 20.9 N when moments were nulled there"),
        (5003, "gripped so deep that the pads reach below the port's rim: the plug was pushed out of the hand"),
        (5008, "ferrules caught first, body on the rim: a blow of 22 N"),
    ],
)
def test_seeds_that_once_went_wrong_are_seated_gently(seed, what, rounding):
    # Linear algebra rounds its last bit as the processor's kernels do, and contacts make much of it: with another
    # rounding 5008 was once said to be seated a moment too early. What is promised must hold with either.
    done = subprocess.run(
        [sys.executable, "-c", ONE_SEED, str(seed)],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_CORETYPE": rounding},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["is_success"], f"{what}: {result['reason']}"
    assert result["peak_force_n"] < 17.0, what
    # Pads below the rim lie against the side of the port: whether they touch is a matter of micrometres.
    assert seed == 5003 or result["offlimit_contacts"] == [], what


@pytest.mark.parametrize(("trial", "seed"), [("trial_1", 6100), ("trial_3", 6101)])
def test_a_seated_plug_stays_when_nobody_presses_it_any_more(trial, seed):
    """The skill's stream ends with its result; the controller holds, also after the fault that the node clears."""
    rollout = Rollout(load_trials().trials[trial], load_connectors(), seed=seed, simulation=load_simulation())
    try:
        assert rollout.run().is_success
        machine, controller = rollout.machine, rollout.controller
        truth = machine.truth
        begun, way = truth.plug_in_port().depth_m, 0.0
        for _ in range(1000):
            machine.arm.command(controller.tick(machine.arm.read(), None, machine.clock.now_s()))
            machine.cycle(0.002)
            if isinstance(controller.report.fault, CommandTimeoutError):
                controller.hold()
            way = max(way, abs(truth.plug_in_port().depth_m - begun))
        assert controller.report.mode is ControllerMode.HOLD
        assert way < 5e-5
        assert truth.is_seated
    finally:
        rollout.close()


def test_the_last_command_of_a_seat_is_the_one_under_which_it_was_found_to_stay():
    """One that turned the tool by a degree with the result rocked an SC plug half a millimetre out of its stop."""
    rollout = Rollout(load_trials().trials["trial_3"], load_connectors(), seed=6102, simulation=load_simulation())
    sent = []
    take = rollout.controller.command_compliance
    rollout.controller.command_compliance = lambda command, now: (sent.append(command), take(command, now))[1]
    try:
        result = rollout.run()
    finally:
        rollout.close()
    assert result.is_success
    assert len(sent) == len(rollout.trace.time_s)
    before, last = sent[-2], sent[-1]
    np.testing.assert_array_equal(last.stiffness, before.stiffness)
    np.testing.assert_array_equal(last.damping, before.damping)
    np.testing.assert_array_equal(last.feedforward, before.feedforward)
    turned = last.X_base_target[:3, :3].T @ before.X_base_target[:3, :3]
    np.testing.assert_allclose(turned, np.eye(3), atol=1e-9)
    shift = last.X_base_target[:3, :3].T @ (last.X_base_target[:3, 3] - before.X_base_target[:3, 3])
    # Along the port's axis the target is where the plug is, and the target's axes are a little turned from the port's.
    np.testing.assert_allclose(shift[:2], 0.0, atol=2e-6)


def test_the_skill_was_really_given_wrong_estimates():
    result = roll("trial_1", 3)
    assert 0.1e-3 < float(abs(result.port_error_m).max()) < 1.4e-3
    assert float(abs(result.tip_error_m).max()) > 0.1e-3


def test_the_same_seed_gives_the_same_rollout():
    errors = EstimateErrors(grasp="measured")
    first, second = (roll("trial_3", 2, errors=errors) for _ in range(2))
    assert first.skill == second.skill
    assert first.depth_m == second.depth_m
    assert first.peak_force_n == second.peak_force_n


def test_a_failure_is_retreated_and_not_called_a_seat():
    result = roll("trial_1", 3, insertion=InsertionSettings(time_limit_s=1.2))
    assert result.skill.outcome is Outcome.TIMED_OUT
    assert result.skill.is_retreated
    assert not result.is_seated
    assert not result.is_false_success
    assert result.score.tier3 == 0.0


def test_bench_counts_every_rollout_and_states_the_interval():
    rows, summary = bench_insertion.run(n=3, seed=3, workers=1)
    assert [row["scenario"] for row in rows] == ["trial_1", "trial_2", "trial_3"]
    successes = sum(row["success"] for row in rows)
    assert summary["success_rate"] == pytest.approx(successes / 3)
    assert summary["wilson_low"] == pytest.approx(wilson_interval(successes, 3)[0])
    for key in (
        "score_mean",
        "score_p5",
        "score_min",
        "cycle_median_s",
        "peak_force_p99_n",
        "over_20n_1s_events",
        "offlimit_contacts",
        "cable_faults",
        "false_success",
        "rtf",
    ):
        assert key in summary


def test_moves_are_planned_with_the_cable_behind_the_plug():
    rollout = Rollout(load_trials().trials["trial_3"], load_connectors(), seed=2, simulation=load_simulation())
    try:
        cable = rollout.believed_scene().cable
    finally:
        rollout.close()
    data = load_connectors()["sc"].cable
    assert cable is not None
    assert cable.bend_radius_m >= data.min_bend_radius_m
