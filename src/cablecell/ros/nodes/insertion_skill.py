"""Node `insertion_skill`: plugs a held plug into an estimated port, through planner and arm controller."""

from __future__ import annotations

import gc
import math
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from aic_control_interfaces.msg import ControllerState
from aic_task_interfaces.action import InsertCable
from cablecell_interfaces.action import HandleConnector, InsertConnector, Observe
from cablecell_interfaces.msg import (
    ComplianceCommand,
    InsertionPhase,
    InsertionReport,
    PlugEstimate,
    PortEstimateArray,
)
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import WrenchStamped
from rclpy.duration import Duration
from std_msgs.msg import String
from std_srvs.srv import Trigger

from cablecell.composition.robot_description import load_robot_description
from cablecell.configuration import load_connectors
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.config.insertion_skill import InsertionSkillParameters
from cablecell.core.control.command import ComplianceCommand as Command
from cablecell.core.errors import WorkcellError
from cablecell.core.insertion.contact_follower import ContactFollower
from cablecell.core.insertion.errors import (
    REPEATABLE,
    LostEstimateError,
    NotFreeError,
    error_of,
    error_of_handling,
)
from cablecell.core.insertion.felt_ports import FeltPorts
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.core.insertion.observation import SkillStep
from cablecell.core.insertion.outcome import Outcome
from cablecell.core.insertion.profile import ConnectorProfile, profile_from_connector
from cablecell.core.insertion.skill import InsertionSkill
from cablecell.core.insertion.staging import staging_pose
from cablecell.ros import qos
from cablecell.ros.arm_priority import set_realtime_priority
from cablecell.ros.calibration_records import gripped_as_measured, load_record
from cablecell.ros.contact_report import ContactReport
from cablecell.ros.conversions import fill_compliance_command
from cablecell.ros.goals import GoalRunner, RunningGoal, call, run_action
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.skill_handling import HandlingTeller, fill_handling, procedure_of
from cablecell.ros.skill_known import is_only_designed, plug_of, port_of
from cablecell.ros.skill_messages import (
    cable_result,
    covariance_of_tip,
    estimates,
    held_plug_from_json,
    result_message,
    seconds,
    sensor_height_m,
    sensor_stop,
)
from cablecell.ros.skill_order import (
    Order,
    order_from_cable_task,
    order_from_connector,
    order_from_handling,
    settings_of,
)
from cablecell.ros.skill_report import ReportTeller
from cablecell.ros.skill_room import FingerRoom
from cablecell.ros.skill_staging import StagingMover
from cablecell.ros.skill_stream import HandlingRun, Run, SkillRun, SkillStream
from cablecell.ros.skill_touch import CONTRADICTING, PortToucher
from cablecell.ros.skill_zones import slowed, zone_scale, zone_stop

_FEEDBACK_PERIOD_S = 0.05
_ANSWER_S = 5.0


class InsertionSkillNode(CellNode[InsertionSkillParameters]):
    """Serves `insert_connector`, `insert_cable`, `handle_connector`; publishes set-points and `insertion_phase`."""

    def __init__(self) -> None:
        super().__init__("insertion_skill", InsertionSkillParameters)
        self._busy = threading.Lock()
        self._held: HeldPlug | None = None
        self._ports: dict[str, Any] = {}
        self._told = PortEstimateArray()
        self._plug = PlugEstimate()
        self._goal: RunningGoal | None = None
        self._feedback: Any = None
        self._fed_back_s = 0.0
        self._run: Run[Any] | None = None
        self._target = ""
        self._zone_scale = 1.0

    def setup(self) -> None:
        """Read the connectors and create the interfaces."""
        settings = self.parameters.values
        self._felt = FeltPorts(settings.felt_age_limit_s)
        self._plug_record = load_record(settings.plug_record, "plug", settings.cell_id)
        connectors = load_connectors()
        self._profiles = {name: profile_from_connector(connector) for name, connector in connectors.items()}
        self._pads_m = {name: connector.grasp.width_m for name, connector in connectors.items()}
        self._room = FingerRoom()
        height_m = sensor_height_m(load_robot_description())
        self._stream = SkillStream(height_m)
        self._toucher = PortToucher(self, connectors, height_m)
        self._commands = self.create_lifecycle_publisher(ComplianceCommand, "compliance_commands", qos.COMMAND)
        self._phases = self.create_lifecycle_publisher(InsertionPhase, "insertion_phase", qos.STATE)
        self._phase = InsertionPhase()
        self._reports = self.create_publisher(InsertionReport, "insertion_report", qos.STATE)
        ledger = settings.ledger_file
        self._report = ReportTeller(
            self._reports.publish,
            lambda: self.get_clock().now().to_msg(),
            Path(ledger).expanduser().with_name(Path(ledger).name + ".report") if ledger else None,
            self.get_logger().error,
        )
        self._report.repeat()
        self._contacts = ContactReport(self)
        self._subscriptions_of_ours = [
            self.create_subscription(ControllerState, "controller_state", self._stream.take_state, qos.SENSOR),
            self.create_subscription(WrenchStamped, "wrench", self._stream.take_wrench, qos.SENSOR),
            self.create_subscription(PortEstimateArray, "ports", self._take_ports, qos.STATE),
            self.create_subscription(DiagnosticArray, "diagnostics", self._take_diagnostics, qos.DIAGNOSTICS),
            self.create_subscription(String, "cell/held_plug", self._take_held_plug, qos.STATE),
        ]
        self._staging = StagingMover(self, self.parameters.values)
        self._observe = self.action_client(Observe, "observe")
        self._tare = self.create_client(Trigger, "tare_force_torque_sensor")
        self._actions = [
            GoalRunner(self, InsertConnector, "insert_connector", self._insert_connector, self._busy),
            GoalRunner(self, InsertCable, "insert_cable", self._insert_cable, self._busy, cable_result),
            GoalRunner(self, HandleConnector, "handle_connector", self._handle_connector, self._busy),
        ]

    def teardown(self) -> None:
        """Destroy the interfaces."""
        for action in self._actions:
            action.destroy()
        for subscription in self._subscriptions_of_ours:
            self.destroy_subscription(subscription)
        self.destroy_client(self._tare)
        self._toucher.destroy()
        self._contacts.destroy()
        for publisher in (self._commands, self._phases, self._reports):
            self.destroy_publisher(publisher)

    def start(self) -> None:
        """Say that nothing is being done; keep the garbage collector out of the stream."""
        gc.collect()
        gc.freeze()
        set_realtime_priority(self.parameters.values.realtime_priority)
        self._enter(InsertionPhase.PHASE_IDLE, "active", 0)

    def stop(self) -> None:
        """End the stream of commands; the arm holds by its own watchdog."""
        self._stream.end()
        set_realtime_priority(0)

    # What others publish -------------------------------------------------------------------------------------

    def _take_ports(self, message: Any) -> None:
        self._told = message
        self._ports = {port.port_name: port for port in message.ports}
        self._plug = message.plug
        run = self._run
        if run is not None and self._is_withdrawn():
            run.withdraw(self._withdrawal)

    def _is_withdrawn(self) -> bool:
        port = self._ports.get(self._target)
        return port is not None and is_only_designed(port)

    @property
    def _withdrawal(self) -> str:
        return f"the estimate of port '{self._target}' was withdrawn: only its design is known"

    def _take_diagnostics(self, message: Any) -> None:
        """Notice that the controller has stopped because of its force sensor or of somebody in a zone, and the pace."""
        scale = zone_scale(message)
        self._zone_scale = self._zone_scale if scale is None else scale
        run = self._run
        if run is not None and (error := sensor_stop(message) or zone_stop(message)) is not None:
            run.end(error)

    def _take_held_plug(self, message: Any) -> None:
        self._held = gripped_as_measured(held_plug_from_json(message.data), self._plug_record)

    # Actions -------------------------------------------------------------------------------------------------

    def _insert_connector(self, goal: RunningGoal) -> Any:
        settings = self.parameters.values
        order = order_from_connector(goal.request, settings.attempts, settings.insertion_time_limit_s)
        self._feedback = InsertConnector.Feedback
        return self._insert(goal, order)

    def _insert_cable(self, goal: RunningGoal) -> Any:
        settings = self.parameters.values
        order = order_from_cable_task(goal.request.task, settings.attempts, settings.insertion_time_limit_s)
        self._feedback = InsertCable.Feedback
        self._goal = goal
        self._enter(InsertionPhase.PHASE_OBSERVE, f"looking for {order.port}", 1)
        look = Observe.Goal(
            port_names=[order.port],
            position_std=settings.observe_position_std_m,
            orientation_std=settings.observe_orientation_std_rad,
            max_views=4,
            time_limit=Duration(seconds=settings.observe_time_limit_s).to_msg(),
        )
        try:
            run_action(self, self._observe, "observe", look, settings.observe_time_limit_s + _ANSWER_S, goal.check)
        except WorkcellError as error:
            self._enter(InsertionPhase.PHASE_IDLE, str(error), 0)
            self._goal = None
            raise
        return self._insert(goal, order)

    def _insert(self, goal: RunningGoal, order: Order) -> Any:
        self._goal = goal
        attempt, outcome = 0, None
        try:
            self._report.begin(order)
            held = plug_of(order, self._held, self._profiles)
            profile = self._profiles[held.connector]
            if not order.pull_test:
                profile = replace(profile, retention_force_n=0.0)
            settings = settings_of(order, self.parameters.values)
            while True:
                attempt += 1
                if hasattr(goal.result, "attempts"):
                    goal.result.attempts = attempt
                outcome, reason = self._try_once(
                    goal, order, held, profile, settings, attempt, is_contradicted=outcome in CONTRADICTING
                )
                if outcome not in REPEATABLE or attempt >= order.attempts:
                    break
                self.get_logger().warning(f"attempt {attempt} of {order.attempts}: {outcome.name}, {reason}")
            error = error_of(outcome, reason)
            if error is not None:
                raise error
            self._report.end(None, goal.result)
            self._enter(InsertionPhase.PHASE_IDLE, reason, 0)
            return goal.result
        except Exception as error:
            self._report.end(error, goal.result)
            self._enter(InsertionPhase.PHASE_IDLE, str(error), 0)
            raise
        finally:
            self._stream.end()
            self._goal = None

    def _try_once(
        self,
        goal: RunningGoal,
        order: Order,
        held: HeldPlug,
        profile: ConnectorProfile,
        settings: InsertionSettings,
        attempt: int,
        *,
        is_contradicted: bool,
    ) -> tuple[Outcome, str]:
        """Stage, tare, find by touch where that is needed, insert; return how it ended."""
        now_s = seconds(self.get_clock().now().to_msg())
        age_limit_s, is_by_touch = self.parameters.values.estimate_age_limit_s, self._toucher.can_find(held.connector)
        message, is_old = port_of(order, self._ports, now_s, age_limit_s, is_by_touch=is_by_touch)
        port, tip = estimates(message, self._plug, held)
        tip_covariance = covariance_of_tip(self._plug, held)
        port = self._felt.refine(order.port, port, now_s, settings.position_sigma_limit_m)
        port, is_touched = self._toucher.believe(
            order.port, held.connector, port, is_contradicted=is_contradicted or is_old
        )
        skill = InsertionSkill(profile, slowed(settings, self._zone_scale))
        skill.keep_to(self._room.side(self._told, port, tip, profile, self._pads_m[held.connector]))
        touch = self._toucher.first(skill, held.connector, port, tip, tip_covariance) if is_touched else None
        self._enter(InsertionPhase.PHASE_STAGING, f"moving in front of {order.port}", attempt)
        self._staging.go(goal, staging_pose(port, tip, profile, settings.contact_margin_m), port.X[:3, 2])
        goal.check()
        answer = call(self._tare, Trigger.Request(), _ANSWER_S, goal.check)
        if not answer.success:
            raise NotFreeError(f"tare refused: {answer.message}")
        run = SkillRun(skill if touch is None else touch, port, tip, ContactFollower(profile, port, tip))
        self._run, self._target = run, order.port
        try:
            if self._is_withdrawn():  # on the way; from now on the run is told
                raise LostEstimateError(self._withdrawal)
            self._report.note_clear(is_clear=False)
            self._drive(goal, run, self._on_step)
            result = run.skill.result
            assert result is not None
            if result.outcome is not Outcome.SEATED and result.is_retreated:
                self._report.note_clear(is_clear=True)
        finally:
            self._run = None
        if touch is not None:
            self._toucher.publish(order.port, touch, tip_covariance, self.get_clock().now().to_msg())
        if result.outcome is Outcome.SEATED:
            stamp_s = seconds(self.get_clock().now().to_msg())
            self._felt.remember(order.port, stamp_s, run.X_base_tip, tip_covariance, profile)
        now = self.get_clock().now().to_msg()
        measured = result_message(result, run.X_base_tip, held, order.port, now, run.contacts.sequence)
        self._contacts.end(measured)
        if hasattr(goal.result, "insertion"):
            goal.result.insertion = measured
        self.get_logger().info(
            f"{result.outcome.name}: {result.reason}; {result.duration_s:.1f} s, peak {result.peak_force_n:.1f} N, "
            f"{run.pairs} steps"
        )
        return result.outcome, result.reason

    def _drive(self, goal: RunningGoal, run: Run[Any], on_step: Callable[[Any, Any, Any], None]) -> None:
        """Have the stream drive a procedure to its end."""
        self._stream.begin(run, on_step)
        self._stream.await_end(run, goal, lambda: self.is_active, self.parameters.values.silence_limit_s)

    def _handle_connector(self, goal: RunningGoal) -> Any:
        """Check, or take out, the plug that is held in its port."""
        order = order_from_handling(goal.request, self.parameters.values.insertion_time_limit_s)
        settings = slowed(settings_of(order, self.parameters.values), self._zone_scale)
        held = plug_of(order, self._held, self._profiles)
        profile, now_s = self._profiles[held.connector], seconds(self.get_clock().now().to_msg())
        # However long ago it was seen: the plug is in it, or the procedure says that it is not.
        message, _ = port_of(order, self._ports, now_s, math.inf, is_by_touch=False)
        port, tip = estimates(message, self._plug, held)
        port = self._felt.refine(order.port, port, now_s, settings.position_sigma_limit_m)
        procedure, phase = procedure_of(goal.request.task, profile, settings)
        self._run, self._target = HandlingRun(procedure, port, tip), order.port
        try:
            self._enter(phase, f"the plug is held in {order.port}", 1)
            self._drive(goal, self._run, HandlingTeller(goal, self._phase, self._send).take)
        finally:
            self._stream.end()
            self._run = None
            result = procedure.result
            self._enter(InsertionPhase.PHASE_IDLE, "handling ended" if result is None else result.reason, 0)
        assert result is not None
        self.get_logger().info(f"{result.outcome.name}: {result.reason}; {result.duration_s:.1f} s")
        fill_handling(goal.result, result)
        error = error_of_handling(result.outcome, result.reason)
        if error is not None:
            raise error
        return goal.result

    # The fast part -------------------------------------------------------------------------------------------

    def _on_step(self, run: SkillRun, out: SkillStep, wrench: Any) -> None:
        """Publish the setpoint of a step; in the executor's thread, once per control tick that was heard."""
        self._send(out.command)
        self._contacts.take(run.contact, self._target)
        is_new = int(out.phase) != self._phase.phase
        if is_new:
            self._enter(int(out.phase), out.reason, max(self._phase.attempt, 1))
        goal = self._goal
        now_s = time.monotonic()
        if goal is None:
            return
        if self._feedback is InsertCable.Feedback:
            if is_new:
                goal.publish_feedback(InsertCable.Feedback(message=out.reason))
            return
        if is_new or now_s - self._fed_back_s > _FEEDBACK_PERIOD_S:
            self._fed_back_s = now_s
            goal.publish_feedback(InsertConnector.Feedback(phase=self._phase, depth=run.depth_m, wrench=wrench))

    def _send(self, command: Command) -> None:
        message = ComplianceCommand()
        fill_compliance_command(message, command, self.get_clock().now().nanoseconds)
        self._commands.publish(message)

    def _enter(self, phase: int, reason: str, attempt: int) -> None:
        message = InsertionPhase(phase=phase, previous_phase=self._phase.phase, reason=reason, attempt=attempt)
        message.header.stamp = self.get_clock().now().to_msg()
        self._phase = message
        self._phases.publish(message)
        self.get_logger().info(f"phase {phase}: {reason}")
        goal = self._goal
        if goal is None:
            return
        if self._feedback is InsertCable.Feedback:
            goal.publish_feedback(InsertCable.Feedback(message=f"phase {phase}: {reason}"))
        elif phase in (InsertionPhase.PHASE_STAGING, InsertionPhase.PHASE_OBSERVE):
            goal.publish_feedback(InsertConnector.Feedback(phase=message))


def main() -> None:
    """Run the node."""
    sys.exit(run_node(InsertionSkillNode))
