"""How each fault of the table is done to the stand-in cell, and in which phases of a step."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from cablecell.evaluation.faults.stand_in import CAMERAS, MANAGED, StandInCell

EVERYWHERE = ("pick", "look", "transfer", "approach", "insert", "pull", "retreat")
DURATION_S = {"pick": 1.3, "look": 2.5, "transfer": 1.5, "approach": 1.0, "insert": 2.0, "pull": 0.5, "retreat": 1.0}

_MOVING = ("transfer", "approach", "insert")
WHEN: Mapping[str, tuple[str, ...]] = {
    "camera_swapped": ("pick", "look"),
    "camera_knocked": ("pick", "look"),
    "grip_changed": ("pick", "look"),
    "wrench_drift": ("look",),
    "encoder_error": _MOVING,
    "commands_stale": _MOVING,
    "states_dropped": _MOVING,
    "plug_dropped": _MOVING,
    "plug_wrong": ("pick",),
    "plug_missing": ("pick",),
    "plug_bad": ("pick", "look", "transfer"),
    "board_moved": ("transfer", "approach"),
    "port_blocked": ("pick", "look"),
    "port_fouled": ("pick", "look", "transfer"),
    "cable_jammed": ("transfer",),
}
"""Where a fault can be done; every other one anywhere."""

TOLD = frozenset(
    {
        "camera_swapped",
        "camera_knocked",
        "grip_changed",
        "person_near",
        "encoder_error",
        "commands_stale",
        "states_dropped",
        "plug_dropped",
        "plug_wrong",
        "plug_missing",
        "plug_bad",
        "board_moved",
        "port_blocked",
        "port_fouled",
        "cable_jammed",
    }
)
"""Faults that stand-ins notice: their code is that of the real skill, their delay says nothing and is not counted."""


@dataclass(frozen=True)
class Injection:
    """One fault.

    Attributes:
        name: Of the table.
        part: Number of the part in whose first attempt it is done.
        phase: In which phase.
        delay_s: After the begin of the phase.
        cameras: Which cameras, where it is one of cameras.
        pick: A number in [0, 1) by which variants are chosen.
    """

    name: str
    part: int
    phase: str
    delay_s: float
    cameras: frozenset[str]
    pick: float


def draw(name: str, parts: int, dice: random.Random) -> Injection:
    """Return a fault at a random moment."""
    phase = dice.choice(WHEN.get(name, EVERYWHERE))
    begin_s = 1.2 if name == "wrench_drift" else 0.0  # before that the reading at rest has nothing to be compared with
    end_s = min(0.4, DURATION_S[phase]) if name == "plug_missing" else DURATION_S[phase]
    some = dice.choice([(dice.choice(CAMERAS),), CAMERAS])
    return Injection(
        name, dice.randrange(parts), phase, dice.uniform(begin_s, end_s - 0.1), frozenset(some), dice.random()
    )


def inject(fault: Injection, cell: StandInCell) -> None:
    """Do it now, where it is done to the cell and not to its supervisor."""
    world, now_s = cell.world, cell.now_s
    lasts = {
        "camera_frozen": 3.0,
        "camera_black": 3.0,
        "camera_silent": 3.0,
        "wrench_drift": 1.0,
        "wrench_dropout": 0.6,
        "wrench_stuck": 1.0e9,
        "slow_node": 1.0,
        "messages_doubled": 1.0,
        "messages_late": 1.0,
        "cpu_starved": 0.45,
    }
    if fault.name in lasts:
        world.until_s[fault.name] = now_s + lasts[fault.name]
        world.cameras = fault.cameras
    elif fault.name == "kill_recorder":
        world.dead.add("recorder")
    elif fault.name == "hang_recorder":
        world.hung.add("recorder")
    elif fault.name.startswith("kill_"):
        names = {"kill_arm": 0, "kill_planner": 1, "kill_estimator": 2, "kill_skill": 3}
        world.dead.add(MANAGED[names[fault.name]])
    elif fault.name == "hang_node":
        world.hung.add(MANAGED[int(fault.pick * len(MANAGED))])
    elif fault.name == "clock_jump":
        world.wall_offset_s += 10.0 if fault.pick < 0.5 else -10.0
    elif fault.name == "camera_swapped":
        world.is_swapped = True
    elif fault.name in ("camera_knocked", "grip_changed"):
        world.is_off = True
    elif fault.name == "plug_wrong":
        world.is_right = False
    elif fault.name == "plug_missing":
        world.pockets[0] = False
    elif fault.name == "plug_bad":
        world.has_latch = False
    elif fault.name == "plug_dropped":
        world.has_plug = False
    elif fault.name == "board_moved":
        world.board_m += 0.005
    elif fault.name == "port_blocked":
        world.is_covered = True
    elif fault.name == "port_fouled":
        world.is_fouled = True
    elif fault.name == "cable_jammed":
        world.is_caught = True
