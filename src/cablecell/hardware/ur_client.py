"""The library `ur-rtde` as the process of a UR uses it: every answer is looked at, and what hangs is left behind.

Only that process imports the library, and not before it is used: it does not exist for every machine, can hang for
seconds, and can end its process.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Sequence

import numpy as np

from cablecell.core.config.ur import UrSettings
from cablecell.core.geometry import exp_so3
from cablecell.hardware.ur_messages import UrState

RATE_HZ = 500.0
_PLAYING = 2
_RUNNING_MODE = 7
_SAFETY_STOPS = 0x7FC
"""Safety status bits 2 to 10: every stop, violation and fault; bits 0 and 1 are the normal and the reduced state."""

_STOP_M_PER_S2 = 10.0
_REST_RAD_PER_S = 0.01
_FOREIGN_PROGRAM_S = 2.0
_NEWS_S = 2.0
_DASHBOARD_PORT = 29999
_DASHBOARD_LIMIT_S = 0.5
_SMALLEST_COG_M = 1e-5
"""A centre of mass of exactly zero means "as before" to the controller."""

Fields = Sequence[float]


class RefusedError(Exception):
    """The robot is not as it must be, or refused what it was told."""


class UrReader:
    """What the robot reports. Its clock is the only proof that it does: the library says "connected" for ever."""

    def __init__(self, address: str) -> None:
        import rtde_receive

        self._receive = rtde_receive.RTDEReceiveInterface(address, RATE_HZ)
        self._stamp_s = 0.0

    def require_ready(self) -> None:
        """Refuse a robot that could not be moved, or that somebody else moves.

        Raises:
            RefusedError: It is so.
        """
        _wait(self.has_news, _NEWS_S, "no package of the robot came")
        if (mode := self._receive.getRobotMode()) != _RUNNING_MODE:
            raise RefusedError(f"robot mode is {mode}; it must be 7 (running): power on and release the brakes")
        if self.is_stopped_for_safety():
            bits = self._receive.getSafetyStatusBits()
            raise RefusedError(f"safety status bits are {bits:#x}; look at the pendant and release the stop there")
        # A program of ours whose process died is ended by its watchdog; any other is somebody's.
        _wait(
            lambda: self._receive.getRuntimeState() != _PLAYING,
            _FOREIGN_PROGRAM_S,
            "a program runs at the robot; stop it first",
        )
        if (speed := max(map(abs, self._receive.getActualQd()))) > _REST_RAD_PER_S:
            raise RefusedError(f"the arm moves with {speed:.3f} rad/s; it must stand still")

    def has_news(self) -> bool:
        """Return whether the robot has reported since this was asked last."""
        stamp_s = float(self._receive.getTimestamp())
        is_new, self._stamp_s = stamp_s != self._stamp_s, stamp_s
        return is_new and stamp_s > 0.0

    def is_stopped_for_safety(self) -> bool:
        """Return whether the robot refuses to move."""
        return bool(self._receive.getSafetyStatusBits() & _SAFETY_STOPS)

    def is_program_running(self) -> bool:
        """Return whether a program runs."""
        return int(self._receive.getRuntimeState()) == _PLAYING

    def positions(self) -> tuple[float, ...]:
        """Return the joint positions, rad."""
        return tuple(self._receive.getActualQ())

    def state(self, received_s: float, width_m: float, grip_n: float) -> UrState:
        """Return what was reported last."""
        receive = self._receive
        R_tool_base = exp_so3(receive.getActualTCPPose()[3:]).T
        felt = np.array(receive.getActualTCPForce())  # in the axes of the base
        wrench = (*(R_tool_base @ felt[:3]).tolist(), *(R_tool_base @ felt[3:]).tolist())
        return UrState(
            received_s,
            self._stamp_s,
            self.positions(),
            tuple(receive.getActualQd()),
            tuple(receive.getTargetMoment()),
            wrench,
            width_m,
            grip_n,
            receive.getSpeedScaling() * receive.getTargetSpeedFraction(),
            self.is_stopped_for_safety(),
        )


class UrCommander:
    """What the robot is told. Calls may take as long as the library likes: never by whoever reports."""

    def __init__(self, address: str, settings: UrSettings) -> None:
        """Upload the program and prepare it.

        Raises:
            RuntimeError: The library could not.
            RefusedError: The program refused something.
        """
        import rtde_control
        import rtde_io

        self._settings, self._servo = settings, settings.servo
        self._target: list[float] | None = None
        io = rtde_io.RTDEIOInterface(address)
        self._do("setSpeedSlider", io.setSpeedSlider, self._servo.speed_fraction)
        io.disconnect()
        self._control = rtde_control.RTDEControlInterface(address, RATE_HZ)
        # The first thing: from here on the robot stops when this process does, so nothing here may wait long.
        self._do("setWatchdog", self._control.setWatchdog, self._servo.watchdog_hz)
        self._do("setTcp", self._control.setTcp, [0.0] * 6)

    def tare(self) -> None:
        """Make the present wrench zero; nothing may be touched."""
        self._do("zeroFtSensor", self._control.zeroFtSensor)

    def set_payload(self, mass_kg: float, centre_m: Fields) -> None:
        """Tell what hangs on the flange, kg and m."""
        centre = list(centre_m) if any(centre_m) else [0.0, 0.0, _SMALLEST_COG_M]
        self._do("setPayload", self._control.setPayload, mass_kg, centre)

    def servo(self, q: Fields, measured_q: Fields) -> None:
        """Follow joint positions, rad, that are near those sent before, or near those measured.

        The library takes anything, so this is the last gate; whoever sends them has kept the limits already.

        Raises:
            RefusedError: They are not finite, or a jump; or the robot does not take them.
        """
        jump = _distance(q, measured_q)
        if self._target is not None:
            jump = min(jump, _distance(q, self._target))
        if not jump <= self._settings.limits.leash_rad:
            raise RefusedError(f"a set-point of {list(q)} rad is a jump of {jump:.3f} rad, or none")
        self._target = list(q)
        self._stream()

    def hold(self) -> None:
        """Say that we are here."""
        if self._target is None:
            self._do("kickWatchdog", self._control.kickWatchdog)
        else:
            self._stream()

    def leave(self) -> None:
        """Brake and end the program; asks for nothing, because whoever leaves may do so for any reason."""
        if self._target is not None:
            self._control.servoStop(_STOP_M_PER_S2)
        self._control.stopScript()

    def _stream(self) -> None:
        servo = self._servo
        period_s = 1.0 / RATE_HZ
        self._do("servoJ", self._control.servoJ, self._target, 0.0, 0.0, period_s, servo.lookahead_s, servo.gain)

    def _do(self, name: str, call: Callable[..., bool], *words: object) -> None:
        if not call(*words):
            raise RefusedError(f"{name} was refused")


def end_program(address: str) -> None:
    """Tell the dashboard to end a program that was stopped for safety: nobody may let it go on from the pendant."""
    with contextlib.suppress(OSError), socket.create_connection((address, _DASHBOARD_PORT), _DASHBOARD_LIMIT_S) as peer:
        lines = peer.makefile("r", encoding="utf-8")
        lines.readline()
        peer.sendall(b"stop\n")
        lines.readline()


def _distance(q: Fields, other: Fields) -> float:
    """Return the largest difference, rad; not finite where one of them is not."""
    return float(np.abs(np.subtract(q, other)).max())


def _wait(holds: Callable[[], bool], limit_s: float, otherwise: str) -> None:
    end_s = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > end_s:
            raise RefusedError(otherwise)
        time.sleep(0.005)
