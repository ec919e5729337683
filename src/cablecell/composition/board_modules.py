"""What the design says of the modules on a task board: which slots are used, and how far things may be displaced there.

Where on its rail a module sits is never taken from a trial: the design puts it in the middle, and the freedom says how
far it may really be from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.robot_description import XacroValue, load_task_board_description
from cablecell.core.config.connector import Connector
from cablecell.core.config.trial import MOUNT_RAILS, PORTS_OF_NIC_CARD, RailLimits, TaskBoard, TaskBoardLimits
from cablecell.core.perception.board_design import read_modules
from cablecell.core.perception.layout import NominalPort, fixed_frames, read_layout
from cablecell.core.perception.modules import Freedom, ModuleDesign

Matrix = NDArray[np.float64]

TURN_RAD = 0.1745
"""Largest yaw of a card or an adapter on its rail, as published for the AIC."""

FIXTURE_TURN_RAD = 1.0472
"""Largest yaw of a fixture for spare connectors on its rail, as published for the AIC."""


@dataclass(frozen=True)
class BoardDesign:
    """A board as designed.

    Attributes:
        ports: By full name, every module in the middle of its rail.
        modules: By name.
        urdf: Description of the board so.
    """

    ports: Mapping[str, NominalPort]
    modules: Mapping[str, ModuleDesign]
    urdf: str


@dataclass(frozen=True, eq=False)
class Slot:
    """Something that stands on a rail.

    Attributes:
        pivot: Point on the axis that it turns about, in the middle of its rail, in `task_board`, shape (3,), m.
        freedom: How it may be displaced.
    """

    pivot: Matrix
    freedom: Freedom


@dataclass(frozen=True)
class BoardBodies:
    """What stands on a board, as designed: modules with ports, and fixtures for spare connectors.

    Attributes:
        urdf: Description of the board, everything in the middle of its rail and not turned.
        slots: What may be displaced, by the name of its slot.
    """

    urdf: str
    slots: Mapping[str, Slot]


def design_bodies(board: TaskBoard, limits: TaskBoardLimits) -> BoardBodies:
    """Return what stands on a board; of a trial's board only the used slots are read.

    Args:
        board: Which slots are used.
        limits: Lengths of the rails.
    """
    arguments, freedoms = _modules(board.modules(), limits)
    for rail in MOUNT_RAILS:
        if not getattr(board, rail).entity_present:
            continue
        arguments |= {f"{rail}_present": True, f"{rail}_translation": _middle(limits.mount_rail)}
        if getattr(board, rail).part_present:
            arguments[f"{rail}_part"] = True
        freedoms[rail] = _freedom(limits.mount_rail, (0.0, 1.0, 0.0), FIXTURE_TURN_RAD)
    return _bodies(arguments, freedoms)


def module_bodies(modules: Iterable[str], limits: TaskBoardLimits) -> BoardBodies:
    """Return the board with some modules with ports, such as `sc_port_0`, and nothing else.

    Args:
        modules: Their names.
        limits: Lengths of the rails.
    """
    return _bodies(*_modules(modules, limits))


def _bodies(arguments: dict[str, XacroValue], freedoms: Mapping[str, Freedom]) -> BoardBodies:
    urdf = load_task_board_description(**arguments)
    slots: dict[str, Slot] = {}
    for link, X_board_link in fixed_frames(urdf, "task_board").items():
        name = slot_of(link)
        if name in freedoms and name not in slots:  # parents come before children
            slots[name] = Slot(X_board_link[:3, 3], freedoms[name])
    return BoardBodies(urdf, slots)


def slot_of(link: str) -> str:
    """Return the slot that a link of the board's description belongs to; empty for the board itself."""
    parts = link.split("/")
    return parts[1] if len(parts) > 1 else ""


def design_board(board: TaskBoard, limits: TaskBoardLimits, connectors: Mapping[str, Connector]) -> BoardDesign:
    """Return the design of a board; of a trial's board only the used slots are read.

    Args:
        board: Which slots are used.
        limits: Lengths of the rails.
        connectors: By name.
    """
    arguments, freedoms = _modules(board.modules(), limits)
    urdf = load_task_board_description(**arguments)
    ports = read_layout(urdf)
    families = {name: connectors[connector_of(name)] for name in ports}
    return BoardDesign(ports, read_modules(urdf, freedoms, families), urdf)


def connector_of(port: str) -> str:
    """Return the connector family of a port of the board, by the port's name."""
    return "sfp" if port.rpartition("/")[2] in PORTS_OF_NIC_CARD else "sc"


def _modules(modules: Iterable[str], limits: TaskBoardLimits) -> tuple[dict[str, XacroValue], dict[str, Freedom]]:
    """Return the description's arguments for modules in the middle of their rails, and how they may be displaced."""
    arguments: dict[str, XacroValue] = {}
    freedoms = {}
    for module in modules:
        rail = limits.nic_rail if module.startswith("nic") else limits.sc_rail
        arguments |= {f"{module}_present": True, f"{module}_translation": _middle(rail)}
        freedoms[module] = _freedom(rail, (1.0, 0.0, 0.0), TURN_RAD)
    return arguments, freedoms


def _middle(rail: RailLimits) -> float:
    return 0.5 * (rail.min_translation + rail.max_translation)


def _freedom(rail: RailLimits, axis: tuple[float, float, float], turn_rad: float) -> Freedom:
    return Freedom(axis, 0.5 * (rail.max_translation - rail.min_translation), turn_rad)
