"""What a scene looks like: its shapes in a render scene, placed where a state says they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cablecell.core.config.connector import Connector
from cablecell.core.geometry.scalar import Quat, Vec3, norm, quat_from_rotvec, scale, subtract
from cablecell.simulation.description import Description, Shape
from cablecell.simulation.render_scene import Box, Cylinder, RenderScene, Visual
from cablecell.simulation.rigid import IDENTITY, NO_ROTATION, Pose
from cablecell.simulation.scene import Scene
from cablecell.simulation.scene_state import CABLE_POINTS, SceneState

CABLE_COLOR = (0.95, 0.85, 0.10, 1.0)
_PIN_SIDES = 72  # a step of shading must be no edge to those who look for the pin
_OUT_OF_SIGHT = Pose((0.0, 0.0, -10.0), NO_ROTATION)


def add_scene(render: RenderScene, scene: Scene) -> None:
    """Add everything of a scene: static bodies where they are, arm, plug and cable ready to be placed."""
    for static in scene.statics:
        # Clear walls would hide everything: the renderer knows no transparency.
        solid = [shape for shape in static.visuals if shape.color[3] > 0.5]
        render.add_body(f"static/{static.name}", _visuals(solid), static.X_WB.matrix())
    for name, body in scene.robot.bodies.items():
        render.add_body(f"arm/{name}", _visuals(body.visuals))
    if scene.plug is None:
        return
    parts: list[Visual] = [
        Box(
            (part.size_m[0], part.size_m[1], part.size_m[2]),
            (part.color[0], part.color[1], part.color[2], 1.0),
            Pose((part.centre_m[0], part.centre_m[1], part.centre_m[2]), NO_ROTATION).matrix(),
        )
        for part in scene.plug.connector.plug.parts
    ]
    parts += _pin(scene.plug.connector)
    render.add_body("plug", parts)
    cable = scene.plug.connector.cable
    # Each piece ends a radius inside its neighbours, so that a bend shows no gap.
    piece = Cylinder(0.5 * cable.diameter_m, cable.length_m / (CABLE_POINTS - 1) + cable.diameter_m, CABLE_COLOR)
    for i in range(CABLE_POINTS - 1):
        render.add_body(f"cable/{i}", [piece])


def show_state(render: RenderScene, scene: Scene, state: SceneState) -> None:
    """Place everything that moves."""
    poses = {f"arm/{name}": X.matrix() for name, X in link_poses(scene.robot, state).items()}
    if scene.plug is not None:
        poses["plug"] = (state.X_world_tip or _OUT_OF_SIGHT).matrix()
        for i in range(CABLE_POINTS - 1):
            X = _between(state.cable[i], state.cable[i + 1]) if state.cable else _OUT_OF_SIGHT
            poses[f"cable/{i}"] = X.matrix()
    render.place(poses)


def link_poses(robot: Description, state: SceneState) -> dict[str, Pose]:
    """Return the pose in `world` of every body of the arm, by forward kinematics of a state."""
    revolute = [joint.name for joint in robot.joints if joint.kind == "revolute"]
    values = dict(zip(revolute, state.q, strict=True))
    poses: dict[str, Pose] = {next(iter(robot.bodies)): IDENTITY}
    for joint in robot.joints:
        X = poses[joint.parent] @ joint.X_PC
        if joint.kind == "revolute":
            X = X @ Pose((0.0, 0.0, 0.0), quat_from_rotvec(scale(joint.axis, values[joint.name])))
        elif joint.kind == "prismatic":
            X = X @ Pose(scale(joint.axis, state.finger_width_m / 2.0), NO_ROTATION)
        poses[joint.child] = X
    return poses


def _pin(connector: Connector) -> list[Visual]:
    """Return what is seen of a plug's pin, in the frame of its tip; nothing for a plug without."""
    fit, length_m = connector.round_fit, connector.pin_length_m
    if fit is None or length_m is None:
        return []
    r, g, b = max(connector.plug.parts, key=lambda part: part.front_m).color
    middle = Pose((0.0, 0.0, -0.5 * length_m), NO_ROTATION)
    return [Cylinder(fit.pin_radius_m, length_m, (r, g, b, 1.0), middle.matrix(), _PIN_SIDES)]


def _visuals(shapes: Sequence[Shape]) -> list[Visual]:
    return [
        Box(shape.size, shape.color, shape.X_BS.matrix())
        if shape.kind == "box"
        else Cylinder(shape.size[0], shape.size[2], shape.color, shape.X_BS.matrix())
        for shape in shapes
    ]


def _between(a: Vec3, b: Vec3) -> Pose:
    along = subtract(b, a)
    middle = (0.5 * (a[0] + b[0]), 0.5 * (a[1] + b[1]), 0.5 * (a[2] + b[2]))
    return Pose(middle, _turn_z_to(scale(along, 1.0 / max(norm(along), 1e-9))))


def _turn_z_to(direction: Vec3) -> Quat:
    x, y, z = direction
    if z < -0.999999:
        return (1.0, 0.0, 0.0, 0.0)
    w = math.sqrt(2.0 * (1.0 + z))
    return (-y / w, x / w, 0.0, w / 2.0)
