"""What stands around the arm and what it holds: primitive shapes with poses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import coal  # type: ignore[import-untyped]
import numpy as np
import pinocchio as pin  # type: ignore[import-untyped]
from numpy.typing import ArrayLike, NDArray

from cablecell.core.motion.errors import RobotModelError

Array = NDArray[np.float64]

_CABLE_LINK_M, _CABLE_LINKS, _CABLE_GROWTH_M = 0.02, 8, 0.001


@dataclass(frozen=True)
class Box:
    """Box around its origin.

    Attributes:
        size: Edge lengths along x, y, z, m.
    """

    size: tuple[float, float, float]

    def to_coal(self) -> Any:
        """Return the shape as the collision library takes it."""
        return coal.Box(*self.size)


@dataclass(frozen=True)
class Cylinder:
    """Cylinder around its origin, along z.

    Attributes:
        radius: m.
        length: m.
    """

    radius: float
    length: float

    def to_coal(self) -> Any:
        """Return the shape as the collision library takes it."""
        return coal.Cylinder(self.radius, self.length)


@dataclass(frozen=True)
class Sphere:
    """Sphere around its origin.

    Attributes:
        radius: m.
    """

    radius: float

    def to_coal(self) -> Any:
        """Return the shape as the collision library takes it."""
        return coal.Sphere(self.radius)


@dataclass(frozen=True)
class Capsule:
    """Cylinder along z with half balls at its ends, around its origin.

    Attributes:
        radius: m.
        length: Of the cylinder, without the half balls, m.
    """

    radius: float
    length: float

    def to_coal(self) -> Any:
        """Return the shape as the collision library takes it."""
        return coal.Capsule(self.radius, self.length)


Shape = Box | Cylinder | Sphere | Capsule


@dataclass(frozen=True, eq=False)
class Obstacle:
    """A body that does not move.

    Attributes:
        name: Shown in errors and used in `Scene.allowed`; several obstacles may share it.
        shape: Its shape.
        X_base_shape: Its pose in `base_link`, shape (4, 4).
    """

    name: str
    shape: Shape
    X_base_shape: Array


@dataclass(frozen=True, eq=False)
class AttachedBody:
    """A body that moves with a frame of the arm, such as a held plug.

    Attributes:
        name: Shown in errors and used in `Scene.allowed`; several bodies may share it.
        shape: Its shape.
        frame: Frame of the robot model it is fixed to.
        X_frame_shape: Its pose in that frame, shape (4, 4).
    """

    name: str
    shape: Shape
    frame: str
    X_frame_shape: Array


@dataclass(frozen=True, eq=False)
class HeldCable:
    """The part of a cable that its own stiffness holds up behind a held plug, as a chain of capsules.

    Quasi-static: it leaves the boot, bends over to the side the gripper leaves open, and hangs; where that is depends
    on how the tool is turned. It never bends more tightly than its smallest bend radius. The capsules grow along the
    chain, so that swaying and another stiffness stay inside. What hangs further is slack, follows, and is not checked.

    Attributes:
        frame: Frame that holds the plug; it moves with the last joint.
        X_frame_boot: Pose of the boot there: z along the cable that leaves, x to the side it bends over to.
        link_length_m: Length of a capsule.
        links: How many there are.
        bend_radius_m: Smallest bend radius.
        radius_m: Of the first capsule.
        growth_m: By how much each is thicker than the one before.
        name: Shown in errors and used in `Scene.allowed`.
    """

    frame: str
    X_frame_boot: Array
    link_length_m: float
    links: int
    bend_radius_m: float
    radius_m: float
    growth_m: float = 0.0
    name: str = "cable"

    def __post_init__(self) -> None:
        for key in ("link_length_m", "bend_radius_m", "radius_m"):
            value = getattr(self, key)
            if not (np.isfinite(value) and value > 0.0):
                raise ValueError(f"{key} of the held cable is {value}; it must be finite and above 0")
        if self.links < 1 or not (np.isfinite(self.growth_m) and self.growth_m >= 0.0):
            raise ValueError(
                f"a held cable has {self.links} links that grow by {self.growth_m} m; at least 1, and 0, are valid"
            )

    @property
    def bend_per_link_rad(self) -> float:
        """Largest angle between two links, rad."""
        return self.link_length_m / self.bend_radius_m

    def shapes(self) -> tuple[Capsule, ...]:
        """Return the capsules from the boot on."""
        return tuple(Capsule(self.radius_m + k * self.growth_m, self.link_length_m) for k in range(self.links))


def hold_cable(
    frame: str,
    X_frame_exit: ArrayLike,
    *,
    diameter_m: float,
    bending_stiffness_nm2: float,
    mass_kg_per_m: float,
    min_bend_radius_m: float,
) -> HeldCable:
    """Return the cable behind a held plug from what its data sheet says.

    Args:
        frame: Frame that holds the plug.
        X_frame_exit: Pose in it of where the cable leaves the plug, with the tip's axes: the cable leaves along -z.
        diameter_m: Of the cable.
        bending_stiffness_nm2: EI.
        mass_kg_per_m: Mass per length.
        min_bend_radius_m: What it may be bent to.

    Returns:
        0.16 m of cable in eight links. The bend radius is the one at which bending and weight are in balance,
        0.6 (EI/w)^(1/3), but no smaller than what the cable may be bent to.
    """
    weight = max(9.81 * mass_kg_per_m, 1e-6)
    radius = max(min_bend_radius_m, 0.6 * (bending_stiffness_nm2 / weight) ** (1.0 / 3.0))
    X = np.asarray(X_frame_exit, dtype=float)
    leaving = -X[:3, 2]
    # To the side it leans to already; a cable straight along the tool goes along the tool's y axis.
    side = np.array([leaving[0], leaving[1], 0.0])
    if np.linalg.norm(side) < 0.02:
        side = np.array([0.0, 1.0, 0.0])
    side = side - (side @ leaving) * leaving
    side /= np.linalg.norm(side)
    X_frame_boot = np.eye(4)
    X_frame_boot[:3, :3] = np.column_stack([side, np.cross(leaving, side), leaving])
    X_frame_boot[:3, 3] = X[:3, 3]
    return HeldCable(frame, X_frame_boot, _CABLE_LINK_M, _CABLE_LINKS, radius, 0.5 * diameter_m, _CABLE_GROWTH_M)


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything a motion must not touch, beside the arm itself and its enclosure.

    Attributes:
        obstacles: Bodies that stand.
        attached: Bodies that the arm carries.
        cable: Cable behind what it carries. It may lie against the tool that holds it.
        allowed: Pairs of names that may touch, in either order: names of obstacles, attached bodies or links.
    """

    obstacles: tuple[Obstacle, ...] = ()
    attached: tuple[AttachedBody, ...] = ()
    cable: HeldCable | None = None
    allowed: frozenset[tuple[str, str]] = field(default_factory=frozenset)

    def with_obstacles(self, obstacles: Sequence[Obstacle]) -> Scene:
        """Return the scene with more obstacles."""
        return replace(self, obstacles=self.obstacles + tuple(obstacles))

    def with_attached(self, *bodies: AttachedBody) -> Scene:
        """Return the scene with these bodies held instead of the present ones."""
        return replace(self, attached=bodies)

    def with_cable(self, cable: HeldCable | None) -> Scene:
        """Return the scene with this cable behind what is held, or none."""
        return replace(self, cable=cable)

    def allowing(self, *pairs: tuple[str, str]) -> Scene:
        """Return the scene in which these pairs may touch, too."""
        return replace(self, allowed=self.allowed | frozenset(pairs))


def obstacles_from_urdf(urdf: str, X_base_root: ArrayLike) -> tuple[Obstacle, ...]:
    """Return the collision shapes of a static description, such as a task board; each is named after its link.

    Args:
        urdf: URDF text whose collision geometry is boxes, cylinders and spheres.
        X_base_root: Pose of its root link in `base_link`, shape (4, 4).

    Raises:
        RobotModelError: The text is no URDF, or a shape is not a primitive one.
    """
    try:
        model = pin.buildModelFromXML(urdf)
        geometry = pin.buildGeomFromUrdfString(model, urdf, pin.GeometryType.COLLISION)
    except (ValueError, RuntimeError) as error:
        raise RobotModelError(f"the description is not a URDF: {error}", quantity="urdf") from error
    X = np.asarray(X_base_root, dtype=float)
    found = []
    for item in geometry.geometryObjects:
        link = model.frames[item.parentFrame].name
        found.append(Obstacle(link, _shape(link, item.geometry), X @ np.array(item.placement.homogeneous)))
    return tuple(found)


def _shape(link: str, geometry: Any) -> Shape:
    if isinstance(geometry, coal.Box):
        x, y, z = (2.0 * geometry.halfSide).tolist()
        return Box((x, y, z))
    if isinstance(geometry, coal.Cylinder):
        return Cylinder(geometry.radius, 2.0 * geometry.halfLength)
    if isinstance(geometry, coal.Sphere):
        return Sphere(geometry.radius)
    raise RobotModelError(
        f"link '{link}' has a collision shape of type {type(geometry).__name__}; valid are box, cylinder, sphere",
        quantity=link,
        value=type(geometry).__name__,
        limit="box, cylinder, sphere",
    )
