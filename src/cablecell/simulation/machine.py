"""The simulated machine: arm, gripper and force sensor of a world, behind the ports that a real machine has too."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.config.trial import JOINT_NAMES, HomeJoints
from cablecell.ports import ArmState, CommandMode, GripperState, JointCommand, WrenchSample
from cablecell.simulation.drives import gravity_torques
from cablecell.simulation.errors import MachineCommandError, MachineNotConnectedError
from cablecell.simulation.rigid import Vec, add, norm, rotate, subtract
from cablecell.simulation.scene import Scene
from cablecell.simulation.scene_state import SceneState, observe_scene
from cablecell.simulation.truth import Truth
from cablecell.simulation.world import FINGER_FORCE_N, World

STOP_DECELERATION_RAD_PER_S2 = 20.0
"""How fast the joints come to rest on `stop`."""
OVERSPEED = 1.2
"""The machine stops itself above this multiple of a joint's speed limit."""
GRIP_REACH_M = 3.0e-3
"""Fingers that close on a plug nearer than this to `tcp` hold it."""
GRIP_SLACK_M = 0.5e-3
MAX_WIDTH_M = 0.05
DEFAULT_PERIOD_S = 0.002


class SimulatedClock:
    """Simulated time; it goes on over changes of the scene."""

    def __init__(self) -> None:
        self._start_s = 0.0
        self._world: World | None = None

    def follow(self, world: World | None) -> None:
        """Count on from now with another world."""
        self._start_s = self.now_s()
        self._world = world

    def now_s(self) -> float:
        """Return the time, s."""
        return self._start_s + (0.0 if self._world is None else self._world.time_s)

    def stamp_s(self, world_time_s: float) -> float:
        """Return the time of a moment of the current world, s."""
        return self._start_s + world_time_s


class SimulatedArm:
    """The arm: torques with gravity compensated, or positions followed stiffly."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._world: World | None = None
        self._mode: CommandMode | None = None
        self._values = [0.0] * len(JOINT_NAMES)
        self._reference = [0.0] * len(JOINT_NAMES)
        self._speed = [0.0] * len(JOINT_NAMES)
        self._period_s = DEFAULT_PERIOD_S
        self._state: ArmState | None = None
        self._is_protective_stopped = False
        self._payload: tuple[float, Vec] = (0.0, (0.0, 0.0, 0.0))

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names in the order of all joint vectors."""
        return JOINT_NAMES

    @property
    def command_modes(self) -> frozenset[CommandMode]:
        """Modes this arm accepts."""
        return frozenset({CommandMode.EFFORT, CommandMode.POSITION})

    def set_payload(self, mass_kg: float, com_m: Sequence[float]) -> None:
        """Tell the arm's gravity compensation what it carries beyond its own tool.

        Args:
            mass_kg: Mass, kg.
            com_m: Centre of mass in `tcp`, shape (3,), m.
        """
        if not (math.isfinite(mass_kg) and 0.0 <= mass_kg <= 5.0 and all(math.isfinite(v) for v in com_m)):
            raise MachineCommandError(
                f"payload of {mass_kg} kg at {list(com_m)} m is refused; mass must be 0 to 5 kg",
                quantity="payload",
                value=mass_kg,
                limit="0 to 5",
                unit="kg",
            )
        self._payload = (float(mass_kg), (float(com_m[0]), float(com_m[1]), float(com_m[2])))

    def read(self) -> ArmState:
        """Return the newest measured state.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
        """
        self._connected()
        assert self._state is not None
        return self._state

    def command(self, command: JointCommand) -> JointCommand:
        """Take a setpoint for the next cycle and return it after the machine's own limits.

        Torques are limited to the joints' effort limits, positions to their range and to what the speed limit allows
        in one cycle. Nothing moves while the machine is protective stopped.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
            MachineCommandError: Wrong mode or size, or not finite (code 852); the last command stays.
        """
        world = self._connected()
        values = [float(v) for v in np.asarray(command.values, dtype=float).ravel()]
        self._check(command.mode, values)
        if self._is_protective_stopped:
            return JointCommand(CommandMode.POSITION, np.array(self._reference))
        if command.mode is CommandMode.EFFORT:
            limited = [
                min(max(v, -joint.effort), joint.effort) for v, joint in zip(values, world.joint_limits, strict=True)
            ]
        else:
            if self._mode is not CommandMode.POSITION:
                self._reference = [float(v) for v in self.read().q]
            limited = [
                min(max(v, joint.lower, r - joint.velocity * self._period_s), joint.upper, r + joint.velocity * self._period_s)
                for v, r, joint in zip(values, self._reference, world.joint_limits, strict=True)
            ]
        self._mode, self._values = command.mode, limited
        return JointCommand(command.mode, np.array(limited))

    def stop(self) -> None:
        """Come to rest with a fixed deceleration and hold."""
        if self._world is None or self._state is None or self._mode is None:
            return
        self._reference = [float(v) for v in self._state.q]
        self._speed = [float(v) for v in self._state.dq]
        self._mode = None

    def attach(self, world: World) -> None:
        """Drive the arm of another world, from rest where it is."""
        self._world, self._mode, self._is_protective_stopped = world, None, False
        q, _, _ = world.joint_states()
        self._reference = [v + o for v, o in zip(q, world.encoders.offset_rad, strict=True)]
        self._speed = [0.0] * len(q)
        self._payload = _believed_payload(world)
        self.measure()

    def detach(self) -> None:
        """Be disconnected."""
        self._world, self._state = None, None

    def drive(self, steps: int) -> None:
        """Set the drives for the next `steps` physics steps."""
        world = self._connected()
        self._period_s = steps * world.dt_s
        if self._mode is CommandMode.EFFORT:
            mass, com = self._payload if world.grasp is not None else (0.0, (0.0, 0.0, 0.0))
            gravity = gravity_torques(
                world.client,
                world.arm,
                world.all_positions(),
                world.joints["gripper_base_link_joint"],
                mass,
                world.in_hand_link(com),
                world.settings.physics.gravity_m_per_s2,
            )
            torques = [
                min(max(v + g, -joint.effort), joint.effort)
                for v, g, joint in zip(self._values, gravity, world.joint_limits, strict=False)
            ]
            world.drives.apply_torques(torques)
            return
        if self._mode is CommandMode.POSITION:
            target = list(self._values)
        else:
            slower = STOP_DECELERATION_RAD_PER_S2 * self._period_s
            self._speed = [math.copysign(max(0.0, abs(v) - slower), v) for v in self._speed]
            target = [r + v * self._period_s for r, v in zip(self._reference, self._speed, strict=True)]
        offset = world.encoders.offset_rad
        start = [r - o for r, o in zip(self._reference, offset, strict=True)]
        end = [t - o for t, o in zip(target, offset, strict=True)]
        world.drives.follow(start, end, steps, world.dt_s)
        self._reference = target

    def measure(self) -> None:
        """Read the encoders, and stop by itself when a joint is too fast or out of its range."""
        world = self._connected()
        q, dq, motor = world.joint_states()
        measured_q, measured_dq = world.encoders.measure(q, dq)
        tau = motor if world.drives.torques is None else world.drives.torques
        for value, speed, joint in zip(measured_q, measured_dq, world.joint_limits, strict=True):
            if abs(speed) > OVERSPEED * joint.velocity or not joint.lower <= value <= joint.upper:
                self._is_protective_stopped = True
        self._state = ArmState(
            stamp_s=self._clock.now_s(),
            q=np.array(measured_q),
            dq=np.array(measured_dq),
            tau=np.array(tau),
            is_protective_stopped=self._is_protective_stopped,
        )
        if self._is_protective_stopped:
            self.stop()

    def _connected(self) -> World:
        if self._world is None:
            raise MachineNotConnectedError("the simulated arm is not connected; call connect first", quantity="arm")
        return self._world

    def _check(self, mode: CommandMode, values: Sequence[float]) -> None:
        if mode not in self.command_modes:
            valid = ", ".join(sorted(m.value for m in self.command_modes))
            raise MachineCommandError(
                f"mode '{mode.value}' is not available; valid are {valid}", quantity="mode", value=mode.value, limit=valid
            )
        if len(values) != len(JOINT_NAMES):
            raise MachineCommandError(
                f"a joint command has {len(values)} values; this arm has {len(JOINT_NAMES)} joints",
                quantity="values",
                value=len(values),
                limit=len(JOINT_NAMES),
            )
        for name, value in zip(JOINT_NAMES, values, strict=True):
            if not math.isfinite(value):
                raise MachineCommandError(f"command of {name} is {value}; it must be finite", quantity=name, value=value)


class SimulatedGripper:
    """The parallel gripper. Opening lets the plug go; closing on a plug between the fingers holds it where it is."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._world: World | None = None
        self._width_m = MAX_WIDTH_M
        self._force_n = FINGER_FORCE_N

    def read(self) -> GripperState:
        """Return the newest state.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
        """
        world = self._connected()
        holding = world.grasp is not None
        return GripperState(self._clock.now_s(), world.finger_width(), self._force_n if holding else 0.0, holding)

    def command(self, width_m: float, force_n: float) -> None:
        """Move the fingers to a width, m, with at most a force, N.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
            MachineCommandError: Width or force is out of range or not finite (code 852).
        """
        world = self._connected()
        for name, value, limit, unit in (("width", width_m, MAX_WIDTH_M, "m"), ("force", force_n, FINGER_FORCE_N, "N")):
            if not 0.0 <= value <= limit:
                raise MachineCommandError(
                    f"gripper {name} = {value} {unit} is outside 0 to {limit} {unit}",
                    quantity=name,
                    value=value,
                    limit=limit,
                    unit=unit,
                )
        self._width_m, self._force_n = width_m, force_n
        held = world.scene.plug
        if held is not None and self._plug_is_between():
            width_m = max(width_m, held.connector.grasp.width_m)
        world.move_fingers(width_m, force_n)

    def attach(self, world: World) -> None:
        """Move the fingers of another world."""
        self._world = world
        self._width_m = world.finger_width()

    def detach(self) -> None:
        """Be disconnected."""
        self._world = None

    def update(self) -> None:
        """Let the plug go or hold it, as the fingers are now."""
        world = self._connected()
        held = world.scene.plug
        if held is None:
            return
        width = held.connector.grasp.width_m
        is_open = world.finger_width() > width + GRIP_SLACK_M
        if world.grasp is not None and is_open:
            world.release_plug()
        elif world.grasp is None and not is_open and self._width_m <= width and self._plug_is_between():
            world.grip_plug()

    def _plug_is_between(self) -> bool:
        world = self._connected()
        if world.plug is None:
            return False
        return norm(subtract(world.held_point(), world.tcp().p)) < GRIP_REACH_M

    def _connected(self) -> World:
        if self._world is None:
            raise MachineNotConnectedError("the simulated gripper is not connected; call connect first", quantity="gripper")
        return self._world


class SimulatedWrenchSensor:
    """The force/torque sensor at the wrist."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._world: World | None = None

    def read(self) -> WrenchSample:
        """Return the newest sample.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
        """
        if self._world is None:
            raise MachineNotConnectedError("the simulated force sensor is not connected; call connect first", quantity="wrench")
        sensor = self._world.sensor
        return WrenchSample(self._clock.stamp_s(sensor.stamp_s), np.array(sensor.reading[:3]), np.array(sensor.reading[3:]))

    def tare(self) -> bool:
        """Return False: this sensor has no zeroing of its own."""
        return False

    def attach(self, world: World | None) -> None:
        """Read the sensor of another world."""
        self._world = world


class SimulatedMachine:
    """Everything one `arm_controller` owns, simulated.

    Attributes:
        arm: The arm.
        gripper: The gripper.
        wrench_sensor: The force/torque sensor.
        clock: The clock of all stamps.
    """

    def __init__(
        self, scene: Scene, settings: SimulationSettings | None = None, seed: int = 0, home: HomeJoints | None = None
    ) -> None:
        self._scene, self._seed = scene, seed
        self._settings = settings or SimulationSettings()
        self._home = (home or HomeJoints()).in_order()
        self._world: World | None = None
        self._truth: Truth | None = None
        self._watched = 0
        self.clock = SimulatedClock()
        self.arm = SimulatedArm(self.clock)
        self.gripper = SimulatedGripper(self.clock)
        self.wrench_sensor = SimulatedWrenchSensor(self.clock)

    def connect(self) -> None:
        """Build the scene with the arm at home; does nothing when connected."""
        if self._world is None:
            self._build()

    def disconnect(self) -> None:
        """Free the scene; does nothing when not connected."""
        if self._world is None:
            return
        self.arm.stop()
        self.clock.follow(None)
        self.arm.detach()
        self.gripper.detach()
        self.wrench_sensor.attach(None)
        self._world.close()
        self._world, self._truth = None, None

    def set_up(self, scene: Scene, seed: int) -> None:
        """Replace the scene: another board, a new plug in the gripper, the arm at home; time goes on.

        Args:
            scene: The new scene.
            seed: Seed of every error of the new scene.
        """
        connected = self._world is not None
        self.disconnect()
        self._scene, self._seed = scene, seed
        if connected:
            self._build()

    def cycle(self, period_s: float) -> None:
        """Carry out the last commands for exactly `period_s`.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
            MachineCommandError: The period is not a whole number of physics steps (code 852).
        """
        world = self.world
        steps = round(period_s / world.dt_s)
        if steps < 1 or abs(steps * world.dt_s - period_s) > 1e-9:
            raise MachineCommandError(
                f"period_s = {period_s} s is not a whole number of physics steps of {world.dt_s} s",
                quantity="period_s",
                value=period_s,
                limit=world.dt_s,
                unit="s",
            )
        self.arm.drive(steps)
        world.advance(steps)
        watch = int(world.time_s * self._settings.contacts.watch_rate_hz + 1e-9)
        if watch != self._watched:
            self._watched = watch
            self.gripper.update()
            self.truth.look()
        self.arm.measure()

    @property
    def world(self) -> World:
        """The physics, for evaluation and tests.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
        """
        if self._world is None:
            raise MachineNotConnectedError("the simulated machine is not connected; call connect first", quantity="machine")
        return self._world

    @property
    def truth(self) -> Truth:
        """What really happens, for evaluation and tests.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
        """
        if self._truth is None:
            raise MachineNotConnectedError("the simulated machine is not connected; call connect first", quantity="machine")
        return self._truth

    def scene_state(self) -> SceneState:
        """Return where everything that moves is, for a renderer."""
        return observe_scene(self.world, self.clock.now_s())

    def state_hash(self) -> str:
        """Return a hash of everything that decides how the simulation goes on."""
        return self.world.state_hash()

    def _build(self) -> None:
        world = World(self._scene, self._settings, self._seed, self._home)
        self._world, self._truth, self._watched = world, Truth(world), 0
        self.clock.follow(world)
        self.arm.attach(world)
        self.gripper.attach(world)
        self.wrench_sensor.attach(world)


def _believed_payload(world: World) -> tuple[float, Vec]:
    """Return mass and centre of mass in `tcp` of the gripped plug, with the errors of the payload model."""
    if world.scene.plug is None or world.grasp is None:
        return 0.0, (0.0, 0.0, 0.0)
    errors, plug = world.settings.payload, world.scene.plug.connector.plug
    nominal = world.X_tcp_tip_nominal
    com = nominal.apply((plug.com_m[0], plug.com_m[1], plug.com_m[2]))
    along = rotate(nominal.q, (0.0, 0.0, errors.com_error_m))
    return max(0.0, plug.mass_kg + errors.mass_error_kg), add(com, along)
