"""Read a URDF as a tree, and join links that are fixed to each other into single bodies.

A description has many links that only mark places. For the physics engine each costs time in every step, so fixed
links become part of the body they are fixed to; the frames stay known. Shapes are the primitives our descriptions use.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cablecell.core.geometry.scalar import Vec3
from cablecell.simulation.rigid import IDENTITY, Pose, pose_from_xyz_rpy, to_rows

Color = tuple[float, float, float, float]
Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """One primitive of a link.

    Attributes:
        kind: "box" or "cylinder" (along its own z).
        size: Full extents of a box; radius, radius, length of a cylinder; m.
        X_BS: Pose of the shape in its body.
        color: Red, green, blue, opacity, 0 to 1; of visual shapes.
        link: Link of the description it came from.
    """

    kind: str
    size: Vec3
    X_BS: Pose
    color: Color
    link: str


@dataclass
class Body:
    """Links that are fixed to each other, as one rigid body.

    Attributes:
        name: Link whose frame is the body's frame.
        mass: Mass, kg.
        com: Centre of mass, m.
        inertia: Inertia about the centre of mass along the body's axes, shape (3, 3), kg·m².
        collisions: What is collided with.
        visuals: What is seen.
    """

    name: str
    mass: float = 0.0
    com: Vector = field(default_factory=lambda: np.zeros(3))
    inertia: Matrix = field(default_factory=lambda: np.zeros((3, 3)))
    collisions: list[Shape] = field(default_factory=list)
    visuals: list[Shape] = field(default_factory=list)


@dataclass(frozen=True)
class Joint:
    """A joint that remains between two bodies."""

    name: str
    kind: str
    parent: str
    child: str
    X_PC: Pose
    axis: Vec3
    lower: float
    upper: float
    effort: float
    velocity: float


@dataclass(frozen=True)
class Description:
    """A description with its fixed links joined.

    Attributes:
        bodies: By name, the root first.
        joints: In the order of the description.
        frames: Every link of the description: the body it is part of and its pose in that body.
    """

    bodies: dict[str, Body]
    joints: list[Joint]
    frames: dict[str, tuple[str, Pose]]


def read_description(urdf: str, keep: Collection[str] = ()) -> Description:
    """Return a URDF as bodies, with every fixed joint closed except the ones in `keep`.

    Args:
        urdf: Text of the description; shapes are boxes and cylinders.
        keep: Names of fixed joints that stay, for example one that carries a sensor.

    Raises:
        ValueError: A shape is neither box nor cylinder, or a joint in `keep` does not exist.
    """
    root = ElementTree.fromstring(urdf)
    colors = {m.get("name", ""): _color(m) for m in root.findall("material") if m.find("color") is not None}
    links = {link.get("name", ""): link for link in root.findall("link")}
    joints = {joint.get("name", ""): joint for joint in root.findall("joint")}
    missing = sorted(set(keep) - set(joints))
    if missing:
        raise ValueError(f"no joint {', '.join(missing)} to keep; there are {', '.join(sorted(joints))}")
    by_child = {_child(joint): joint for joint in joints.values()}
    top = next(name for name in links if name not in by_child)

    bodies: dict[str, Body] = {}
    frames: dict[str, tuple[str, Pose]] = {}
    kept: list[Joint] = []
    for name in _ordered(top, links, by_child):
        joint = by_child.get(name)
        if joint is not None and joint.get("type") == "fixed" and joint.get("name") not in keep:
            parent, X_BP = frames[_parent(joint)]
            frames[name] = (parent, X_BP @ _origin(joint))
        else:
            bodies[name] = Body(name)
            frames[name] = (name, IDENTITY)
            if joint is not None:
                parent, X_BP = frames[_parent(joint)]
                kept.append(_joint(joint, parent, name, X_BP @ _origin(joint)))
        body, X_BL = frames[name]
        _add_link(bodies[body], links[name], name, X_BL, colors)
    return Description(bodies, kept, frames)


def move_mass_to_parent(description: Description, joint_name: str, remaining_kg: float = 1.0e-6) -> Description:
    """Return a description in which the mass behind a joint, at its zero, belongs to the body before it.

    Bullet's joint reactions are wrong by the force of motors on prismatic joints behind the sensor (measured: 0.06 N
    for two fingers of 20 g). Fingers that move symmetrically do not move their common centre of mass, so their mass
    can as well be in the gripper.

    Args:
        description: What to change.
        joint_name: Joint whose child gives its mass away.
        remaining_kg: Mass the child keeps, kg.
    """
    joint = next(joint for joint in description.joints if joint.name == joint_name)
    parent, child = replace(description.bodies[joint.parent]), replace(description.bodies[joint.child])
    X_PC = joint.X_PC.matrix()
    R = X_PC[:3, :3]
    share = 1.0 - remaining_kg / child.mass
    _add_mass(parent, share * child.mass, R @ child.com + X_PC[:3, 3], share * R @ child.inertia @ R.T)
    child.mass, child.inertia = (1.0 - share) * child.mass, (1.0 - share) * child.inertia
    bodies = {**description.bodies, parent.name: parent, child.name: child}
    return Description(bodies, description.joints, description.frames)


def principal_inertia(body: Body, axis: Vec3, rotor_inertia: float) -> tuple[Matrix, Vector]:
    """Return the principal axes and moments of a body that also carries a motor's inertia about one axis.

    Args:
        body: The body.
        axis: Axis of the joint that moves it, in the body's frame.
        rotor_inertia: Inertia of the motor as seen at that joint, kg·m².

    Returns:
        Axes as the columns of a rotation matrix, shape (3, 3), and moments, shape (3,), kg·m².
    """
    tensor = body.inertia + rotor_inertia * np.outer(axis, axis)
    diagonal = np.diag(tensor)
    if np.abs(tensor - np.diag(diagonal)).max() <= 1e-6 * max(float(diagonal.max()), 1e-12):
        return np.eye(3), diagonal  # keeps the body's own axes, in which a sensor on it is read
    moments, axes = np.linalg.eigh(tensor)
    if np.linalg.det(axes) < 0.0:
        axes[:, 0] = -axes[:, 0]
    return axes, moments


def write_urdf(
    description: Description, rotor_inertia: Mapping[str, float] | None = None
) -> tuple[str, dict[str, Vec3]]:
    """Return the URDF text of a joined description, and the moments of inertia to set after loading.

    A motor's inertia turns with its joint but not with the rest of the arm, so the sum is no rigid body: it breaks
    the triangle inequality, and Bullet's reader would throw it away. The text has admissible moments along the right
    axes; the caller sets the right moments on the loaded links.

    Args:
        description: What to write.
        rotor_inertia: By joint, the inertia of the motor as seen at the joint, kg·m².

    Returns:
        The text, and by body the principal moments, kg·m².
    """
    rotor_inertia = rotor_inertia or {}
    root = ElementTree.Element("robot", name="bodies")
    moved_by = {joint.child: (joint.axis, rotor_inertia.get(joint.name, 0.0)) for joint in description.joints}
    moments_of: dict[str, Vec3] = {}
    for body in description.bodies.values():
        link = ElementTree.SubElement(root, "link", name=body.name)
        axes, moments = principal_inertia(body, *moved_by.get(body.name, ((1.0, 0.0, 0.0), 0.0)))
        moments_of[body.name] = (float(moments[0]), float(moments[1]), float(moments[2]))
        admissible = np.minimum(moments, 0.999 * (moments.sum() - moments))
        inertial = ElementTree.SubElement(link, "inertial")
        ElementTree.SubElement(inertial, "origin", xyz=_text(body.com), rpy=_text(_rpy(axes)))
        ElementTree.SubElement(inertial, "mass", value=repr(float(body.mass)))
        terms = {"ixx": admissible[0], "iyy": admissible[1], "izz": admissible[2], "ixy": 0.0, "ixz": 0.0, "iyz": 0.0}
        ElementTree.SubElement(inertial, "inertia", {key: repr(float(value)) for key, value in terms.items()})
        for shape in body.collisions:
            _write_shape(ElementTree.SubElement(link, "collision"), shape)
    for joint in description.joints:
        element = ElementTree.SubElement(root, "joint", name=joint.name, type=joint.kind)
        ElementTree.SubElement(element, "parent", link=joint.parent)
        ElementTree.SubElement(element, "child", link=joint.child)
        _write_origin(element, joint.X_PC)
        if joint.kind != "fixed":
            ElementTree.SubElement(element, "axis", xyz=_text(joint.axis))
            limits = {"lower": joint.lower, "upper": joint.upper, "effort": joint.effort, "velocity": joint.velocity}
            ElementTree.SubElement(element, "limit", {key: repr(value) for key, value in limits.items()})
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode"), moments_of


def _ordered(
    top: str, links: Mapping[str, ElementTree.Element], by_child: Mapping[str, ElementTree.Element]
) -> list[str]:
    """Return the links, every parent before its children."""
    children: dict[str, list[str]] = {name: [] for name in links}
    for name in links:
        if name in by_child:
            children[_parent(by_child[name])].append(name)
    order, waiting = [], [top]
    while waiting:
        name = waiting.pop(0)
        order.append(name)
        waiting = children[name] + waiting
    return order


def _add_link(body: Body, link: ElementTree.Element, name: str, X_BL: Pose, colors: Mapping[str, Color]) -> None:
    for tag, shapes in (("collision", body.collisions), ("visual", body.visuals)):
        for element in link.findall(tag):
            material = element.find("material")
            color = (0.7, 0.7, 0.7, 1.0)
            if material is not None:
                color = _color(material) if material.find("color") is not None else colors[material.get("name", "")]
            shapes.append(_shape(element, X_BL, color, name))
    inertial = link.find("inertial")
    mass_element = None if inertial is None else inertial.find("mass")
    tensor = None if inertial is None else inertial.find("inertia")
    if inertial is None or mass_element is None or tensor is None:
        return
    X_BI = X_BL @ _origin(inertial)
    value = {key: float(tensor.get(key, "0")) for key in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")}
    local = np.array(
        [
            [value["ixx"], value["ixy"], value["ixz"]],
            [value["ixy"], value["iyy"], value["iyz"]],
            [value["ixz"], value["iyz"], value["izz"]],
        ]
    )
    R = np.array(to_rows(X_BI.q))
    _add_mass(body, float(mass_element.get("value", "0")), np.array(X_BI.p), R @ local @ R.T)


def _add_mass(
    body: Body,
    mass: float,
    com: Vector,
    inertia: Matrix,
) -> None:
    """Join two rigid bodies: parallel-axis theorem about the common centre of mass."""
    total = body.mass + mass
    if total <= 0.0:
        return
    joined = (body.mass * body.com + mass * com) / total
    summed = np.zeros((3, 3))
    for m, c, tensor in ((body.mass, body.com, body.inertia), (mass, com, inertia)):
        r = c - joined
        summed += tensor + m * (float(r @ r) * np.eye(3) - np.outer(r, r))
    body.mass, body.com, body.inertia = total, joined, summed


def _shape(element: ElementTree.Element, X_BL: Pose, color: Color, link: str) -> Shape:
    geometry = element.find("geometry")
    box = None if geometry is None else geometry.find("box")
    cylinder = None if geometry is None else geometry.find("cylinder")
    X_BS = X_BL @ _origin(element)
    if box is not None:
        return Shape("box", _vector(box.get("size", "")), X_BS, color, link)
    if cylinder is not None:
        radius = float(cylinder.get("radius", "0"))
        return Shape("cylinder", (radius, radius, float(cylinder.get("length", "0"))), X_BS, color, link)
    raise ValueError(f"link '{link}' has a shape that is neither box nor cylinder")


def _joint(element: ElementTree.Element, parent: str, child: str, X_PC: Pose) -> Joint:
    axis, limit = element.find("axis"), element.find("limit")

    def bound(key: str) -> float:
        return 0.0 if limit is None else float(limit.get(key, "0"))

    return Joint(
        name=element.get("name", ""),
        kind=element.get("type", ""),
        parent=parent,
        child=child,
        X_PC=X_PC,
        axis=(1.0, 0.0, 0.0) if axis is None else _vector(axis.get("xyz", "")),
        lower=bound("lower"),
        upper=bound("upper"),
        effort=bound("effort"),
        velocity=bound("velocity"),
    )


def _write_shape(element: ElementTree.Element, shape: Shape) -> None:
    _write_origin(element, shape.X_BS)
    geometry = ElementTree.SubElement(element, "geometry")
    if shape.kind == "box":
        ElementTree.SubElement(geometry, "box", size=_text(shape.size))
    else:
        ElementTree.SubElement(geometry, "cylinder", radius=repr(shape.size[0]), length=repr(shape.size[2]))


def _write_origin(element: ElementTree.Element, X: Pose) -> None:
    ElementTree.SubElement(element, "origin", xyz=_text(X.p), rpy=_text(_rpy(np.array(to_rows(X.q)))))


def _rpy(R: Matrix) -> Vec3:
    cosine = float(np.hypot(R[0, 0], R[1, 0]))
    pitch = float(np.arctan2(-R[2, 0], cosine))
    if cosine < 1e-9:  # gimbal lock: roll and yaw turn about one axis, so roll alone says it
        return (float(np.arctan2(-R[1, 2], R[1, 1])), pitch, 0.0)
    return (float(np.arctan2(R[2, 1], R[2, 2])), pitch, float(np.arctan2(R[1, 0], R[0, 0])))


def _origin(element: ElementTree.Element) -> Pose:
    origin = element.find("origin")
    if origin is None:
        return IDENTITY
    return pose_from_xyz_rpy(_vector(origin.get("xyz", "0 0 0")), _vector(origin.get("rpy", "0 0 0")))


def _color(material: ElementTree.Element) -> Color:
    color = material.find("color")
    r, g, b, a = (float(v) for v in ("1 1 1 1" if color is None else color.get("rgba", "1 1 1 1")).split())
    return (r, g, b, a)


def _vector(text: str) -> Vec3:
    x, y, z = (float(v) for v in text.split())
    return (x, y, z)


def _text(values: Sequence[float] | Vector) -> str:
    return " ".join(repr(float(v)) for v in values)


def _parent(joint: ElementTree.Element) -> str:
    element = joint.find("parent")
    return "" if element is None else element.get("link", "")


def _child(joint: ElementTree.Element) -> str:
    element = joint.find("child")
    return "" if element is None else element.get("link", "")
