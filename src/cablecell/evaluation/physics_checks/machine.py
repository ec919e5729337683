"""Arm, force sensor, plug and controller of the simulated cell against mechanics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pybullet as p
from numpy.typing import NDArray

from cablecell.composition.robot_description import load_robot_description
from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_simulation, load_trials
from cablecell.core.config.control import ControlSettings
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.robot_arm import RobotArm
from cablecell.core.motion.model import RobotModel
from cablecell.evaluation.physics_checks.check import Check, between
from cablecell.ports import CommandMode, JointCommand
from cablecell.simulation.machine import SimulatedMachine

Array = NDArray[np.float64]
Result = tuple[float, float, dict[str, Any]]
Measure = Callable[[np.random.Generator], Result]

PERIOD_S, GRAVITY = 0.002, 9.80665
BEHIND_SENSOR = ("ft_frame", "gripper_base_link", "left_finger_link", "right_finger_link")
HOME = (-0.16, -1.35, -1.66, -1.69, 1.57, 1.41)
_SINGLE = "wanted are 0.1 µm; Bullet keeps angles in single precision, which is up to 0.15 µm at this reach"
UR5E_A, UR5E_D = (0.0, -0.425, -0.3922, 0.0, 0.0, 0.0), (0.1625, 0.0, 0.0, 0.1333, 0.0997, 0.0996)
UR5E_ALPHA = (math.pi / 2, 0.0, 0.0, math.pi / 2, -math.pi / 2, 0.0)
"""Published Denavit-Hartenberg parameters, m and rad."""


@lru_cache(maxsize=1)
def _model() -> RobotModel:
    return RobotModel(load_robot_description())


def _gravity_torques(q: Array) -> Array:
    """Return pinocchio's gravity torques at the simulation's gravity, shape (6,), N·m."""
    model = _model()
    return model.gravity_torque(q) * (GRAVITY / -float(model.pin_model.gravity.linear[2]))


def exact_machine(rng: np.random.Generator, *, has_rotors: bool = True, gravity: bool = True) -> SimulatedMachine:
    """Return a connected machine without errors and without a cable, in a random sample trial."""
    settings = load_simulation().exact()
    update: dict[str, Any] = {"cable": settings.cable.model_copy(update={"is_present": False})}
    if not has_rotors:
        update["arm"] = settings.arm.model_copy(update={"rotor_inertia_kg_m2": [0.0] * 6})
    if not gravity:
        update["physics"] = settings.physics.model_copy(update={"gravity_m_per_s2": 0.0})
    trials = load_trials().trials
    name = list(trials)[int(rng.integers(len(trials)))]
    scene = load_scene(trials[name], load_connectors())
    machine = SimulatedMachine(scene, settings.model_copy(update=update), seed=0)
    machine.connect()
    return machine


def _put(machine: SimulatedMachine, q: Sequence[float]) -> None:
    """Put the arm, at rest, where it should be."""
    world = machine.world
    for joint, value in zip(world.arm_joints, q, strict=True):
        p.resetJointState(world.arm, joint, value, physicsClientId=world.client)
    machine.arm.attach(world)


def _random_pose(rng: np.random.Generator) -> list[float]:
    return [value + between(rng, -0.6, 0.6) if i > 2 else value for i, value in enumerate(HOME)]


def _weight(rng: np.random.Generator) -> Result:
    """Largest error of the sensor's reading of what hangs on it, in six poses, N."""
    machine = exact_machine(rng)
    world = machine.world
    world.release_plug()
    worst = 0.0
    for _ in range(6):
        _put(machine, _random_pose(rng))
        for _ in range(120):
            machine.cycle(PERIOD_S)
        R = world.frame("ft_frame").matrix()[:3, :3]
        mass = sum(world.scene.robot.bodies[name].mass for name in BEHIND_SENSOR)
        expected = R.T @ np.array([0.0, 0.0, -mass * GRAVITY])
        worst = max(worst, float(np.abs(machine.wrench_sensor.read().force - expected).max()))
    machine.disconnect()
    return worst, 1.0e-3, {}


def _tip_force(which: str) -> Measure:
    """A known push at the tool: what the sensor's force and torque change by."""

    def measure(rng: np.random.Generator) -> Result:
        machine = exact_machine(rng)
        world = machine.world
        world.release_plug()
        for _ in range(100):
            machine.cycle(PERIOD_S)
        still, tcp = np.array(world.true_wrench), world.tcp()
        push = rng.uniform(-6.0, 6.0, 3)
        hand = world.joints["gripper_base_link_joint"]
        for _ in range(600):
            p.applyExternalForce(world.arm, hand, push.tolist(), tcp.p, p.WORLD_FRAME, physicsClientId=world.client)
            world.advance(1)
        change = np.array(world.true_wrench) - still
        X_FW = world.frame("ft_frame").inverse()
        force = X_FW.matrix()[:3, :3] @ push
        expected = force if which == "force" else np.cross(np.array(X_FW.apply(tcp.p)), force)
        found = change[:3] if which == "force" else change[3:]
        machine.disconnect()
        size = float(np.linalg.norm(expected))
        return size + float(np.linalg.norm(found - expected)), size, {}

    return measure


def _momentum(rng: np.random.Generator) -> Result:
    """While the arm swings the plug: the sensor's force against the grasp's and the momentum of the hand, N."""
    machine = exact_machine(rng)
    world = machine.world
    home = np.array(machine.arm.read().q)
    links = [world.joints[joint.name] for joint in world.scene.robot.joints if joint.child in BEHIND_SENSOR]
    # The mass of the fingers is the hand's in the simulation.
    masses = [p.getDynamicsInfo(world.arm, link, physicsClientId=world.client)[0] for link in links]
    every = world.settings.physics.rate_hz // world.settings.wrench_sensor.rate_hz

    def momentum() -> Array:
        states = [p.getLinkState(world.arm, link, 1, 1, physicsClientId=world.client) for link in links]
        return np.sum([mass * np.array(state[6]) for mass, state in zip(masses, states, strict=True)], axis=0)

    errors, forces = [], []
    axis = np.array([0.0, 0.6, -0.5, 0.0, 0.0, 0.0]) * between(rng, 0.8, 1.2)
    for i in range(150):
        swing = 0.1 * (1.0 - math.cos(2.0 * math.pi * 2.0 * (i + 1) * PERIOD_S))
        machine.arm.command(JointCommand(CommandMode.POSITION, home + swing * axis))
        before, grasp = momentum(), np.zeros(3)
        for _ in range(every):
            world.advance(1)
            assert world.grasp is not None
            grasp += np.array(world.grasp.force) / every
        rate = (momentum() - before) / (every * world.dt_s)
        weight = np.array([0.0, 0.0, -sum(masses) * GRAVITY])
        expected = weight - grasp - rate
        found = world.frame("ft_frame").matrix()[:3, :3] @ np.array(world.true_wrench[:3])
        errors.append(np.linalg.norm(found - expected))
        forces.append(np.linalg.norm(expected))
    machine.disconnect()
    size = float(np.sqrt(np.mean(np.square(forces))))
    return size + float(np.sqrt(np.mean(np.square(errors)))), size, {"force_max_n": float(max(forces))}


def _kinematics(which: str) -> Measure:
    """Largest distance of a frame of the simulated arm from where it should be, m."""

    def measure(rng: np.random.Generator) -> Result:
        machine = exact_machine(rng)
        world, model = machine.world, _model()
        worst = 0.0
        for _ in range(10):
            q = np.array(HOME) + rng.uniform(-0.5, 0.5, 6)
            for joint, value in zip(world.arm_joints, q, strict=True):
                p.resetJointState(world.arm, joint, float(value), physicsClientId=world.client)
            X_WB = world.frame("base_link").matrix()
            frame = "tcp" if which == "pinocchio" else "tool0"
            expected = model.fk(q, "tcp") if which == "pinocchio" else _dh(q)
            found = np.linalg.inv(X_WB) @ world.frame(frame).matrix()
            worst = max(worst, float(np.abs(found[:3, 3] - expected[:3, 3]).max()))
        machine.disconnect()
        return worst, 1.0e-7, {}

    return measure


def _dh(q: Array) -> Array:
    X = np.diag([-1.0, -1.0, 1.0, 1.0])  # the controller's base frame is turned by half a turn in base_link
    for theta, a, d, alpha in zip(q, UR5E_A, UR5E_D, UR5E_ALPHA, strict=True):
        ct, st, ca, sa = math.cos(theta), math.sin(theta), math.cos(alpha), math.sin(alpha)
        X = X @ np.array(
            [[ct, -st * ca, st * sa, a * ct], [st, ct * ca, -ct * sa, a * st], [0, sa, ca, d], [0, 0, 0, 1]]
        )
    return X


def _gravity_torque(rng: np.random.Generator) -> Result:
    """Largest difference of the engine's gravity torques, and of the arm's own, from pinocchio's, N·m."""
    machine = exact_machine(rng, has_rotors=False)
    world, worst = machine.world, 0.0
    for _ in range(10):
        q = rng.uniform(-2.0, 2.0, 6)
        positions = [*q.tolist(), *world.all_positions()[6:]]
        still = [0.0] * len(positions)
        found = p.calculateInverseDynamics(world.arm, positions, still, still, physicsClientId=world.client)[:6]
        for torques in (found, world.gravity.torques(q.tolist())):
            worst = max(worst, float(np.abs(np.array(torques) - _gravity_torques(q)).max()))
    machine.disconnect()
    return worst, 1.0e-3, {}


def _free_fall(rng: np.random.Generator) -> Result:
    machine = exact_machine(rng)
    world = machine.world
    world.release_plug()
    assert world.plug is not None
    start = (1.5, 1.5, 4.0)
    p.resetBasePositionAndOrientation(world.plug, start, (0.0, 0.0, 0.0, 1.0), physicsClientId=world.client)
    p.resetBaseVelocity(world.plug, (0.3, 0.0, 0.0), (0.0, 0.0, 2.0), physicsClientId=world.client)
    steps = 1000
    world.advance(steps)
    seconds = steps * world.dt_s
    fallen = start[2] - world.plug_com().p[2]
    machine.disconnect()
    return fallen, 0.5 * GRAVITY * seconds * (seconds + world.dt_s), {}


def _swinging(rng: np.random.Generator) -> tuple[SimulatedMachine, int, float, float]:
    """Return a machine whose fourth joint swings freely, that joint, its inertia, kg·m², and where it hangs, rad."""
    machine = exact_machine(rng, has_rotors=False)
    world, model = machine.world, _model()
    world.release_plug()
    assert world.plug is not None
    p.resetBasePositionAndOrientation(world.plug, (3.0, 3.0, 0.5), (0, 0, 0, 1), physicsClientId=world.client)
    index = 3
    angles = np.linspace(-0.8, 0.8, 801)
    torques = [abs(_gravity_torques(np.array([*HOME[:3], HOME[3] + a, *HOME[4:]]))[index]) for a in angles]
    rest = HOME[3] + float(angles[int(np.argmin(torques))])
    q = np.array([*HOME[:3], rest, *HOME[4:]])
    _put(machine, q.tolist())
    for i, joint in enumerate(world.arm_joints):
        free = i == index
        options = {"force": 0.0} if free else {"targetPosition": float(q[i]), "force": 1.0e4}
        mode = p.VELOCITY_CONTROL if free else p.POSITION_CONTROL
        p.setJointMotorControl2(world.arm, joint, mode, physicsClientId=world.client, **options)
    return machine, world.arm_joints[index], float(model.mass_matrix(q)[index, index]), rest


def _swing(machine: SimulatedMachine, joint: int, seconds: float) -> tuple[Array, Array]:
    """Return angles and velocities of a joint, per step, without the world's own drives."""
    client, angles, speeds = machine.world.client, [], []
    for _ in range(round(seconds / machine.world.dt_s)):
        p.stepSimulation(physicsClientId=client)
        angle, speed = p.getJointState(machine.world.arm, joint, physicsClientId=client)[:2]
        angles.append(angle)
        speeds.append(speed)
    return np.array(angles), np.array(speeds)


def _pendulum(rng: np.random.Generator) -> Result:
    """Period of small swings of the wrist with its gripper, s."""
    machine, joint, inertia, rest = _swinging(rng)
    index, step = 3, 1.0e-4
    torque = [_gravity_torques(np.array([*HOME[:3], rest + d, *HOME[4:]]))[index] for d in (-step, step)]
    stiffness = (torque[1] - torque[0]) / (2.0 * step)
    p.resetJointState(machine.world.arm, joint, rest + 0.02, physicsClientId=machine.world.client)
    angles, _ = _swing(machine, joint, 4.0)
    dt_s = machine.world.dt_s
    machine.disconnect()
    around = angles - rest
    rising = np.flatnonzero((around[:-1] < 0.0) & (around[1:] >= 0.0))
    crossings = rising - around[rising] / (around[rising + 1] - around[rising])
    period = float(np.mean(np.diff(crossings))) * dt_s
    return period, 2.0 * math.pi * math.sqrt(inertia / stiffness), {"swings": len(crossings) - 1}


def _energy(rng: np.random.Generator) -> Result:
    """Change of the energy of a wide undamped swing per second, relative to its largest kinetic energy."""
    machine, joint, inertia, rest = _swinging(rng)
    p.resetJointState(machine.world.arm, joint, rest + 0.5, physicsClientId=machine.world.client)
    seconds = 4.0
    angles, speeds = _swing(machine, joint, seconds)
    dt_s = machine.world.dt_s
    machine.disconnect()
    # At the lowest point all energy is kinetic: compared swing by swing, the ripple of the step does not count.
    lowest = np.flatnonzero(np.diff(np.sign(angles - rest)) != 0)
    kinetic = 0.5 * inertia * speeds[lowest] ** 2
    times = lowest * dt_s
    slope = float(np.polyfit(times, kinetic, 1)[0])
    return abs(slope) / float(kinetic.mean()), 0.01, {"kinetic_j": float(kinetic.mean())}


def _stiffness(rng: np.random.Generator) -> Result:
    """Push the tool of the compliant arm and measure how far it yields, N/m."""
    machine = exact_machine(rng)
    world = machine.world
    world.release_plug()
    rotors = np.array(world.settings.arm.rotor_inertia_kg_m2)
    arm, settings = RobotArm(_model(), rotor_inertia=rotors), ControlSettings()
    controller = ArmController(arm, settings, command_mode=CommandMode.EFFORT)
    bodies = world.scene.robot.bodies
    mass = sum(bodies[name].mass for name in BEHIND_SENSOR)
    target = arm.dynamics(machine.arm.read().q).X_base_tcp
    wanted = between(rng, 1000.0, 3000.0)
    K = np.diag([wanted] * 3 + [60.0] * 3)
    direction = int(rng.integers(3))
    push = np.zeros(3)
    hand = world.joints["gripper_base_link_joint"]

    def hold(force: Array, seconds: float) -> Array:
        for _ in range(round(seconds / PERIOD_S)):
            now = machine.clock.now_s()
            controller.command_compliance(ComplianceCommand(now, target, np.eye(4), K), now)
            machine.arm.command(controller.tick(machine.arm.read(), None, now))
            for _ in range(round(PERIOD_S / world.dt_s)):
                at = world.tcp().p
                p.applyExternalForce(world.arm, hand, force.tolist(), at, p.WORLD_FRAME, physicsClientId=world.client)
                machine.cycle(world.dt_s)
        return np.array(world.tcp().p)

    before = hold(push, 1.0)
    push[direction] = 4.0
    moved = hold(push, 2.0) - before
    machine.disconnect()
    return 4.0 / float(moved[direction]), wanted, {"gripper_kg": mass}


def _tracking(rng: np.random.Generator) -> Result:
    """Largest distance of the tool from where joint positions put it, at about 50 mm/s, m."""
    machine = exact_machine(rng)
    world = machine.world
    arm_length = float(np.hypot(*np.subtract(world.tcp().p, world.frame("base_link").p)[:2]))
    home, worst, rate = np.array(world.joint_states()[0]), 0.0, 0.05 / arm_length / 0.03
    for i in range(600):
        target = home.copy()
        target[0] += 0.03 * (1.0 - math.cos(rate * (i + 1) * PERIOD_S))
        machine.arm.command(JointCommand(CommandMode.POSITION, target))
        machine.cycle(PERIOD_S)
        worst = max(worst, abs(world.joint_states()[0][0] - target[0]) * arm_length)
    machine.disconnect()
    return worst, 30.0e-6, {"speed_m_per_s": 0.05}


def _same_hash(rng: np.random.Generator) -> Result:
    """Run two machines of one seed alike; 1 if their states are the same to the last bit."""
    seed = int(rng.integers(1000))
    trials = load_trials().trials
    scene = load_scene(trials[list(trials)[seed % len(trials)]], load_connectors())
    hashes = set()
    for _ in range(2):
        machine = SimulatedMachine(scene, load_simulation(), seed=seed)
        machine.connect()
        for _ in range(50):
            machine.cycle(PERIOD_S)
        hashes.add(machine.state_hash())
        machine.disconnect()
    return 1.0 if len(hashes) == 1 else 0.0, 1.0, {}


def machine_checks() -> list[Check]:
    """Return the checks of arm, sensor and controller."""
    return [
        Check("sensor_weight", "force sensor in six poses, largest error", "N", 1.0, _weight, kind="limit"),
        Check("sensor_push_force", "known push at the tool, force", "N", 1.0e-3, _tip_force("force")),
        Check("sensor_push_torque", "known push at the tool, torque", "N·m", 1.0e-3, _tip_force("torque")),
        Check("sensor_momentum", "sensor against grasp and m(a - g) in motion", "N", 0.01, _momentum),
        Check("kinematics_dh", "flange against DH", "m", 2.0, _kinematics("dh"), kind="limit", note=_SINGLE),
        Check("kinematics_pinocchio", "tool against pinocchio", "m", 2.0, _kinematics("pinocchio"), "limit", _SINGLE),
        Check("gravity_torque", "gravity torques against pinocchio", "N·m", 1.0, _gravity_torque, kind="limit"),
        Check("free_fall", "a plug that falls", "m", 1.0e-6, _free_fall),
        Check("pendulum_period", "small swings of the wrist", "s", 0.005, _pendulum),
        Check("energy_drift", "undamped swing, change per second", "1/s", 1.0, _energy, kind="limit"),
        Check("controller_stiffness", "impedance at the tool", "N/m", 0.01, _stiffness),
        Check("tracking", "joint positions at 50 mm/s", "m", 1.0, _tracking, kind="limit"),
        Check("same_seed_same_state", "two machines of one seed", "1", 0.0, _same_hash, kind="absolute"),
    ]
