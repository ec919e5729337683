"""Save and restore of a whole run: going on after a restore is the same as not having stopped, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pybullet as p
import pytest

from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import config_folder
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.insertion.outcome import Phase
from cablecell.evaluation.rollout import Rollout
from cablecell.simulation.machine import SavedMachine
from cablecell.simulation.saved_state import ObjectState, StateError
from cablecell.simulation.sensor_kernel import BIAS, DEFLECTION, FILTERED, WANDER

SEED = 3
PHASES = (Phase.IDLE, Phase.CONTACT, Phase.INSERT, Phase.PULL_TEST)


def start(seed: int = SEED, name: str = "trial_1") -> Rollout:
    scenario = load_scenario(config_folder() / "scenarios" / f"{name}.yaml")
    short = scenario.model_copy(update={"insertion": InsertionSettings(hold_s=0.05)})
    return Rollout.of_scenario(short, seed)


def finish(run: Rollout) -> list[str]:
    """Go on to the end; return the hash of every fiftieth state and of the last."""
    hashes, steps = [], 0
    while run.step() is None:
        steps += 1
        if steps % 50 == 0:
            hashes.append(run.state_hash())
    return [*hashes, run.state_hash()]


@pytest.fixture(scope="module")
def run():
    """A run that was saved 20 periods into some of its phases, with the hashes of what followed each."""
    rollout = start()
    saved: dict[Phase, SavedMachine] = {}
    entered: dict[Phase, int] = {}
    while rollout.step() is None:
        phase = rollout.skill.phase
        entered[phase] = entered.get(phase, 0) + 1
        if phase in PHASES and entered[phase] == 20:
            saved[phase] = rollout.save()
    yield SimpleNamespace(rollout=rollout, saved=saved, end=rollout.state_hash())
    rollout.close()


@pytest.mark.parametrize("phase", PHASES)
def test_going_on_after_a_restore_is_the_same_as_not_having_stopped(run, phase):
    run.rollout.restore(run.saved[phase])
    assert run.rollout.skill.phase is phase
    first = finish(run.rollout)
    assert first[-1] == run.end
    run.rollout.restore(run.saved[phase])
    assert finish(run.rollout) == first


def test_a_state_goes_through_a_file_into_another_run(run, tmp_path):
    path = tmp_path / "inserting.state"
    run.saved[Phase.INSERT].write(path)
    other = start()
    try:
        assert other.machine.world.client != run.rollout.machine.world.client
        other.restore(SavedMachine.read(path))
        assert finish(other)[-1] == run.end
    finally:
        other.close()


def test_the_objects_that_others_hold_stay_the_same(run):
    rollout = run.rollout
    held = (rollout.machine.arm, rollout.machine.truth, rollout.controller, rollout.skill)
    rollout.restore(run.saved[Phase.INSERT])
    assert (rollout.machine.arm, rollout.machine.truth, rollout.controller, rollout.skill) == held


@pytest.mark.parametrize(("seed", "name"), [(SEED + 1, "trial_1"), (SEED, "trial_2")])
def test_the_state_of_another_run_is_refused_and_changes_nothing(run, seed, name):
    other = start(seed, name)
    try:
        before = other.state_hash()
        with pytest.raises(StateError, match="another scene, other settings or another seed"):
            other.restore(run.saved[Phase.INSERT])
        assert other.state_hash() == before
    finally:
        other.close()


def _move_plug(r: Rollout) -> None:
    world = r.machine.world
    (x, y, z), q = p.getBasePositionAndOrientation(world.plug, physicsClientId=world.client)
    p.resetBasePositionAndOrientation(world.plug, (x + 1e-12, y, z), q, physicsClientId=world.client)


def _push_joint(r: Rollout) -> None:
    world = r.machine.world
    q, dq, _ = world.joint_states()
    p.resetJointState(world.arm, world.arm_joints[2], q[2], dq[2] + 1e-12, physicsClientId=world.client)


PARTS: dict[str, Callable[[Rollout], object]] = {
    "plug": _move_plug,
    "joint velocity": _push_joint,
    "time": lambda r: setattr(r.machine.world, "steps", r.machine.world.steps + 1),
    "sensor noise": lambda r: r.machine.world.sensor._noise_rng.random(),
    "sensor drift": lambda r: r.machine.world.sensor._drift_rng.random(),
    "sensor latency": lambda r: r.machine.world.sensor._waiting.popleft(),
    "sensor filter": lambda r: r.machine.world.sensor._rows.__setitem__((FILTERED, 2), 1e-9),
    "sensor bias": lambda r: r.machine.world.sensor._rows.__setitem__((BIAS, 2), 1e-9),
    "encoder noise": lambda r: r.machine.world.encoders._noise_rng.random(),
    "encoder wander": lambda r: r.machine.world.encoders.encoder.__setitem__((WANDER, 1), 1e-9),
    "joint deflection": lambda r: r.machine.world.encoders.encoder.__setitem__((DEFLECTION, 1), 1e-9),
    "wrench sum": lambda r: r.machine.world._wrench_sum.__setitem__(0, 1e-9),
    "grasp": lambda r: r.machine.world.grasp.state.__setitem__(0, 1e-12),
    "load of the cable": lambda r: r.machine.world.held._load.__setitem__(3, 1e-12),
    "cable": lambda r: setattr(r.machine.world.cable, "force", (0.0, 0.0, 0.0)),
    "latch": lambda r: setattr(next(iter(r.machine.world.port_forces.latches.values())), "is_engaged", True),
    "drives": lambda r: r.machine.world.drives.torques.__setitem__(5, 0.0),
    "gripper": lambda r: setattr(r.machine.gripper, "_force_n", 1.0),
    "arm payload": lambda r: r.machine.arm.set_payload(0.5, (0.0, 0.0, 0.0)),
    "dwell of the truth": lambda r: setattr(r.machine.truth, "_at_stop", ("port", 1.0)),
    "interpolator": lambda r: r.controller._references.pose._v.__setitem__(0, 1e-12),
    "stiffness": lambda r: r.controller._torques._impedance._stiffness.__setitem__((0, 0), 1.0),
    "watchdog": lambda r: setattr(r.controller, "_compliance_at_s", 0.0),
    "tare of the skill": lambda r: r.skill._bias.__setitem__(0, 1e-12),
    "phase of the skill": lambda r: setattr(r.skill._active, "_progress_s", 0.0),
    "memory of the skill": lambda r: setattr(r.skill.job, "stalls", 3),
    "compensated wrench": lambda r: r._compensator._filtered.__setitem__(0, 1e-12),
    "estimate": lambda r: setattr(r, "_port", replace(r._port, stamp_s=1.0)),
    "draws of the estimates": lambda r: r._rng.normal(),
    "record": lambda r: r._recorder._force.append(np.zeros(3)),
}


@pytest.mark.parametrize("part", PARTS)
def test_the_hash_sees_every_part_and_a_restore_brings_it_back(run, part):
    rollout = run.rollout
    rollout.restore(run.saved[Phase.INSERT])
    before = rollout.state_hash()
    PARTS[part](rollout)
    assert rollout.state_hash() != before, f"{part} is not in the hash"
    rollout.restore(run.saved[Phase.INSERT])
    assert rollout.state_hash() == before, f"{part} is not restored"


def test_what_cannot_be_saved_is_named():
    owner = SimpleNamespace(kept=1.0, job=lambda: None)
    with pytest.raises(TypeError, match=r"owner\.job cannot be saved"):
        ObjectState({"owner": owner}, {}, 0).save()


def test_a_digest_is_of_values_and_of_what_is_shared():
    def digest(left, right):
        return ObjectState({"pair": SimpleNamespace(left=left, right=right)}, {}, 0).digest()

    ours = [1.0, 2.0]
    assert digest([1.0, 2.0], {"a": 1}) == digest([1.0, 2.0], {"a": 1})
    assert digest(ours, ours) != digest(ours, list(ours))
    assert digest(0.0, None) != digest(-0.0, None)
    assert digest({"a": 1, "b": 2}, None) == digest({"b": 2, "a": 1}, None)
    assert digest(np.zeros(3), None) != digest(np.zeros((3, 1)), None)
