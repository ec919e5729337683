"""Run the controller on an address; every line of standard input calls a knob, and is answered by what it returns."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from typing import Any

import numpy as np

from cablecell.simulation.ur.controller import PERIOD_S, Controller
from cablecell.simulation.ur.server import Server
from tests.support.rtde.arm import KinematicArm
from tests.support.rtde.fingers import STROKE_M, KinematicFingers


class Knobs:
    """What a test may do to the robot and its network."""

    def __init__(self, server: Server, arm: KinematicArm, fingers: KinematicFingers) -> None:
        self._server, self._robot, self._arm, self._fingers = server, server.controller, arm, fingers

    def reset(self) -> None:
        """Be as new, without any client."""
        server = self._server
        server.close_sessions()
        server.weather.__init__()
        with server.lock:
            self._arm.__init__()
            # The clock goes on: a controller that is switched on again is another matter.
            now_s = self._robot.now_s
            self._robot.__init__(self._arm)
            self._robot.now_s = now_s
        server.absent.clear()
        server.remote_control = server.listens = True
        server.bad_packages = server.skipped = server.connections = 0
        server.gripper.reset()
        self._fingers.__init__()

    def weather(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self._server.weather, name, value)

    def robot(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self._robot, name, value)

    def server(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self._server, name, set(value) if name == "absent" else value)

    def call(self, name: str) -> None:
        with self._server.lock:
            getattr(self._robot, name)()

    def close_sessions(self) -> None:
        self._server.close_sessions()

    def push(self, *force_n: float) -> None:
        self._arm.push_n = np.array(force_n)

    def block_gripper(self, at: float | None) -> None:
        self._fingers.blocked_at_m = None if at is None else STROKE_M * (1.0 - at / 255)

    def look(self) -> dict[str, Any]:
        with self._server.lock:
            robot = self._robot
            return {
                "q": self._arm.q.tolist(),
                "dq": self._arm.dq.tolist(),
                "rested_s": robot.rested_s,
                "now_s": robot.now_s,
                "runtime_state": robot.runtime_state,
                "program_ends": list(robot.program_ends),
                "counts": {str(k): v for k, v in robot.counts.items()},
                "hears": robot.hears,
                "payload": [robot.payload_kg, *robot.payload_cog],
                "tcp": list(robot.tcp),
                "speed": robot.outputs.get("target_speed_fraction", 1.0),
                "sessions": len(self._server.sessions),
                "connections": self._server.connections,
                "bad_packages": self._server.bad_packages,
                "skipped": self._server.skipped,
                "gripper": dict(self._server.gripper.values),
            }


def answer(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def run(server: Server) -> None:
    next_s = time.monotonic()
    while True:
        next_s += PERIOD_S
        left_s = next_s - time.monotonic()
        if left_s > 0.0:
            time.sleep(left_s)
        elif left_s < -0.02:
            next_s = time.monotonic()  # late: periods are left out, nothing is sent in a burst
        server.step()


def main() -> None:
    with contextlib.suppress(PermissionError):
        # A controller is a computer of its own: what else runs here must not slow it down.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(12))
    arm, fingers = KinematicArm(), KinematicFingers()
    server = Server(sys.argv[1], Controller(arm), fingers)
    threading.Thread(target=run, args=(server,), daemon=True).start()
    knobs = Knobs(server, arm, fingers)
    answer("ready")
    for line in sys.stdin:
        name, words, values = json.loads(line)
        answer(getattr(knobs, name)(*words, **values))


main()
