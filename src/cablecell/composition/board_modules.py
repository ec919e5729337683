"""What the design says of the modules on a task board: which slots are used, and how far things may be displaced there.

Where on its rail a module sits is never taken from a trial: the design puts it in the middle, and the freedom says how
far it may really be from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cablecell.composition.robot_description import XacroValue, load_task_board_description
from cablecell.core.config.connector import Connector
from cablecell.core.config.trial import PORTS_OF_NIC_CARD, RailLimits, TaskBoard, TaskBoardLimits
from cablecell.core.perception.board_design import read_modules
from cablecell.core.perception.layout import NominalPort, read_layout
from cablecell.core.perception.modules import Freedom, ModuleDesign

TURN_RAD = 0.1745
"""Largest yaw of a card or an adapter on its rail, as published for the AIC."""


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


def design_board(board: TaskBoard, limits: TaskBoardLimits, connectors: Mapping[str, Connector]) -> BoardDesign:
    """Return the design of a board; of a trial's board only the used slots are read.

    Args:
        board: Which slots are used.
        limits: Lengths of the rails.
        connectors: By name.
    """
    arguments: dict[str, XacroValue] = {}
    freedoms = {}
    for module in board.modules():
        rail = limits.nic_rail if module.startswith("nic") else limits.sc_rail
        arguments[f"{module}_present"] = True
        arguments[f"{module}_translation"] = 0.5 * (rail.min_translation + rail.max_translation)
        freedoms[module] = _freedom(rail)
    urdf = load_task_board_description(**arguments)
    ports = read_layout(urdf)
    families = {name: connectors[connector_of(name)] for name in ports}
    return BoardDesign(ports, read_modules(urdf, freedoms, families), urdf)


def connector_of(port: str) -> str:
    """Return the connector family of a port of the board, by the port's name."""
    return "sfp" if port.rpartition("/")[2] in PORTS_OF_NIC_CARD else "sc"


def _freedom(rail: RailLimits) -> Freedom:
    return Freedom((1.0, 0.0, 0.0), 0.5 * (rail.max_translation - rail.min_translation), TURN_RAD)
