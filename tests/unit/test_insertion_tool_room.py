"""Which side of its play leaves the fingers room, and that the skill presses the plug there."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.composition.robot_description import load_robot_description
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.geometry import invert_pose, make_pose
from cablecell.core.insertion.outcome import Outcome
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.insertion.skill import InsertionSkill
from cablecell.core.insertion.tool_room import finger_bodies, room_m, side_with_room
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.scene import Box, Obstacle
from tests.support.contact import X_BASE_PORT as X_BASE_TRUE_PORT
from tests.support.contact import World, run_skill

PROFILE = ConnectorProfile("part", (13.75e-3, 8.45e-3), (0.375e-3, 0.5e-3), 0.5e-3, 20.0e-3)
X_BASE_PORT = make_pose(np.diag([1.0, -1.0, -1.0]), [0.4, 0.1, 0.2])
X_TCP_TIP = make_pose(np.eye(3), [0.0, 0.0, 0.03])
WIDTH_M = 0.014
THICKNESS_M = 0.006


@pytest.fixture(scope="module")
def fingers():
    return finger_bodies(RobotModel(load_robot_description()), WIDTH_M)


def block_beside(axis: int, side: float, gap_m: float) -> list[Obstacle]:
    """Return a block `gap_m` beside the outer face of a finger, with the plug seated in the middle of its play."""
    reach = (0.5 * WIDTH_M + THICKNESS_M, 0.0105)[axis]
    centre = np.array([0.5 * WIDTH_M + 0.5 * THICKNESS_M, 0.0, 0.0])
    centre[axis] = side * (reach + gap_m + 0.005)
    centre[2] = PROFILE.depth_m - 0.03 - 0.005
    return [Obstacle("block", Box((0.01, 0.01, 0.01)), X_BASE_PORT @ make_pose(np.eye(3), centre))]


def test_the_pads_are_as_far_apart_as_was_asked_for(fingers):
    pads = [body for body in fingers if body.X_tcp_body[2, 3] > -0.02]
    assert [abs(pad.X_tcp_body[0, 3]) - pad.shape.halfSide[0] for pad in pads] == pytest.approx([0.5 * WIDTH_M] * 2)
    assert sorted(np.sign(pad.X_tcp_body[0, 3]) for pad in pads) == [-1.0, 1.0]


@pytest.mark.parametrize("gap_m", [0.3e-3, 2.0e-3])
def test_the_room_is_the_gap(fingers, gap_m):
    X_base_tcp = X_BASE_PORT @ make_pose(np.eye(3), [0.0, 0.0, PROFILE.depth_m]) @ invert_pose(X_TCP_TIP)
    assert room_m(fingers, block_beside(0, 1.0, gap_m), X_base_tcp) == pytest.approx(gap_m, abs=1e-6)


@pytest.mark.parametrize(
    ("axis", "side", "expected"),
    [(0, 1.0, (-1.0, 0.0)), (0, -1.0, (1.0, 0.0)), (1, 1.0, (0.0, -1.0)), (1, -1.0, (0.0, 1.0))],
)
def test_a_plug_is_kept_away_from_what_stands_beside_its_port(fingers, axis, side, expected):
    obstacles = block_beside(axis, side, 0.2e-3)
    assert tuple(side_with_room(fingers, obstacles, X_BASE_PORT, X_TCP_TIP, PROFILE)) == expected


def test_nothing_is_done_where_there_is_room_or_no_side_has_more(fingers):
    assert not side_with_room(fingers, block_beside(0, 1.0, 2.0e-3), X_BASE_PORT, X_TCP_TIP, PROFILE).any()
    between = [*block_beside(0, 1.0, 0.2e-3), *block_beside(0, -1.0, 0.2e-3)]
    assert not side_with_room(fingers, between, X_BASE_PORT, X_TCP_TIP, PROFILE).any()


@pytest.mark.parametrize("side", [(1.0, 0.0), (-1.0, 0.0), (0.0, -1.0)])
def test_the_skill_presses_the_plug_to_its_side_and_seats_it_there(side):
    skill = InsertionSkill(PROFILE, InsertionSettings())
    skill.keep_to(np.array(side))
    result, plant, _ = run_skill(skill, World(PROFILE), error_m=(0.001, -0.0005, 0.001))
    assert result.outcome is Outcome.SEATED, result.reason
    x, y = (invert_pose(X_BASE_TRUE_PORT) @ plant.X)[:2, 3]
    at = np.array([x / PROFILE.clearance_m[0], y / PROFILE.clearance_m[1]])
    assert at @ np.array(side) == pytest.approx(1.0, abs=0.15)
    assert plant.peak_n < 20.0
