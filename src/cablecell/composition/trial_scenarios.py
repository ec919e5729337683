"""Scenarios of an AIC trial file: one for every trial, as it stands there or drawn anew within the published limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cablecell.composition.scenario_files import BOARD_CONNECTORS
from cablecell.configuration import config_folder, load_connectors, load_simulation, load_trials
from cablecell.core.config.documents import DocumentError
from cablecell.core.config.scenario import CARD_YAW_RAD, FIXTURE_YAW_RAD, Scenario, parse_scenario
from cablecell.core.config.trial import MOUNT_RAILS, NIC_RAILS, SC_RAILS, TaskBoard, Trial

CARD_TRANSLATION_M = (-0.0215, 0.0234)
ADAPTER_TRANSLATION_M = (-0.055, 0.055)
FIXTURE_TRANSLATION_M = (-0.09425, 0.09425)
"""Published limits of the rails, from the AIC's description of the task board."""


def load_trial_scenarios(path: Path, *, is_drawn: bool = False) -> list[Scenario]:
    """Return a scenario for every trial of a file, named after it.

    Args:
        path: An AIC trial file.
        is_drawn: For every seed, modules and pick fixtures are mounted anew: as many as the trial has, on any of their
            rails, anywhere within the published limits; the target's module stays on its rail.

    Raises:
        DocumentError: The file cannot be read or has a mistake, or a trial begins without a plug in the gripper
            (code 910).
    """
    file = load_trials(path)
    catalogue, simulation = load_connectors(config_folder() / "connectors"), load_simulation()
    found = []
    for name, trial in file.trials.items():
        if trial.gripped_cable is None:
            raise DocumentError(
                f"{path.name}: trials.{name}: no cable has attach_cable_to_gripper = True; a rollout begins with the "
                "plug in the gripper",
                quantity=f"trials.{name}",
            )
        data: dict[str, Any] = {
            "name": name,
            "description": f"trial {name} of {path.name}",
            "trial": trial.model_dump(),
            "home": file.robot.home_joint_positions.model_dump(),
            "connectors": {one: catalogue[one].model_dump() for one in BOARD_CONNECTORS},
            "simulation": simulation.model_dump(),
        }
        if is_drawn:
            data["randomise"] = published_ranges(trial)
        found.append(parse_scenario(data, path.name))
    return found


def published_ranges(trial: Trial) -> dict[str, Any]:
    """Return what is drawn of a trial: as many modules and pick fixtures as it has, within the published limits."""
    board = trial.scene.task_board
    cards, adapters, fixtures = (_count(board, rails) for rails in (NIC_RAILS, SC_RAILS, MOUNT_RAILS))
    drawn: dict[str, Any] = {}
    if cards:
        yaw = [-CARD_YAW_RAD, CARD_YAW_RAD]
        drawn["cards"] = {"count": [cards] * 2, "translation_m": list(CARD_TRANSLATION_M), "yaw_rad": yaw}
    if adapters:
        drawn["adapters"] = {"count": [adapters] * 2, "translation_m": list(ADAPTER_TRANSLATION_M)}
    if fixtures:
        yaw = [-FIXTURE_YAW_RAD, FIXTURE_YAW_RAD]
        drawn["distractors"] = {"count": [fixtures] * 2, "translation_m": list(FIXTURE_TRANSLATION_M), "yaw_rad": yaw}
    return drawn


def _count(board: TaskBoard, rails: tuple[str, ...]) -> int:
    return sum(getattr(board, rail).entity_present for rail in rails)
