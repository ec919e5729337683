"""The controller on the simulated machine, in one process: what the checks of the benchmark `control` are made of.

The machine is that of a sample trial with its plug and cable, every sensor error on unless it is said otherwise. What
is judged is the truth of the simulation; the controller gets what the sensors say.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pybullet as p
from numpy.typing import NDArray

from cablecell.composition.robot_description import load_robot_description
from cablecell.composition.simulated_backend import TOOL_PAYLOAD, payload_with_plug
from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_simulation, load_trials
from cablecell.core.config.connector import Connector
from cablecell.core.config.control import ControlSettings
from cablecell.core.control.admittance import ContactLoop
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.held_weight import HeldPayload, HeldTorques, corrected_payload, sensed_payload
from cablecell.core.control.payload_motion import plan_payload_motion
from cablecell.core.control.robot_arm import RobotArm
from cablecell.core.control.trajectory import JointTrajectory, Tolerances
from cablecell.core.fusion.payload import CarriedPayload, PayloadReadings, carried_payload
from cablecell.core.fusion.wrench import PayloadEstimate, Tare, WrenchCompensator
from cablecell.core.geometry import invert_pose, make_pose, rotation_from_quat
from cablecell.core.motion.model import RobotModel
from cablecell.ports import ArmState, CommandMode
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.rigid import Pose
from cablecell.simulation.servo import ServoArm, ServoLink

Array = NDArray[np.float64]

DT_S = 0.002
CUTOFF_HZ = 60.0
LINK = ServoLink(delay_s=0.004, jitter_s=0.002)
"""How the servos of an arm that is told positions are reached: as over the loop-back of ros2_control."""
LOOP = ContactLoop(0.022, 0.013, 40000.0, 30.0, tool_mass_kg=1.1, tool_centre_m=(0.0, 0.0, -0.1))
"""What its controller believes of that, as `config/robots/loopback.yaml` has it."""
_PLATE_M = (0.03, 0.03, 0.005)
_FELT_S = 0.2
_SETTLE_PERIODS, _TARE_PERIODS = 150, 64


@lru_cache(maxsize=1)
def robot() -> RobotModel:
    """Return the arm as described."""
    return RobotModel(load_robot_description())


@dataclass
class Push:
    """A push on a link of the arm, in `world`.

    Attributes:
        joint: The joint before the link.
        force: N.
        torque: N·m.
        point: Where the force acts, m.
    """

    joint: str
    force: Array
    point: Array
    torque: Array = field(default_factory=lambda: np.zeros(3))


class ControlRig:
    """A simulated arm with its controller, ticked by the caller.

    Attributes:
        machine: The machine.
        controller: Its controller.
        push: What pushes the arm now.
        wrench: What the controller felt last; None before the sensor was tared.
        tick_s: Processor time of every tick so far, s.
    """

    def __init__(
        self,
        mode: CommandMode,
        seed: int,
        *,
        control: ControlSettings | None = None,
        is_exact: bool = False,
        has_cable: bool = True,
        plug_mass_kg: float | None = None,
    ) -> None:
        """Set up a machine at home.

        Args:
            mode: What the arm is told.
            seed: Of every error.
            control: Settings of the controller.
            is_exact: Whether every error is switched off, and there is no cable.
            has_cable: Whether there is one otherwise; a cable swings on when the arm has stopped.
            plug_mass_kg: What the plug really weighs, kg; arm and controller go on believing what is described.
        """
        settings = load_simulation()
        if is_exact:
            settings = settings.exact()
        if is_exact or not has_cable:
            cable = settings.cable.model_copy(update={"is_present": False})
            settings = settings.model_copy(update={"cable": cable})
        trial = load_trials().trials["trial_1"]
        connectors = load_connectors()
        weighed = connectors if plug_mass_kg is None else {n: _weighing(c, plug_mass_kg) for n, c in connectors.items()}
        scene = load_scene(trial, weighed)
        self.machine = SimulatedMachine(scene, settings, seed=seed)
        self.machine.connect()
        self.model = RobotArm(robot(), rotor_inertia=np.array(settings.arm.rotor_inertia_kg_m2))
        control = control or ControlSettings()
        is_position = mode is CommandMode.POSITION
        self.controller = ArmController(self.model, control, command_mode=mode, loop=LOOP if is_position else None)
        self._servo = ServoArm(self.machine, LINK, seed) if is_position else None
        X_tcp_ft = robot().relative_pose("tcp", "ft_frame")
        connector = connectors[scene.ports[scene.target].connector.name]
        if plug_mass_kg is not None:
            x, y, z = connector.plug.com_m
            com = self.machine.world.X_tcp_tip_nominal.apply((x, y, z))
            self.machine.arm.set_payload(connector.plug.mass_kg, com)
        payload = payload_with_plug(connector, self.machine.world.X_tcp_tip_nominal, X_tcp_ft)
        self.compensator = WrenchCompensator(X_tcp_ft, cutoff_hz=CUTOFF_HZ, rate_hz=control.rate_hz, payload=payload)
        self.push: Push | None = None
        self.wrench: Array | None = None
        self.tick_s: list[float] = []
        self._is_tared = False
        self.estimate: PayloadEstimate | None = None
        self._gain_error = settings.wrench_sensor.gain_error
        self._plate: int | None = None
        held = self.machine.world.held
        assert held is not None
        held.forces = (*held.forces, self._act)

    def close(self) -> None:
        """Free the simulation."""
        self.machine.disconnect()

    # What the controller has -----------------------------------------------------------------------------------

    @property
    def now_s(self) -> float:
        """Time of the machine, s."""
        return self.machine.clock.now_s()

    def state(self) -> ArmState:
        """Return what the controller would read."""
        return self.machine.arm.read() if self._servo is None else self._servo.report()[0]

    def tick(self) -> None:
        """Run controller and machine for one period."""
        if self._servo is None:
            state, sample = self.machine.arm.read(), self.machine.wrench_sensor.read()
        else:
            state, sample = self._servo.report()
        wrench = self.compensator.compensate(sample, self.model.dynamics(state.q).X_base_tcp[:3, :3])
        self.wrench = wrench if self._is_tared else None
        began = time.process_time()
        command = self.controller.tick(state, self.wrench, self.now_s)
        self.tick_s.append(time.process_time() - began)
        self._command = command
        if self._servo is None:
            self.machine.arm.command(command)
            self.machine.cycle(DT_S)
        else:
            # The messages of a cycle take until the next: nobody answers within the period he was asked in.
            self._servo.cycle(DT_S)
            self._servo.send(command.values)

    def run(self, seconds: float, before: Callable[[float], None] | None = None) -> None:
        """Tick for a while.

        Args:
            seconds: How long, s.
            before: Called with the time since the start before every tick.
        """
        for i in range(round(seconds / DT_S)):
            if before is not None:
                before(i * DT_S)
            self.tick()

    def tare(self, *, settle: bool = True) -> None:
        """Make the present reading of the force sensor zero, at rest."""
        if settle:
            self.run(_SETTLE_PERIODS * DT_S)
        tare = Tare()
        for _ in range(_TARE_PERIODS):
            self.tick()
            sample = self.machine.wrench_sensor.read()
            tare.add(np.concatenate((sample.force, sample.torque)))
        self.compensator.tare(tare.mean(), self.model.dynamics(self.state().q).X_base_tcp[:3, :3])
        self._is_tared = True

    def identify_sensed(self) -> PayloadEstimate:
        """Return all that hangs on the force sensor, and its bias, from the motion of `identify`."""
        self.identify(apply=True)
        assert self.estimate is not None
        return self.estimate

    def identify(self, *, apply: bool) -> tuple[CarriedPayload, HeldPayload]:
        """Find what is carried by a short motion, as the node does; with `apply`, take it over.

        Returns:
            What the force sensor says, and what is reported: by the torques of the arm where they tell.
        """
        state, limits = self.state(), self.model.joint_limits
        dynamics = self.model.dynamics(state.q)
        motion = plan_payload_motion(state.q, dynamics.J_base_tcp, dynamics.X_base_tcp[:3, :3], limits)
        readings = PayloadReadings(tuple(look.orientation for look in motion.looks))
        torques = HeldTorques(len(motion.looks))
        follower = self.controller.start_trajectory(motion.trajectory, Tolerances(), state.q)
        X_tcp_ft = robot().relative_pose("tcp", "ft_frame")
        while not follower.state.is_final:
            self.tick()
            look = motion.look_at(follower.progress * motion.duration_s)
            if look is not None:
                sample = self.machine.wrench_sensor.read() if self._servo is None else self._servo.report()[1]
                R_base_tcp = self.controller.report.X_base_tcp[:3, :3]
                readings.add(look, R_base_tcp @ X_tcp_ft[:3, :3], sample)
                torques.add(look, self.state().q, self._command.values)
        estimate = self.estimate = readings.identify()
        carried = carried_payload(estimate, TOOL_PAYLOAD, gain_error=self._gain_error)
        found = sensed_payload(carried, X_tcp_ft)
        if self._servo is None:
            mass, com = self.machine.arm.payload
            weight = torques.identify(self.model.dynamics)
            found = corrected_payload((mass, np.array(com)), weight, carried) or found
        if apply:
            self.machine.arm.set_payload(max(found.mass_kg, 0.0), found.centre.tolist())
            self.compensator.set_payload(estimate.payload)
            self.compensator.set_bias(estimate.bias)
            self._is_tared = True
        return carried, found

    # Truth -----------------------------------------------------------------------------------------------------

    def X_base_tcp(self) -> Array:  # noqa: N802 - frame notation (ADR 0001)
        """Return where the tool really is."""
        world = self.machine.world
        X_world_base = _matrix(world.frame("base_link"))
        return np.asarray(invert_pose(X_world_base) @ _matrix(world.tcp()))

    def plug_centre(self) -> Array:
        """Return where the centre of mass of the plug really is in `tcp`, m."""
        world = self.machine.world
        assert world.held is not None
        X: Array = np.asarray(invert_pose(_matrix(world.tcp())) @ _matrix(world.held.com()))
        return X[:3, 3]

    def free_wrench(self, turn: Array) -> Array:
        """Turn the joints by some angles, rad, and return the mean wrench that is felt there, N, N·m."""
        q = self.state().q
        still = np.zeros((2, q.size))
        trajectory = JointTrajectory(np.array([0.0, 1.0]), np.array([q, q + turn]), still, still)
        self.controller.start_trajectory(trajectory, Tolerances(), q)
        self.run(1.3)
        felt: list[Array] = []
        for _ in range(round(_FELT_S / DT_S)):
            self.tick()
            if self.wrench is not None:
                felt.append(self.wrench)
        mean: Array = np.mean(felt, axis=0)
        return mean

    def speed(self) -> float:
        """Return how fast the tool really is, m/s."""
        return float(np.linalg.norm(self.machine.world.tcp_velocity()))

    def to_world(self, vector_base: Array) -> Array:
        """Return a direction of `base_link` in `world`."""
        R: Array = _matrix(self.machine.world.frame("base_link"))[:3, :3]
        return R @ vector_base

    def point_in_world(self, X_tcp_point: Array) -> Array:
        """Return where a point of the tool really is, in `world`, m."""
        X: Array = _matrix(self.machine.world.tcp()) @ X_tcp_point
        return X[:3, 3]

    # The plate -------------------------------------------------------------------------------------------------

    def tip_nominal(self) -> Array:
        """Return `X_tcp_tip` as the gripper is believed to hold the plug, shape (4, 4)."""
        return _matrix(self.machine.world.X_tcp_tip_nominal)

    def put_plate(self, distance_m: float) -> None:
        """Put a rigid plate before the tip of the plug, across its axis, and let it rest there."""
        world = self.machine.world
        tip = world.plug_tip()
        centre = tip @ Pose((0.0, 0.0, distance_m + _PLATE_M[2]), (0.0, 0.0, 0.0, 1.0))
        shape = p.createCollisionShape(p.GEOM_BOX, halfExtents=_PLATE_M, physicsClientId=world.client)
        self._plate = p.createMultiBody(0.0, shape, -1, centre.p, centre.q, physicsClientId=world.client)
        p.changeDynamics(self._plate, -1, lateralFriction=0.2, physicsClientId=world.client)

    def contact_n(self) -> float:
        """Return the force between plug and plate along the plate's normal, N."""
        world = self.machine.world
        if world.plug is None or self._plate is None:
            return 0.0
        contacts = p.getContactPoints(world.plug, self._plate, physicsClientId=world.client)
        return float(sum(contact[9] for contact in contacts))

    def _act(self, *_: object) -> None:
        """Push the arm; called in every physics step."""
        push = self.push
        if push is None:
            return
        world = self.machine.world
        link, client = world.joints[push.joint], world.client
        p.applyExternalForce(world.arm, link, push.force.tolist(), push.point.tolist(), p.WORLD_FRAME, client)
        p.applyExternalTorque(world.arm, link, push.torque.tolist(), p.WORLD_FRAME, client)


def _weighing(connector: Connector, mass_kg: float) -> Connector:
    """Return a connector whose plug has another mass, equally spread."""
    plug = connector.plug
    inertia = [v * mass_kg / plug.mass_kg for v in plug.inertia_kg_m2]
    return connector.model_copy(update={"plug": plug.model_copy(update={"mass_kg": mass_kg, "inertia_kg_m2": inertia})})


def _matrix(pose: Pose) -> Array:
    return make_pose(rotation_from_quat(pose.q), pose.p)
