"""Torques that hold the arm still: those of the physics engine, and by how much each joint lifts a payload."""

from __future__ import annotations

import numpy as np
import pybullet as p
import pytest

from tests.support.sim_cell import connected

G = 9.80665


@pytest.fixture(scope="module")
def world():
    machine = connected("trial_1", arm={"rotor_inertia_kg_m2": [0.0] * 6}, cable={"is_present": False})
    yield machine.world
    machine.disconnect()


def test_the_torques_are_those_of_the_engine_with_any_payload(world):
    rng, hand = np.random.default_rng(3), world.joints["gripper_base_link_joint"]
    for _ in range(20):
        q, com, mass = (
            rng.uniform(-3.0, 3.0, 6).tolist(),
            tuple(rng.uniform(-0.1, 0.1, 3).tolist()),
            rng.uniform(0.0, 5.0),
        )
        full, still = [*q, *world.all_positions()[6:]], [0.0] * 8
        bare = p.calculateInverseDynamics(world.arm, full, still, still, physicsClientId=world.client)[:6]
        linear, _ = p.calculateJacobian(world.arm, hand, com, full, still, still, physicsClientId=world.client)
        expected = np.array(bare) + mass * G * np.array(linear[2])[:6]
        assert world.gravity.torques(q, mass, com) == pytest.approx(expected, abs=1e-9)


def test_a_payload_loads_each_joint_by_how_much_that_joint_lifts_it(world):
    q, mass, com, step = np.array([0.4, -0.9, 0.7, 0.1, 0.8, 0.3]), 2.0, (0.02, -0.03, 0.1), 0.01

    def height(at):
        for joint, value in zip(world.arm_joints, at.tolist(), strict=True):
            p.resetJointState(world.arm, joint, value, physicsClientId=world.client)
        return world.frame("gripper_base_link").apply(com)[2]

    # The engine keeps angles in single precision: a shorter step would see that.
    lifts = [(height(q + row) - height(q - row)) / (2.0 * step) for row in step * np.eye(6)]
    more = np.subtract(world.gravity.torques(q.tolist(), mass, com), world.gravity.torques(q.tolist()))
    assert more == pytest.approx(mass * G * np.array(lifts), abs=2e-3)
    assert abs(more[1]) > 5.0
