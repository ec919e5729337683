"""The planning scene: the task board as far as it was seen, what was added to it, and what the gripper holds."""

from __future__ import annotations

import json
import math
import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.planning_board import PlanningBoard, SeenBoard
from cablecell.configuration import load_connectors
from cablecell.core.config.connector import Connector
from cablecell.core.config.trial import Robot
from cablecell.core.geometry import invert_pose, make_pose, pose_from_quat, rotation_from_rpy
from cablecell.core.motion.errors import UnknownFrameError
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.scene import (
    AttachedBody,
    Box,
    Capsule,
    Cylinder,
    HeldCable,
    Obstacle,
    Scene,
    Shape,
    Sphere,
    hold_cable,
)
from cablecell.ros.conversions import pose_to_matrix
from cablecell.ros.estimator_layout import BoardLayout
from cablecell.ros.planner_errors import MoveRequestError

Matrix = NDArray[np.float64]

_BASE_FRAME, _TCP_FRAME = "base_link", "tcp"


@dataclass(frozen=True)
class Held:
    """What the gripper holds.

    Attributes:
        plug: Frame of its tip, for example `sfp_tip`.
        connector: Shape of the plug.
        X_tcp_tip: Pose of the tip, shape (4, 4).
    """

    plug: str
    connector: Connector
    X_tcp_tip: Matrix

    def bodies(self) -> tuple[AttachedBody, ...]:
        """Return the parts of the plug as bodies that move with `tcp`."""
        return tuple(
            AttachedBody(
                f"{self.plug}/{part.name}",
                Box((part.size_m[0], part.size_m[1], part.size_m[2])),
                _TCP_FRAME,
                self.X_tcp_tip @ make_pose(np.eye(3), part.centre_m),
            )
            for part in self.connector.plug.parts
        )

    def cable(self) -> HeldCable:
        """Return the cable behind the plug."""
        cable = self.connector.cable
        return hold_cable(
            _TCP_FRAME,
            self.X_tcp_tip @ make_pose(np.eye(3), self.connector.plug.cable_exit_m),
            diameter_m=cable.diameter_m,
            bending_stiffness_nm2=cable.bending_stiffness_nm2,
            mass_kg_per_m=cable.mass_kg_per_m,
            min_bend_radius_m=cable.min_bend_radius_m,
        )


class PlanningScene:
    """What must not be touched now; messages change it while plans read it."""

    def __init__(
        self,
        model: RobotModel,
        layout: BoardLayout,
        *,
        assume_held: bool,
        unseen_margin_m: float,
        q_home: Matrix | None = None,
    ) -> None:
        """Place the board where the layout puts it, and the layout's plug in the gripper if it is assumed there.

        Args:
            model: The arm.
            layout: What is put where.
            assume_held: Whether the layout's plug is in the gripper until something else is said.
            unseen_margin_m: Growth of a board that was not seen yet, m.
            q_home: Where the arm takes the plug, rad; the home of the cell's arm where it is not given.
        """
        self._model = model
        self._X_base_world = invert_pose(model.X_world_base)
        self._X_world_tcp_home = model.X_world_base @ model.fk(
            np.array(Robot().home_joint_positions.in_order()) if q_home is None else q_home
        )
        self._connectors = load_connectors()
        self._assume_held = assume_held
        self._unseen_margin_m = unseen_margin_m
        self._lock = threading.Lock()
        self.set_layout(layout)

    def set_layout(self, layout: BoardLayout) -> None:
        """Replace the board by one that was not seen yet."""
        held = self._nominal_grasp(layout) if self._assume_held else None
        X_base_put = self._X_base_world @ layout.X_world_board
        board = PlanningBoard(layout.bodies, layout.ports, X_base_put, self._unseen_margin_m)
        with self._lock:
            self._board, self._seen = board, SeenBoard()
            self._held = held
            self._scene: Scene | None = None
            self._added: dict[str, Obstacle | AttachedBody] = {}

    def take_ports(self, message: Any) -> None:
        """Place the board, its modules and the held plug where they were seen."""
        plug = message.plug
        with self._lock:
            if self._held is not None and plug.sources & plug.SOURCE_CAMERA and plug.plug_name == self._held.plug:
                self._held = replace(self._held, X_tcp_tip=pose_to_matrix("plug", plug.pose.pose))
            self._seen = SeenBoard()
            if message.board_looks:
                self._seen = self._board.seen(
                    pose_to_matrix("board", message.board.pose),
                    {
                        port.port_name: pose_to_matrix(port.port_name, port.pose.pose)
                        for port in message.ports
                        if port.sources & port.SOURCE_CAMERA
                    },
                )
            self._scene = None

    def take_held_plug(self, text: str) -> None:
        """Take in what `cell/held_plug` says: nothing for an empty text, else the plug and its pose in `tcp`.

        Raises:
            MoveRequestError: The text is not of that form.
        """
        held = None
        if text:
            try:
                data = json.loads(text)
                connector = self._connectors[data["connector"]]
                held = Held(data["plug"], connector, pose_from_quat(data["position_m"], data["quat_xyzw"]))
            except (ValueError, KeyError, TypeError) as error:
                raise MoveRequestError(f"cell/held_plug cannot be read: {error!r}", value=text) from error
        with self._lock:
            self._held, self._scene = held, None

    def edit(self, request: Any) -> list[str]:
        """Add a body or take bodies away, as the service `edit_planning_scene` asks; return the names that are there.

        Raises:
            MoveRequestError: A field has a value outside what is valid, or there is no body of this name (code 941).
            UnknownFrameError: A frame does not exist (code 103).
            ExecutionError: The pose is not finite or no rotation (codes 301, 302).
        """
        if request.operation in (request.ADD, request.ATTACH):
            if not request.name:
                raise MoveRequestError("name is empty; a body needs one", quantity="name")
            shape, X = _shape_of(request), pose_to_matrix("pose", request.pose.pose)
            body: Obstacle | AttachedBody
            if request.operation == request.ADD:
                body = Obstacle(request.name, shape, self.frame(request.pose.header.frame_id) @ X)
            else:
                frame = request.pose.header.frame_id or _TCP_FRAME
                self._model.frame_id(frame)
                body = AttachedBody(request.name, shape, frame, X)
            with self._lock:
                self._added[request.name] = body
        elif request.operation == request.REMOVE:
            with self._lock:
                if request.name not in self._added:
                    there = ", ".join(sorted(self._added)) or "none"
                    raise MoveRequestError(
                        f"there is no added body '{request.name}'; there are {there}",
                        quantity="name",
                        value=request.name,
                        limit=there,
                    )
                del self._added[request.name]
        elif request.operation == request.CLEAR:
            with self._lock:
                self._added.clear()
        else:
            raise MoveRequestError(
                f"operation = {request.operation} is refused; valid: 0 (ADD), 1 (ATTACH), 2 (REMOVE), 3 (CLEAR)",
                quantity="operation",
                value=request.operation,
            )
        with self._lock:
            self._scene = None
            return sorted(self._added)

    @property
    def is_seen(self) -> bool:
        """Whether the board is placed by what was seen of it."""
        return self._seen.X_base_board is not None

    @property
    def held(self) -> Held | None:
        """What the gripper holds."""
        return self._held

    def scene(self) -> Scene:
        """Return the scene for a plan that starts now."""
        with self._lock:
            if self._scene is None:
                self._scene = self._build()
            return self._scene

    def frame(self, name: str) -> Matrix:
        """Return the pose of a frame that goals may be given in, in `base_link`.

        Raises:
            UnknownFrameError: There is no such frame, or the board or module that carries it was not seen yet (103).
        """
        with self._lock:
            frames = {"": np.eye(4), _BASE_FRAME: np.eye(4), "world": self._X_base_world}
            frames |= self._board.frames(self._seen)
        if name not in frames:
            valid = ", ".join(sorted(frame for frame in frames if frame))
            hint = "" if self.is_seen else "; that of the board is added when it is seen"
            hint += "; that of a port when its module is seen"
            raise UnknownFrameError(
                f"a goal in frame '{name}' cannot be placed; valid are {valid}{hint}",
                quantity="frame_id",
                value=name,
                limit=valid,
            )
        return frames[name]

    def _build(self) -> Scene:
        obstacles = self._board.obstacles(self._seen)
        added = self._added.values()
        obstacles += tuple(body for body in added if isinstance(body, Obstacle))
        attached = tuple(body for body in added if isinstance(body, AttachedBody))
        if self._held is None:
            return Scene(obstacles, attached)
        return Scene(obstacles, attached + self._held.bodies(), self._held.cable())

    def _nominal_grasp(self, layout: BoardLayout) -> Held | None:
        """Return the plug as the trial puts it into the gripper: relative to the home pose, along axes of `world`."""
        if layout.gripped is None:
            return None
        pose = layout.gripped.pose
        connector = self._connectors[layout.gripped.gripped_plug]
        offset = np.array([pose.gripper_offset.x, pose.gripper_offset.y, pose.gripper_offset.z])
        R_world_cable = rotation_from_rpy(pose.roll, pose.pitch, pose.yaw)
        X_world_cable = make_pose(R_world_cable, self._X_world_tcp_home[:3, 3] + offset)
        frame = connector.grasp.cable_frame
        X_cable_tip = pose_from_quat(frame.position_m, frame.quat_xyzw)
        return Held(layout.plug, connector, invert_pose(self._X_world_tcp_home) @ X_world_cable @ X_cable_tip)


def _shape_of(request: Any) -> Shape:
    """Return the shape a request describes."""
    counts = {request.BOX: 3, request.CYLINDER: 2, request.SPHERE: 1, request.CAPSULE: 2}
    if request.shape not in counts:
        raise MoveRequestError(
            f"shape = {request.shape} is refused; valid: 0 (BOX), 1 (CYLINDER), 2 (SPHERE), 3 (CAPSULE)",
            quantity="shape",
            value=request.shape,
        )
    sizes = [float(value) for value in request.dimensions]
    if len(sizes) != counts[request.shape] or not all(math.isfinite(value) and value > 0.0 for value in sizes):
        raise MoveRequestError(
            f"dimensions = {sizes} m are refused; valid: {counts[request.shape]} finite numbers above 0",
            quantity="dimensions",
            value=str(sizes),
            unit="m",
        )
    if request.shape == request.BOX:
        return Box((sizes[0], sizes[1], sizes[2]))
    if request.shape == request.SPHERE:
        return Sphere(sizes[0])
    return Cylinder(*sizes) if request.shape == request.CYLINDER else Capsule(*sizes)
