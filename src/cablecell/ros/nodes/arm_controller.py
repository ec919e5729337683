"""Node `arm_controller`: owns the machine, runs the controller at 500 Hz, publishes what it measures."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aic_control_interfaces.msg import JointMotionUpdate, MotionUpdate
from cablecell_interfaces.msg import ComplianceCommand, LinkHeartbeat
from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import Float64

from cablecell.composition.machines import ExtrasHost, MachineOptions, make_machine
from cablecell.configuration import load_zones
from cablecell.core.config.arm_controller import ArmControllerParameters
from cablecell.core.control.energy import EnergyMeter
from cablecell.core.errors import NotActiveError, WorkcellError
from cablecell.core.fusion.wrench_crosscheck import CrossCheckSettings
from cablecell.core.fusion.wrench_health import WrenchFault
from cablecell.ros import conversions, qos
from cablecell.ros.arm_actions import GripperAction, TrajectoryAction
from cablecell.ros.arm_diagnostics import ArmDiagnostics
from cablecell.ros.arm_output import ArmOutput
from cablecell.ros.arm_payload import PayloadAction
from cablecell.ros.arm_priority import lock_memory, set_realtime_priority
from cablecell.ros.arm_services import ArmServices
from cablecell.ros.arm_zones import ZoneKeeper
from cablecell.ros.calibration_records import load_record, sensed_load
from cablecell.ros.control_loop import ControlLoop, Cycle, Streamed
from cablecell.ros.heartbeat_watch import HeartbeatWatch
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.wrench_watch import WrenchWatch

_SWITCH_INTERVAL_S = 0.0005
"""How long a callback may keep the interpreter from the control loop; Python's own 5 ms would be two periods."""

_FAULT_PERIOD_S = 0.02
"""How soon a fault of the force sensor is told."""


class ArmController(CellNode[ArmControllerParameters]):
    """Takes commands by topics, actions and services; see the contract of the node in its documentation."""

    def __init__(self) -> None:
        super().__init__("arm_controller", ArmControllerParameters)
        values = self.parameters.values
        self._backend = make_machine(
            values.hardware,
            MachineOptions(
                trials_file=values.trials_file,
                trial=values.trial,
                seed=values.seed,
                robot_file=values.robot_file,
                robot_ip=values.robot_ip,
                rate_hz=values.rate_hz,
                recording=values.recording,
            ),
        )

    def setup(self) -> None:
        """Connect the machine and create the interfaces."""
        backend, values = self._backend, self.parameters.values
        zones = load_zones(Path(values.zones_file).expanduser()) if values.zones_file else None
        calibrated = sensed_load(load_record(values.wrench_record, "wrench", values.cell_id))
        backend.machine.connect()
        self._output = ArmOutput(self, backend, values)
        heartbeat = HeartbeatWatch(values.heartbeat_timeout_s, self._take_heartbeats)
        self._loop = ControlLoop(backend, values, self._publish, heartbeat)
        if calibrated is not None:
            self._loop.sensed_load = calibrated
            self._loop.reset()
        self._extras = backend.make_extras(ExtrasHost(self, self._loop, self._publish_latched))
        self._diagnostics = self.create_lifecycle_publisher(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
        self._meter, self._metered_j = EnergyMeter(), -1.0
        self._energy = self.create_lifecycle_publisher(Float64, "joint_energy", qos.STATE)
        self._trajectory = TrajectoryAction(self, self._loop, backend.machine.arm.joint_names)
        self._gripper = GripperAction(self, self._loop, backend.machine.gripper, values.gripper_force_n)
        self._identify = PayloadAction(self, self._loop, backend, values)
        self._zones = None if zones is None else ZoneKeeper(self, self._loop, zones)
        before_clear = (lambda: None) if self._zones is None else self._zones.clear
        self._answers = ArmServices(self, self._loop, backend, before_clear)
        self._inputs = [
            self.create_subscription(
                ComplianceCommand,
                "compliance_commands",
                self._take(conversions.compliance_command, lambda m: conversions.time_ns(m.header.stamp)),
                qos.COMMAND,
            ),
            self.create_subscription(
                MotionUpdate,
                "pose_commands",
                self._take(conversions.motion_update, lambda m: conversions.time_ns(m.header.stamp)),
                qos.COMMAND,
            ),
            self.create_subscription(
                JointMotionUpdate,
                "joint_commands",
                self._take(conversions.joint_motion_update, lambda _: time.time_ns()),
                qos.COMMAND,
            ),
        ]
        self._heartbeats = self.create_subscription(
            LinkHeartbeat, "cell/heartbeat", lambda _: heartbeat.hear(time.monotonic_ns()), qos.HEARTBEAT
        )
        self._inputs.append(self._heartbeats)

    def teardown(self) -> None:
        """Destroy the interfaces and disconnect the machine; also what is left of a setup that failed."""
        for subscription in self.__dict__.pop("_inputs", []):
            self.destroy_subscription(subscription)
        if self.__dict__.get("_zones") is not None:
            self.__dict__.pop("_zones").destroy()
        for name in ("_answers", "_identify", "_gripper", "_trajectory", "_extras", "_output"):
            if name in self.__dict__:
                self.__dict__.pop(name).destroy()
        if "_diagnostics" in self.__dict__:
            self.destroy_publisher(self.__dict__.pop("_diagnostics"))
        if "_energy" in self.__dict__:
            self.destroy_publisher(self.__dict__.pop("_energy"))
        self._backend.machine.disconnect()

    def start(self) -> None:
        """Start the control loop."""
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        priority = self.parameters.values.realtime_priority
        if priority and not set_realtime_priority(priority):
            self.get_logger().info("no right to real-time scheduling: the loop runs as urgent as anything else")
        if priority:
            lock_memory()
        self._report = ArmDiagnostics(self.get_name(), self._loop, self.parameters.values)
        self._wrench_faults: deque[WrenchFault] = deque(maxlen=10)
        self._told_stop: WorkcellError | None = None
        values = self.parameters.values
        self._wrench_watch = WrenchWatch(
            self._wrench_faults.append,
            # A controller that stops takes no command until the stop is cleared: whoever streamed is refused.
            stop=lambda fault: self._loop.controller.stop(fault.error),
            disagreement=lambda: self._loop.controller.disagreement,
            cross_check=CrossCheckSettings(
                disagreement_n=values.wrench_disagreement_n, disagreement_nm=values.wrench_disagreement_nm
            ),
        )
        self._period_s = 1.0 / values.rate_hz
        self._loop.on_fault = self._end
        self._loop.start()
        if self._zones is not None:  # before any command can be taken
            self._zones.apply()
        self._publish_latched()
        self._timer = self.create_timer(1.0 / self.parameters.values.diagnostics_rate_hz, self._look)
        self._wrench_timer = self.create_timer(_FAULT_PERIOD_S, self._tell_wrench_faults)

    def stop(self) -> None:
        """End what runs and let the machine come to rest."""
        self.destroy_timer(self._timer)
        self.destroy_timer(self._wrench_timer)
        ended = NotActiveError(f"{self.get_fully_qualified_name()} was deactivated")
        self._trajectory.end(ended)
        self._gripper.end()
        self._identify.end()
        self._loop.stop()
        set_realtime_priority(0)

    def _publish(self, cycle: Cycle) -> None:
        self._output.publish(cycle)
        self._extras.publish(cycle)
        self._wrench_watch.take(cycle)
        self._meter.add(cycle.state.tau.tolist(), cycle.state.dq.tolist(), self._period_s)

    def _publish_latched(self) -> None:
        self._output.publish_latched(time.time_ns())
        self._answers.publish_latched()
        self._extras.publish_latched()

    def _take(self, convert: Callable[[Any], Streamed], stamp_of: Callable[[Any], int]) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            if not self.is_active:
                return
            try:
                self._loop.stream(convert(message), stamp_of(message))
            except WorkcellError as error:
                self._loop.note_refused(error)

        return take

    def _take_heartbeats(self) -> int:
        """Take heartbeats past the executor, which may be busy; return the newest stamp, ns, or 0."""
        newest_ns = 0
        with self._heartbeats.handle:
            while (taken := self._heartbeats.handle.take_message(LinkHeartbeat, False)) is not None:
                newest_ns = conversions.time_ns(taken[0].header.stamp)
        return newest_ns

    def _tell_wrench_faults(self) -> None:
        """Say what the arm has spent, and at once what is wrong with the force sensor and why the arm stopped."""
        if self._meter.energy_j != self._metered_j:
            self._metered_j = self._meter.energy_j
            self._energy.publish(Float64(data=self._metered_j))
        last = self._loop.last
        stopped_by = None if last is None else last.report.fault
        if not self._wrench_faults and stopped_by is self._told_stop:
            return
        while self._wrench_faults:
            fault = self._wrench_faults.popleft()
            self.get_logger().error(f"code {fault.error.code}: {fault.error}")
        self._told_stop = stopped_by
        self._publish_status()

    def _publish_status(self) -> None:
        message = self._report.message(self.get_clock().now().to_msg())
        message.status.append(self._wrench_watch.status(self.get_name()))
        if self._zones is not None:
            message.status.append(self._zones.status(self.get_name()))
        self._diagnostics.publish(message)

    def _look(self) -> None:
        self._publish_status()
        refused = self._report.take_refused()
        if refused:
            self.get_logger().warning(refused)

    def _end(self, fault: Exception) -> None:
        """Say why the machine cannot be controlled any more, and end: nobody can move the arm through this process."""
        code = f"code {fault.code}: {fault}" if isinstance(fault, WorkcellError) else repr(fault)
        self.get_logger().fatal(f"the arm was stopped and control has ended, {code}")
        self.exit_code = 1


def main() -> None:
    """Run the node."""
    sys.exit(run_node(ArmController))
