"""Contact states told from forces that follow the closed forms, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cablecell.core.fusion.contact_states import ContactErrors, ContactState, ContactStates
from cablecell.core.insertion.profile import ConnectorProfile

MU = 0.3
PROFILE = ConnectorProfile(
    "plug",
    (8.0e-3, 5.0e-3),
    (0.1e-3, 0.1e-3),
    0.5e-3,
    20.0e-3,
    seat_tolerance_m=0.3e-3,
    friction=MU,
    latch_force_n=5.0,
    latch_play_m=0.4e-3,
    retention_force_n=40.0,
)
HALF_M = 4.0e-3


def contact(normal_angle, size_n, *, slip=0.0):
    """Force on the plug of one contact whose normal is at an angle to the axis, with a share of full friction."""
    angle = normal_angle - slip * math.atan(MU)
    return size_n * np.array([math.sin(angle), 0.0, -math.cos(angle)])


class Feeling:
    """Feeds the filter with noise on top; the port is `offset_m` deeper than believed."""

    def __init__(self, seed=0, offset_m=0.0, sigma_m=0.0005):
        self.errors = ContactErrors(depth_m=sigma_m)
        self.states, self.rng = ContactStates(PROFILE, self.errors), np.random.default_rng(seed)
        self.now_s, self.offset_m = 0.0, offset_m

    def feel(self, seconds, depth_m, speed, force, moment=(0.0, 0.0, 0.0)):
        ticks = round(seconds / 0.01)
        for tick in range(ticks):
            self.now_s += 0.01
            noise = self.rng.normal(size=3) * 0.1, self.rng.normal(size=3) * 0.01
            way_m = speed * 0.01 * (tick + 1 - ticks) + self.rng.normal() * 5e-6
            at = depth_m + way_m + self.offset_m - self.errors.grasp_m_per_n * force[2]
            self.states.step(self.now_s, at, np.array(force) + noise[0], np.array(moment) + noise[1])
        return self.states.state

    def land(self):
        self.feel(0.3, -5e-3, 0.02, np.zeros(3))
        return self.feel(0.4, 0.0, 0.0, contact(0.0, 6.0))


def test_free_motion_is_free_inside_and_outside():
    feeling = Feeling()
    assert feeling.feel(0.5, -5e-3, 0.02, np.zeros(3)) is ContactState.FREE
    assert feeling.states.probabilities[ContactState.FREE] > 0.9
    assert feeling.states.probabilities.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("offset_m", [-0.0008, 0.0, 0.0008])
def test_the_land_is_a_face_and_measures_the_depth_of_the_port(offset_m):
    feeling = Feeling(offset_m=offset_m)
    assert feeling.land() is ContactState.FACE
    found_m, sigma_m = feeling.states.depth_offset
    assert found_m == pytest.approx(offset_m, abs=1.5e-4)
    assert sigma_m < 3e-4, "as far as a corner on the chamfer leaves it open"


def test_a_chamfer_a_wall_and_two_walls_are_told_by_direction_and_moment():
    feeling = Feeling()
    feeling.land()
    assert feeling.feel(0.2, 0.25e-3, 0.01, contact(math.pi / 4, 6.0, slip=0.5)) is ContactState.CHAMFER
    # One wall at the mouth: its moment about the tip is its force times the inserted length.
    wall = contact(math.pi / 2, 4.0, slip=0.9)
    assert feeling.feel(0.3, 8e-3, 0.02, wall, (0.0, 4.0 * 8e-3, 0.0)) is ContactState.ONE_POINT
    # Two walls: no net force across, a moment of their force times the length, friction of both along.
    pair_n = 20.0
    both = np.array([0.0, 0.0, -2.0 * MU * pair_n])
    assert feeling.feel(0.3, 8e-3, 0.02, both, (0.0, pair_n * 8e-3, 0.0)) is ContactState.TWO_POINT
    # The same without motion, and friction carries the push.
    assert feeling.feel(0.5, 8e-3, 0.0, both, (0.0, pair_n * 8e-3, 0.0)) is ContactState.JAMMED


def test_the_stop_is_a_seat_and_a_snap_before_it_a_latch():
    for snaps in (False, True):
        feeling = Feeling()
        feeling.land()
        feeling.feel(0.2, 8e-3, 0.02, contact(math.pi / 2, 2.0, slip=0.9))
        if snaps:
            feeling.feel(0.1, 19.5e-3, 0.008, contact(0.0, 4.5))
            feeling.feel(0.1, 19.7e-3, 0.008, contact(0.0, 0.8))
        else:
            feeling.feel(0.1, 19.5e-3, 0.008, contact(math.pi / 2, 2.0, slip=0.9))
        told = feeling.feel(0.4, 20e-3, 0.0, contact(0.0, 10.0))
        assert told is (ContactState.LATCHED if snaps else ContactState.SEATED)


def test_a_connector_without_a_latch_is_never_latched():
    plain = ConnectorProfile("plain", (8e-3, 5e-3), (1e-4, 1e-4), 5e-4, 20e-3, seat_tolerance_m=3e-4)
    states = ContactStates(plain)
    for tick in range(100):
        states.step(0.01 * tick, 20e-3, np.array([0.0, 0.0, 8.0 if tick > 50 else -8.0]), np.zeros(3))
    assert states.probabilities[ContactState.LATCHED] < 1e-4
