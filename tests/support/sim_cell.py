"""A simulated cell for tests: scenes of the sample trials, kinematics, straight motions with true poses."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.spatial.transform import Rotation

from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_simulation, load_trials
from cablecell.ports import CommandMode, JointCommand
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.rigid import NO_ROTATION, Pose
from cablecell.simulation.scene_state import SceneState
from cablecell.simulation.visual_scene import link_poses

PERIOD_S = 0.002
STIFFNESS = np.array([2000.0, 2000.0, 2000.0, 500.0, 500.0, 300.0])
DAMPING = np.array([150.0, 150.0, 100.0, 10.0, 10.0, 5.0])


@lru_cache(maxsize=1)
def trials():
    return load_trials()


@lru_cache(maxsize=8)
def scene(name):
    return load_scene(trials().trials[name], load_connectors())


def settings(exact=True, **groups):
    """The default settings without errors, with some groups changed: `settings(arm={"position_gain": 0.2})`."""
    base = load_simulation()
    if exact:
        base = base.exact()
    changed = {name: getattr(base, name).model_copy(update=values) for name, values in groups.items()}
    return base.model_copy(update=changed)


def connected(name="trial_1", seed=1, exact=True, **groups):
    machine = SimulatedMachine(scene(name), settings(exact, **groups), seed=seed)
    machine.connect()
    return machine


def hold(machine, seconds, q=None):
    """Hold the arm by a stiff joint-space spring in effort mode."""
    target = machine.arm.read().q.copy() if q is None else q
    for _ in range(round(seconds / PERIOD_S)):
        state = machine.arm.read()
        torque = STIFFNESS * (target - state.q) - DAMPING * state.dq
        machine.arm.command(JointCommand(CommandMode.EFFORT, torque))
        machine.cycle(PERIOD_S)


class ArmKinematics:
    """Forward and inverse kinematics of a joined description, independent of the physics engine."""

    def __init__(self, robot):
        self.robot = robot
        self.X_hand_tcp = robot.frames["tcp"][1]

    def tcp(self, q):
        state = SceneState(0.0, tuple(q), 0.0, None, ())
        return link_poses(self.robot, state)["gripper_base_link"] @ self.X_hand_tcp

    def jacobian(self, q):
        """Velocity of the tool's origin and its angular velocity per joint velocity, in world, shape (6, 6)."""
        poses = link_poses(self.robot, SceneState(0.0, tuple(q), 0.0, None, ()))
        tip = np.array((poses["gripper_base_link"] @ self.X_hand_tcp).p)
        columns = []
        for joint in self.robot.joints:
            if joint.kind == "revolute":
                X = poses[joint.child].matrix()
                axis = X[:3, :3] @ joint.axis
                columns.append(np.concatenate([np.cross(axis, tip - X[:3, 3]), axis]))
        return np.array(columns).T

    def solve(self, X_world_tcp, q):
        """Joint positions near q with the tool at a pose, by Newton's method."""
        q = np.array(q, dtype=float)
        for _ in range(30):
            now = self.tcp(q)
            turn = Rotation.from_quat(X_world_tcp.q) * Rotation.from_quat(now.q).inv()
            error = np.concatenate([np.subtract(X_world_tcp.p, now.p), turn.as_rotvec()])
            if np.abs(error).max() < 1e-9:
                return q
            q = q + np.linalg.solve(self.jacobian(q), error)
        raise AssertionError(f"no joint positions reach {X_world_tcp}")


class StraightInserter:
    """Moves a plug along its port's axis with true poses, as only a test may."""

    def __init__(self, machine):
        self.machine = machine
        self.kinematics = ArmKinematics(machine.world.scene.robot)
        self.offset = np.array(machine.world.encoders.offset_rad)
        self.q = machine.arm.read().q - self.offset

    def move_to(self, q, seconds):
        start, steps = self.q, round(seconds / PERIOD_S)
        for i in range(steps):
            s = (i + 1) / steps
            s = s**3 * (10.0 - 15.0 * s + 6.0 * s * s)
            self.command(start + s * (q - start))
        self.q = q

    def command(self, q):
        self.machine.arm.command(JointCommand(CommandMode.POSITION, q + self.offset))
        self.machine.cycle(PERIOD_S)

    def above(self, height_m, seconds=2.0):
        """Bring the tip above the entrance, upright on the port's axis."""
        machine = self.machine
        for duration in (seconds, 0.2, 0.2):
            X_world_tip = machine.truth.target_entrance() @ Pose((0.0, 0.0, -height_m), NO_ROTATION)
            self.move_to(self.kinematics.solve(X_world_tip @ machine.truth.tip_in_tcp().inverse(), self.q), duration)

    def push(self, distance_m, speed_m_per_s, on_step=None):
        """Move the tool along the port's axis without turning it; `on_step()` is called after every period."""
        X_world_tcp = self.kinematics.tcp(self.q)
        axis = np.array(self.machine.truth.target_entrance().matrix()[:3, 2])
        steps = max(1, round(abs(distance_m) / (speed_m_per_s * PERIOD_S)))
        for i in range(steps):
            s = (i + 1) / steps
            target = Pose(tuple(np.array(X_world_tcp.p) + s * distance_m * axis), X_world_tcp.q)
            self.q = self.kinematics.solve(target, self.q)
            self.command(self.q)
            if on_step is not None:
                on_step()

    def wait(self, seconds):
        for _ in range(round(seconds / PERIOD_S)):
            self.machine.cycle(PERIOD_S)
