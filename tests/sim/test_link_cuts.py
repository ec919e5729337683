"""A link that is cut in a phase of an insertion, through the shipped driver: a stop, a new connection, and seated."""

from __future__ import annotations

import os

import numpy as np
import pytest

from cablecell.composition.ros2_control_backend import make_backend
from cablecell.configuration import config_folder, load_connectors, load_robot, load_simulation, load_trials
from cablecell.core.errors import StaleStateError
from cablecell.core.insertion.outcome import Phase
from cablecell.evaluation.handling_rollout import handle_seated
from cablecell.simulation.servo import ServoLink
from tests.contract.test_ros2_control import make
from tests.sim.test_rollout_position import FORCE_LIMIT_N, shipped
from tests.support.link_rollout import LinkRollout

TO_REST_S = 0.2

LATCHED_M = 2e-3
"""A plug that comes out by less than this is held by its latch."""

INTO_PERIODS = 100
"""How far into a phase the link is cut, where it lasts that long: at its beginning the arm often stands."""

CUTS = os.environ.get("CELL_TEST_SIMULATED_CUTS", "trial_3:1:INSERT:pulled").split()
"""Trial, seed, and in turn where the link is cut and how; every cut takes as long as an insertion."""


def rollout(trial, seed):
    settings = load_robot(config_folder() / "robots/loopback.yaml")
    robot, _ = make(settings)
    control, insertion = shipped()
    return LinkRollout(
        settings,
        load_trials().trials[trial],
        load_connectors(),
        seed=seed,
        simulation=load_simulation(),
        control=control,
        insertion=insertion,
        loop=make_backend(settings, robot, 500.0).contact_loop,
        link=ServoLink(delay_s=0.004, jitter_s=0.002, loss=0.01),
    )


@pytest.mark.parametrize("what", CUTS)
def test_a_cut_link_ends_in_rest_and_the_next_attempt_seats(what):
    trial, seed, *cuts = what.split(":")
    run = rollout(trial, int(seed))
    try:
        for phase, how in zip(cuts[::2], cuts[1::2], strict=True):
            wanted = None if phase == "STAGING" else Phase[phase]
            result = None
            while result is None and run.phase is not wanted:
                result = run.step()
            assert result is None, f"it ended before {phase}: {result}"
            while wanted is None and np.abs(run.machine.arm.read().dq).max() < 0.1:
                run.step()
            for _ in range(INTO_PERIODS):
                if run.phase is wanted:
                    run.step()
            stood, said = run.lose(how)
            run.come_back()
            print(f"{what}: {phase} {how}: {stood}; {said}")  # noqa: T201
            assert isinstance(said, StaleStateError)
            assert stood.is_at_rest
            assert stood.to_rest_s < TO_REST_S
            if wanted is None:
                continue
            assert stood.peak_force_n < FORCE_LIMIT_N
            if run.back_out() < LATCHED_M:
                assert handle_seated(run, "verify")["outcome"] == "SEATED", "it did not come out, and is not latched"
                return
        result = run.run()
    finally:
        run.close()
    assert result.is_success, result.skill.reason
    assert not result.offlimit_contacts
