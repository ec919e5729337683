"""What is known of a board before it is seen: its design, with which slots are used read from the trial file.

Neither planner nor estimator is told where on its rail a module sits, or how it is turned: that is for the cameras to
find, and until it is found the planner keeps away from wherever it may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.board_modules import BoardBodies, BoardDesign, connector_of, design_board, design_bodies
from cablecell.configuration import load_trials
from cablecell.core.config.connector import Connector
from cablecell.core.config.trial import Cable, TaskBoard, Trial
from cablecell.core.errors import ConfigurationError
from cablecell.core.geometry import pose_from_xyz_rpy
from cablecell.core.perception.layout import NominalPort, read_layout

Matrix = NDArray[np.float64]


class UnknownLayoutError(ConfigurationError):
    """The layout file has no layout of this name; the old layout stays."""

    code = 932


@dataclass(frozen=True)
class BoardLayout:
    """A board as a planner may know it, and what the gripper is given with it.

    Attributes:
        name: Name of the trial.
        bodies: What stands on the board, everything in the middle of its rail.
        ports: Ports by name `<module>/<port>`, their modules in the middle of their rails.
        X_world_board: Where the board is put, shape (4, 4).
        plug: Name of the plug's tip, for example `sfp_tip`.
        gripped: The cable that the gripper starts with; None where it starts empty.
    """

    name: str
    bodies: BoardBodies
    ports: Mapping[str, NominalPort]
    X_world_board: Matrix
    plug: str
    gripped: Cable | None


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
    bodies = design_bodies(board, trial.task_board_limits)
    gripped = None if trial.gripped_cable is None else trial.gripped_cable[1]
    return BoardLayout(name, bodies, read_layout(bodies.urdf), _put(board), trial.task.plug_name, gripped)


def _load_trial(file: str, name: str) -> Trial:
    trials = load_trials(Path(file) if file else None).trials
    if name not in trials:
        valid = ", ".join(trials)
        raise UnknownLayoutError(f"no layout '{name}'; valid are {valid}", quantity="layout", value=name, limit=valid)
    return trials[name]


def _put(board: TaskBoard) -> Matrix:
    pose = board.pose
    return np.asarray(pose_from_xyz_rpy((pose.x, pose.y, pose.z), (pose.roll, pose.pitch, pose.yaw)))
