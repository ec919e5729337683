"""The control loop: one thread that owns machine and controller; everybody else hands over immutable commands.

A streamed command goes into a slot where the newest wins; a request is a function that the loop calls between two
cycles. Nothing here waits for a lock, and nothing here knows a message.
"""

from __future__ import annotations

import gc
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cablecell.composition.machines import Backend
from cablecell.core.config.arm_controller import ArmControllerParameters
from cablecell.core.control.arm_controller import ArmController
from cablecell.core.control.command import ComplianceCommand, JointMotionUpdate, MotionUpdate
from cablecell.core.control.errors import CommandTimeoutError
from cablecell.core.control.modes import ControllerReport
from cablecell.core.control.standstill import REST_RAD_PER_S
from cablecell.core.control.validation import require_speed_scale
from cablecell.core.errors import StaleStateError, WorkcellError
from cablecell.core.fusion.wrench import Payload, Tare, TareError, WrenchCompensator
from cablecell.core.geometry import Array
from cablecell.ports import ArmState, GripperState, JointCommand, WrenchSample
from cablecell.ros.arm_errors import HeartbeatLostError, LoopBusyError, MachineFaultError
from cablecell.ros.arm_timing import Pacer, PeriodStatistics, Stall
from cablecell.ros.heartbeat_watch import HeartbeatWatch

Streamed = ComplianceCommand | MotionUpdate | JointMotionUpdate
"""What is streamed to the controller."""

_GRIPPER_EVERY = 5
"""Cycles between two readings of the gripper."""

_COLLECT_EVERY = 500
"""Cycles between two collections of garbage: 0.1 ms, as everything from before the start is frozen."""

_FRESH_LIMIT_S = 1.0
"""Longest time to wait for the first state, s."""


@dataclass(frozen=True)
class Cycle:
    """What one cycle measured and decided.

    Attributes:
        number: Counts up by one.
        stamp_ns: Time of measurement, ns in ROS time.
        state: Measured state of the arm.
        sample: Raw reading of the force sensor.
        wrench_tcp: Contact wrench at the tcp in tcp axes, shape (6,), N, N·m.
        bias: Bias that is subtracted in `ft_frame`, shape (6,), N, N·m.
        report: State of the controller.
        command: What the arm was told.
        gripper: Newest state of the gripper.
    """

    number: int
    stamp_ns: int
    state: ArmState
    sample: WrenchSample
    wrench_tcp: Array
    bias: Array
    report: ControllerReport
    command: JointCommand
    gripper: GripperState


class _Request:
    """Something the loop does between two cycles; `work` returns False as long as it wants to be called again."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.work = work
        self.done = threading.Event()
        self.is_abandoned = False
        self.result: object = None
        self.error: Exception | None = None


class ControlLoop:
    """Runs a backend with an `ArmController` at a fixed rate.

    Attributes:
        controller: The controller; only the loop's thread may touch it.
        pacer: Maps stamps to the machine's time.
        heartbeat: Watches the supervisor.
        refused: How many commands were refused, and why the newest was.
        timeouts: How often a stream of commands ended without a successor, and the arm held.
        fault: What ended the loop; None while it is well.
        on_fault: Called by the loop when it ends by a fault, after the arm was told to stop.
        on_stall: Called by the loop when a cycle took far too long, with where its time went.
        last: The newest cycle.
        speed_scale: Share of the speed that was asked for.
        zone_scale: Largest share that zones of people allow; the smaller of the two applies.
        sensed_load: Payload and bias of the force sensor as calibrated, from the next `reset` on; None: as designed.
    """

    def __init__(
        self,
        backend: Backend,
        settings: ArmControllerParameters,
        publish: Callable[[Cycle], None],
        heartbeat: HeartbeatWatch,
    ) -> None:
        self._backend, self._settings, self._publish = backend, settings, publish
        self.heartbeat = heartbeat
        self._period_s = 1.0 / settings.rate_hz
        self.pacer = Pacer(self._period_s, settings.lag_limit_s)
        self.statistics = PeriodStatistics()
        self._stream: deque[tuple[Streamed, int]] = deque(maxlen=1)
        self._requests: deque[_Request] = deque()
        self._pending: list[_Request] = []
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._number = 0
        self.timeouts = 0
        self.refused: tuple[int, WorkcellError | None] = (0, None)
        self.fault: Exception | None = None
        self.on_fault: Callable[[Exception], None] = lambda _: None
        self.on_stall: Callable[[Stall], None] = lambda _: None
        self.last: Cycle | None = None
        self.speed_scale = 1.0
        self.zone_scale = 1.0
        self.sensed_load: tuple[Payload, Array] | None = None
        self.reset()

    def reset(self) -> None:
        """Start with a fresh controller and an untared sensor, as after a change of the scene; the speed stays."""
        backend, settings = self._backend, self._settings
        self.controller = ArmController(
            backend.model, settings, command_mode=backend.command_mode, loop=backend.contact_loop
        )
        self.controller.scale_speed(min(self.speed_scale, self.zone_scale))
        self.compensator = WrenchCompensator(
            backend.tool_frames["ft_frame"],
            cutoff_hz=settings.wrench_cutoff_hz,
            rate_hz=settings.rate_hz,
            payload=backend.payload(),
        )
        if self.sensed_load is not None:
            payload, bias = self.sensed_load
            self.compensator.set_payload(payload)
            self.compensator.set_bias(bias)
        self.heartbeat.forget()

    def take_up(self) -> None:
        """Forget what was commanded: while nothing ran somebody may have moved the arm."""
        self._stream.clear()
        self.controller.take_up()

    # Called by other threads -----------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether cycles are carried out."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread; the arm holds where it is then, whatever it did before."""
        self.take_up()
        self._ending.clear()
        self._thread = threading.Thread(target=self._run, name="control_loop", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the running cycle; the machine comes to rest."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(5.0)
            self._thread = None

    def stream(self, command: Streamed, stamp_ns: int) -> None:
        """Hand over a streamed command with its stamp in ROS time; a newer one replaces one not yet looked at."""
        self._stream.append((command, stamp_ns))

    def note_refused(self, error: WorkcellError) -> None:
        """Count a command that was refused."""
        self.refused = (self.refused[0] + 1, error)

    def request(self, work: Callable[[], Any], deadline_s: float = 0.5, *, stays_valid: bool = False) -> Any:
        """Have the loop call `work` between two cycles, again and again while it returns False; return its result.

        Args:
            work: What is wanted.
            deadline_s: Longest wait, s.
            stays_valid: Whether it is still wanted when nobody waits any more, as a stop is: the loop does it as soon
                as it can. Anything else is dropped, because it would come as a surprise.

        Raises:
            LoopBusyError: The loop is not running or did not finish in time (code 316).
            WorkcellError: What `work` raised.
        """
        if not self.is_running:
            raise LoopBusyError("the control loop is not running; activate the node first", quantity="loop")
        request = _Request(work)
        self._requests.append(request)
        if not request.done.wait(deadline_s):
            request.is_abandoned = not stays_valid
            later = "; it will as soon as it can" if stays_valid else ""
            raise LoopBusyError(
                f"the control loop did not finish within {deadline_s} s{later}",
                quantity="request",
                limit=deadline_s,
                unit="s",
            )
        if request.error is not None:
            raise request.error
        return request.result

    def tare(self) -> None:
        """Make the present reading of the force sensor zero.

        Raises:
            TareError: The arm moved, or the reading was not steady (code 510); nothing was changed.
            LoopBusyError: The loop did not answer in time (code 316).
        """
        wanted = max(20, round(self._settings.tare_time_s * self._settings.rate_hz))
        tare = Tare()

        def work() -> bool:
            machine = self._backend.machine
            self._require_rest(machine.arm.read())
            sample = machine.wrench_sensor.read()
            tare.add(np.concatenate((sample.force, sample.torque)))
            if tare.count < wanted:
                return False
            self.compensator.tare(tare.mean(), self.controller.report.X_base_tcp[:3, :3])
            return True

        self.request(work, deadline_s=1.0 + 4.0 * self._settings.tare_time_s)

    def scale_speed(self, scale: float) -> None:
        """Move with a share of the speed from now on.

        Raises:
            WorkcellError: It is no share (code 321), or the loop does not answer.
        """

        def work() -> None:
            require_speed_scale(scale)
            self.controller.scale_speed(min(scale, self.zone_scale))
            self.speed_scale = scale

        self.request(work)

    def limit_speed(self, scale: float) -> None:
        """Move with at most a share of the speed from now on, whatever share was asked for; 1 lifts the limit.

        Raises:
            WorkcellError: It is no share (code 321), or the loop does not answer.
        """

        def work() -> None:
            require_speed_scale(scale)
            self.controller.scale_speed(min(self.speed_scale, scale))
            self.zone_scale = scale

        self.request(work)

    # Called in requests, by the loop -----------------------------------------------------------------------------

    def measured_q(self) -> Array:
        """Return the measured joint positions, rad."""
        return self._backend.machine.arm.read().q

    def clear_stop(self) -> None:
        """Hold where the arm is and take commands again; the heartbeat must be heard anew to be watched."""
        self.heartbeat.forget()
        self.controller.hold()

    def _require_rest(self, state: ArmState) -> None:
        fastest = int(np.abs(state.dq).argmax())
        speed = abs(float(state.dq[fastest]))
        if speed > REST_RAD_PER_S:
            raise TareError(
                f"joint {fastest} moves with {speed:.3f} rad/s; a tare needs all below {REST_RAD_PER_S} rad/s",
                quantity="joint_speed",
                value=speed,
                limit=REST_RAD_PER_S,
                unit="rad/s",
            )

    # The thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        machine = self._backend.machine
        gc.collect()
        gc.freeze()
        gc.disable()
        try:
            self._await_state()
            self.pacer.start(machine.clock.now_s())
            self.statistics.begin()
            while not self._ending.is_set():
                self.statistics.start_cycle(self.pacer.wait(machine.clock.now_s()))
                if self.statistics.stall is not None:
                    self.on_stall(self.statistics.stall)
                self._cycle()
                self.statistics.end_cycle(time.monotonic_ns())
        except Exception as error:  # the arm must not go on with its last torque, whatever went wrong
            self.fault = error
        finally:
            machine.arm.stop()
            self.statistics.end()
            if self.fault is not None:
                self.on_fault(self.fault)
            gc.enable()
            gc.unfreeze()
            self._refuse_waiting()

    def _await_state(self) -> None:
        """Wait for a fresh state: while rubbish was collected and memory was locked nothing was received.

        Raises:
            StaleStateError: None came for `_FRESH_LIMIT_S` (code 803).
        """
        machine, end_s = self._backend.machine, time.monotonic() + _FRESH_LIMIT_S
        while True:
            machine.cycle(self._period_s)
            try:
                machine.arm.read()
                machine.wrench_sensor.read()
                return
            except StaleStateError:
                if time.monotonic() > end_s:
                    raise

    def _cycle(self) -> None:
        machine, controller = self._backend.machine, self.controller
        if self._requests or self._pending:
            self._serve()
            controller = self.controller
        state, sample = machine.arm.read(), machine.wrench_sensor.read()
        now_s = machine.clock.now_s()
        if self._stream:
            self._take(controller, state, now_s)
        self._watch_heartbeat(controller)
        R_base_tcp = self._backend.model.dynamics(state.q).X_base_tcp[:3, :3]
        wrench = self.compensator.compensate(sample, R_base_tcp)
        command = machine.arm.command(controller.tick(state, wrench, now_s))
        if isinstance(controller.report.fault, CommandTimeoutError):
            # Whoever streamed has ended or died: the arm stays where it is, and the next command is welcome.
            self.timeouts += 1
            controller.hold()
        if self.last is None or self._number % _GRIPPER_EVERY == 0:
            gripper = machine.gripper.read()
        else:
            gripper = self.last.gripper
        self.last = Cycle(
            self._number,
            self.pacer.stamp_ns(now_s),
            state,
            sample,
            wrench,
            self.compensator.bias,
            controller.report,
            command,
            gripper,
        )
        self._publish(self.last)
        machine.cycle(self._period_s)
        self._finish_cycle()

    def _finish_cycle(self) -> None:
        self._number += 1
        if self._number % _COLLECT_EVERY == 0:
            gc.collect()

    def _take(self, controller: ArmController, state: ArmState, now_s: float) -> None:
        command, stamp_ns = self._stream.popleft()
        command = replace(command, stamp_s=self.pacer.machine_s(stamp_ns))
        try:
            if isinstance(command, ComplianceCommand):
                controller.command_compliance(command, now_s)
            elif isinstance(command, MotionUpdate):
                controller.command_motion(command, now_s)
            else:
                controller.command_joints(command, now_s, state.q)
        except WorkcellError as error:
            self.note_refused(error)

    def _watch_heartbeat(self, controller: ArmController) -> None:
        silent_s = self.heartbeat.overdue_s(time.monotonic_ns(), time.time_ns())
        if silent_s is not None:
            limit_s = self._settings.heartbeat_timeout_s
            controller.stop(
                HeartbeatLostError(
                    f"no heartbeat of the supervisor for {silent_s:.3f} s; the limit is {limit_s} s",
                    quantity="heartbeat_age",
                    value=silent_s,
                    limit=limit_s,
                    unit="s",
                )
            )

    def _serve(self) -> None:
        while self._requests:
            self._pending.append(self._requests.popleft())
        waiting = []
        for request in self._pending:
            if request.is_abandoned:
                continue
            began_ns = time.monotonic_ns()
            try:
                request.result = request.work()
            except Exception as error:  # handed to who asked
                request.error = error
            if request.error is None and request.result is False:
                waiting.append(request)
            else:
                request.done.set()
            if time.monotonic_ns() - began_ns > 10_000_000:
                self.statistics.interrupt()
        self._pending = waiting

    def _refuse_waiting(self) -> None:
        for request in [*self._pending, *self._requests]:
            request.error = MachineFaultError("the control loop has ended", quantity="loop", value=self.fault)
            request.done.set()
        self._pending, self._requests = [], deque()
