"""A port on a board that bends or sways: closed forms of where it is, and a skill that is told nothing of it."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import config_folder
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.config.simulation import PortMountSettings
from cablecell.core.geometry.scalar import rotate, scale, subtract
from cablecell.core.insertion.outcome import Outcome, Phase
from cablecell.evaluation.rollout import Rollout

FLEX = PortMountSettings(stiffness_n_per_m=2.0e4)
SWAY = PortMountSettings(sway_m=[4.0e-4, 3.0e-4], sway_hz=0.5)


def start(mount: PortMountSettings, seed: int = 70, connector: str = "usb_c", **insertion: float) -> Rollout:
    file = config_folder() / "scenarios" / "fixture.yaml"
    scenario = load_scenario(file, Path(connector) if connector else None)
    simulation = scenario.simulation.model_copy(update={"port_mount": mount})
    update = {"simulation": simulation, "insertion": InsertionSettings(**insertion)}
    return Rollout.of_scenario(scenario.model_copy(update=update), seed)


def test_a_rigid_port_costs_nothing():
    assert PortMountSettings().is_rigid
    rollout = start(PortMountSettings())
    try:
        world = rollout.machine.world
        rollout.step()
        assert world.port_mount is None
        assert world.scene is world.built
    finally:
        rollout.close()


@pytest.mark.parametrize("bad", [{"stiffness_n_per_m": 5.0e3}, {"sway_m": [0.003, 0.0]}, {"sway_m": [0.001]}])
def test_what_is_out_of_its_limits_is_refused(bad):
    with pytest.raises(ValidationError):
        PortMountSettings(**bad)


def test_a_bending_board_gives_way_by_force_over_stiffness_and_the_plug_is_seated_on_it():
    rollout = start(FLEX)
    found: list[tuple[float, float]] = []
    try:
        world = rollout.machine.world
        rest = world.built.ports[world.built.target].X_WE
        axis = rotate(rest.q, (0.0, 0.0, 1.0))

        def watch(run: Rollout) -> None:
            now = world.scene.ports[world.scene.target].X_WE
            assert subtract(now.p, rest.p) == pytest.approx(scale(axis, world.port_mount.depth_m), abs=2.0e-7)
            if run.skill.phase is Phase.HOLD:
                push_n = -run.trace.force[-1][2]
                found.append((world.port_mount.depth_m, push_n))

        result = rollout.run(watch)
        inserted, target = rollout.machine.truth.inserted, world.scene.target
    finally:
        rollout.close()
    assert result.skill.outcome is Outcome.SEATED
    assert inserted == target
    depth_m, push_n = (sum(values) / len(found) for values in zip(*found, strict=True))
    assert push_n > 5.0
    # The sensor reads the tool's part of the push; cable and errors of the sensor are the rest.
    assert depth_m * FLEX.stiffness_n_per_m == pytest.approx(push_n, abs=1.0)


def test_a_skill_that_reckons_with_rock_denies_such_a_seat():
    # So soft that it springs back too far whether or not the snap of the latch was noticed.
    rollout = start(PortMountSettings(stiffness_n_per_m=1.0e4), connector="", port_stiffness=1.0e9)
    try:
        result = rollout.run()
    finally:
        rollout.close()
    assert result.skill.outcome is Outcome.NOT_SEATED
    assert "sprang back" in result.skill.reason


def test_a_swaying_port_is_where_the_sine_has_it_and_goes_on_so_after_a_restore():
    rollout = start(SWAY)
    try:
        world = rollout.machine.world
        rest = world.built.ports[world.built.target].X_WE
        x, y, z = SWAY.sway_m[0], SWAY.sway_m[1], 0.0
        for _ in range(600):
            assert rollout.step() is None
        # The last step of physics began one step ago.
        swing = math.sin(2.0 * math.pi * SWAY.sway_hz * (world.time_s - world.dt_s))
        moved = subtract(world.scene.ports[world.scene.target].X_WE.p, rest.p)
        assert moved == pytest.approx(scale(rotate(rest.q, (x, y, z)), swing), abs=1.0e-6)
        assert abs(swing) > 0.1
        saved = rollout.save()
        for _ in range(300):
            rollout.step()
        after = rollout.state_hash()
        rollout.restore(saved)
        for _ in range(300):
            rollout.step()
        assert rollout.state_hash() == after
    finally:
        rollout.close()
