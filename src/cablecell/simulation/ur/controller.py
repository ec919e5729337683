"""The robot's side of `ur-rtde`: registers, the uploaded program's handshake over them, safety states, one arm.

The program answers in `output_int_register_0`: 1 is "ready", 2 "done", which stays until the command register is 0.
Commands in real time are carried out in every step while their number stands there, and leave the answer at 1.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from cablecell.core.geometry import log_so3
from cablecell.ports import Vector
from cablecell.simulation.ur.arm import UrArm, flange_pose

PERIOD_S = 0.002
STANDARD_GRAVITY = 9.80665
REST_RAD_PER_S = 0.01
"""Speed of a joint up to which the arm stands."""
READY, DONE = 1, 2
STOPPED, PLAYING, PAUSED = 1, 2, 4
RUNNING_MODE = 7
NO_COMMAND, SERVO_J, SPEED_STOP, SERVO_STOP, SET_PAYLOAD, SET_TCP = 0, 11, 15, 16, 17, 29
ZERO_FT, GAIN_SCALING, DAMPING, SET_WATCHDOG, STOP_SCRIPT = 8, 21, 20, 35, 255
NORMAL_BIT, PROTECTIVE_BIT, ANY_EMERGENCY_BIT, ROBOT_EMERGENCY_BIT = 1, 1 << 2, 1 << 7, 1 << 6
SAFETY_NORMAL, SAFETY_PROTECTIVE, SAFETY_EMERGENCY = 1, 3, 7
LOWEST_SERVO_GAIN, HIGHEST_SERVO_GAIN = 100.0, 2000.0


class Controller:
    """Everything that is not a socket. Only the thread that steps it may touch it, or whoever holds the server's lock.

    Attributes:
        arm: What moves.
        now_s: Time since it was switched on, s.
        runtime_state: Of the program.
        program_ends: Why the program ended, each time it did.
        counts: How often each command was carried out.
        is_answering: False for a program that runs and never answers.
        hears: How many set-points came.
        rested_s: Since when the arm stands, s of `now_s`.
        lookahead_s: Time over which the set-points of the program are smoothed, s.
    """

    def __init__(self, arm: UrArm) -> None:
        self.arm = arm
        self.now_s = 100.0
        self._follow_arm()
        self.runtime_state = STOPPED
        self.robot_mode, self.safety_mode, self.safety_bits = RUNNING_MODE, SAFETY_NORMAL, NORMAL_BIT
        self.inputs: dict[str, object] = {}
        self.outputs: dict[str, object] = {}
        self.program_ends: list[str] = []
        self.messages: list[str] = []
        self.counts: Counter[int] = Counter()
        self.is_answering = True
        self.hears = 0
        self.rested_s = self.now_s
        self.payload_kg = 0.0
        self.payload_cog: tuple[float, ...] = (0.0, 0.0, 0.0)
        self.tcp: tuple[float, ...] = (0.0,) * 6
        self.zero = np.zeros(6)
        self._forget_program()

    def _forget_program(self) -> None:
        self._target: Vector | None = None
        self._answer = 0
        self.lookahead_s = 0.0
        self._watchdog_s: float | None = None
        self._kicked_s = self.now_s

    # What the ports do --------------------------------------------------------------------------------------------

    def write(self, name: str, value: object) -> None:
        """Take an input that a client has sent."""
        self.inputs[name] = value
        if name == "input_int_register_0":
            self._kicked_s = self.now_s
            self.hears += value == SERVO_J
        if name == "speed_slider_fraction" and self.inputs.get("speed_slider_mask"):
            self.outputs["target_speed_fraction"] = value

    def start_program(self) -> None:
        """Run the program that was uploaded; nothing happens while the robot cannot move."""
        if self.safety_mode != SAFETY_NORMAL or self.robot_mode != RUNNING_MODE:
            return
        self._forget_program()
        self.runtime_state = PLAYING
        # The sensor is zeroed at every start of a program.
        self.zero_sensor()

    def end_program(self, why: str) -> None:
        """End the program that runs, if one does."""
        if self.runtime_state in (PLAYING, PAUSED):
            self.program_ends.append(why)
            self.messages.append(why)
        self.runtime_state = STOPPED
        self._forget_program()

    def protective_stop(self) -> None:
        """Stop for safety: the program is held until somebody ends it or lets it go on."""
        self.safety_mode, self.safety_bits = SAFETY_PROTECTIVE, PROTECTIVE_BIT
        self._pause()

    def emergency_stop(self) -> None:
        """Stop as by the button: power goes off, and the program ends."""
        self.safety_mode, self.safety_bits = SAFETY_EMERGENCY, ROBOT_EMERGENCY_BIT | ANY_EMERGENCY_BIT
        self.robot_mode = 3
        self.end_program("emergency stop")

    def release(self) -> None:
        """Take a stop back."""
        self.safety_mode, self.safety_bits, self.robot_mode = SAFETY_NORMAL, NORMAL_BIT, RUNNING_MODE

    def _pause(self) -> None:
        if self.runtime_state == PLAYING:
            self.runtime_state = PAUSED
        self._target = None

    def zero_sensor(self) -> None:
        """Make what is felt now zero: the sensor turns with the flange, and so does its bias."""
        self.zero = np.zeros(6)
        self.zero = self._felt()

    # One period ---------------------------------------------------------------------------------------------------

    def step(self, period_s: float = PERIOD_S) -> None:
        """Let a period pass."""
        self.now_s += period_s
        if self.runtime_state == PLAYING:
            self._run_program()
        self.arm.step(self._target if self.runtime_state == PLAYING else None, period_s)
        self._follow_arm()
        if self._is_moving():
            self.rested_s = self.now_s

    def _follow_arm(self) -> None:
        self._X_base_flange = flange_pose(self.arm.q)

    def _is_moving(self) -> bool:
        return bool(np.abs(self.arm.dq).max() > REST_RAD_PER_S)

    def _run_program(self) -> None:
        if self._watchdog_s is not None and self.now_s - self._kicked_s > self._watchdog_s:
            self.end_program(f"watchdog: register 0 was not written for {self._watchdog_s:.3f} s")
            return
        if not self.is_answering:
            return
        command = int(self._int(0))
        if command == NO_COMMAND:
            self._answer = READY
        elif command == SERVO_J:
            self._servo()
        elif self._answer == READY:
            self._begin(command)
        if self._answer == DONE or command != STOP_SCRIPT:
            self.outputs["output_int_register_0"] = self._answer

    def _servo(self) -> None:
        lookahead_s, gain = self._double(9), self._double(10)
        target = np.array([self._double(i) for i in range(6)])
        if not np.isfinite(target).all() or not LOWEST_SERVO_GAIN <= gain <= HIGHEST_SERVO_GAIN or lookahead_s < 0.03:
            self.end_program(f"servoj: bad arguments {target.tolist()}, lookahead {lookahead_s}, gain {gain}")
            return
        if lookahead_s != self.lookahead_s:
            self.lookahead_s = lookahead_s
            self.arm.smooth_over(lookahead_s)
        self._answer, self._target = READY, target
        self.outputs["target_q"] = target.tolist()

    def _begin(self, command: int) -> None:
        if command in (SERVO_STOP, SPEED_STOP):
            self._target = None
            if self._is_moving():
                return  # it answers when it stands
        elif command == SET_PAYLOAD:
            self.payload_kg = self._double(0)
            if any(cog := tuple(self._double(i) for i in (1, 2, 3))):
                self.payload_cog = cog
        elif command == SET_TCP:
            self.tcp = tuple(self._double(i) for i in range(6))
        elif command == ZERO_FT:
            self.zero_sensor()
        elif command == SET_WATCHDOG:
            self._watchdog_s = 1.0 / self._double(0)
        elif command == STOP_SCRIPT:
            self.counts[command] += 1
            self.end_program("stopScript")
            return
        elif command not in (GAIN_SCALING, DAMPING):
            self.end_program(f"command {command} is not one of this robot's")
            return
        self.counts[command] += 1
        self._answer = DONE

    def _int(self, i: int) -> int:
        return int(self.inputs.get(f"input_int_register_{i}", 0))  # type: ignore[call-overload, no-any-return]

    def _double(self, i: int) -> float:
        return float(self.inputs.get(f"input_double_register_{i}", 0.0))  # type: ignore[arg-type]

    # What is reported ---------------------------------------------------------------------------------------------

    def _felt(self) -> Vector:
        """Return the wrench without the payload that the controller knows of and without its zero, in flange axes."""
        force, torque = self.arm.load()
        weight = self._X_base_flange[:3, :3].T @ np.array([0.0, 0.0, -STANDARD_GRAVITY * self.payload_kg])
        x, y, z = self.payload_cog
        wx, wy, wz = weight.tolist()
        leverage = np.array([y * wz - z * wy, z * wx - x * wz, x * wy - y * wx])
        return np.concatenate((force - weight, torque - leverage)) - self.zero

    def snapshot(self) -> dict[str, object]:
        """Return every output that differs from zero."""
        X, felt = self._X_base_flange, self._felt()
        R = X[:3, :3]
        scale = self.outputs.get("target_speed_fraction", 1.0)
        running = self.runtime_state == PLAYING
        return {
            **self.outputs,
            "timestamp": self.now_s,
            "actual_q": self.arm.q.tolist(),
            "actual_qd": self.arm.dq.tolist(),
            "actual_TCP_pose": [*X[:3, 3].tolist(), *log_so3(R).tolist()],
            "actual_TCP_force": [*(R @ felt[:3]).tolist(), *(R @ felt[3:]).tolist()],
            "robot_mode": self.robot_mode,
            "safety_mode": self.safety_mode,
            "safety_status": self.safety_mode,
            "safety_status_bits": self.safety_bits,
            "robot_status_bits": 1 | (2 if running else 0),
            "runtime_state": self.runtime_state,
            "speed_scaling": 1.0,
            "target_speed_fraction": scale,
            "payload": self.payload_kg,
            "payload_cog": list(self.payload_cog),
            "tcp_offset": list(self.tcp),
        }
