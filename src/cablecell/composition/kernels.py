"""Compile the loops of the simulation, or load them where they were compiled before.

`python -m cablecell.composition.kernels` at set-up saves the first cell that is started a minute of compiling.
"""

from __future__ import annotations

from cablecell.composition.camera_rig import warm_up
from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_simulation, load_trials
from cablecell.core.geometry.scalar import IDENTITY
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.rigid import Pose
from cablecell.simulation.round_contact import RoundContact


def compile_kernels() -> None:
    """Use everything compiled once: camera, cable and the contact of a round plug."""
    warm_up()
    connectors, still = load_connectors(), (0.0, 0.0, 0.0)
    trial = next(iter(load_trials().trials.values()))
    machine = SimulatedMachine(load_scene(trial, connectors), load_simulation())
    machine.connect()
    machine.cycle(1.0 / load_simulation().cable.rate_hz)
    machine.disconnect()
    for connector in connectors.values():
        if connector.round_fit is not None:
            contact = RoundContact(connector, Pose(*IDENTITY), dt_s=5.0e-4)
            contact.wrench(still, IDENTITY[1], still, still, still, still)


if __name__ == "__main__":
    compile_kernels()
