"""The simulated arm behind the `Arm` port: torques with gravity compensated, or positions followed stiffly."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cablecell.core.config.trial import JOINT_NAMES
from cablecell.core.control.joint_stream import JointStream
from cablecell.core.geometry.scalar import Vec3, add, rotate
from cablecell.ports import ArmState, CommandMode, JointCommand, ServoResponse
from cablecell.simulation.clock import SimulatedClock
from cablecell.simulation.errors import MachineCommandError, MachineNotConnectedError
from cablecell.simulation.world import World

STOP_DECELERATION_RAD_PER_S2 = 20.0
"""How fast the joints come to rest on `stop`."""
ACCELERATION_RAD_PER_S2 = 40.0
"""Highest acceleration of positions that are followed: with more the drives have not the torque, overshoot and trip."""
OVERSPEED = 1.2
"""The machine stops itself above this multiple of a joint's speed limit."""
RANGE_MARGIN_RAD = 0.002
"""How far beyond its range a joint may be seen: noise of the encoder, overshoot of a joint that was sent to its end."""
DEFAULT_PERIOD_S = 0.002
"""Control period until the first cycle says otherwise."""


class SimulatedArm:
    """The arm: torques with gravity compensated, or positions followed stiffly."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._world: World | None = None
        self._mode: CommandMode | None = None
        self._values = [0.0] * len(JOINT_NAMES)
        self._reference = [0.0] * len(JOINT_NAMES)
        self._speed = [0.0] * len(JOINT_NAMES)
        self._stream: JointStream | None = None
        self._is_fresh = False
        self._period_s = DEFAULT_PERIOD_S
        self._state: ArmState | None = None
        self._is_protective_stopped = False
        self._payload: tuple[float, Vec3] = (0.0, (0.0, 0.0, 0.0))
        self._positions: list[float] = [0.0] * len(JOINT_NAMES)
        self._trips: list[tuple[float, float, float]] = []

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names in the order of all joint vectors."""
        return JOINT_NAMES

    @property
    def command_modes(self) -> frozenset[CommandMode]:
        """Modes this arm accepts."""
        return frozenset({CommandMode.EFFORT, CommandMode.POSITION})

    @property
    def servo_response(self) -> ServoResponse | None:
        """How positions are followed: the sensor's latency and filter, and the lag of the drives."""
        return ServoResponse(delay_s=0.006, lag_s=0.005)

    @property
    def payload(self) -> tuple[float, Vec3]:
        """What gravity compensation believes to carry beyond the tool: mass, kg, and centre of mass in `tcp`, m."""
        return self._payload

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

        Torques are limited to the joints' effort limits, positions to their range and to what speed and acceleration
        allow in one cycle. Nothing moves while the machine is protective stopped.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
            MachineCommandError: Wrong mode or size, or not finite (code 852); the last command stays.
        """
        world = self._connected()
        values: list[float] = np.asarray(command.values, dtype=float).ravel().tolist()
        self._check(command.mode, values)
        if self._is_protective_stopped:
            return JointCommand(CommandMode.POSITION, np.array(self._reference))
        if command.mode is CommandMode.EFFORT:
            limited = [
                min(max(v, -joint.effort), joint.effort) for v, joint in zip(values, world.joint_limits, strict=True)
            ]
        else:
            if self._mode is not CommandMode.POSITION or self._stream is None:
                self._stream = _stream(world, self._period_s)
                self._stream.reset(self.read().q)
                self._reference = self._stream.q.tolist()
            limited = self._stream.step(np.array(values)).tolist()
        self._mode, self._values, self._is_fresh = command.mode, limited, True
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
        self._payload, self._positions = _believed_payload(world), q
        self._trips = [
            (joint.lower - RANGE_MARGIN_RAD, joint.upper + RANGE_MARGIN_RAD, OVERSPEED * joint.velocity)
            for joint in world.joint_limits
        ]
        world.encoders.settle(self._gravity(world))
        self._reference = [v + e for v, e in zip(q, world.encoders.error_rad, strict=True)]
        self._speed = [0.0] * len(q)
        self.measure()

    def detach(self) -> None:
        """Be disconnected."""
        self._world, self._state = None, None

    def drive(self, steps: int) -> None:
        """Set the drives for the next `steps` physics steps."""
        world = self._connected()
        self._period_s = steps * world.dt_s
        if self._mode is CommandMode.EFFORT:
            torques = [
                min(max(v + g, -joint.effort), joint.effort)
                for v, g, joint in zip(self._values, self._gravity(world), world.joint_limits, strict=True)
            ]
            world.drives.apply_torques(torques)
            return
        if self._mode is CommandMode.POSITION:
            target = list(self._values)
            if not self._is_fresh and self._stream is not None:
                self._stream.reset(np.array(target))  # a command that is not followed by another is held
            self._is_fresh = False
        else:
            slower = STOP_DECELERATION_RAD_PER_S2 * self._period_s
            self._speed = [math.copysign(max(0.0, abs(v) - slower), v) for v in self._speed]
            target = [r + v * self._period_s for r, v in zip(self._reference, self._speed, strict=True)]
        error = world.encoders.error_rad
        start = [r - e for r, e in zip(self._reference, error, strict=True)]
        end = [t - e for t, e in zip(target, error, strict=True)]
        load = self._gravity(world) if world.drives.is_elastic else None
        world.drives.follow(start, end, steps, world.dt_s, load)
        self._reference = target

    def measure(self) -> None:
        """Read the encoders, and stop by itself when a joint is too fast or out of its range."""
        world = self._connected()
        q, dq, motor = world.joint_states()
        self._positions = q
        drives = world.drives
        if drives.is_elastic and drives.applied is not None:
            motor = drives.applied
        tau = motor if drives.torques is None else drives.torques
        measured_q, measured_dq = world.encoders.measure(world.time_s, q, dq, tau)
        for value, speed, (least, most, fastest) in zip(
            measured_q.tolist(), measured_dq.tolist(), self._trips, strict=True
        ):
            if not (least <= value <= most and -fastest <= speed <= fastest):
                self._is_protective_stopped = True
        self._state = ArmState(
            stamp_s=self._clock.now_s(),
            q=measured_q,
            dq=measured_dq,
            tau=np.array(tau),
            is_protective_stopped=self._is_protective_stopped,
        )
        if self._is_protective_stopped:
            self.stop()

    def _gravity(self, world: World) -> tuple[float, ...]:
        """Return the torques that hold the arm still with what it believes to carry, N·m."""
        mass, com = self._payload if world.grasp is not None else (0.0, (0.0, 0.0, 0.0))
        return world.gravity.torques(self._positions, mass, world.in_hand_link(com))

    def _connected(self) -> World:
        if self._world is None:
            raise MachineNotConnectedError("the simulated arm is not connected; call connect first", quantity="arm")
        return self._world

    def _check(self, mode: CommandMode, values: Sequence[float]) -> None:
        if mode not in self.command_modes:
            valid = ", ".join(sorted(m.value for m in self.command_modes))
            raise MachineCommandError(
                f"mode '{mode.value}' is not available; valid are {valid}",
                quantity="mode",
                value=mode.value,
                limit=valid,
            )
        if len(values) != len(JOINT_NAMES):
            raise MachineCommandError(
                f"a joint command has {len(values)} values; this arm has {len(JOINT_NAMES)} joints",
                quantity="values",
                value=len(values),
                limit=len(JOINT_NAMES),
            )
        if math.isfinite(sum(values)):
            return
        for name, value in zip(JOINT_NAMES, values, strict=True):
            if not math.isfinite(value):
                raise MachineCommandError(
                    f"command of {name} is {value}; it must be finite", quantity=name, value=value
                )


def _stream(world: World, period_s: float) -> JointStream:
    """Return what turns positions that may jump into some that the drives can follow."""
    limits = world.joint_limits
    lower, upper, speed = (
        np.array([getattr(joint, name) for joint in limits]) for name in ("lower", "upper", "velocity")
    )
    return JointStream(lower, upper, speed, np.full_like(speed, ACCELERATION_RAD_PER_S2), period_s)


def _believed_payload(world: World) -> tuple[float, Vec3]:
    """Return mass and centre of mass in `tcp` of the gripped plug, with the errors of the payload model."""
    if world.scene.plug is None or world.grasp is None:
        return 0.0, (0.0, 0.0, 0.0)
    errors, plug = world.settings.payload, world.scene.plug.connector.plug
    nominal = world.X_tcp_tip_nominal
    com = nominal.apply((plug.com_m[0], plug.com_m[1], plug.com_m[2]))
    along = rotate(nominal.q, (0.0, 0.0, errors.com_error_m))
    return max(0.0, plug.mass_kg + errors.mass_error_kg), add(com, along)
