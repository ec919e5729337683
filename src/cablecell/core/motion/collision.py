"""Collision checks of the arm, its tool and what it holds, against itself, the enclosure and a scene.

The truth is coal's, through pinocchio's naive broad phase: the other managers of the library have missed collisions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pinocchio as pin  # type: ignore[import-untyped]
from numpy.typing import ArrayLike, NDArray

from cablecell.core.motion.chain import SerialChain, compose_into, joint_poses
from cablecell.core.motion.collision_kernel import hang_cable
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.scene import HeldCable, Scene

Array = NDArray[np.float64]

_GJK_TOLERANCE = 1e-8
"""coal's default of 1e-6 calls about one colliding configuration in a thousand free, up to 2 mm deep (measured)."""

_GJK_ITERATIONS = 500

_SAMPLES = 200
"""Random configurations that decide which pairs of the arm's own bodies are never worth checking."""

_CONSTANT_RANGE_M = 5e-4
"""A distance that varies less than this over all samples belongs to two bodies that turn around each other."""


@dataclass(frozen=True)
class Distance:
    """How close the arm comes.

    Attributes:
        distance_m: Smallest distance, m; negative when in collision.
        pair: The two bodies.
    """

    distance_m: float
    pair: tuple[str, str]


class RobotGeometry:
    """The arm's own bodies, and which pairs of them are checked.

    Left out are pairs on the same body, neighbours whose housings overlap, and pairs at constant distance. That is
    found by sampling, as an SRDF's disabled pairs are; it is done once per model, and every checker shares it.

    Attributes:
        model: The arm.
        pairs: Indices into the model's collision geometry.
        disabled: Names of the bodies with a pair of shapes that is left out although the two move differently.
    """

    def __init__(self, model: RobotModel, seed: int = 0) -> None:
        """Sample the model; takes about a quarter of a second."""
        self.model = model
        geometry = model.pin_collision.copy()
        geometry.removeAllCollisionPairs()
        joints = [int(item.parentJoint) for item in geometry.geometryObjects]
        candidates = [(i, j) for i, j in combinations(range(geometry.ngeoms), 2) if joints[i] != joints[j]]
        for i, j in candidates:
            geometry.addCollisionPair(pin.CollisionPair(i, j))
        data = geometry.createData()
        rng = np.random.default_rng(seed)
        low, high = np.maximum(model.limits.lower, -math.pi), np.minimum(model.limits.upper, math.pi)
        distances = np.empty((_SAMPLES, len(candidates)))
        for row in distances:
            pin.computeDistances(model.pin_model, model.pin_data, geometry, data, rng.uniform(low, high))
            row[:] = [result.min_distance for result in data.distanceResults]
        nearest, farthest = distances.min(axis=0), distances.max(axis=0)
        parents = model.pin_model.parents
        self.pairs: tuple[tuple[int, int], ...] = ()
        disabled = set()
        kept = []
        for k, (i, j) in enumerate(candidates):
            neighbours = parents[joints[j]] == joints[i] or parents[joints[i]] == joints[j]
            is_constant = farthest[k] - nearest[k] < _CONSTANT_RANGE_M
            if is_constant or farthest[k] <= 0.0 or (neighbours and nearest[k] <= 0.0):
                disabled.add((_link_name(model, i), _link_name(model, j)))
            else:
                kept.append((i, j))
        self.pairs = tuple(kept)
        self.disabled = frozenset(disabled)


class _CableInScene:
    """Where the links of a held cable are."""

    def __init__(self, model: RobotModel, cable: HeldCable) -> None:
        chain = SerialChain.of(model, cable.frame)
        self._blocks, self._cable = chain.blocks, cable
        tip = np.vstack([chain.tip, (0.0, 0.0, 0.0, 1.0)])
        self._boot = np.ascontiguousarray((tip @ cable.X_frame_boot)[:3])
        self._X_world_base = model.X_world_base
        self._down = np.ascontiguousarray(model.X_world_base[:3, :3].T @ (0.0, 0.0, -1.0))
        self._poses, self._boot_now = np.empty((model.dof, 3, 4)), np.empty((3, 4))
        self._links = np.empty((cable.links, 3, 4))

    @staticmethod
    def of(model: RobotModel, cable: HeldCable | None) -> _CableInScene | None:
        return None if cable is None else _CableInScene(model, cable)

    def hang(self, q: Array) -> list[Array]:
        """Return the poses of the links in the world, shape (4, 4) each."""
        cable = self._cable
        joint_poses(self._blocks, q, self._poses)
        compose_into(self._poses[-1], self._boot, self._boot_now)
        hang_cable(self._boot_now, cable.links, cable.link_length_m, cable.bend_per_link_rad, self._down, self._links)
        poses = np.tile(np.eye(4), (cable.links, 1, 1))
        poses[:, :3] = self._links
        return list(self._X_world_base @ poses)


class CollisionChecker:
    """Checks configurations in one scene with one margin.

    The object holds working memory: one per thread.

    Attributes:
        margin_m: Bodies closer than this count as in collision, m.
        robot: Whose checks these are.
        scene: What it must not touch.
        cable_shapes: Indices of the held cable's links in `geometry`.
        body_names: Names of all bodies, as pairs report them.
    """

    def __init__(self, robot: RobotGeometry, scene: Scene | None = None, margin_m: float = 0.0) -> None:
        """Add a scene to the robot.

        Raises:
            ValueError: The margin is negative or not finite.
            UnknownFrameError: A body is attached to a frame that does not exist.
        """
        if not (math.isfinite(margin_m) and margin_m >= 0.0):
            raise ValueError(f"collision margin is {margin_m} m; it must be finite and not negative")
        self.margin_m = margin_m
        self._model = robot.model
        scene = scene or Scene()
        geometry = robot.model.pin_collision.copy()
        geometry.removeAllCollisionPairs()
        names = [_link_name(robot.model, i) for i in range(geometry.ngeoms)]
        own = range(geometry.ngeoms)
        joints = [int(item.parentJoint) for item in geometry.geometryObjects]
        attached = []
        for k, body in enumerate(scene.attached):
            frame = robot.model.pin_model.frames[robot.model.frame_id(body.frame)]
            placement = frame.placement * pin.SE3(body.X_frame_shape)
            attached.append(_add(geometry, f"attached_{k}", int(frame.parentJoint), placement, body.shape.to_coal()))
            names.append(body.name)
            joints.append(int(frame.parentJoint))
        self._cable = _CableInScene.of(robot.model, scene.cable)
        cable = []
        if scene.cable is not None:
            for k, capsule in enumerate(scene.cable.shapes()):
                cable.append(_add(geometry, f"cable_{k}", 0, pin.SE3.Identity(), capsule.to_coal()))
                names.append(scene.cable.name)
                joints.append(robot.model.dof)
        standing = []
        for k, obstacle in enumerate(scene.obstacles):
            placement = pin.SE3(robot.model.X_world_base @ obstacle.X_base_shape)
            standing.append(_add(geometry, f"obstacle_{k}", 0, placement, obstacle.shape.to_coal()))
            names.append(obstacle.name)
            joints.append(0)
        pairs = list(robot.pairs)
        pairs += [(i, j) for j in (*attached, *cable) for i in own if joints[i] != joints[j]]
        pairs += [(i, j) for j in standing for i in (*own, *attached, *cable) if joints[i] != 0]
        for i, j in pairs:
            if (names[i], names[j]) not in scene.allowed and (names[j], names[i]) not in scene.allowed:
                geometry.addCollisionPair(pin.CollisionPair(i, j))
        self.body_names = tuple(dict.fromkeys(names))
        self.robot = robot
        self.scene = scene
        self.cable_shapes = tuple(cable)
        self._names = names
        self._geometry: Any = geometry
        self._data: Any = geometry.createData()
        for request in self._data.collisionRequests:
            request.security_margin = margin_m
            request.gjk_tolerance = _GJK_TOLERANCE
            request.gjk_max_iterations = _GJK_ITERATIONS
        pin_model = robot.model.pin_model
        self._pin_model: Any = pin_model
        self._pin_data: Any = pin_model.createData()
        self._manager: Any = pin.BroadPhaseManager_NaiveCollisionManager(pin_model, geometry, self._data)

    @property
    def geometry(self) -> Any:
        """All shapes and the pairs that are checked, as pinocchio has them; the held cable's links are placed late."""
        return self._geometry

    @property
    def pair_count(self) -> int:
        """Number of pairs that are checked."""
        return len(self._geometry.collisionPairs)

    def is_free(self, q: ArrayLike) -> bool:
        """Return whether no pair is closer than the margin."""
        vector = self._place_cable(q)
        return not pin.computeCollisions(self._pin_model, self._pin_data, self._manager, vector, True)

    def colliding_pairs(self, q: ArrayLike) -> tuple[tuple[str, str], ...]:
        """Return the names of all pairs closer than the margin, by checking each pair: slow, for messages."""
        vector = self._place_cable(q)
        pin.computeCollisions(self._pin_model, self._pin_data, self._geometry, self._data, vector, False)
        found = [
            self._pair_names(index) for index, result in enumerate(self._data.collisionResults) if result.isCollision()
        ]
        return tuple(dict.fromkeys(found))

    def nearest(self, q: ArrayLike) -> Distance:
        """Return the smallest distance of all pairs: slow, for messages and reports."""
        vector = self._place_cable(q)
        pin.computeDistances(self._pin_model, self._pin_data, self._geometry, self._data, vector)
        distances = [result.min_distance for result in self._data.distanceResults]
        index = int(np.argmin(distances))
        return Distance(float(distances[index]), self._pair_names(index))

    def is_edge_free(self, q_start: ArrayLike, q_end: ArrayLike, resolution_rad: float) -> bool:
        """Return whether the straight joint line is free, its ends left out.

        Args:
            q_start: One end, rad.
            q_end: The other end, rad.
            resolution_rad: Largest step of any joint between two checks.
        """
        start, end = np.asarray(q_start, dtype=float), np.asarray(q_end, dtype=float)
        count = math.ceil(float(np.abs(end - start).max()) / resolution_rad)
        # The middle first: an edge that is not free is usually blocked far from its ends.
        return all(self.is_free(start + fraction * (end - start)) for fraction in _spread(count))

    def describe(self, q: ArrayLike) -> str:
        """Return a phrase that names the pairs in collision and the smallest distance."""
        pairs = ", ".join(f"{a} and {b}" for a, b in self.colliding_pairs(q))
        nearest = self.nearest(q)
        return f"{pairs or 'nothing'} (nearest {1e3 * nearest.distance_m:.1f} mm, margin {1e3 * self.margin_m:.1f} mm)"

    def _place_cable(self, q: ArrayLike) -> Array:
        """Hang the held cable for a configuration, and return that as an array."""
        vector = np.asarray(q, dtype=float)
        if self._cable is not None:
            shapes = self._geometry.geometryObjects
            for index, pose in zip(self.cable_shapes, self._cable.hang(vector), strict=True):
                shapes[index].placement = pin.SE3(pose)
        return vector

    def _pair_names(self, index: int) -> tuple[str, str]:
        pair = self._geometry.collisionPairs[index]
        return self._names[pair.first], self._names[pair.second]


def _add(geometry: Any, name: str, joint: int, placement: Any, shape: Any) -> int:
    return int(geometry.addGeometryObject(pin.GeometryObject(name, joint, placement, shape)))


def _link_name(model: RobotModel, index: int) -> str:
    # Reducing the model moves shapes to other frames, but their names keep the link: `<link>_<number>`.
    return str(model.pin_collision.geometryObjects[index].name).rpartition("_")[0]


def _spread(count: int) -> list[float]:
    """Return the fractions 1/count … (count - 1)/count, coarse to fine."""
    fractions: list[float] = []
    seen = bytearray(count + 1)
    step = count
    while step > 1:
        step = (step + 1) // 2
        for k in range(step, count, step):
            if not seen[k]:
                seen[k] = 1
                fractions.append(k / count)
    return fractions
