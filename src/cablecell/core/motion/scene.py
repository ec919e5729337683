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


Shape = Box | Cylinder | Sphere


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
class Scene:
    """Everything a motion must not touch, beside the arm itself and its enclosure.

    Attributes:
        obstacles: Bodies that stand.
        attached: Bodies that the arm carries.
        allowed: Pairs of names that may touch, in either order: names of obstacles, attached bodies or links.
    """

    obstacles: tuple[Obstacle, ...] = ()
    attached: tuple[AttachedBody, ...] = ()
    allowed: frozenset[tuple[str, str]] = field(default_factory=frozenset)

    def with_obstacles(self, obstacles: Sequence[Obstacle]) -> Scene:
        """Return the scene with more obstacles."""
        return replace(self, obstacles=self.obstacles + tuple(obstacles))

    def with_attached(self, *bodies: AttachedBody) -> Scene:
        """Return the scene with these bodies held instead of the present ones."""
        return replace(self, attached=bodies)

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
