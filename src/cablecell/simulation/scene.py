"""The scene of one trial as plain data: static bodies, ports, the gripped plug.

The physics world loads it, and a renderer in another process can build the same scene from the same trial.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cablecell.core.config.connector import Connector
from cablecell.core.config.trial import Trial
from cablecell.core.geometry.scalar import add
from cablecell.simulation.description import Description, Shape, read_description
from cablecell.simulation.errors import TrialSceneError
from cablecell.simulation.rigid import Pose, from_rpy, pose_from_xyz_rpy

ROBOT_JOINTS_KEPT = ("ft_frame_joint", "gripper_base_link_joint")
"""Fixed joints that stay: the sensor's own, and the one behind it so that the sensor's frame has no lever."""


@dataclass(frozen=True)
class CellDescriptions:
    """URDF texts a scene is made of; the task board is the one of the trial."""

    robot: str
    enclosure: str
    task_board: str


@dataclass(frozen=True)
class StaticBody:
    """Something that does not move.

    Attributes:
        name: Link of the description.
        entity: "enclosure" or "task_board": what AIC's contact rule calls it.
        X_WB: Pose in `world`.
        collisions: What is collided with, poses in the body.
        visuals: What is seen, poses in the body.
        is_spread: Its parts stand far apart, around everything else: each is collided with on its own, so that what is
            between them is not near all of them in every step.
    """

    name: str
    entity: str
    X_WB: Pose
    collisions: tuple[Shape, ...]
    visuals: tuple[Shape, ...]
    is_spread: bool = False

    def pieces(self) -> tuple[tuple[Shape, ...], ...]:
        """Return what is collided with, as one group per physical body."""
        if not self.collisions:
            return ()
        return tuple((shape,) for shape in self.collisions) if self.is_spread else (self.collisions,)


@dataclass(frozen=True)
class ScenePort:
    """One port of the scene.

    Attributes:
        name: "<module>/<port>", for example "nic_card_mount_0/sfp_port_0".
        connector: Geometry and latch.
        X_WE: Pose of the entrance in `world`, z into the port.
        X_WP: Pose of the port frame, where a seated plug's tip is.
    """

    name: str
    connector: Connector
    X_WE: Pose
    X_WP: Pose


@dataclass(frozen=True)
class GrippedPlug:
    """The plug that starts in the gripper.

    Attributes:
        cable: Name of its cable, for example "cable_0".
        connector: Geometry, mass and grasp.
        X_cable_tip: Pose of the tip in the frame of the cable's description.
        offset_world: Where that frame is from `tcp` when the plug is gripped, along the axes of `world`, m.
        q_world: Orientation of that frame in `world` then.
        X_tcp_tip: Pose of the tip in `tcp` where that is stated instead of the cable's frame.
    """

    cable: str
    connector: Connector
    X_cable_tip: Pose
    offset_world: tuple[float, float, float]
    q_world: tuple[float, float, float, float]
    X_tcp_tip: Pose | None = None

    def nominal_grasp(self, X_world_tcp: Pose) -> Pose:
        """Return `X_tcp_tip`: where the trial puts the plug's tip in a gripper that is at `X_world_tcp`."""
        if self.X_tcp_tip is not None:
            return self.X_tcp_tip
        X_world_cable = Pose(add(X_world_tcp.p, self.offset_world), self.q_world)
        return X_world_tcp.inverse() @ X_world_cable @ self.X_cable_tip


@dataclass(frozen=True)
class Scene:
    """Everything of a trial that is not the arm.

    Attributes:
        robot: The arm with its tool, fixed links joined.
        statics: Enclosure and task board; the walls of the ports are only seen here, and collided with in `ports`.
        ports: By name.
        board: Pose of `task_board` in `world`.
        plug: What is gripped at the start, if anything.
        target: Name of the port of the trial's task.
        frames: Frames of the task board in `world`, by name.
    """

    robot: Description
    statics: tuple[StaticBody, ...]
    ports: Mapping[str, ScenePort]
    board: Pose
    plug: GrippedPlug | None
    target: str
    frames: Mapping[str, Pose]


def build_scene(trial: Trial, descriptions: CellDescriptions, connectors: Mapping[str, Connector]) -> Scene:
    """Return the scene of a trial.

    Args:
        trial: The trial.
        descriptions: URDF texts; the task board's must be that of the trial.
        connectors: By name; at least the types that the trial's ports and plug have.

    Raises:
        TrialSceneError: The trial needs a connector that is not given (code 853).
    """
    pose = trial.scene.task_board.pose
    board = pose_from_xyz_rpy((pose.x, pose.y, pose.z), (pose.roll, pose.pitch, pose.yaw))
    board_description = read_description(descriptions.task_board)
    frames = {name: board @ X for name, (_, X) in board_description.frames.items()}
    statics = [
        *_statics(read_description(descriptions.enclosure), "enclosure", Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))),
        *_statics(board_description, "task_board", board),
    ]
    ports = {}
    for frame, X_WE in frames.items():
        if frame.endswith("_entrance") and frame.startswith("task_board/"):
            name = frame.removeprefix("task_board/").removesuffix("_link_entrance")
            kind = "sfp" if "sfp" in name else "sc"
            ports[name] = ScenePort(name, _connector(connectors, kind), X_WE, frames[frame.removesuffix("_entrance")])
    task = trial.task
    return Scene(
        robot=read_description(descriptions.robot, keep=ROBOT_JOINTS_KEPT),
        statics=tuple(statics),
        ports=ports,
        board=board,
        plug=_gripped_plug(trial, connectors),
        target=f"{task.target_module_name}/{task.port_name}",
        frames=frames,
    )


def _statics(description: Description, entity: str, X_WR: Pose) -> list[StaticBody]:
    """Return one static body per link, so that contacts name the link; port walls get geometry of their own."""
    found = []
    for body in description.bodies.values():
        for link in dict.fromkeys(shape.link for shape in (*body.collisions, *body.visuals)):
            has_own_walls = link.endswith("_shell")
            collisions = tuple(shape for shape in body.collisions if shape.link == link and not has_own_walls)
            visuals = tuple(shape for shape in body.visuals if shape.link == link)
            if collisions or visuals:
                found.append(StaticBody(link, entity, X_WR, collisions, visuals, is_spread=entity == "enclosure"))
    return found


def _gripped_plug(trial: Trial, connectors: Mapping[str, Connector]) -> GrippedPlug | None:
    gripped = trial.gripped_cable
    if gripped is None:
        return None
    name, cable = gripped
    connector = _connector(connectors, cable.gripped_plug)
    offset = cable.pose.gripper_offset
    frame = connector.grasp.cable_frame
    return GrippedPlug(
        cable=name,
        connector=connector,
        X_cable_tip=Pose(
            (frame.position_m[0], frame.position_m[1], frame.position_m[2]),
            (frame.quat_xyzw[0], frame.quat_xyzw[1], frame.quat_xyzw[2], frame.quat_xyzw[3]),
        ),
        offset_world=(offset.x, offset.y, offset.z),
        q_world=from_rpy(cable.pose.roll, cable.pose.pitch, cable.pose.yaw),
    )


def _connector(connectors: Mapping[str, Connector], name: str) -> Connector:
    if name not in connectors:
        raise TrialSceneError(
            f"no connector '{name}'; there are {', '.join(sorted(connectors)) or 'none'}",
            quantity="connector",
            value=name,
            limit=", ".join(sorted(connectors)),
        )
    return connectors[name]
