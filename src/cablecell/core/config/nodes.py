"""The parameter schema of every node, by the name of its executable."""

from __future__ import annotations

from cablecell.core.config.aic import AicAdapterParameters, AicEngineParameters
from cablecell.core.config.arm_controller import ArmControllerParameters
from cablecell.core.config.cell_supervisor import CellSupervisorParameters
from cablecell.core.config.console import ConsoleParameters
from cablecell.core.config.insertion_skill import InsertionSkillParameters
from cablecell.core.config.link import LinkMonitorParameters, LinkResponderParameters
from cablecell.core.config.motion_planner import MotionPlannerParameters
from cablecell.core.config.nexus_workcell import NexusWorkcellParameters
from cablecell.core.config.parameters import ParameterSchema
from cablecell.core.config.port_estimator import PortEstimatorParameters
from cablecell.core.config.recorder import RecorderParameters
from cablecell.core.config.scene_markers import SceneMarkersParameters
from cablecell.core.config.sim_camera import SimCameraParameters
from cablecell.core.config.sim_robot import SimRobotParameters
from cablecell.core.config.teleop import TeleopParameters

NODES: dict[str, type[ParameterSchema]] = {
    "aic_adapter": AicAdapterParameters,
    "aic_engine": AicEngineParameters,
    "arm_controller": ArmControllerParameters,
    "cell_supervisor": CellSupervisorParameters,
    "console": ConsoleParameters,
    "insertion_skill": InsertionSkillParameters,
    "link_monitor": LinkMonitorParameters,
    "link_responder": LinkResponderParameters,
    "motion_planner": MotionPlannerParameters,
    "nexus_workcell": NexusWorkcellParameters,
    "port_estimator": PortEstimatorParameters,
    "recorder": RecorderParameters,
    "scene_markers": SceneMarkersParameters,
    "sim_camera": SimCameraParameters,
    "sim_robot": SimRobotParameters,
    "teleop": TeleopParameters,
}
