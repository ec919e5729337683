"""What the estimator is told before it looks: cameras from the robot's description, board and plug from the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.connector import Connector
from cablecell.core.config.port_estimator import PortEstimatorParameters
from cablecell.core.fusion.board import ExpectedBoard
from cablecell.core.fusion.board_looks import Viewer, palm_outline
from cablecell.core.fusion.board_state import CameraRig
from cablecell.core.fusion.ports_estimator import EstimatorConfiguration, HeldPlug, PortEstimator
from cablecell.core.geometry import invert_pose
from cablecell.core.insertion.grasp import HeldPlug as Grasp
from cablecell.core.motion.model import RobotModel
from cablecell.core.perception.fiducials import Patch
from cablecell.core.perception.plug_body import plug_body
from cablecell.ros.estimator_errors import UnknownPortError
from cablecell.ros.estimator_layout import DesignedBoard

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Knowledge:
    """What the node knows from the robot's description.

    Attributes:
        X_base_world: Pose of `world` in `base_link`, shape (4, 4).
        mounts: X_tcp_optical by camera name.
        rig: The cameras as a calibration record has them; None where the description counts.
    """

    X_base_world: Matrix
    mounts: Mapping[str, Matrix]
    rig: CameraRig | None = None

    @staticmethod
    def read(urdf: str, cameras: Sequence[str]) -> Knowledge:
        """Read a description.

        Raises:
            UnknownFrameError: It has no `<camera>_camera_optical_frame` (code 103).
        """
        model = RobotModel(urdf)
        mounts = {name: model.relative_pose("tcp", f"{name}_camera_optical_frame") for name in cameras}
        return Knowledge(invert_pose(model.X_world_base), mounts)

    def make_estimator(
        self, layout: DesignedBoard, patches: Sequence[Patch], parameters: PortEstimatorParameters
    ) -> PortEstimator:
        """Return an estimator that has not seen the board yet."""
        configuration = EstimatorConfiguration()
        expected = ExpectedBoard(
            self.X_base_world @ layout.X_world_board,
            parameters.board_radius_m,
            parameters.board_turn_rad,
            parameters.unseen_sigma_m,
            parameters.unseen_sigma_rad,
        )
        rig = self.rig or CameraRig.calibrated(self.mounts, configuration.errors)
        viewer = Viewer(rig, {}, palm_outline())
        return PortEstimator(
            viewer,
            patches,
            layout.ports,
            modules=layout.design.modules,
            configuration=configuration,
            expected=expected,
            margin_px=parameters.region_margin_px,
        )


def find_ports(layout: DesignedBoard, names: Sequence[str]) -> list[str]:
    """Return the full names of ports; all of the layout for none. A bare port name must fit one port only.

    Raises:
        UnknownPortError: A name fits no port or several (code 530).
    """
    found = []
    for name in names:
        fits = [full for full in layout.ports if name in (full, full.rpartition("/")[2])]
        if len(fits) != 1:
            valid = ", ".join(sorted(layout.ports))
            problem = "is not on the board" if not fits else f"fits {', '.join(fits)}"
            raise UnknownPortError(
                f"port '{name}' {problem}; valid are {valid}", quantity="port_names", value=name, limit=valid
            )
        found += fits
    return found or list(layout.ports)


def held_plug(grasp: Grasp | None, connectors: Mapping[str, Connector]) -> HeldPlug | None:
    """Return a plug in the gripper with its shape; None when there is none, or nobody knows what it looks like."""
    if grasp is None or grasp.connector not in connectors:
        return None
    return HeldPlug(grasp.X_tcp_tip, plug_body(connectors[grasp.connector]))
