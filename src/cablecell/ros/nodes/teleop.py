"""Node `teleop`: a person moves the arm, by a marker in RViz or with the topics of MoveIt Servo."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

from cablecell_interfaces.msg import CellState, TeleopStatus
from cablecell_interfaces.srv import ServoCommandType
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from std_srvs.srv import SetBool, Trigger
from visualization_msgs.msg import InteractiveMarkerFeedback

from cablecell.composition.robot_description import load_robot_description
from cablecell.core.config.teleop import TeleopParameters
from cablecell.core.errors import NotActiveError, WorkcellError
from cablecell.core.geometry import Array, rotate_six
from cablecell.core.teleop.commands import Observation, marker_source, require_fresh, twist_in_units
from cablecell.core.teleop.errors import CellBusyError, StateLostError, StopUnconfirmedError, TeleopError
from cablecell.core.teleop.output import TeleopOutput, TeleopState
from cablecell.core.teleop.teleoperation import Teleoperation
from cablecell.ros import qos
from cablecell.ros.arm_priority import set_realtime_priority
from cablecell.ros.conversions import pose_to_matrix, six
from cablecell.ros.error_codes import fill_result
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.skill_messages import seconds, sensor_height_m
from cablecell.ros.teleop_arm import TeleopArm
from cablecell.ros.teleop_consent import SupervisorConsent
from cablecell.ros.teleop_frames import TeleopFrames
from cablecell.ros.teleop_marker import MenuActions, TeleopMarker
from cablecell.ros.teleop_messages import diagnostics_message, status_message
from cablecell.ros.teleop_ports import TeleopPorts
from cablecell.ros.teleop_stop import ArmStop

_ENABLING_LIMIT_S = 1.0
"""Longest time from the supervisor's consent to fresh measurements."""

_GIVE_BACK_PAUSE_S = 1.0
"""Time after which the arm is given back again when the supervisor did not answer."""

_LAST_TRIES = 3
"""How often it is given back at the end, where nothing repeats it later."""

_STATUS_GAP_S = 0.02
"""Shortest time between two messages of status, however often something changes."""

_FORBIDDING = (
    CellState.STATE_ABORTING,
    CellState.STATE_ABORTED,
    CellState.STATE_STOPPING,
    CellState.STATE_CLEARING,
)


class Teleop(CellNode[TeleopParameters]):
    """Takes commands, keeps them inside all limits, and streams targets to the arm controller.

    Everything runs in one thread: a command is judged by what is known of the arm at that moment.
    """

    def __init__(self) -> None:
        super().__init__("teleop", TeleopParameters)
        self._error: WorkcellError | None = None
        self._refused = 0
        self._enabling_end_s: float | None = None
        self._give_back_from_s = -math.inf

    # Lifecycle -----------------------------------------------------------------------------------------------

    def setup(self) -> None:
        """Create the interfaces."""
        values = self.parameters.values
        self._period_s = 1.0 / values.publish_rate_hz
        self._teleop = Teleoperation(values, period_s=self._period_s)
        self._arm = TeleopArm(self, values, sensor_height_m(load_robot_description()))
        self._frames = TeleopFrames(self, values.state_age_limit_s)
        self._ports = TeleopPorts(self, values.assist_age_limit_s)
        self._consent = SupervisorConsent(self, values.consent_limit_s) if values.supervised else None
        self._tare = self.create_client(Trigger, "tare_force_torque_sensor")
        self._stop_arm = ArmStop(self, self._hear_of_stop)
        self._marker = TeleopMarker(
            self,
            values.marker_scale_m,
            self._take_feedback,
            MenuActions(
                enable=lambda is_on: self._try(self._enable if is_on else self._disable),
                snap=self._snap,
                stop=self._stop_now,
                tare=lambda: self._try(self._tare_now),
                speed=self._choose_speed,
            ),
        )
        self._marker.show_speed(self._teleop.speed_scale)
        self._status = self.create_publisher(TeleopStatus, "~/status", qos.STATE)
        self._diagnostics = self.create_publisher(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
        self._inputs = [
            self.create_subscription(TwistStamped, "~/delta_twist_cmds", self._take_twist, qos.COMMAND),
            self.create_subscription(PoseStamped, "~/pose_target_cmds", self._take_pose, qos.COMMAND),
            self.create_subscription(CellState, "cell_state", self._take_cell_state, qos.STATE),
        ]
        self._answers = [
            self.create_service(SetBool, "~/enable", self._answer_enable),
            self.create_service(SetBool, "~/pause_servo", self._answer_pause),
            self.create_service(SetBool, "~/assist", self._answer_assist),
            self.create_service(ServoCommandType, "~/switch_command_type", self._answer_command_type),
        ]
        self._told: tuple[Any, ...] = ()
        self._told_s = self._diagnosed_s = self._shown_s = 0.0
        self._holder = ""

    def teardown(self) -> None:
        """Destroy the interfaces."""
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        for service in self._answers:
            self.destroy_service(service)
        self.destroy_client(self._tare)
        self._stop_arm.destroy()
        for publisher in (self._status, self._diagnostics):
            self.destroy_publisher(publisher)
        self._marker.destroy()
        if self._consent is not None:
            self._consent.destroy()
        self._ports.destroy()
        self._frames.destroy()
        self._arm.destroy()

    def start(self) -> None:
        """Begin to step; disabled, and with nothing refused yet."""
        self._error, self._refused = None, 0
        set_realtime_priority(self.parameters.values.realtime_priority)
        self._timer = self.create_timer(self._period_s, self._tick)

    def stop(self) -> None:
        """Disable; the arm holds as soon as the stream of targets ends."""
        self.destroy_timer(self._timer)
        set_realtime_priority(0)
        self._disable()
        for _ in range(_LAST_TRIES):
            self._give_back_from_s = -math.inf
            self._give_back()
        self._marker.show_enabled(False)
        self._tell(self._teleop.step(self._arm.observe()), time.monotonic())

    # Step ----------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        seen = self._arm.observe()
        if self._enabling_end_s is not None:
            self._finish_enabling(seen)
        self._teleop.assist.know(self._ports.axes())
        out = self._teleop.step(seen)
        if out.setpoint is not None:
            self._arm.send(out.setpoint)
        if out.fault is not None:
            self._error = out.fault
            self.get_logger().warning(f"control lost, code {out.fault.code}: {out.fault}")
        if out.state is TeleopState.DISABLED and out.setpoint is None and self._enabling_end_s is None:
            self._give_back()
        if out.holder and out.holder != self._holder:
            self._error = None
        self._holder = out.holder
        self._marker.show_enabled(self._teleop.is_enabled)
        if (
            seen.time_s - self._shown_s >= 1.0 / self.parameters.values.marker_rate_hz
            and not self._teleop.is_dragging
            and seen.age_s < self.parameters.values.state_age_limit_s
        ):
            self._shown_s = seen.time_s
            self._marker.follow(seen.X_base_tcp)
        self._tell_when_due(out, seen.time_s)

    def _tell_when_due(self, out: TeleopOutput, now_s: float) -> None:
        code = 0 if self._error is None else self._error.code
        news = (out.state, out.holder, code, self._enabling_end_s is None, out.assist.is_on, out.assist.port)
        waited_s = now_s - self._told_s
        if (
            news != self._told and waited_s >= _STATUS_GAP_S
        ) or waited_s >= 1.0 / self.parameters.values.status_rate_hz:
            self._told = news
            self._tell(out, now_s)

    def _tell(self, out: TeleopOutput, now_s: float) -> None:
        self._told_s = now_s
        status = status_message(
            out,
            is_enabling=self._enabling_end_s is not None,
            error=self._error,
            refused=self._refused,
            speed_scale=self._teleop.speed_scale,
            stamp=self.get_clock().now().to_msg(),
        )
        self._status.publish(status)
        if now_s - self._diagnosed_s >= 1.0:
            self._diagnosed_s = now_s
            self._diagnostics.publish(diagnostics_message(self.get_name(), status))

    # Enabling ------------------------------------------------------------------------------------------------

    def _enable(self) -> None:
        """Ask for the arm; the next step with fresh measurements enables."""
        if not self.is_active:
            raise NotActiveError(f"{self.get_fully_qualified_name()} is not active; activate it first")
        if self._teleop.is_enabled or self._enabling_end_s is not None:
            return
        self._teleop.require_enabling(self._arm.observe())
        if self._consent is not None:
            self._consent.take()
        self._enabling_end_s = time.monotonic() + _ENABLING_LIMIT_S
        self._error = None

    def _finish_enabling(self, seen: Observation) -> None:
        assert self._enabling_end_s is not None
        try:
            self._teleop.enable(seen)
        except WorkcellError as error:
            # Nothing was heard while the supervisor was asked: what waits in the queue is fresh in a moment.
            if isinstance(error, StateLostError) and seen.time_s < self._enabling_end_s:
                return
            self._refuse(error)
        else:
            self.get_logger().info("enabled")
        self._enabling_end_s = None

    def _disable(self) -> None:
        if self._teleop.is_enabled:
            self.get_logger().info("disabled")
        self._enabling_end_s = None
        self._teleop.disable()

    def _give_back(self) -> None:
        if self._consent is None or not self._consent.is_held or time.monotonic() < self._give_back_from_s:
            return
        try:
            self._consent.give_back()
        except WorkcellError as error:
            self._give_back_from_s = time.monotonic() + _GIVE_BACK_PAUSE_S
            self.get_logger().warning(f"the arm could not be given back, code {error.code}: {error}")

    def _take_cell_state(self, message: Any) -> None:
        if self._teleop.is_enabled and message.state in _FORBIDDING:
            self._disable()
            self._refuse(CellBusyError(f"teleoperation ended with the cell: {message.reason}", value=message.state))

    # Marker --------------------------------------------------------------------------------------------------

    def _take_feedback(self, feedback: Any) -> None:
        kind, source = feedback.event_type, marker_source(feedback.client_id)
        if kind == InteractiveMarkerFeedback.MOUSE_UP:
            self._teleop.release_marker(source)
            return
        seen = self._arm.observe()
        try:
            if kind == InteractiveMarkerFeedback.KEEP_ALIVE:
                self._teleop.keep_marker(source, seen)
            elif kind == InteractiveMarkerFeedback.MOUSE_DOWN:
                self._teleop.press_marker(source, self._pose(feedback, feedback.pose, seen), seen)
            elif kind == InteractiveMarkerFeedback.POSE_UPDATE:
                self._teleop.drag_marker(source, self._pose(feedback, feedback.pose, seen), seen)
        except WorkcellError as error:
            self._refuse(error)

    def _snap(self) -> None:
        self._teleop.stop()
        self._marker.forget()

    def _stop_now(self) -> None:
        """Stop the arm by its controller, whoever moves it; `clear_stop` of the controller ends that."""
        self._disable()
        self._stop_arm.ask()

    def _hear_of_stop(self, error: WorkcellError | None) -> None:
        if error is not None:
            self._error = error
            self.get_logger().error(f"stop not confirmed, code {error.code}: {error}")
            return
        if isinstance(self._error, StopUnconfirmedError):
            self._error = None
        self.get_logger().warning("the operator stopped the arm; the service clear_stop ends that")

    def _tare_now(self) -> None:
        if self._holder:
            raise TeleopError(f"a tare needs rest, and '{self._holder}' has control", quantity="holder")
        if not self._tare.service_is_ready():
            raise TeleopError("the arm controller is not there to tare its sensor", quantity="tare")
        self._tare.call_async(Trigger.Request()).add_done_callback(
            lambda future: self.get_logger().info(f"tare: {future.result().message or 'done'}")
        )

    def _choose_speed(self, scale: float) -> None:
        self._teleop.set_speed_scale(scale)
        self._marker.show_speed(scale)

    # Servo ---------------------------------------------------------------------------------------------------

    def _take_twist(self, message: Any) -> None:
        seen, values = self._arm.observe(), self.parameters.values
        try:
            self._require_fresh(message)
            twist = twist_in_units(
                six(message.twist.linear, message.twist.angular),
                values,
                self._teleop.speed_scale,
                is_unitless=values.command_in_type == "unitless",
            )
            R_base_frame = self._frames.find(message.header.frame_id, seen.X_base_tcp)[:3, :3]
            self._teleop.command_twist(rotate_six(R_base_frame, twist), seen)
        except WorkcellError as error:
            self._refuse(error)

    def _take_pose(self, message: Any) -> None:
        seen = self._arm.observe()
        try:
            self._require_fresh(message)
            self._teleop.command_pose(self._pose(message, message.pose, seen), seen)
        except WorkcellError as error:
            self._refuse(error)

    def _require_fresh(self, message: Any) -> None:
        require_fresh(seconds(message.header.stamp), 1e-9 * self.get_clock().now().nanoseconds, self.parameters.values)

    def _pose(self, stamped: Any, pose: Any, seen: Observation) -> Array:
        X_frame_goal = pose_to_matrix("pose", pose)
        X: Array = self._frames.find(stamped.header.frame_id, seen.X_base_tcp) @ X_frame_goal
        return X

    # Services ------------------------------------------------------------------------------------------------

    def _answer_enable(self, request: Any, response: Any) -> Any:
        return self._answer(self._enable if request.data else self._disable, response)

    def _answer_pause(self, request: Any, response: Any) -> Any:
        return self._answer(lambda: self._teleop.pause(request.data), response)

    def _answer_assist(self, request: Any, response: Any) -> Any:
        self._teleop.assist.switch(request.data)
        self.get_logger().info(f"the assist is {'on' if request.data else 'off'}")
        response.success = True
        return response

    def _answer_command_type(self, request: Any, response: Any) -> Any:
        try:
            self._teleop.switch_command_type(request.command_type)
        except WorkcellError as error:
            self._refuse(error)
            return fill_result(response, error)
        response.success = True
        return fill_result(response, None)

    def _answer(self, action: Callable[[], None], response: Any) -> Any:
        """Answer as `std_srvs/SetBool`, which has no code: it stands in the message."""
        error = self._try(action)
        response.success = error is None
        response.message = "" if error is None else f"code {error.code}: {error}"
        return response

    def _try(self, action: Callable[[], None]) -> WorkcellError | None:
        try:
            action()
        except WorkcellError as error:
            self._refuse(error)
            return error
        return None

    def _refuse(self, error: WorkcellError) -> None:
        """Count and say what was refused; nothing else changes."""
        self._refused += 1
        self._error = error
        self.get_logger().warning(f"refused, code {error.code}: {error}", throttle_duration_sec=1.0)


def main() -> None:
    """Run the node."""
    sys.exit(run_node(Teleop))
