"""Node `port_estimator`: looks at the task board and says where its ports are, with honest covariance."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from cablecell_interfaces.action import Observe
from cablecell_interfaces.msg import PortEstimateArray
from cablecell_interfaces.srv import SetLayout
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.qos import QoSProfile
from sensor_msgs.msg import RegionOfInterest
from tf2_ros import TransformBroadcaster

from cablecell.composition.robot_description import load_robot_description
from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.port_estimator import PortEstimatorParameters
from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.board import Use
from cablecell.core.perception.fiducials import build_patches
from cablecell.core.perception.outcome import NoEstimate
from cablecell.ros import qos
from cablecell.ros.error_codes import fill_result
from cablecell.ros.estimator_board import Knowledge, ObservedBoard
from cablecell.ros.estimator_errors import (
    AccuracyNotReachedError,
    ObservationBusyError,
    ObservationCancelledError,
    ObservationError,
    ObservationRequestError,
    ObservationTimeoutError,
)
from cablecell.ros.estimator_images import ViewCollector
from cablecell.ros.estimator_layout import load_fiducials, load_layout
from cablecell.ros.estimator_messages import to_array, to_diagnostics, to_region, to_transforms
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.pose_messages import to_seconds


@dataclass
class _Progress:
    """What a running observation has come to."""

    goal: Any
    ports: Sequence[str]
    end_s: float
    views: int = 0
    position_std: float = math.inf
    orientation_std: float = math.inf

    def report(self, phase: int) -> None:
        self.goal.publish_feedback(
            Observe.Feedback(
                phase=phase, views=self.views, position_std=self.position_std, orientation_std=self.orientation_std
            )
        )


class PortEstimatorNode(CellNode[PortEstimatorParameters]):
    """Serves the action `observe` and `set_layout`; publishes `ports`, tf, regions of interest and diagnostics."""

    def __init__(self) -> None:
        super().__init__("port_estimator", PortEstimatorParameters)
        self._lock = threading.Lock()  # guards the board, which timers read while an observation writes
        self._observing = threading.Lock()
        self._transforms = TransformBroadcaster(self)
        self._created = ExitStack()
        self._last_problem = ""
        self._intrinsics: dict[str, CameraIntrinsics] = {}

    def setup(self) -> None:
        """Read what is known beforehand and create the interfaces."""
        settings = self.parameters.values
        self._knowledge = Knowledge.read(load_robot_description(), settings.cameras)
        self._patches = build_patches(load_fiducials())
        self._set_board(settings.layout)
        self._ports = self._publisher(PortEstimateArray, "ports", qos.STATE)
        self._diagnostics = self._publisher(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
        self._regions = {
            name: self._publisher(RegionOfInterest, f"{name}_camera/region", qos.STATE) for name in settings.cameras
        }
        service = self.create_service(
            SetLayout, "set_layout", self._answer_layout, callback_group=MutuallyExclusiveCallbackGroup()
        )
        self._created.callback(self.destroy_service, service)
        action = ActionServer(
            self,
            Observe,
            "observe",
            execute_callback=self._run_observe,
            goal_callback=lambda _: GoalResponse.ACCEPT if self.is_active else GoalResponse.REJECT,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=ReentrantCallbackGroup(),
        )
        self._created.callback(action.destroy)

    def teardown(self) -> None:
        """Destroy the interfaces, as many as there are."""
        self._created.close()

    def _publisher(self, kind: Any, topic: str, profile: QoSProfile) -> Any:
        # Without event handlers: the executor of another thread stumbles over one that is being destroyed.
        events = PublisherEventCallbacks(use_default_callbacks=False)
        publisher = self.create_lifecycle_publisher(kind, topic, profile, event_callbacks=events)
        self._created.callback(self.destroy_publisher, publisher)
        return publisher

    def start(self) -> None:
        """Publish what is known by design and begin transforms and diagnostics."""
        settings = self.parameters.values
        self._publish_ports()
        group = MutuallyExclusiveCallbackGroup()
        self._timers = [
            self.create_timer(1.0 / settings.tf_rate_hz, self._publish_transforms, callback_group=group),
            self.create_timer(1.0 / settings.report_rate_hz, self._publish_diagnostics, callback_group=group),
        ]

    def stop(self) -> None:
        """End transforms and diagnostics; a running observation ends by itself."""
        for timer in self._timers:
            self.destroy_timer(timer)

    def _now_s(self) -> float:
        return float(self.get_clock().now().nanoseconds) * 1e-9

    def _set_board(self, name: str) -> None:
        settings = self.parameters.values
        layout = load_layout(settings.layout_file, name)
        board = ObservedBoard(self._knowledge, layout, self._patches, settings)
        with self._lock:
            self._board = board

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
            message = to_array(self._board.ports(now_s), self._board.layout, now_s)
        self._ports.publish(message)
        return message

    def _publish_transforms(self) -> None:
        now_s = self._now_s()
        with self._lock:
            layout, board = self._board.layout, self._board.state(now_s)
        if not isinstance(board, NoEstimate):
            self._transforms.sendTransform(to_transforms(board, layout, now_s))

    def _publish_diagnostics(self) -> None:
        now_s = self._now_s()
        with self._lock:
            layout, board = self._board.layout, self._board.state(now_s)
        self._diagnostics.publish(to_diagnostics(self.get_name(), board, layout.name, self._last_problem, now_s))

    def _run_observe(self, goal: Any) -> Any:
        if not self._observing.acquire(blocking=False):
            goal.abort()
            return fill_result(Observe.Result(), ObservationBusyError("another observation is running"))
        limit_s = to_seconds(goal.request.time_limit)
        progress = _Progress(goal, (), time.monotonic() + limit_s if limit_s > 0.0 else math.inf)
        error: Exception | None = None
        try:
            self._observe(progress)
        except Exception as caught:  # every outcome is answered; a bug is answered as such
            error = caught
        finally:
            self._observing.release()
        result = Observe.Result(attempts=progress.views, ports=self._publish_ports())
        self._last_problem = "" if error is None else str(error)
        if error is None:
            goal.succeed()
        elif isinstance(error, ObservationCancelledError) and goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        if error is not None:
            self.get_logger().warning(f"observation failed, code {getattr(error, 'code', 1)}: {error}")
        return fill_result(result, error)

    def _observe(self, progress: _Progress) -> None:
        request = progress.goal.request
        _check_request(request)
        progress.ports = self._board.find(request.port_names)
        check = self._checker(progress)
        check()
        collector = ViewCollector(self, self.parameters.values)
        try:
            self._look_until_sure(progress, collector, check)
        finally:
            collector.close()
            # The region is latched, and belongs to where the arm is now: the next look may be from elsewhere.
            for publisher in self._regions.values():
                publisher.publish(to_region(None))

    def _look_until_sure(self, progress: _Progress, collector: ViewCollector, check: Callable[[], None]) -> None:
        request, feedback = progress.goal.request, Observe.Feedback
        after_s = 0.0
        while True:
            progress.report(feedback.PHASE_CAPTURING)
            X_base_tcp = collector.wait_for_rest(check)
            self._ask_for_regions(X_base_tcp)
            view = collector.next_view(after_s, check)
            self._intrinsics |= view.intrinsics
            after_s = view.stamp_s + 1e-6
            progress.views += 1
            progress.report(feedback.PHASE_FUSING)
            is_last = progress.views >= request.max_views
            try:
                with self._lock:
                    use = self._board.add(view)
            except ObservationError:
                # Perhaps the wrong part of the image, perhaps a passing disturbance: the next view is a whole image.
                self._intrinsics.clear()
                if is_last:
                    raise
                continue
            self._measure(progress)
            self._publish_ports()
            progress.report(feedback.PHASE_FUSING)
            if progress.position_std <= request.position_std and progress.orientation_std <= request.orientation_std:
                return
            # A view from where one was taken before confirms, but adds nothing.
            if is_last or use is Use.CONFIRMED:
                raise _not_sure_enough(progress, self._worst_port(progress), has_views_left=not is_last)

    def _ask_for_regions(self, X_base_tcp: np.ndarray) -> None:
        with self._lock:
            regions = self._board.regions(X_base_tcp, self._now_s(), self._intrinsics)
        for name, publisher in self._regions.items():
            publisher.publish(to_region(regions.get(name)))

    def _measure(self, progress: _Progress) -> None:
        now_s = self._now_s()
        with self._lock:
            estimates = [self._board.port(name, now_s) for name in progress.ports]
        progress.position_std = max(estimate.position_sigma_m for estimate in estimates)
        progress.orientation_std = max(_largest_sigma(estimate.covariance[3:, 3:]) for estimate in estimates)

    def _worst_port(self, progress: _Progress) -> str:
        now_s = self._now_s()
        with self._lock:
            return max(progress.ports, key=lambda name: self._board.port(name, now_s).position_sigma_m)

    def _checker(self, progress: _Progress) -> Callable[[], None]:
        def check() -> None:
            taken = f"after {progress.views} views"
            if progress.goal.is_cancel_requested:
                raise ObservationCancelledError(f"cancelled {taken}")
            if not self.is_active:
                raise ObservationCancelledError(f"the node was deactivated {taken}")
            if time.monotonic() > progress.end_s:
                limit_s = to_seconds(progress.goal.request.time_limit)
                raise ObservationTimeoutError(
                    f"the time limit of {limit_s:.3f} s is used up {taken}",
                    quantity="time_limit",
                    value=limit_s,
                    limit=limit_s,
                    unit="s",
                )

        return check


def _largest_sigma(covariance: np.ndarray) -> float:
    return float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))


def _check_request(request: Any) -> None:
    for name, unit in (("position_std", "m"), ("orientation_std", "rad")):
        value = getattr(request, name)
        if not (math.isfinite(value) and value > 0.0):
            raise ObservationRequestError(
                f"{name} = {value} {unit} is refused: it must be finite and above 0 {unit}",
                quantity=name,
                value=value,
                limit="above 0",
                unit=unit,
            )
    if request.max_views < 1:
        raise ObservationRequestError(
            f"max_views = {request.max_views} is refused: it must be at least 1",
            quantity="max_views",
            value=request.max_views,
            limit=1,
        )


def _not_sure_enough(progress: _Progress, worst: str, *, has_views_left: bool) -> AccuracyNotReachedError:
    request = progress.goal.request
    why = "another view from here would add nothing" if has_views_left else "the views are used up"
    return AccuracyNotReachedError(
        f"{worst} is known to {1e3 * progress.position_std:.3f} mm and {progress.orientation_std:.5f} rad (1 sigma) "
        f"after {progress.views} views, wanted {1e3 * request.position_std:.3f} mm and "
        f"{request.orientation_std:.5f} rad; {why}",
        quantity="position_std",
        value=progress.position_std,
        limit=request.position_std,
        unit="m",
    )


def main() -> None:
    """Run the node."""
    sys.exit(run_node(PortEstimatorNode, blocking_actions=True))
