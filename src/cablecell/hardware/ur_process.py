"""The process between the control loop and a UR: `python -m cablecell.hardware.ur_process ADDRESS ORDERS SOCKET`.

One thread reports, one commands, one asks the gripper, so that none waits for another. However it ends, the program at
the robot is ended first, within a limit; should this process be killed, the robot's watchdog does so. It never connects
a second time: a library that has lost its robot reconnects by itself, uploads its program again and tells nobody.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence

from cablecell.core.config.ur import UrSettings, parse_ur
from cablecell.hardware import ur_messages as messages
from cablecell.hardware.robotiq import RobotiqSocket
from cablecell.hardware.ur_client import RefusedError, UrCommander, UrReader, end_program

_POLL_S = 0.0003
_BEFORE_NEXT_S = 0.0013
"""Time after a package in which no other comes."""

_LEAVE_LIMIT_S = 0.5
_PRIORITY = 11
"""Real-time priority, a step above the control loop: the robot's program lives only while it hears of this process."""

_SAFETY_NEWS_S = 0.2
"""A stop for safety is reported by another connection than the one that refuses a command because of it."""

Payload = Sequence[float]
"""Mass, kg, and centre in the flange, m."""


class UrProcess:
    """Talks to one robot until it is told to leave or its controller dies."""

    def __init__(self, address: str, settings: UrSettings, payload: Payload, peer: socket.socket) -> None:
        self._address, self._settings, self._payload, self._peer = address, settings, payload, peer
        self._ending = threading.Event()

    def connect(self) -> None:
        """Connect in the order that keeps the arm still and watched.

        Raises:
            RefusedError: The robot is not as it must be.
            RuntimeError: The library could not connect.
            OSError: The gripper is not there.
        """
        settings, address = self._settings, self._address
        self._reader = UrReader(address)
        self._reader.require_ready()
        self._q = self._reader.positions()
        gripper = settings.gripper
        self._gripper = RobotiqSocket(
            address, settings.gripper_port, gripper.width_limit_m, gripper.force_limit_n, self._lose
        )
        self._commander = UrCommander(address, settings)
        mass_kg, *centre_m = self._payload
        self._commander.set_payload(mass_kg, centre_m)
        self._commander.tare()

    def run(self) -> None:
        """Report and command until the end."""
        threading.Thread(target=self._report, name="reports", daemon=True).start()
        try:
            self._command()
        except RefusedError as error:
            self._judge_refusal(str(error))
        if not self._ending.is_set():
            self._wait_for_end()
        self._ending.set()
        leaving = threading.Thread(target=self._leave, daemon=True)
        leaving.start()
        leaving.join(_LEAVE_LIMIT_S)

    def _report(self) -> None:
        reader, gripper = self._reader, self._gripper
        while not self._ending.is_set():
            if not reader.has_news():
                time.sleep(_POLL_S)
                continue
            state = reader.state(time.monotonic(), gripper.width_m, gripper.grip_n)
            self._q = state.q
            self._say(messages.pack_state(state))
            time.sleep(_BEFORE_NEXT_S)

    def _command(self) -> None:
        """Carry out what comes; say that we are here several times as often as the robot wants to hear it."""
        commander = self._commander
        self._silence_s = 0.2 / self._settings.servo.watchdog_hz
        while True:
            packet = self._newest()
            if packet is None:
                commander.hold()
            elif packet[:1] == messages.POSITIONS:
                commander.servo(messages.unpack_floats(packet), self._q)
            elif packet[:1] == messages.GRIP:
                self._gripper.move(*messages.unpack_floats(packet))
            elif packet[:1] == messages.PAYLOAD:
                mass_kg, *centre_m = messages.unpack_floats(packet)
                commander.set_payload(mass_kg, centre_m)
            else:
                self._ending.set()
                return

    def _newest(self) -> bytes | None:
        """Return the next command, of positions that wait only the last; None when none comes; empty at the end."""
        if not select.select([self._peer], [], [], self._silence_s)[0]:
            return None
        packet = b""
        while True:
            try:
                following = self._peer.recv(messages.LARGEST, socket.MSG_PEEK)
            except BlockingIOError:
                return packet
            except OSError:
                return b""
            if packet and following[:1] != messages.POSITIONS:
                return packet
            packet = self._peer.recv(messages.LARGEST)
            if packet[:1] != messages.POSITIONS:
                return packet

    def _judge_refusal(self, why: str) -> None:
        """Tell a stop for safety, which the state shows until it is released, from a robot that was taken away."""
        end_s = time.monotonic() + _SAFETY_NEWS_S
        while not self._reader.is_stopped_for_safety() and time.monotonic() < end_s:
            time.sleep(0.005)
        if self._reader.is_stopped_for_safety():
            end_program(self._address)
            while self._reader.is_stopped_for_safety() and not self._is_over():
                time.sleep(0.02)
            why = "it was stopped for safety, which ended its program"
        elif not self._reader.is_program_running():
            why = f"{why}: its program was ended by somebody else"
        self._lose(why)

    def _is_over(self) -> bool:
        """Return whether the controller has died or wants to leave; anything else it says is not for now."""
        try:
            while (packet := self._peer.recv(messages.LARGEST))[:1] != messages.END and packet:
                pass
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def _wait_for_end(self) -> None:
        while not self._is_over():
            time.sleep(0.005)

    def _lose(self, why: str) -> None:
        self._say(messages.LOST + why.encode())

    def _leave(self) -> None:
        self._commander.leave()

    def _say(self, packet: bytes) -> None:
        try:
            self._peer.send(packet)
        except BlockingIOError:
            return  # a controller that sleeps misses packages, and sees how old the newest is
        except OSError:
            self._ending.set()


def main() -> None:
    """Run until the other end of the socket closes or asks to leave."""
    # Whoever ends the cell ends the controller, which ends this: in that order the arm brakes first.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))  # threads that are started inherit it
    address, orders, descriptor = sys.argv[1:]
    peer = socket.socket(fileno=int(descriptor))
    robot, payload = json.loads(orders)
    process = UrProcess(address, parse_ur(robot, "the robot file"), payload, peer)
    try:
        process.connect()
    except (RefusedError, RuntimeError, OSError) as error:
        peer.send(messages.FAILED + str(error).encode()[: messages.LARGEST - 1])
    else:
        peer.send(messages.READY)
        # A socket with a time limit would wait where it is asked not to.
        peer.setblocking(False)
        process.run()
    # Without the library's own clean-up, which waits, and may reconnect.
    os._exit(0)


if __name__ == "__main__":
    main()
