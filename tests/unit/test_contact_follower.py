"""What a plug touches in the course of an insertion, from tool and wrench: states, their sequence, the place."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.fusion.contact_states import ContactState
from cablecell.core.geometry import exp_so3, invert_pose, make_pose, rotate_six
from cablecell.core.insertion.contact_follower import ContactFollower
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.outcome import Phase
from cablecell.core.insertion.profile import ConnectorProfile

PROFILE = ConnectorProfile(
    "plug",
    (8.0e-3, 5.0e-3),
    (0.1e-3, 0.1e-3),
    0.5e-3,
    20.0e-3,
    seat_tolerance_m=0.3e-3,
    latch_force_n=5.0,
    latch_play_m=0.4e-3,
    retention_force_n=40.0,
)
X_BASE_PORT = make_pose(exp_so3(np.array([0.3, 2.9, 0.4])), (0.4, 0.1, 0.2))
X_TCP_TIP = make_pose(exp_so3(np.array([0.2, -0.1, 0.5])), (0.003, -0.002, 0.06))
BIAS = np.array([1.0, -2.0, 0.5, 0.05, -0.1, 0.02])


class Insertion:
    """A plug that is pushed along the axis of a port; forces act on it in axes of the port, at a place from its tip."""

    def __init__(self, seed=0):
        port, tip = (PoseEstimate(0.0, X, 2.5e-7 * np.eye(6)) for X in (X_BASE_PORT, X_TCP_TIP))
        self.follower, self.rng = ContactFollower(PROFILE, port, tip), np.random.default_rng(seed)
        self.time_s, self.depth_m, self.told = 0.0, -5e-3, []

    def go(self, seconds, depth_m, force=(0.0, 0.0, 0.0), place=(0.0, 0.0, 0.0), phase=Phase.INSERT):
        start_m, ticks = self.depth_m, round(seconds / 0.002)
        for tick in range(ticks):
            self.time_s += 0.002
            self.depth_m = start_m + (depth_m - start_m) * (tick + 1) / ticks
            # The grasp gives under the push, which the believed tip does not see.
            seen_m = self.depth_m + 2.7e-5 * -force[2]
            X_base_tcp = X_BASE_PORT @ make_pose(np.eye(3), (0.0, 0.0, seen_m)) @ invert_pose(X_TCP_TIP)
            F = np.array(force) + self.rng.normal(size=3) * 0.05
            R_tcp_port = (invert_pose(X_base_tcp) @ X_BASE_PORT)[:3, :3]
            at_tip = rotate_six(R_tcp_port, np.concatenate((F, np.cross(place, F))))
            wrench = np.concatenate((at_tip[:3], at_tip[3:] + np.cross(X_TCP_TIP[:3, 3], at_tip[:3])))
            contact = self.follower.step(self.time_s, X_base_tcp, wrench + BIAS, phase)
            if contact is not None:
                self.told.append(contact)
        return self.told[-1] if self.told else None

    def land(self):
        self.go(0.2, -5e-3, phase=Phase.PREPARE)
        self.go(0.3, 0.0)
        return self.go(0.4, 0.0, (0.0, 0.0, -6.0))


def test_nothing_is_told_before_the_tare_and_after_the_decision():
    insertion = Insertion()
    assert insertion.go(0.1, -5e-3) is None, "not tared"
    assert insertion.go(0.1, -5e-3, phase=Phase.PREPARE) is None
    assert insertion.go(0.1, -5e-3).state is ContactState.FREE
    assert len(insertion.told) == 10, "a hundred samples a second of five hundred"
    assert insertion.told[-1].force == pytest.approx(np.zeros(3), abs=0.3), "the bias is tared away"
    insertion.go(0.1, -5e-3, phase=Phase.RECOVER)
    assert len(insertion.told) == 10


def test_the_sequence_holds_what_lasted_in_the_order_of_time():
    insertion = Insertion()
    assert insertion.land().state is ContactState.FACE
    landed_s = insertion.time_s - 0.4
    insertion.go(0.1, 0.2e-3)
    insertion.go(0.5, 12e-3)
    insertion.go(0.3, 20e-3)
    insertion.go(0.4, 20e-3, (0.0, 0.0, -9.0))
    states = [contact.state for contact in insertion.follower.sequence]
    assert states[:2] == [ContactState.FREE, ContactState.FACE]
    assert states[-1] in (ContactState.SEATED, ContactState.LATCHED)
    times = [contact.time_s for contact in insertion.follower.sequence]
    assert times == sorted(times)
    assert times[1] == pytest.approx(landed_s, abs=0.06)


@pytest.mark.parametrize(
    ("depth_m", "force", "place", "state"),
    [
        (0.0, (0.0, 0.0, -12.0), (0.003, -0.001, 0.0), ContactState.FACE),
        (10e-3, (-8.0, 0.0, -2.4), (0.004, 0.0, -6e-3), ContactState.ONE_POINT),
    ],
)
def test_the_place_is_where_the_line_of_the_force_meets_the_plug(depth_m, force, place, state):
    insertion = Insertion(seed=3)
    insertion.land()
    if depth_m:
        insertion.go(0.1, 0.2e-3)
        insertion.go(0.4, depth_m - 2e-3)
    contact = insertion.go(0.3, depth_m, force, place)
    assert contact.state is state
    off_m = np.linalg.norm(contact.point_m - np.array(place) - np.array([0.0, 0.0, depth_m]))
    assert off_m < 3.0 * contact.point_sigma_m
    assert off_m < 1e-3, "with little noise"


def test_a_place_is_not_told_where_nothing_or_too_little_is_felt():
    insertion = Insertion()
    insertion.land()
    assert insertion.told[5].state is ContactState.FREE
    assert insertion.told[5].point_m is None
