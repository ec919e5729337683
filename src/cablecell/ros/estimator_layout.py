"""What is known of a board before it is seen, read from the trial file: its layout for planning, its design for seeing.

The planner has to keep away from everything that stands on the board and takes the whole layout. The estimator takes
the design only: which slots are used, how long the rails are, and where the board is put; where on its rail a module
sits is for the cameras to find.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.board_modules import BoardDesign, connector_of, design_board
from cablecell.composition.robot_description import load_task_board_description
from cablecell.composition.simulated_cell import slot_arguments
from cablecell.configuration import load_trials
from cablecell.core.config.connector import Connector
from cablecell.core.config.trial import TaskBoard, Trial
from cablecell.core.errors import ConfigurationError
from cablecell.core.geometry import pose_from_xyz_rpy
from cablecell.core.perception.layout import NominalPort, read_layout

Matrix = NDArray[np.float64]


class UnknownLayoutError(ConfigurationError):
    """The layout file has no layout of this name; the old layout stays."""

    code = 932


@dataclass(frozen=True)
class BoardLayout:
    """A board as designed.

    Attributes:
        name: Name of the trial.
        trial: What the trial file says.
        ports: Ports by name `<module>/<port>`, in the order of the board's description.
        X_world_board: Where the board is put, shape (4, 4).
        urdf: Description of the board with its modules.
    """

    name: str
    trial: Trial
    ports: Mapping[str, NominalPort]
    X_world_board: Matrix
    urdf: str


@dataclass(frozen=True)
class DesignedBoard:
    """A board as an estimator may know it.

    Attributes:
        name: Name of the trial.
        design: Ports and modules, every module in the middle of its rail.
        X_world_board: Where the board is put, shape (4, 4).
    """

    name: str
    design: BoardDesign
    X_world_board: Matrix

    @property
    def ports(self) -> Mapping[str, NominalPort]:
        """Ports by name `<module>/<port>`, in the order of the board's description."""
        return self.design.ports

    def connector_type(self, port: str) -> str:
        """Return the connector family of a port."""
        return connector_of(port)


def load_design(file: str, name: str, connectors: Mapping[str, Connector]) -> DesignedBoard:
    """Return the design of a trial's board.

    Args:
        file: Path of the trial file; empty means the sample trials.
        name: Name of the trial in it.
        connectors: By name.

    Raises:
        DocumentError: The file cannot be read or has a mistake (code 910).
        UnknownLayoutError: It has no such trial (code 932).
    """
    trial = _load_trial(file, name)
    board = trial.scene.task_board
    design = design_board(board, trial.task_board_limits, connectors)
    return DesignedBoard(name, design, _put(board))


def load_layout(file: str, name: str) -> BoardLayout:
    """Return the layout of a trial.

    Args:
        file: Path of the trial file; empty means the sample trials.
        name: Name of the trial in it.

    Raises:
        DocumentError: The file cannot be read or has a mistake (code 910).
        UnknownLayoutError: It has no such trial (code 932).
    """
    trial = _load_trial(file, name)
    board = trial.scene.task_board
    urdf = load_task_board_description(**slot_arguments(board))
    return BoardLayout(name, trial, read_layout(urdf), _put(board), urdf)


def _load_trial(file: str, name: str) -> Trial:
    trials = load_trials(Path(file) if file else None).trials
    if name not in trials:
        valid = ", ".join(trials)
        raise UnknownLayoutError(f"no layout '{name}'; valid are {valid}", quantity="layout", value=name, limit=valid)
    return trials[name]


def _put(board: TaskBoard) -> Matrix:
    pose = board.pose
    return np.asarray(pose_from_xyz_rpy((pose.x, pose.y, pose.z), (pose.roll, pose.pitch, pose.yaw)))
