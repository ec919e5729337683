"""What a scene looks like: a PyBullet client with shapes that are seen and not collided with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pybullet as p
from scipy.spatial import ConvexHull

from cablecell.simulation.contact_geometry import floor_box, wall_vertices
from cablecell.simulation.description import Body, Color, Description, Shape
from cablecell.simulation.rigid import IDENTITY, NO_ROTATION, Pose, Quat, Vec, from_rotation_vector, norm, scale, subtract
from cablecell.simulation.scene import Scene, ScenePort
from cablecell.simulation.scene_state import CABLE_POINTS, SceneState

CABLE_COLOR: Color = (0.95, 0.85, 0.10, 1.0)
_FAR_AWAY: Vec = (0.0, 0.0, -10.0)


class VisualScene:
    """A scene to take pictures of; it has no physics and follows the states it is shown.

    Attributes:
        client: PyBullet client to render with.
        scene: What is shown.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.client = p.connect(p.DIRECT)
        for static in scene.statics:
            # Clear walls would hide everything: the renderer knows no transparency.
            self._add(static.X_WB, [shape for shape in static.visuals if shape.color[3] > 0.5])
        for port in scene.ports.values():
            self._add_port(port)
        self._links = {
            name: self._add(IDENTITY, body.visuals) for name, body in scene.robot.bodies.items() if body.visuals
        }
        self._plug = self._add_plug()
        held = scene.plug
        diameter = held.connector.cable.diameter_m if held else 0.004
        self._cable_radius = diameter / 2.0
        self._cable: dict[int, tuple[int, float]] = {}

    def close(self) -> None:
        """Free the client."""
        if p.isConnected(physicsClientId=self.client):
            p.disconnect(physicsClientId=self.client)

    def show(self, state: SceneState) -> None:
        """Move everything that moves to where a state says it is."""
        for name, X in link_poses(self.scene.robot, state).items():
            for body in self._links.get(name, ()):
                self._place(body, X)
        for body in self._plug:
            self._place(body, state.X_world_tip or Pose(_FAR_AWAY, NO_ROTATION))
        for i in range(CABLE_POINTS - 1):
            if state.cable:
                self._show_segment(i, state.cable[i], state.cable[i + 1])
            elif i in self._cable:
                self._place(self._cable[i][0], Pose(_FAR_AWAY, NO_ROTATION))

    def picture(
        self, X_world_camera: Pose, width: int, height: int, vertical_fov_rad: float, near_m: float = 0.01, far_m: float = 4.0
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        """Return a picture, shape (height, width, 3), RGB.

        Args:
            X_world_camera: Optical frame of the camera: z forward, x right, y down.
            width: Columns.
            height: Rows.
            vertical_fov_rad: Vertical opening angle, rad.
            near_m: Nothing nearer is drawn, m.
            far_m: Nothing further is drawn, m.
        """
        eye = X_world_camera.p
        view = p.computeViewMatrix(eye, X_world_camera.apply((0.0, 0.0, 1.0)), _turned(X_world_camera.q, (0.0, -1.0, 0.0)))
        projection = p.computeProjectionMatrixFOV(math.degrees(vertical_fov_rad), width / height, near_m, far_m)
        image = p.getCameraImage(
            width,
            height,
            view,
            projection,
            lightDirection=(0.4, -0.5, 2.0),
            shadow=1,
            renderer=p.ER_TINY_RENDERER,
            flags=p.ER_NO_SEGMENTATION_MASK,
            physicsClientId=self.client,
        )
        return np.ascontiguousarray(np.asarray(image[2], dtype=np.uint8).reshape(height, width, 4)[:, :, :3])

    def _add(self, X_WB: Pose, shapes: Sequence[Shape]) -> list[int]:
        bodies = []
        for shape in shapes:
            if shape.kind == "box":
                visual = p.createVisualShape(
                    p.GEOM_BOX,
                    halfExtents=[0.5 * v for v in shape.size],
                    rgbaColor=shape.color,
                    visualFramePosition=shape.X_BS.p,
                    visualFrameOrientation=shape.X_BS.q,
                    physicsClientId=self.client,
                )
            else:
                visual = p.createVisualShape(
                    p.GEOM_CYLINDER,
                    radius=shape.size[0],
                    length=shape.size[2],
                    rgbaColor=shape.color,
                    visualFramePosition=shape.X_BS.p,
                    visualFrameOrientation=shape.X_BS.q,
                    physicsClientId=self.client,
                )
            bodies.append(self._body(visual, X_WB))
        return bodies

    def _add_port(self, port: ScenePort) -> None:
        data = port.connector.port
        color: Color = (data.color[0], data.color[1], data.color[2], 1.0)
        for wall in data.walls:
            corners = np.array(wall_vertices(wall, data))
            hull = ConvexHull(corners)
            triangles = []
            for simplex, equation in zip(hull.simplices, hull.equations, strict=True):
                a, b, c = corners[simplex]
                outward = float(np.dot(np.cross(b - a, c - a), equation[:3])) > 0.0
                triangles += [int(i) for i in (simplex if outward else simplex[::-1])]
            visual = p.createVisualShape(
                p.GEOM_MESH,
                vertices=corners.tolist(),
                indices=triangles,
                rgbaColor=color,
                physicsClientId=self.client,
            )
            self._body(visual, port.X_WE)
        centre, half = floor_box(data)
        size: Vec = (2.0 * half[0], 2.0 * half[1], 2.0 * half[2])
        self._add(port.X_WE, [Shape("box", size, Pose(centre, NO_ROTATION), (0.1, 0.1, 0.1, 1.0), port.name)])

    def _add_plug(self) -> list[int]:
        held = self.scene.plug
        if held is None:
            return []
        shapes = [
            Shape(
                "box",
                (part.size_m[0], part.size_m[1], part.size_m[2]),
                Pose((part.centre_m[0], part.centre_m[1], part.centre_m[2]), NO_ROTATION),
                (part.color[0], part.color[1], part.color[2], 1.0),
                part.name,
            )
            for part in held.connector.plug.parts
        ]
        return self._add(Pose(_FAR_AWAY, NO_ROTATION), shapes)

    def _body(self, visual: int, X: Pose) -> int:
        return p.createMultiBody(
            0.0, -1, visual, basePosition=X.p, baseOrientation=X.q, physicsClientId=self.client
        )

    def _place(self, body: int, X: Pose) -> None:
        p.resetBasePositionAndOrientation(body, X.p, X.q, physicsClientId=self.client)

    def _show_segment(self, i: int, a: Vec, b: Vec) -> None:
        """Draw one piece of the cable; its length hardly changes, so it is made anew only when it does."""
        along = subtract(b, a)
        length = max(norm(along), 1e-4)
        body, made_for = self._cable.get(i, (-1, 0.0))
        if abs(length - made_for) > 0.05 * length:
            if body >= 0:
                p.removeBody(body, physicsClientId=self.client)
            visual = p.createVisualShape(
                p.GEOM_CYLINDER,
                radius=self._cable_radius,
                length=1.1 * length,
                rgbaColor=CABLE_COLOR,
                physicsClientId=self.client,
            )
            body = self._body(visual, IDENTITY)
            self._cable[i] = (body, length)
        middle = (0.5 * (a[0] + b[0]), 0.5 * (a[1] + b[1]), 0.5 * (a[2] + b[2]))
        self._place(body, Pose(middle, _turn_z_to(scale(along, 1.0 / length))))


def link_poses(robot: Description, state: SceneState) -> dict[str, Pose]:
    """Return the pose in `world` of every body of the arm, by forward kinematics of a state."""
    revolute = [joint.name for joint in robot.joints if joint.kind == "revolute"]
    values = dict(zip(revolute, state.q, strict=True))
    poses: dict[str, Pose] = {}
    bodies: list[Body] = list(robot.bodies.values())
    poses[bodies[0].name] = IDENTITY
    for joint in robot.joints:
        X = poses[joint.parent] @ joint.X_PC
        if joint.kind == "revolute":
            X = X @ Pose((0.0, 0.0, 0.0), from_rotation_vector(scale(joint.axis, values[joint.name])))
        elif joint.kind == "prismatic":
            X = X @ Pose(scale(joint.axis, state.finger_width_m / 2.0), NO_ROTATION)
        poses[joint.child] = X
    return poses


def _turned(q: Quat, v: Vec) -> Vec:
    return Pose((0.0, 0.0, 0.0), q).apply(v)


def _turn_z_to(direction: Vec) -> Quat:
    x, y, z = direction
    if z < -0.999999:
        return (1.0, 0.0, 0.0, 0.0)
    w = math.sqrt(2.0 * (1.0 + z))
    return (-y / w, x / w, 0.0, w / 2.0)
