"""What a task states before anything is measured: its port, its plug, and how the plug is held, from the trial file.

This is design data, known to whoever orders the job. The poses of the board and of the ports are not read here.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from cablecell.composition.robot_description import load_robot_description
from cablecell.configuration import load_connectors, load_trials
from cablecell.core.config.connector import Connector
from cablecell.core.config.trial import JOINT_NAMES, Task, Trial
from cablecell.core.errors import ConfigurationError
from cablecell.core.geometry import Array, exp_so3, make_pose, pose_from_xyz_rpy
from cablecell.core.insertion.grasp import GraspTolerance, HeldPlug, designed_grasp

_TCP = "gripper/tcp"


class UnknownLayoutError(ConfigurationError):
    """A layout (trial) is not in the trial file."""

    code = 930


class TaskKnowledge:
    """The tasks of one trial file.

    Attributes:
        layouts: Names of the layouts (trials), in the order of the file.
    """

    def __init__(self, trials_file: Path | None = None, tolerance: GraspTolerance | None = None) -> None:
        """Read trials and connectors.

        Raises:
            DocumentError: A file cannot be read or has a mistake (code 910).
        """
        self._file = load_trials(trials_file)
        self._connectors: Mapping[str, Connector] = load_connectors()
        self._tolerance = tolerance if tolerance is not None else GraspTolerance()
        self._source = "the sample trials" if trials_file is None else trials_file.name
        self.layouts = tuple(self._file.trials)

    def task(self, layout: str) -> Task:
        """Return the task of a layout.

        Raises:
            UnknownLayoutError: There is no such layout (code 930); the message lists the valid names.
        """
        return self._trial(layout).task

    def held_plug(self, layout: str) -> HeldPlug | None:
        """Return the plug that a layout puts into the gripper; None when it starts empty.

        Raises:
            UnknownLayoutError: There is no such layout (code 930).
        """
        trial = self._trial(layout)
        gripped = trial.gripped_cable
        if gripped is None:
            return None
        name, cable = gripped
        connector = self._connectors[cable.gripped_plug]
        home = self._file.robot.home_joint_positions.in_order()
        return HeldPlug(
            cable=name,
            plug=trial.task.plug_name,
            connector=connector.name,
            X_tcp_tip=designed_grasp(cable, connector, home_tcp(home)),
            position_sigma_m=self._tolerance.position_sigma_m,
            rotation_sigma_rad=self._tolerance.rotation_sigma_rad,
        )

    def _trial(self, layout: str) -> Trial:
        if layout not in self._file.trials:
            valid = ", ".join(self.layouts)
            raise UnknownLayoutError(
                f"layout '{layout}' is not in {self._source}; valid are {valid}",
                quantity="layout",
                value=layout,
                limit=valid,
            )
        return self._file.trials[layout]


@lru_cache(maxsize=8)
def home_tcp(home_rad: tuple[float, ...]) -> Array:
    """Return `X_world_tcp` of the arm at given joint positions, rad, shape (4, 4); from the description alone."""
    positions = dict(zip(JOINT_NAMES, home_rad, strict=True))
    joints = {}
    for joint in ElementTree.fromstring(load_robot_description(with_enclosure=False)).iter("joint"):
        child = joint.find("child")
        if child is not None:  # a mimic of a transmission has none
            joints[child.attrib["link"]] = joint
    X_link_tcp, link = np.eye(4), _TCP
    while link in joints:
        joint = joints[link]
        parent, origin, axis = joint.find("parent"), joint.find("origin"), joint.find("axis")
        placed = {} if origin is None else origin.attrib
        X = pose_from_xyz_rpy(_numbers(placed.get("xyz")), _numbers(placed.get("rpy")))
        if joint.attrib["name"] in positions and axis is not None:
            turn = exp_so3(np.array(_numbers(axis.attrib["xyz"])) * positions[joint.attrib["name"]])
            X = X @ make_pose(turn, np.zeros(3))
        X_link_tcp = X @ X_link_tcp
        assert parent is not None
        link = parent.attrib["link"]
    return np.asarray(X_link_tcp)


def _numbers(text: str | None) -> list[float]:
    return [float(number) for number in (text or "0 0 0").split()]
