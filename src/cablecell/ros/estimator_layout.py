"""What is known of a board before it is seen: the designed layout of a trial, read from the trial file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.robot_description import load_task_board_description
from cablecell.composition.simulated_cell import slot_arguments
from cablecell.configuration import load_trials
from cablecell.core.config.trial import PORTS_OF_NIC_CARD, Trial
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

    def connector_type(self, port: str) -> str:
        """Return the connector family of a port."""
        return "sfp" if port.rpartition("/")[2] in PORTS_OF_NIC_CARD else "sc"


def load_layout(file: str, name: str) -> BoardLayout:
    """Return the layout of a trial.

    Args:
        file: Path of the trial file; empty means the sample trials.
        name: Name of the trial in it.

    Raises:
        DocumentError: The file cannot be read or has a mistake (code 910).
        UnknownLayoutError: It has no such trial (code 932).
    """
    trials = load_trials(Path(file) if file else None).trials
    if name not in trials:
        valid = ", ".join(trials)
        raise UnknownLayoutError(f"no layout '{name}'; valid are {valid}", quantity="layout", value=name, limit=valid)
    trial = trials[name]
    board, pose = trial.scene.task_board, trial.scene.task_board.pose
    urdf = load_task_board_description(**slot_arguments(board))
    X_world_board = pose_from_xyz_rpy((pose.x, pose.y, pose.z), (pose.roll, pose.pitch, pose.yaw))
    return BoardLayout(name, trial, read_layout(urdf), X_world_board, urdf)
