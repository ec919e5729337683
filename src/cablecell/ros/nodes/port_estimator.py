"""Node `port_estimator`: looks at the task board and says where its ports are, with honest covariance."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from cablecell_interfaces.action import MoveTo, Observe
from cablecell_interfaces.msg import InsertionPhase, InsertionResult, PortEstimateArray, PortTouch
from cablecell_interfaces.srv import SetLayout
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSProfile
from std_msgs.msg import String
from tf2_ros import TransformBroadcaster

from cablecell.composition.robot_description import load_robot_description
from cablecell.configuration import load_connectors, load_fiducials
from cablecell.core.config.port_estimator import PortEstimatorParameters
from cablecell.core.config.stream_health import StreamHealthSettings
from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.board import Use
from cablecell.core.fusion.drift import BoardMovedError, DriftAlarm
from cablecell.core.fusion.ports_plug import PlugState
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.core.insertion.profile import profile_from_connector
from cablecell.core.perception.detection import Corners
from cablecell.core.perception.edge_equations import warm_up
from cablecell.core.perception.fiducials import build_patches
from cablecell.core.perception.outcome import NoEstimate
from cablecell.core.perception.plug_kernels import warm_up as warm_up_plug
from cablecell.core.perception.stream_errors import SilentCameraError
from cablecell.core.perception.stream_health import StreamFault
from cablecell.core.perception.stream_order import find_swapped
from cablecell.ros import qos
from cablecell.ros.approach_watch import ApproachWatch
from cablecell.ros.calibration_records import gripped_as_measured, load_record
from cablecell.ros.camera_watch import CameraWatch
from cablecell.ros.drift_report import DriftReport
from cablecell.ros.error_codes import fill_result
from cablecell.ros.estimator_calibration import calibrated, load_calibration, load_lenses
from cablecell.ros.estimator_errors import (
    AccuracyNotReachedError,
    ObservationBusyError,
    ObservationError,
    error_of,
)
from cablecell.ros.estimator_images import View, ViewCollector
from cablecell.ros.estimator_knowledge import Knowledge, find_ports, held_plug
from cablecell.ros.estimator_layout import load_design
from cablecell.ros.estimator_messages import to_array, to_diagnostics, to_plug, to_transforms
from cablecell.ros.estimator_moves import ViewMover
from cablecell.ros.estimator_progress import Progress, check_request
from cablecell.ros.estimator_touch import contradiction
from cablecell.ros.goals import GoalRunner, RunningGoal
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.pose_messages import to_seconds
from cablecell.ros.seat_watch import felt_seat
from cablecell.ros.skill_messages import held_plug_from_json
from cablecell.ros.stream_watch import StreamWatch


class PortEstimatorNode(CellNode[PortEstimatorParameters]):
    """Serves the action `observe` and `set_layout`; publishes `ports`, tf, regions of interest and diagnostics."""

    def __init__(self) -> None:
        super().__init__("port_estimator", PortEstimatorParameters)
        self._lock = threading.Lock()  # guards what belongs together: layout, estimator, grasp and plug
        self._observing = threading.Lock()
        self._transforms = TransformBroadcaster(self)
        self._created = ExitStack()
        self._last_problem = ""
        self._grasp: HeldPlug | None = None
        self._watched_grasp: HeldPlug | None = None
        self._seated_grasp: HeldPlug | None = None
        self._plug: PlugState | None = None
        self._timers: list[Any] = []

    def setup(self) -> None:
        """Read what is known beforehand and create the interfaces."""
        settings = self.parameters.values
        described = Knowledge.read(load_robot_description(), settings.cameras)
        self._calibration = load_calibration(settings) or load_lenses(settings, described.mounts)
        self._plug_record = load_record(settings.plug_record, "plug", settings.cell_id)
        self._knowledge = replace(
            described,
            rig=None if self._calibration is None else self._calibration.rig,
        )
        self._patches = build_patches(load_fiducials())
        warm_up()
        warm_up_plug()
        self._connectors = load_connectors()
        self._watch = StreamWatch(settings.cameras, self._now_s, self._report_fault, _stream_limits(settings))
        self._cameras = CameraWatch(self, settings, self._watch)
        self._created.callback(self._cameras.destroy)
        self._approach = ApproachWatch(
            self,
            settings,
            self._cameras,
            patches=self._patches,
            estimator=lambda: self._estimator,
            on_moved=self._withdraw,
        )
        phases = self.create_subscription(InsertionPhase, "insertion_phase", self._take_phase, qos.STATE)
        self._created.callback(self.destroy_subscription, phases)
        touches = self.create_subscription(PortTouch, "port_touch", self._take_touch, qos.COMMAND)
        self._created.callback(self.destroy_subscription, touches)
        results = self.create_subscription(InsertionResult, "insertion_result", self._take_result, qos.COMMAND)
        self._created.callback(self.destroy_subscription, results)
        self._set_board(settings.layout)
        self._ports = self._publisher(PortEstimateArray, "ports", qos.STATE)
        self._diagnostics = self._publisher(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
        held = self.create_subscription(String, "cell/held_plug", self._take_held_plug, qos.STATE)
        self._created.callback(self.destroy_subscription, held)
        service = self.create_service(SetLayout, "set_layout", self._answer_layout)
        self._created.callback(self.destroy_service, service)
        self._action = GoalRunner(self, Observe, "observe", self._run_observe, self._observing)
        self._created.callback(self._action.destroy)
        self._mover = (
            ViewMover(self, self.action_client(MoveTo, "move_to"), settings) if settings.moves_to_views else None
        )

    def teardown(self) -> None:
        """Destroy the interfaces, as many as there are; a running observation ends first."""
        self._created.close()

    def _publisher(self, kind: Any, topic: str, profile: QoSProfile) -> Any:
        publisher = self.create_lifecycle_publisher(kind, topic, profile)
        self._created.callback(self.destroy_publisher, publisher)
        return publisher

    def start(self) -> None:
        """Publish what is known by design and begin transforms and diagnostics."""
        settings = self.parameters.values
        self._publish_ports()
        self._cameras.start()
        self._timers = [
            self.create_timer(1.0 / settings.tf_rate_hz, self._publish_transforms),
            self.create_timer(1.0 / settings.report_rate_hz, self._publish_diagnostics),
        ]

    def stop(self) -> None:
        """End transforms and diagnostics, and wait for a running observation to notice."""
        self._action.join()
        for timer in self._timers:
            self.destroy_timer(timer)
        self._timers = []
        self._approach.end()
        self._cameras.stop()

    def _now_s(self) -> float:
        return float(self.get_clock().now().nanoseconds) * 1e-9

    def _set_board(self, name: str) -> None:
        settings = self.parameters.values
        layout = load_design(settings.layout_file, name, self._connectors)
        estimator = self._knowledge.make_estimator(layout, self._patches, settings)
        with self._lock:
            self._layout, self._estimator, self._plug = layout, estimator, None
            self._drift = DriftReport(self._knowledge.mounts, self._knowledge.rig)

    def _take_held_plug(self, message: Any) -> None:
        with self._lock:
            self._grasp = gripped_as_measured(held_plug_from_json(message.data), self._plug_record)
            self._plug = None

    def _answer_layout(self, request: Any, response: Any) -> Any:
        if not self._observing.acquire(blocking=False):
            return fill_result(response, ObservationBusyError("an observation is running; cancel it first"))
        try:
            self._set_board(request.layout)
        except WorkcellError as error:
            return fill_result(response, error)
        finally:
            self._observing.release()
        if self.is_active:
            self._publish_ports()
        return fill_result(response, None)

    def _publish_ports(self) -> Any:
        now_s = self._now_s()
        with self._lock:
            layout, estimator, grasp, plug = self._layout, self._estimator, self._grasp, self._plug
        message = to_array(estimator.ports(now_s, plug), estimator.board(now_s), layout, now_s)
        if plug is not None and grasp is not None:
            message.plug = to_plug(plug, grasp, now_s)
        self._ports.publish(message)
        return message

    def _publish_transforms(self) -> None:
        now_s = self._now_s()
        with self._lock:
            estimator = self._estimator
        board = estimator.board(now_s)
        if not isinstance(board, NoEstimate):
            self._transforms.sendTransform(to_transforms(board, estimator.ports(now_s), now_s))

    def _publish_diagnostics(self) -> None:
        now_s = self._now_s()
        with self._lock:
            layout, estimator, plug = self._layout, self._estimator, self._plug
        board = estimator.board(now_s)
        answers = {name: estimator.port(name, now_s) for name in layout.ports}
        unknown = {name: answer.message for name, answer in answers.items() if isinstance(answer, NoEstimate)}
        message = to_diagnostics(self.get_name(), board, plug, layout.name, self._last_problem, unknown, now_s)
        message.status += [*self._watch.statuses(self.get_name()), self._drift.status(self.get_name())]
        self._diagnostics.publish(message)
        self._cameras.look_around()

    def _take_phase(self, message: Any) -> None:
        if self.is_active and not self._observing.locked():
            self._approach.take_phase(message)

    def _take_touch(self, message: Any) -> None:
        """Forget what was seen where a port was felt elsewhere; where it agrees, the images tell more."""
        port = self._estimator.port(message.port_name, self._now_s())
        if self.is_active and not isinstance(port, NoEstimate) and (error := contradiction(port, message)) is not None:
            self._withdraw(error)

    def _take_result(self, message: Any) -> None:
        """Let the drift watch hear where a plug was seated, once in a grasp: a grasp stays as wrong as it is."""
        with self._lock:
            layout, grasp, plug = self._layout, self._grasp, self._plug
        connector = self._connectors.get(message.connector_type)
        if connector is None or message.port_name not in layout.ports or not self.is_active:
            return
        if grasp is None or grasp is self._seated_grasp:
            return
        if not self._observing.acquire(blocking=False):
            return  # the arm looks already, and is at no seat
        try:
            now_s = self._now_s()
            seat = felt_seat(message, self._estimator, profile_from_connector(connector), grasp, plug, now_s)
            if seat is not None:
                self._seated_grasp = grasp
                self._tell_drift(self._drift.seat(now_s, seat))
        except ValueError as error:
            self.get_logger().warning(f"a seat was not used: {error}")
        finally:
            self._observing.release()

    def _withdraw(self, error: BoardMovedError) -> None:
        """Forget where the board was seen: from now on only its design is known, and everybody is told."""
        if not self._observing.acquire(blocking=False):
            return  # an observation looks anyway, and finds it itself
        try:
            self._estimator.reset()
            with self._lock:
                self._plug = None
        finally:
            self._observing.release()
        self._last_problem = f"code {error.code}: {error}"
        self._publish_ports()
        self.get_logger().error(self._last_problem)
        self._publish_diagnostics()

    def _report_fault(self, fault: StreamFault) -> None:
        """Say at once what is wrong with a camera, and not only with the next report."""
        text = f"code {fault.error.code}: {fault.error}"
        if isinstance(fault.error, SilentCameraError):
            self.get_logger().warning(text)  # a busy machine delivers late; what comes then is good again
        else:
            self.get_logger().error(text)
        self._publish_diagnostics()

    def _check_order(self, view: View, seen: Mapping[str, Corners]) -> None:
        """Say that streams are exchanged where that explains why a look could not be used.

        Raises:
            SwappedCamerasError: They are (code 586).
        """
        X_base_board = self._knowledge.X_base_world @ self._layout.X_world_board
        error = find_swapped(seen, self._knowledge.mounts, view.X_base_tcp, X_base_board)
        if error is not None:
            self.get_logger().error(f"code {error.code}: {error}")
            raise error

    def _run_observe(self, goal: RunningGoal) -> Any:
        limit_s = to_seconds(goal.request.time_limit)
        begun_s = time.monotonic()
        progress = Progress(goal, (), begun_s + limit_s if limit_s > 0.0 else math.inf)
        self._last_problem = ""
        try:
            self._observe(progress)
        except WorkcellError as error:
            self._last_problem = str(error)
            raise
        finally:
            goal.result.attempts = progress.views
            goal.result.ports = self._publish_ports()
        duration_s = time.monotonic() - begun_s
        plug = "the plug was seen" if self._plug is not None else "no plug was seen"
        self.get_logger().info(
            f"{progress.views} views in {duration_s:.2f} s: ports to {1e3 * progress.position_std:.2f} mm, {plug}"
        )
        return goal.result

    def _observe(self, progress: Progress) -> None:
        check_request(progress.goal.request)
        progress.ports = find_ports(self._layout, progress.goal.request.port_names)

        def check() -> None:
            progress.check(is_active=self.is_active)

        check()
        with self._lock:
            self._plug, grasp = None, self._grasp
        self._approach.end()
        self._estimator.hold(held_plug(grasp, self._connectors))  # images of another grasp do not count
        request = progress.goal.request
        self._estimator.focus(progress.ports if request.port_names and not request.look_for_all else ())
        collector = ViewCollector(self, self.parameters.values, self._cameras)
        try:
            self._look_until_sure(progress, collector, check)
        except AccuracyNotReachedError:
            self._see_plug(grasp)  # what was seen of it is as good
            raise
        finally:
            collector.close()
        self._see_plug(grasp)

    def _look_until_sure(self, progress: Progress, collector: ViewCollector, check: Callable[[], None]) -> None:
        request, feedback = progress.goal.request, Observe.Feedback
        after_s, is_lost = 0.0, False
        while True:
            progress.report(feedback.PHASE_CAPTURING)
            X_base_tcp = collector.wait_for_rest(check)
            self._cameras.ask({} if is_lost else self._estimator.regions(X_base_tcp, self._now_s()))
            view = collector.next_view(after_s, check)
            after_s = view.stamp_s + 1e-6
            progress.views += 1
            progress.report(feedback.PHASE_FUSING)
            is_last = progress.views >= request.max_views
            try:
                use = self._fuse(view)
            except ObservationError:
                # Perhaps the wrong part of the image, perhaps a passing disturbance: the next view is a whole image.
                is_lost = True
                if is_last:
                    raise
                continue
            is_lost = False
            progress.measure(self._estimator, self._now_s())
            self._publish_ports()
            progress.report(feedback.PHASE_FUSING)
            if progress.position_std <= request.position_std and progress.orientation_std <= request.orientation_std:
                return
            if not is_last and self._move_on(progress, view, check):
                continue
            # A view from where one was taken before confirms, but adds nothing.
            if is_last or use is Use.CONFIRMED:
                if progress.problem is not None:
                    raise error_of(progress.problem)
                worst = progress.worst_port(self._estimator, self._now_s())
                raise progress.not_sure_enough(worst, has_views_left=not is_last)

    def _move_on(self, progress: Progress, view: View, check: Callable[[], None]) -> bool:
        """Move to the best view of the port that is known worst; return whether the arm moved.

        On the way the plug is measured in the images so far, so that the last look only has to follow it.
        """
        if self._mover is None:
            return False
        progress.report(Observe.Feedback.PHASE_MOVING)
        now_s = self._now_s()
        beside = threading.Thread(target=self._estimator.plug, args=(now_s,), name="plug", daemon=True)
        if progress.views > 1:
            beside.start()
        try:
            return self._mover.go(
                self._estimator, progress.worst_port(self._estimator, self._now_s()), view.X_base_tcp, now_s, check
            )
        finally:
            if progress.views > 1:
                beside.join()

    def _fuse(self, view: View) -> Use:
        """Take in one view and return what became of it.

        Raises:
            ObservationError: The view cannot be used (family 500); the estimate so far stays, unless its board has
                moved.
        """
        view = calibrated(view, self._calibration)
        self._estimator.calibrate(view.intrinsics)
        outcome = self._estimator.look(view.stamp_s, view.X_base_tcp, view.frames)
        report = outcome.board
        self._watch_drift(view, outcome.seen)
        if report.problem is None:
            return report.use
        self._check_order(view, outcome.seen)
        # Where no camera is of use, the reasons of the single images say more than "nothing was seen".
        is_blind = len(outcome.unseen) == len(view.frames)
        raise error_of(list(outcome.unseen.values())[-1] if is_blind else report.problem)

    def _watch_drift(self, view: View, seen: Mapping[str, Corners]) -> None:
        board = self._estimator.board(view.stamp_s)
        self._tell_drift(self._drift.look(view.stamp_s, view.X_base_tcp, seen, board))

    def _tell_drift(self, alarm: DriftAlarm | None) -> None:
        if alarm is not None:
            self.get_logger().error(f"code {alarm.error.code}: {alarm.error}")
            self._publish_diagnostics()

    def _see_plug(self, grasp: HeldPlug | None) -> None:
        """Measure the plug in the gripper in the images of the observation; without clear edges it stays unknown."""
        plug = self._estimator.plug(self._now_s())
        with self._lock:
            is_measured = isinstance(plug, PlugState) and plug.is_seen and self._grasp is grasp
            if isinstance(plug, PlugState) and is_measured:
                self._plug = plug
        if isinstance(plug, PlugState) and is_measured and grasp is not None and grasp is not self._watched_grasp:
            self._watched_grasp = grasp
            nominal = grasp.X_tcp_tip
            self._tell_drift(self._drift.plug(plug.board.stamp_s, plug.X_tcp_tip, plug.tip_covariance, nominal))


def _stream_limits(settings: PortEstimatorParameters) -> StreamHealthSettings:
    return StreamHealthSettings(
        silence_s=settings.stream_silence_s, max_age_s=settings.stream_max_age_s, jump_s=settings.stream_jump_s
    )


def main() -> None:
    """Run the node."""
    sys.exit(run_node(PortEstimatorNode, carries_images=True))
