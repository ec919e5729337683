"""The physics of one trial: arm, scene, gripped plug, cable, latch and force sensor, stepped at a fixed rate.

The code of a step uses plain numbers and tuples: at this size numpy would cost more than the physics.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pybullet as p

from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.config.trial import JOINT_NAMES
from cablecell.core.geometry.scalar import Vec3, add, cross, rotate, subtract
from cablecell.simulation.bodies import add_arm, add_port, add_shapes, open_client
from cablecell.simulation.cable import Cable
from cablecell.simulation.description import move_mass_to_parent
from cablecell.simulation.drives import Drives
from cablecell.simulation.encoders import EncoderErrors
from cablecell.simulation.grasp import GraspSpring
from cablecell.simulation.gravity import GravityLoad
from cablecell.simulation.held_plug import HeldPlug
from cablecell.simulation.latch import LatchModel
from cablecell.simulation.port_forces import PortForces
from cablecell.simulation.port_mount import PortMount
from cablecell.simulation.rigid import Pose
from cablecell.simulation.scene import Scene
from cablecell.simulation.wrench_sensor import Wrench, WrenchErrors

FINGER_JOINTS = ("left_finger_joint", "right_finger_joint")
FINGER_FORCE_N = 130.0
FINGER_SPEED_M_PER_S = 0.05


class World:
    """One scene in one PyBullet client.

    Attributes:
        scene: Where everything stands that is not the arm.
        built: Where it stood at the start.
        client: PyBullet client, for truth and tests.
        arm: Body of the arm.
        joints: Joint indices of the arm by name.
        held: The plug and what acts on it, or None.
        X_tcp_tip_nominal: Where the trial puts the plug's tip in the gripper; only with a plug.
        ports: Bodies of every port by name; the floor is last.
        statics: Body of every static body, with its description.
        steps: Physics steps done.
        time_s: Time since the start, s.
        port_forces: What ports do to the plug beside Bullet's contact.
        port_mount: What the target port gives way to and sways with; None where it is rigid.
        drives: Motors of the arm.
        gravity: What the arm's joints bear.
        sensor: What the force sensor reports.
        encoders: What the joint encoders report.
        true_wrench: Newest mean wrench at `ft_frame` without errors.
    """

    def __init__(self, scene: Scene, settings: SimulationSettings, seed: int, home_rad: Sequence[float]) -> None:
        if scene.plug is not None:
            fine_enough = settings.physics.for_connector(scene.plug.connector)
            settings = settings.model_copy(update={"physics": fine_enough})
        self.scene, self.built, self.settings, self.seed = scene, scene, settings, seed
        physics = settings.physics
        self.dt_s = 1.0 / physics.rate_hz
        self.client = open_client(physics)
        self.steps, self.time_s = 0, 0.0
        self._add_arm(home_rad)
        self.statics = {
            add_shapes(self.client, piece, body.X_WB): body for body in scene.statics for piece in body.pieces()
        }
        self.ports = {
            name: add_port(self.client, port.connector, port.X_WE, physics.friction_scale)
            for name, port in scene.ports.items()
        }
        self.held: HeldPlug | None = None
        if scene.plug is not None:
            self.held = HeldPlug(
                self.client,
                self.arm,
                self._hand,
                self._X_hand_tcp,
                scene.plug,
                settings,
                self.tcp(),
                table_height_m=scene.board.p[2],
                rng=self.random("grasp"),
                grip_n=self._finger_command[1],
            )
            self.X_tcp_tip_nominal = self.held.X_tcp_tip_nominal
        self.port_forces = PortForces(self.client, scene, settings, self.ports, self.held)
        if self.held is not None:
            self.held.forces = (self.port_forces.act,)
        self.port_mount: PortMount | None = None
        if not settings.port_mount.is_rigid:
            bodies = self.ports[scene.target]
            self.port_mount = PortMount(self.client, scene, settings.port_mount, bodies, self.held)
            if self.held is not None:  # felt before what the port does to the plug is added
                self.held.forces = (self.port_mount.feel, *self.held.forces)
        self.encoders = EncoderErrors(settings.encoders, len(JOINT_NAMES), self.random("encoders"))
        self.sensor = WrenchErrors(settings.wrench_sensor, self.random("wrench_sensor"))
        self.true_wrench: Wrench = (0.0,) * 6
        self._wrench_sum = [0.0] * 6
        self._wrench_every = physics.rate_hz // settings.wrench_sensor.rate_hz
        self._cable_every = physics.rate_hz // settings.cable.rate_hz
        # The sensor has a reading from the start, stamped with the start.
        self.steps = -self._wrench_every
        self.advance(self._wrench_every)

    def random(self, name: str) -> random.Random:
        """Return the seeded source of randomness of one error model."""
        return random.Random(f"{self.seed}/{name}")

    def close(self) -> None:
        """Free the client."""
        if p.isConnected(physicsClientId=self.client):
            p.disconnect(physicsClientId=self.client)

    # ------------------------------------------------------------------ building

    def _add_arm(self, home_rad: Sequence[float]) -> None:
        settings, robot = self.settings, self.scene.robot
        rotors = dict(zip(JOINT_NAMES, settings.arm.rotor_inertia_kg_m2, strict=True))
        moved = robot
        for name in FINGER_JOINTS:
            moved = move_mass_to_parent(moved, name)
        self.arm, self.joints = add_arm(self.client, moved, rotors)
        self.arm_joints = [self.joints[name] for name in JOINT_NAMES]
        self._fingers = [self.joints[name] for name in FINGER_JOINTS]
        limits = {joint.name: joint for joint in robot.joints}
        self.joint_limits = [limits[name] for name in JOINT_NAMES]
        for joint, value in zip(self.arm_joints, home_rad, strict=True):
            p.resetJointState(self.arm, joint, value, physicsClientId=self.client)
        self._ft_joint = self.joints["ft_frame_joint"]
        p.enableJointForceTorqueSensor(self.arm, self._ft_joint, True, physicsClientId=self.client)
        self._hand = self.joints["gripper_base_link_joint"]
        hand, self._X_hand_tcp = robot.frames["tcp"]
        if hand != "gripper_base_link":
            raise ValueError(f"frame tcp is on '{hand}', not on gripper_base_link")
        self._link_of = {joint.child: self.joints[joint.name] for joint in robot.joints}
        self.gravity = GravityLoad(robot, JOINT_NAMES, hand, settings.physics.gravity_m_per_s2)
        self.drives = Drives(
            self.client,
            self.arm,
            self.arm_joints,
            [joint.effort for joint in self.joint_limits],
            settings.arm.position_gain,
        )
        self.drives.follow(home_rad, home_rad, 1, self.dt_s)
        held = self.scene.plug
        self.move_fingers(held.connector.grasp.width_m if held else 0.05, FINGER_FORCE_N)
        for finger in self._fingers:
            width = held.connector.grasp.width_m if held else 0.05
            p.resetJointState(self.arm, finger, width / 2.0, physicsClientId=self.client)

    # ------------------------------------------------------------------ state

    def joint_states(self) -> tuple[list[float], list[float], list[float]]:
        """Return true positions, rad, velocities, rad/s, and motor torques, N·m, of the arm's joints."""
        states = p.getJointStates(self.arm, self.arm_joints, physicsClientId=self.client)
        return [s[0] for s in states], [s[1] for s in states], [s[3] for s in states]

    def finger_width(self) -> float:
        """Return the distance between the pads, m."""
        states = p.getJointStates(self.arm, self._fingers, physicsClientId=self.client)
        return states[0][0] + states[1][0]

    def all_positions(self) -> list[float]:
        """Return the positions of every movable joint in PyBullet's order, rad and m."""
        indices = [*self.arm_joints, *self._fingers]
        return [s[0] for s in p.getJointStates(self.arm, indices, physicsClientId=self.client)]

    def frame(self, name: str) -> Pose:
        """Return the true pose of a frame of the arm in `world`.

        Raises:
            LookupError: The arm has no such frame.
        """
        frames = self.scene.robot.frames
        if name not in frames:
            raise LookupError(f"the arm has no frame '{name}'; it has {', '.join(sorted(frames))}")
        body, X_BF = frames[name]
        if body not in self._link_of:
            return X_BF
        state = p.getLinkState(self.arm, self._link_of[body], 0, 1, physicsClientId=self.client)
        return Pose(state[4], state[5]) @ X_BF

    def tcp(self) -> Pose:
        """Return the true pose of `tcp` in `world`."""
        return self.frame("tcp")

    def tcp_velocity(self) -> Vec3:
        """Return the true velocity of the origin of `tcp` in `world`, m/s."""
        return self.tcp_motion()[1]

    def tcp_motion(self) -> tuple[Vec3, Vec3]:
        """Return position, m, and velocity, m/s, of the origin of `tcp` in `world`; both at the price of one."""
        hand = p.getLinkState(self.arm, self._hand, 1, 1, physicsClientId=self.client)
        tcp = add(hand[4], rotate(hand[5], self._X_hand_tcp.p))
        return tcp, add(hand[6], cross(hand[7], subtract(tcp, hand[0])))

    @property
    def plug(self) -> int | None:
        """Body of the plug, or None."""
        return None if self.held is None else self.held.body

    @property
    def grasp(self) -> GraspSpring | None:
        """Spring that holds the plug; None while it is released or where there is none."""
        return None if self.held is None else self.held.grasp

    @property
    def latches(self) -> dict[str, LatchModel]:
        """Latches by port."""
        return self.port_forces.latches

    @property
    def cable(self) -> Cable | None:
        """Pull of the cable, or None."""
        return None if self.held is None else self.held.cable

    def plug_com(self) -> Pose:
        """Return the pose of the plug's centre of mass, with the axes of its tip.

        Raises:
            LookupError: The scene has no plug.
        """
        return self._the_plug().com()

    def plug_tip(self) -> Pose:
        """Return the true pose of the plug's tip in `world`."""
        return self._the_plug().tip()

    def _the_plug(self) -> HeldPlug:
        if self.held is None:
            raise LookupError("the scene has no plug")
        return self.held

    def in_hand_link(self, point_tcp: Vec3) -> Vec3:
        """Return a point of `tcp` as an offset from the hand link's frame, m."""
        return self._X_hand_tcp.apply(point_tcp)

    def held_point(self) -> Vec3:
        """Return the point of the plug that was between the fingers when it was gripped first, in `world`, m."""
        return self._the_plug().held_point()

    def boot(self) -> Vec3:
        """Return where the cable leaves the plug, in `world`, m."""
        return self._the_plug().boot()

    # ------------------------------------------------------------------ acting

    def save_physics(self) -> bytes:
        """Return the state of every body and contact, as the physics engine writes it."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "state.bullet"
            p.saveBullet(str(path), physicsClientId=self.client)
            return path.read_bytes()

    def restore_physics(self, saved: bytes) -> None:
        """Put a state back that was saved of the same scene, and tell the motors again what they were told last.

        To be called after the state of the objects around the engine was put back.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "state.bullet"
            path.write_bytes(saved)
            p.restoreState(fileName=str(path), physicsClientId=self.client)
        self.drives.resume()
        self.move_fingers(*self._finger_command)

    def physics_values(self) -> list[float]:
        """Return positions and velocities of everything that moves, for a hash."""
        q, dq, _ = self.joint_states()
        fingers = p.getJointStates(self.arm, self._fingers, physicsClientId=self.client)
        values = [*q, *dq, *(value for state in fingers for value in state[:2])]
        if self.plug is not None:
            pose, velocity = self.plug_com(), p.getBaseVelocity(self.plug, physicsClientId=self.client)
            values += [*pose.p, *pose.q, *velocity[0], *velocity[1]]
        return values

    def move_fingers(self, width_m: float, force_n: float) -> None:
        """Move the fingers towards a width, m, with at most a force, N; it decides what friction holds."""
        force_n = min(force_n, FINGER_FORCE_N)
        self._finger_command = (width_m, force_n)
        for finger in self._fingers:
            p.setJointMotorControl2(
                self.arm,
                finger,
                p.POSITION_CONTROL,
                targetPosition=width_m / 2.0,
                force=force_n,
                maxVelocity=FINGER_SPEED_M_PER_S / 2.0,
                physicsClientId=self.client,
            )

    def release_plug(self) -> None:
        """Let the plug go: nothing holds it any more."""
        self._the_plug().grasp = None

    def grip_plug(self) -> None:
        """Hold the plug where it is now, without moving it."""
        self._the_plug().grip(self.tcp(), self._finger_command[1])

    def advance(self, steps: int) -> None:
        """Do physics steps with the drives as they are set."""
        client, arm, ft_joint, total = self.client, self.arm, self._ft_joint, self._wrench_sum
        before_step, step, joint_state = self.drives.before_step, p.stepSimulation, p.getJointState
        held, mount = self.held, self.port_mount
        for _ in range(steps):
            before_step()
            if held is not None:
                held.push()
            if mount is not None:
                self.scene = mount.move(self.scene, self.time_s, self.dt_s, self.port_forces)
            step(client)
            fx, fy, fz, tx, ty, tz = joint_state(arm, ft_joint, client)[2]
            total[0] += fx
            total[1] += fy
            total[2] += fz
            total[3] += tx
            total[4] += ty
            total[5] += tz
            self.steps += 1
            self.time_s = self.steps * self.dt_s
            if self.steps % self._wrench_every == 0:
                self._sample_wrench()
            if held is not None and self.steps % self._cable_every == 0:
                held.move_cable()
                self.port_forces.look()

    def _sample_wrench(self) -> None:
        # Bullet reports the joint's reaction on the tool; a sensor reads what the tool exerts on it, weight included.
        n = -float(self._wrench_every)
        s = self._wrench_sum
        self.true_wrench = (s[0] / n, s[1] / n, s[2] / n, s[3] / n, s[4] / n, s[5] / n)
        self._wrench_sum[:] = (0.0,) * 6
        self.sensor.update(self.time_s, self.true_wrench)
