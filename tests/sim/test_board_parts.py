"""Pick fixtures and the spare connectors in them: what is seen is what is collided with, planned around and named."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.composition.robot_description import load_task_board_description
from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_trials
from cablecell.core.config.trial import MOUNT_RAILS, Trial
from cablecell.core.motion.scene import obstacles_from_urdf
from cablecell.simulation.description import Shape, read_description

SEEN_BEYOND_M = 1.0e-3
"""How far a plate of a fixture may stand out of the few boxes that stand for it."""


def corners(shape: Shape) -> list[tuple[float, float, float]]:
    half = [0.5 * value for value in shape.size]
    if shape.kind == "cylinder":
        half = [shape.size[0], shape.size[0], 0.5 * shape.size[2]]
    signs = [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
    return [shape.X_BS.apply((x * half[0], y * half[1], z * half[2])) for x, y, z in signs]


def outside(point: tuple[float, float, float], box: Shape) -> float:
    """Return how far a point is outside a box, m."""
    local = np.abs(box.X_BS.inverse().apply(point)) - 0.5 * np.array(box.size)
    return float(np.linalg.norm(np.maximum(local, 0.0)))


def full_board() -> Trial:
    data = load_trials().trials["trial_1"].model_dump()
    for rail in MOUNT_RAILS:
        pose = {"translation": 0.02, "roll": 0.0, "pitch": 0.0, "yaw": 0.3}
        data["scene"]["task_board"][rail] = {
            "entity_present": True,
            "entity_name": rail,
            "entity_pose": pose,
            "part_present": True,
        }
    return Trial.model_validate(data)


@pytest.mark.parametrize("kind", ["lc", "sfp", "sc"])
def test_a_fixture_is_collided_with_where_it_is_seen(kind):
    slot = f"{kind}_mount_rail_0"
    description = read_description(load_task_board_description(**{f"{slot}_present": True}))
    link = f"task_board/{slot}/mount_link"
    shapes = description.bodies["task_board"]
    seen = [shape for shape in shapes.visuals if shape.link == link]
    hard = [shape for shape in shapes.collisions if shape.link == link]
    assert 0 < len(hard) <= 3
    for shape in seen:
        assert max(min(outside(corner, box) for box in hard) for corner in corners(shape)) < SEEN_BEYOND_M
    assert not any(shape.link == f"task_board/{slot}/part_link" for shape in shapes.visuals)


def test_a_spare_connector_is_in_the_way_of_arm_and_planner_under_its_own_name():
    trial = full_board()
    scene = load_scene(trial, load_connectors())
    names = {f"task_board/{rail}/part_link" for rail in MOUNT_RAILS}
    parts = [body for body in scene.statics if body.name in names]
    assert {body.name for body in parts} == names
    for body in parts:
        # What is seen of a spare connector is collided with, shape by shape, and it is a forbidden thing to touch.
        assert [(s.kind, s.size, s.X_BS) for s in body.collisions] == [(s.kind, s.size, s.X_BS) for s in body.visuals]
        assert body.entity == "task_board"
    arguments = {f"{rail}_{key}": True for rail in MOUNT_RAILS for key in ("present", "part")}
    obstacles = obstacles_from_urdf(load_task_board_description(**arguments), np.eye(4))
    assert names <= {obstacle.name for obstacle in obstacles}


@pytest.mark.parametrize("kind", ["sfp", "lc", "sc"])
def test_a_spare_connector_stands_in_its_fixture_at_45_degrees(kind):
    slot = f"{kind}_mount_rail_0"
    description = read_description(load_task_board_description(**{f"{slot}_present": True, f"{slot}_part": True}))
    body = description.bodies["task_board"]
    plug = next(s for s in body.visuals if s.link == f"task_board/{slot}/part_link" and s.kind == "box")
    hard = [s for s in body.collisions if s.link == f"task_board/{slot}/mount_link"]
    points = corners(plug)
    assert min(outside(point, box) for point in points for box in hard) < 1.0e-3, "it floats"
    heights = [point[2] for point in points]
    assert min(heights) > 0.012, "it stands in the plate"
    # Its upper end is free to be gripped.
    assert max(heights) - max(point[2] for box in hard for point in corners(box)) > 0.005
    axis = plug.X_BS.matrix()[:3, :3]
    assert sorted(np.round(np.abs(axis[2, :]), 3).tolist()) == [0.0, 0.707, 0.707]
