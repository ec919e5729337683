"""Put descriptions, trial and connectors together into a simulated scene."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from cablecell.composition.robot_description import (
    XacroValue,
    load_enclosure_description,
    load_robot_description,
    load_task_board_description,
)
from cablecell.core.config.connector import Connector
from cablecell.core.config.scenario import BenchFixture
from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.config.trial import TaskBoard, Trial, TrialFile
from cablecell.simulation.errors import TrialSceneError
from cablecell.simulation.fixture import with_fixture
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.scene import CellDescriptions, Scene, build_scene


def make_machine(
    trials: TrialFile, trial: str, connectors: Mapping[str, Connector], settings: SimulationSettings, seed: int
) -> SimulatedMachine:
    """Return a simulated machine, not yet connected, set up for one trial of a file.

    Args:
        trials: The file.
        trial: Name of the trial.
        connectors: Connectors by name.
        settings: Physics and errors.
        seed: Of every error.

    Raises:
        TrialSceneError: The file has no such trial, or it needs a connector that is not given (code 853).
    """
    if trial not in trials.trials:
        valid = ", ".join(trials.trials)
        raise TrialSceneError(f"no trial '{trial}'; there are {valid}", quantity="trial", value=trial, limit=valid)
    scene = load_scene(trials.trials[trial], connectors)
    return SimulatedMachine(scene, settings, seed=seed, home=trials.robot.home_joint_positions)


def load_scene(trial: Trial, connectors: Mapping[str, Connector], fixture: BenchFixture | None = None) -> Scene:
    """Return the scene of a trial with the cell's own arm, enclosure and task board, and with a fixture if given."""
    scene = build_scene(trial, describe_cell(trial.scene.task_board), connectors)
    return scene if fixture is None else with_fixture(scene, fixture)


def describe_cell(board: TaskBoard) -> CellDescriptions:
    """Return the URDF texts of the cell with one task board."""
    return CellDescriptions(_robot(), _enclosure(), load_task_board_description(**slot_arguments(board)))


def slot_arguments(board: TaskBoard) -> dict[str, XacroValue]:
    """Return the arguments of the task board's description for what a trial mounts on its rails."""
    arguments: dict[str, XacroValue] = {}
    for rail_name, rail in board.rails():
        if not rail.entity_present or rail.entity_pose is None:
            continue
        slot = rail_name.replace("nic_rail", "nic_card_mount").replace("sc_rail", "sc_port")
        pose = rail.entity_pose
        arguments[f"{slot}_present"] = True
        for key in ("translation", "roll", "pitch", "yaw"):
            arguments[f"{slot}_{key}"] = float(getattr(pose, key))
        if rail.part_present:
            arguments[f"{slot}_part"] = True
    return arguments


@lru_cache(maxsize=1)
def _robot() -> str:
    return load_robot_description(with_enclosure=False)


@lru_cache(maxsize=1)
def _enclosure() -> str:
    return load_enclosure_description()
