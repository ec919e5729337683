"""Draw what a scenario leaves open: a trial, and what else changes from seed to seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cablecell.core.config.scenario import BenchFixture, Randomise, Scenario
from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.config.trial import MOUNT_RAILS, NIC_RAILS, SC_RAILS, Trial, ports_of_module


@dataclass(frozen=True)
class Draw:
    """One run of a scenario, nothing left open.

    Attributes:
        trial: Board and task.
        fixture: Port beside those of the board, or None.
        simulation: Physics and errors.
        seed: Of everything random in the run.
    """

    trial: Trial
    fixture: BenchFixture | None
    simulation: SimulationSettings
    seed: int


def draw_run(scenario: Scenario, seed: int) -> Draw:
    """Return the run of one seed; the same scenario and seed give the same run.

    Every quantity has a source of randomness of its own: drawing one more does not change the others.
    """
    randomise = scenario.randomise
    if randomise is None:
        return Draw(scenario.trial, scenario.fixture, scenario.simulation, seed)
    dice = _Dice(seed)
    return Draw(
        trial=_draw_trial(scenario.trial, randomise, dice),
        fixture=_draw_fixture(scenario.fixture, randomise, dice),
        simulation=_draw_simulation(scenario.simulation, randomise, dice),
        seed=seed,
    )


class _Dice:
    """Independent seeded draws by name."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def source(self, name: str) -> random.Random:
        return random.Random(f"{self._seed}/scenario/{name}")

    def uniform(self, name: str, limits: Sequence[float]) -> float:
        return self.source(name).uniform(limits[0], limits[1])

    def count(self, name: str, limits: Sequence[int]) -> int:
        return self.source(name).randint(limits[0], limits[1])


def _draw_trial(trial: Trial, randomise: Randomise, dice: _Dice) -> Trial:
    """Return the trial with another board; its checks, such as the limits of the rails, are done again."""
    data = trial.model_dump()
    board = data["scene"]["task_board"]
    if randomise.board is not None:
        spread = randomise.board
        for key, limits in (("x", spread.x_m), ("y", spread.y_m), ("yaw", spread.yaw_rad)):
            board["pose"][key] += dice.uniform(f"board/{key}", limits)
    task = next(iter(data["tasks"].values()))
    target = task["target_module_name"]
    if randomise.cards is not None:
        cards = randomise.cards
        kept = {f"nic_rail_{target[-1]}"} if target.startswith("nic_card") else set()
        for rail in _choose(NIC_RAILS, kept, dice.count("cards", cards.count), dice.source("cards/which"), board):
            pose = board[rail]["entity_pose"]
            pose["translation"] = dice.uniform(f"{rail}/translation", cards.translation_m)
            pose["yaw"] = dice.uniform(f"{rail}/yaw", cards.yaw_rad)
    if randomise.adapters is not None:
        adapters = randomise.adapters
        kept = {f"sc_rail_{target[-1]}"} if target.startswith("sc_port") else set()
        count = dice.count("adapters", adapters.count)
        for rail in _choose(SC_RAILS, kept, count, dice.source("adapters/which"), board):
            board[rail]["entity_pose"]["translation"] = dice.uniform(f"{rail}/translation", adapters.translation_m)
    if randomise.distractors is not None:
        others = randomise.distractors
        count = dice.count("distractors", others.count)
        fixtures = _choose(MOUNT_RAILS, set(), count, dice.source("distractors/which"), board)
        for rail in fixtures:
            pose = board[rail]["entity_pose"]
            pose["translation"] = dice.uniform(f"{rail}/translation", others.translation_m)
            pose["yaw"] = dice.uniform(f"{rail}/yaw", others.yaw_rad)
        parts = min(count, dice.count("parts", others.parts))
        for rail in dice.source("parts/which").sample(fixtures, parts):
            board[rail]["part_present"] = True
    drawn = Trial.model_validate(data)
    if not randomise.any_port:
        return drawn
    fitting = [
        (module, port)
        for module in drawn.scene.task_board.modules()
        for port in ports_of_module(module)
        if port.startswith(task["port_type"])
    ]
    task["target_module_name"], task["port_name"] = dice.source("target").choice(fitting)
    return Trial.model_validate(data)


def _choose(
    rails: Sequence[str], kept: set[str], count: int, source: random.Random, board: dict[str, Any]
) -> list[str]:
    """Mount something on `count` of the rails, the kept ones among them, and clear the others; return the mounted."""
    free = [rail for rail in rails if rail not in kept]
    mounted = kept | set(source.sample(free, max(0, count - len(kept))))
    for rail in rails:
        if rail not in mounted:
            board[rail] = {"entity_present": False, "entity_name": "", "entity_pose": None}
        else:
            still = {"translation": 0.0, "roll": 0.0, "pitch": 0.0, "yaw": 0.0}
            board[rail] = {"entity_present": True, "entity_name": rail.replace("rail", "entity"), "entity_pose": still}
    return [rail for rail in rails if rail in mounted]


def _draw_fixture(fixture: BenchFixture | None, randomise: Randomise, dice: _Dice) -> BenchFixture | None:
    if fixture is None or randomise.fixture_yaw_rad is None:
        return fixture
    turned = fixture.yaw_rad + dice.uniform("fixture/yaw", randomise.fixture_yaw_rad)
    return fixture.model_copy(update={"yaw_rad": turned})


def _draw_simulation(settings: SimulationSettings, randomise: Randomise, dice: _Dice) -> SimulationSettings:
    if randomise.friction_scale is None:
        return settings
    scale = settings.physics.friction_scale * dice.uniform("friction", randomise.friction_scale)
    physics = settings.physics.model_copy(update={"friction_scale": scale})
    return settings.model_copy(update={"physics": physics})
