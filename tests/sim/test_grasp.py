"""The grasp as a friction clutch behind a spring: where it slips, what that costs, what its forces add up to."""

from __future__ import annotations

import math

import numpy as np
import pybullet as p
import pytest

from cablecell.core.config.simulation import GraspSettings
from cablecell.core.geometry.scalar import quat_from_rotvec
from cablecell.simulation.grasp import GraspSpring
from cablecell.simulation.plug_kernel import REST
from cablecell.simulation.rigid import IDENTITY, NO_ROTATION
from tests.support.sim_cell import PERIOD_S, connected

NO_CABLE = {"cable": {"is_present": False}}
STILL = (0.0, 0.0, 0.0)
SETTINGS = GraspSettings()
GRIP_N = 40.0
LIMIT_N = 2.0 * SETTINGS.pad_friction * GRIP_N
LIMIT_NM = LIMIT_N * SETTINGS.pad_arm_m


def make_spring(grip_n=GRIP_N):
    return GraspSpring(SETTINGS, 0.08, 2.5e-5, IDENTITY, grip_n)


def load(spring, shift=STILL, turn=STILL, velocity=STILL):
    """Force and torque on a plug that is displaced from a hand at rest."""
    force, torque, _ = spring.update(
        STILL, NO_ROTATION, STILL, STILL, tuple(shift), quat_from_rotvec(tuple(turn)), tuple(velocity), STILL
    )
    return np.array(force), np.array(torque)


def slipped(spring):
    return spring.slipped_m, rest_of(spring)


def rest_of(spring):
    """Rest orientation of the plug in the hand."""
    return tuple(spring.state[REST : REST + 4].tolist())


@pytest.mark.parametrize("direction", [(1.0, 0.0, 0.0), (0.0, 0.6, 0.8), (-0.48, 0.6, -0.64)])
@pytest.mark.parametrize(("share", "slips"), [(0.99, False), (1.01, True)])
def test_it_slips_where_friction_of_both_pads_ends(direction, share, slips):
    direction, spring = np.array(direction), make_spring()
    stretch = share * LIMIT_N / SETTINGS.stiffness_n_per_m
    force, _ = load(spring, stretch * direction)
    assert force == pytest.approx(-min(share, 1.0) * LIMIT_N * direction, rel=1e-9)
    assert spring.slipped_m == pytest.approx(0.01 * LIMIT_N / SETTINGS.stiffness_n_per_m if slips else 0.0, rel=1e-6)
    spring = make_spring()
    turn = share * LIMIT_NM / SETTINGS.stiffness_nm_per_rad
    _, torque = load(spring, turn=turn * direction)
    assert torque == pytest.approx(-min(share, 1.0) * LIMIT_NM * direction, rel=1e-6)
    assert (rest_of(spring) != NO_ROTATION) == slips


def test_force_and_torque_share_the_same_friction():
    for angle in np.linspace(0.0, 0.5 * math.pi, 7):
        for share, slips in ((0.99, False), (1.01, True)):
            spring = make_spring()
            stretch = share * math.cos(angle) * LIMIT_N / SETTINGS.stiffness_n_per_m
            turn = share * math.sin(angle) * LIMIT_NM / SETTINGS.stiffness_nm_per_rad
            force, torque = load(spring, (stretch, 0.0, 0.0), (0.0, turn, 0.0))
            used = math.hypot(np.linalg.norm(force) / LIMIT_N, np.linalg.norm(torque) / LIMIT_NM)
            assert used == pytest.approx(min(share, 1.0), rel=1e-6)
            assert (slipped(spring) != (0.0, NO_ROTATION)) == slips


def test_what_friction_holds_grows_with_the_grippers_force():
    spring = make_spring()
    for grip in (10.0, 40.0, 130.0):
        spring.hold_with(grip)
        force, _ = load(spring, (spring.slipped_m + 1.0, 0.0, 0.0))
        assert np.linalg.norm(force) == pytest.approx(2.0 * SETTINGS.pad_friction * grip, rel=1e-9)


def test_without_friction_to_limit_it_nothing_slips():
    spring = make_spring(math.inf)
    force, _ = load(spring, (0.01, 0.0, 0.0))
    assert np.linalg.norm(force) == pytest.approx(0.01 * SETTINGS.stiffness_n_per_m)
    assert spring.slipped_m == 0.0


def test_a_loop_of_stick_and_slip_dissipates_what_friction_takes():
    # A clutch behind a spring: 4 F (A - F/k) for a slow loop of amplitude A.
    spring, amplitude = make_spring(), 2.0e-3
    angles = np.linspace(0.0, 4.0 * math.pi, 8001)
    path = amplitude * np.sin(angles)
    forces = np.array([load(spring, (x, 0.0, 0.0))[0][0] for x in path])
    last = angles >= 2.0 * math.pi
    work = -np.trapezoid(forces[last], path[last])
    expected = 4.0 * LIMIT_N * (amplitude - LIMIT_N / SETTINGS.stiffness_n_per_m)
    assert work == pytest.approx(expected, rel=1e-3)


def test_no_path_of_the_plug_takes_energy_out_of_the_grasp():
    rng = np.random.default_rng(4)
    for _ in range(5):
        spring = make_spring()
        steps = 4000
        waves = rng.normal(size=(6, 4)) * np.array([1.0e-3] * 3 + [0.02] * 3)[:, None]
        phases = rng.uniform(0.0, 2.0 * math.pi, size=(6, 4))
        t = np.linspace(0.0, 2.0 * math.pi, steps)
        path = sum(waves[:, [k]] * np.sin((k + 1) * t[None, :] + phases[:, [k]]) for k in range(4)).T
        loads = np.array([np.concatenate(load(spring, x[:3], x[3:])) for x in path])
        # Small turns: the work of the torque is that of the rotation vector to a percent.
        work = np.sum(0.5 * (loads[1:] + loads[:-1]) * np.diff(path, axis=0), axis=1)
        stored = 0.5 * SETTINGS.stiffness_n_per_m * 4.0e-6
        assert np.cumsum(work).max() < stored
        assert work.sum() < 0.0


def test_a_sliding_plug_is_not_damped_on_top_of_its_friction():
    spring = make_spring()
    force, _ = load(spring, (1.0e-2, 0.0, 0.0), velocity=(0.2, 0.0, 0.0))
    assert np.linalg.norm(force) == pytest.approx(LIMIT_N, rel=1e-9)


def test_a_weak_gripper_loses_the_plug_and_a_strong_one_does_not():
    falls = {}
    for grip_n in (1.0, 3.0):
        machine = connected("trial_1", **NO_CABLE)
        world = machine.world
        weight = world.scene.plug.connector.plug.mass_kg * 9.80665
        assert 2.0 * SETTINGS.pad_friction * 1.0 < weight < 2.0 * SETTINGS.pad_friction * 3.0
        before = machine.truth.tip_in_tcp().p
        machine.gripper.command(0.0, grip_n)
        for _ in range(100):
            machine.cycle(PERIOD_S)
        falls[grip_n] = np.linalg.norm(np.subtract(machine.truth.tip_in_tcp().p, before))
        assert machine.truth.grasp_force_n() <= 1.001 * world.grasp.limit_n
        machine.disconnect()
    # From rest against friction: half of (weight - friction) / mass times the time squared.
    slow = 9.80665 - 2.0 * SETTINGS.pad_friction * 1.0 / 0.08
    assert falls[1.0] == pytest.approx(0.5 * slow * 0.2**2, rel=0.1)
    assert falls[3.0] < 1e-4


def test_the_plugs_momentum_is_the_sum_of_what_acts_on_it():
    machine = connected("trial_1")
    world, client = machine.world, machine.world.client
    mass = world.scene.plug.connector.plug.mass_kg
    impulse, start = np.zeros(3), np.array(p.getBaseVelocity(world.plug, physicsClientId=client)[0])
    rng = np.random.default_rng(2)
    for i in range(400):
        if i % 40 == 0:
            push = rng.normal(size=3) * 5.0
        p.applyExternalForce(world.plug, -1, push.tolist(), world.plug_com().p, p.WORLD_FRAME, physicsClientId=client)
        velocity = np.array(p.getBaseVelocity(world.plug, physicsClientId=client))
        boot = np.array(world.boot()) - np.array(world.plug_com().p)
        cable = np.array(world.cable.force) - world.cable.damping_n_s_per_m * (
            velocity[0] + np.cross(velocity[1], boot)
        )
        world.advance(1)
        total = push + np.array(world.grasp.force) + cable + [0.0, 0.0, -9.80665 * mass]
        impulse += total * world.dt_s
    end = np.array(p.getBaseVelocity(world.plug, physicsClientId=client)[0])
    assert np.linalg.norm(impulse) > 1e-4
    assert mass * (end - start) == pytest.approx(impulse, abs=1e-6)
    machine.disconnect()


def test_the_displacement_of_a_gripped_plug_fills_its_ball():
    from random import Random

    from cablecell.simulation.grasp import grasp_error

    errors = [grasp_error(GraspSettings(error_m=0.002, error_rad=0.04), Random(seed)) for seed in range(2000)]
    radii = np.linalg.norm([error.p for error in errors], axis=1) / 0.002
    angles = 2.0 * np.arcsin(np.linalg.norm([error.q[:3] for error in errors], axis=1)) / 0.04
    for values in (radii, angles):
        assert values.max() <= 1.0 + 1e-9
        # Uniform in a ball: the cube of the radius is uniform in 0 to 1.
        assert np.mean(values**3) == pytest.approx(0.5, abs=0.03)
        assert np.mean(values**3 < 0.25) == pytest.approx(0.25, abs=0.04)
    middle = np.mean([error.p for error in errors], axis=0)
    assert np.abs(middle).max() < 0.0001
