"""The compiled twin of a `CollisionChecker`: the same shapes, pairs and margin, some times faster, free of the GIL.

The tests hold it to coal's answers; whatever it lets pass is still checked by coal before it is run.
"""

from __future__ import annotations

from typing import Any

import coal  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import ArrayLike, NDArray

from cablecell.core.motion import collision_kernel as kernel
from cablecell.core.motion import gjk
from cablecell.core.motion.chain import SerialChain
from cablecell.core.motion.collision import CollisionChecker
from cablecell.core.motion.errors import RobotModelError

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


class CompiledChecker:
    """Checks configurations as its coal twin does. The object holds working memory: one per thread.

    Attributes:
        cell: What is checked, for kernels that check many configurations.
        memory: Their working memory.
    """

    def __init__(self, checker: CollisionChecker) -> None:
        """Read the shapes and pairs of a checker.

        Raises:
            RobotModelError: A shape is not a box, cylinder, sphere or capsule.
        """
        self.cell = _read(checker)
        bodies = np.tile(np.eye(4)[:3], (self.cell.blocks.shape[0] + 1 + int(self.cell.cable[0]), 1, 1))
        shapes = np.zeros((len(self.cell.kind), 3, 4))
        clusters = np.zeros((len(self.cell.cluster_body), 3, 4))
        self.memory = kernel.Memory(
            bodies,
            shapes,
            np.zeros(len(shapes), dtype=np.uint8),
            clusters,
            np.zeros((8, 3)),
            np.zeros(1, dtype=np.int64),
        )
        # What stands is placed once.
        for k in np.flatnonzero(self.cell.body == 0):
            shapes[k] = self.cell.place[k]
            self.memory.is_placed[k] = 1
        for c in np.flatnonzero(self.cell.cluster_body == 0):
            clusters[c] = self.cell.cluster_place[c]

    def is_free(self, q: ArrayLike) -> bool:
        """Return whether no pair is closer than the margin."""
        return bool(kernel.is_state_free(self.cell, self.memory, np.asarray(q, dtype=float)))

    def is_edge_free(self, q_start: ArrayLike, q_end: ArrayLike, resolution_rad: float) -> bool:
        """Return whether the straight joint line is free, its ends left out, at steps of at most a resolution, rad."""
        start, end = np.asarray(q_start, dtype=float), np.asarray(q_end, dtype=float)
        return bool(kernel.is_edge_free(self.cell, self.memory, start, end, resolution_rad))

    def first_collision(self, samples: Array, step_rad: float, margin_share: float = 1.0) -> int | None:
        """Return the index of the first configuration that is not free, leaving out what is within a step of the last.

        Args:
            samples: Configurations along a path, shape (k, n), rad.
            step_rad: Largest joint step between two checks, where the samples are that close.
            margin_share: Share of the margin that is to be kept.
        """
        margin_m = float(self.cell.margin[0])
        self.cell.margin[0] = margin_share * margin_m
        try:
            found = int(kernel.first_collision(self.cell, self.memory, np.ascontiguousarray(samples), step_rad))
        finally:
            self.cell.margin[0] = margin_m
        return None if found < 0 else found


def _read(checker: CollisionChecker) -> kernel.Cell:
    model, geometry = checker.robot.model, checker.geometry
    chain = SerialChain.of(model, model.pin_model.frames[_last_frame(model)].name)
    dof = model.dof
    X_base_world = np.linalg.inv(model.X_world_base)
    links = {index: k for k, index in enumerate(checker.cable_shapes)}
    kinds, halves, roundings, bodies, places = [], [], [], [], []
    for index, item in enumerate(geometry.geometryObjects):
        core = _core(item)
        joint = int(item.parentJoint)
        at = np.array(item.placement.homogeneous)
        if index in links:
            body, at = dof + 1 + links[index], np.eye(4)
        elif joint == 0:
            body, at = 0, X_base_world @ at
        else:
            body = joint
            at[:3] = chain.turns[joint - 1] @ at[:3]
        kinds.append(core[0])
        halves.append(core[1])
        roundings.append(core[2])
        bodies.append(body)
        places.append(at[:3])
    half, rounding = np.array(halves), np.array(roundings)
    kind = np.array(kinds, dtype=np.int64)
    flat = np.where(kind == gjk.CYLINDER, half[:, 0], np.hypot(half[:, 0], half[:, 1]))
    radius = np.hypot(flat, half[:, 2]) + rounding
    fixed_to, place = np.array(bodies, dtype=np.int64), np.array(places)
    clusters = _clusters(geometry, fixed_to, place, half, rounding)
    groups = _groups(geometry, clusters.of_shape)
    cable = checker.scene.cable
    boot = np.zeros((3, 4))
    if cable is not None:
        tip = np.vstack([SerialChain.of(model, cable.frame).tip, (0.0, 0.0, 0.0, 1.0)])
        boot = np.ascontiguousarray((tip @ cable.X_frame_boot)[:3])
    return kernel.Cell(
        blocks=chain.blocks,
        kind=kind,
        half=half,
        rounding=rounding,
        body=fixed_to,
        place=place,
        radius=radius,
        cluster_body=clusters.body,
        cluster_place=clusters.place,
        cluster_half=clusters.half,
        cluster_radius=np.linalg.norm(clusters.half, axis=1),
        group_a=groups.a,
        group_b=groups.b,
        group_start=groups.start,
        pair_a=groups.pair_a,
        pair_b=groups.pair_b,
        margin=np.array([checker.margin_m]),
        boot=boot,
        cable=np.array([cable.links, cable.link_length_m, cable.bend_per_link_rad] if cable else [0.0, 0.0, 0.0]),
        down=np.ascontiguousarray(X_base_world[:3, :3] @ (0.0, 0.0, -1.0)),
    )


def _last_frame(model: Any) -> int:
    """Return a frame that moves with the last joint."""
    return next(k for k, frame in enumerate(model.pin_model.frames) if int(frame.parentJoint) == model.dof)


def _core(item: Any) -> tuple[int, Array, float]:
    shape = item.geometry
    if isinstance(shape, coal.Box):
        return gjk.BOX, np.array(shape.halfSide), 0.0
    if isinstance(shape, coal.Cylinder):
        return gjk.CYLINDER, np.array([shape.radius, shape.radius, shape.halfLength]), 0.0
    if isinstance(shape, coal.Capsule):
        return gjk.SEGMENT, np.array([0.0, 0.0, shape.halfLength]), float(shape.radius)
    if isinstance(shape, coal.Sphere):
        return gjk.POINT, np.zeros(3), float(shape.radius)
    raise RobotModelError(
        f"'{item.name}' has a collision shape of type {type(shape).__name__}; valid are box, cylinder, capsule, sphere",
        quantity=item.name,
        value=type(shape).__name__,
        limit="box, cylinder, capsule, sphere",
    )


class _Clusters:
    """Shapes of one link, or of obstacles of one name, with the box around them in the axes of their body."""

    def __init__(self, of_shape: Integers, body: Integers, place: Array, half: Array) -> None:
        self.of_shape, self.body, self.place, self.half = of_shape, body, place, half


def _clusters(geometry: Any, body: Integers, place: Array, half: Array, rounding: Array) -> _Clusters:
    keys: dict[tuple[int, str], int] = {}
    of_shape = np.empty(len(body), dtype=np.int64)
    for index, item in enumerate(geometry.geometryObjects):
        stem = str(item.name).rpartition("_")[0]
        # Obstacles are many and far apart: those that are neighbours in the list are so in the scene.
        label = f"{stem}_{index // 4}" if stem == "obstacle" else stem
        of_shape[index] = keys.setdefault((int(body[index]), label), len(keys))
    places, halves, of_body = [], [], []
    for (number, _), cluster in keys.items():
        members = np.flatnonzero(of_shape == cluster)
        if len(members) == 1:
            k = members[0]
            places.append(place[k])
            halves.append(half[k] + rounding[k])
        else:
            # In the axes of the first shape: boards lie oblique in the base.
            R = place[members[0], :, :3]
            centres = place[members, :, 3] @ R
            reach = np.array([np.abs(R.T @ place[k, :, :3]) @ half[k] + rounding[k] for k in members])
            low, high = (centres - reach).min(axis=0), (centres + reach).max(axis=0)
            places.append(np.column_stack([R, R @ (0.5 * (low + high))]))
            halves.append(0.5 * (high - low))
        of_body.append(number)
    return _Clusters(of_shape, np.array(of_body, dtype=np.int64), np.array(places), np.array(halves))


class _Groups:
    """The pairs of shapes, sorted by their clusters."""

    def __init__(self, pairs: dict[tuple[int, int], list[tuple[int, int]]]) -> None:
        self.a = np.array([a for a, _ in pairs], dtype=np.int64)
        self.b = np.array([b for _, b in pairs], dtype=np.int64)
        sizes = [len(members) for members in pairs.values()]
        self.start = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        flat = [pair for members in pairs.values() for pair in members]
        self.pair_a = np.array([i for i, _ in flat], dtype=np.int64)
        self.pair_b = np.array([j for _, j in flat], dtype=np.int64)


def _groups(geometry: Any, of_shape: Integers) -> _Groups:
    pairs: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for pair in geometry.collisionPairs:
        i, j = int(pair.first), int(pair.second)
        pairs.setdefault((int(of_shape[i]), int(of_shape[j])), []).append((i, j))
    return _Groups(pairs)
