"""Arm and sensor against mechanics: masses, weights in the sensor, energy, motor inertia, grasp, determinism."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pybullet as p
import pytest

from cablecell.composition.robot_description import load_robot_description
from cablecell.simulation.description import read_description
from cablecell.simulation.scene import ROBOT_JOINTS_KEPT
from tests.support.sim_cell import PERIOD_S, ArmKinematics, StraightInserter, connected, hold

pin = pytest.importorskip("pinocchio")

GRAVITY = np.array([0.0, 0.0, -9.80665])
NO_CABLE = {"cable": {"is_present": False}}
POSES = [
    (-0.16, -1.35, -1.66, -1.69, 1.57, 1.41),
    (-0.16, -1.35, -1.66, -0.60, 1.57, 1.41),
    (-0.16, -1.35, -1.66, -2.60, 1.57, 1.41),
    (-0.16, -1.35, -1.66, -1.69, 0.60, 1.41),
    (-0.16, -1.35, -1.66, -1.20, 2.60, 0.30),
    (-0.16, -1.10, -1.66, -1.69, 2.20, 2.90),
]


def pinocchio_model():
    return pin.buildModelFromXML(load_robot_description(with_enclosure=False))


def test_joining_links_keeps_masses_and_frames():
    model = pinocchio_model()
    description = read_description(load_robot_description(with_enclosure=False), keep=ROBOT_JOINTS_KEPT)
    moved = [body.mass for name, body in description.bodies.items() if name != "world"]
    assert sum(moved) == pytest.approx(sum(inertia.mass for inertia in model.inertias[1:]), abs=1e-9)
    kinematics, data = ArmKinematics(description), model.createData()
    for q in POSES:
        pin.framesForwardKinematics(model, data, np.array([*q, 0.0, 0.0]))
        expected = data.oMf[model.getFrameId("tcp")].homogeneous
        assert np.abs(kinematics.tcp(q).matrix() - expected).max() < 1e-12


def test_a_joint_to_keep_must_exist():
    with pytest.raises(ValueError, match=r"no joint nonsense to keep; there are .*ft_frame_joint"):
        read_description(load_robot_description(with_enclosure=False), keep=("nonsense",))


@pytest.mark.parametrize("q", POSES)
def test_the_sensor_reads_the_weight_behind_it_in_every_pose(q):
    machine = connected("trial_1", **NO_CABLE)
    machine.world.release_plug()
    for joint, value in zip(machine.world.arm_joints, q, strict=True):
        p.resetJointState(machine.world.arm, joint, value, physicsClientId=machine.world.client)
    machine.arm.attach(machine.world)
    for _ in range(150):
        machine.cycle(PERIOD_S)
    bodies = machine.world.scene.robot.bodies
    R = machine.world.frame("ft_frame").matrix()[:3, :3]
    sensor = np.array(machine.world.frame("ft_frame").p)
    force, torque = np.zeros(3), np.zeros(3)
    for name in ("ft_frame", "gripper_base_link", "left_finger_link", "right_finger_link"):
        X = machine.world.frame(name).matrix()
        weight = bodies[name].mass * GRAVITY
        force += weight
        torque += np.cross(X[:3, :3] @ bodies[name].com + X[:3, 3] - sensor, weight)
    reading = machine.wrench_sensor.read()
    assert reading.force == pytest.approx(R.T @ force, abs=1e-3)
    assert reading.torque == pytest.approx(R.T @ torque, abs=1e-4)
    machine.disconnect()


def test_a_known_force_at_the_tool_is_read_to_a_tenth_of_a_percent():
    machine = connected("trial_1", **NO_CABLE)
    world = machine.world
    world.release_plug()
    for _ in range(100):
        machine.cycle(PERIOD_S)
    still = np.array(world.true_wrench)
    push, tcp = (3.0, -2.0, 5.0), world.tcp()
    for _ in range(400):
        p.applyExternalForce(
            world.arm, world.joints["gripper_base_link_joint"], push, tcp.p, p.WORLD_FRAME, physicsClientId=world.client
        )
        world.advance(1)
    X_FW = world.frame("ft_frame").inverse()
    force = np.array(X_FW.matrix()[:3, :3]) @ push
    arm = np.array(X_FW.apply(tcp.p))
    change = np.array(world.true_wrench) - still
    assert change[:3] == pytest.approx(force, rel=1e-3, abs=1e-3)
    assert change[3:] == pytest.approx(np.cross(arm, force), rel=1e-3, abs=1e-4)
    machine.disconnect()


def test_pushing_the_plug_shows_in_grasp_and_sensor_alike():
    machine = connected("trial_1", **NO_CABLE)
    inserter = StraightInserter(machine)
    inserter.above(0.002)
    still = np.array(machine.world.true_wrench[:3])
    weight = machine.truth.grasp_force_n()
    depth = machine.world.scene.ports[machine.world.scene.target].connector.port.stop_depth_m
    inserter.push(0.002 + depth + 0.25e-3, 0.03)
    inserter.wait(0.2)
    pushed = float(np.linalg.norm(np.array(machine.world.true_wrench[:3]) - still))
    assert pushed == pytest.approx(machine.truth.contact_force_n(), rel=0.01)
    assert pushed == pytest.approx(machine.truth.grasp_force_n() + weight, rel=0.01)
    machine.disconnect()


def energy_error(rate_hz):
    """Largest change of the total energy of a falling arm, and its largest kinetic energy, J."""
    no_rotor = {"rotor_inertia_kg_m2": [0.0] * 6}
    machine = connected("trial_1", arm=no_rotor, physics={"rate_hz": rate_hz}, **NO_CABLE)
    world = machine.world
    world.release_plug()
    model = pinocchio_model()
    model.gravity.linear = GRAVITY
    data = model.createData()
    world.drives.apply_torques([0.0] * 6)

    def energy():
        q, dq, _ = world.joint_states()
        full, speed = np.array([*q, *world.all_positions()[6:]]), np.array([*dq, 0.0, 0.0])
        return pin.computeKineticEnergy(model, data, full, speed), pin.computePotentialEnergy(model, data, full)

    start = sum(energy())
    swing, worst = 0.0, 0.0
    for _ in range(16):
        world.advance(rate_hz // 100)
        kinetic, potential = energy()
        swing, worst = max(swing, kinetic), max(worst, abs(kinetic + potential - start))
    assert machine.truth.contacts == []
    machine.disconnect()
    return worst, swing


def test_an_undriven_arm_keeps_its_energy_up_to_the_step():
    # Undamped, without motors, 0.16 s down from home: then it would touch the board.
    worst, swing = energy_error(2000)
    assert swing > 5.0
    assert worst < 0.004 * swing
    finer, _ = energy_error(4000)
    assert finer == pytest.approx(worst / 2.0, rel=0.1)


def test_a_motor_adds_its_inertia_to_its_joint():
    model = pinocchio_model()
    for index, rotor in ((5, 0.02), (0, 0.1)):
        machine = connected("trial_1", physics={"gravity_m_per_s2": 0.0}, **NO_CABLE)
        world = machine.world
        world.release_plug()
        q, _, _ = world.joint_states()
        torques = np.zeros(6)
        torques[index] = 2.0
        world.drives.apply_torques(torques)
        world.advance(4)
        _, dq, _ = world.joint_states()
        acceleration = np.array(dq) / (4 * world.dt_s)
        M = pin.crba(model, model.createData(), np.array([*q, *world.all_positions()[6:]]))[:6, :6]
        # A motor that is part of its link: its inertia turns with every joint before it too.
        kinematics = ArmKinematics(world.scene.robot)
        axes = kinematics.jacobian(q)[3:, :]
        rotors = world.settings.arm.rotor_inertia_kg_m2
        for k in range(6):
            s = axes[:, k] @ np.where(np.arange(6) <= k, axes, 0.0)
            M = M + rotors[k] * np.outer(s, s)
        assert acceleration == pytest.approx(np.linalg.solve(M, torques), rel=5e-3, abs=5e-3)
        assert M[index, index] > rotor
        machine.disconnect()


def test_the_grasp_is_as_stiff_as_stated():
    machine = connected("trial_1", **NO_CABLE)
    world = machine.world
    for _ in range(100):
        machine.cycle(PERIOD_S)
    before, tcp = world.held_point(), world.tcp()
    for _ in range(800):
        com = world.plug_com()
        # A push through the held point, so that the plug does not turn.
        p.applyExternalForce(
            world.plug, -1, (8.0, 0.0, 0.0), world.held_point(), p.WORLD_FRAME, physicsClientId=world.client
        )
        world.advance(1)
    moved = np.subtract(world.held_point(), before) - np.subtract(world.tcp().p, tcp.p)
    assert moved[0] == pytest.approx(8.0 / 4.0e4, rel=0.01)
    assert com.p[0] > 0.0
    machine.disconnect()


RUN = """
from tests.support.sim_cell import StraightInserter, connected, hold
machine = connected("trial_1", seed={seed}, exact=False)
hold(machine, 0.2)
print(machine.state_hash())
"""


def test_same_seed_same_states_in_any_process():
    def run(seed):
        done = subprocess.run(
            [sys.executable, "-c", RUN.format(seed=seed)], capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout.split()[-1]

    machine = connected("trial_1", seed=3, exact=False)
    hold(machine, 0.2)
    here = machine.state_hash()
    hold(machine, 0.002)
    assert machine.state_hash() != here
    machine.disconnect()
    assert run(3) == here
    assert run(3) == here
    assert run(4) != here


def test_a_plug_slips_in_the_grasp_beyond_what_friction_holds():
    machine = connected("trial_1", grasp={"pad_friction": 20.0 / (2.0 * 130.0)}, **NO_CABLE)
    world = machine.world

    def push(force, steps):
        for _ in range(steps):
            p.applyExternalForce(
                world.plug, -1, (force, 0.0, 0.0), world.held_point(), p.WORLD_FRAME, physicsClientId=world.client
            )
            world.advance(1)

    push(15.0, 400)
    assert world.grasp.slipped_m == 0.0
    push(30.0, 20)  # more than it holds: it moves on
    push(0.0, 400)
    assert world.grasp.slipped_m > 1e-4
    left = np.subtract(world.held_point(), world.tcp().p)
    assert np.linalg.norm(left) == pytest.approx(world.grasp.slipped_m, abs=5e-5)
    machine.disconnect()


def test_loading_the_engine_prints_nothing():
    command = "import cablecell.simulation.bodies; print('only this')"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "only this\n"
    assert done.stderr == ""
