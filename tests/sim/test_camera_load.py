"""The cameras' work in a benchmark is what the cell asks of them: regions at full resolution, and previews."""

from __future__ import annotations

import pytest

from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_simulation, load_trials
from cablecell.evaluation.camera_load import LOOK_RATE_HZ, PREVIEW_RATE_HZ, CameraLoad
from cablecell.simulation.machine import SimulatedMachine


@pytest.fixture(scope="module")
def machine_and_scene():
    scene = load_scene(load_trials().trials["trial_1"], load_connectors())
    machine = SimulatedMachine(scene, load_simulation(), seed=1)
    machine.connect()
    yield machine, scene
    machine.disconnect()


def test_images_are_taken_at_their_rates(machine_and_scene):
    machine, scene = machine_and_scene
    load = CameraLoad(machine, scene, load_simulation(), 1)
    start_s = machine.clock.now_s()
    for i in range(1000):
        load.run(start_s + 0.002 * i)
    assert load.images == {"look": 3 * 2 * LOOK_RATE_HZ, "preview": 2 * PREVIEW_RATE_HZ}
    assert load.pixels["preview"] == load.images["preview"] * 640 * 480
    for side in ("left", "center", "right"):
        region = load.region(side)
        assert region is not None
        assert 100_000 < region.width * region.height < 1152 * 1024
    assert 0.0 < load.frame_s("preview") < 1.0
