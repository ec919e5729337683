"""While the tool approaches a port: images go on being compared with where the board was seen."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from aic_control_interfaces.msg import ControllerState
from cablecell_interfaces.msg import InsertionPhase
from numpy.typing import NDArray

from cablecell.core.config.perception import DetectionSettings
from cablecell.core.config.port_estimator import PortEstimatorParameters
from cablecell.core.fusion.board_guard import LEAST_CORNERS, BoardGuard, regions
from cablecell.core.fusion.board_state import BoardState
from cablecell.core.fusion.drift import BoardMovedError
from cablecell.core.perception.detection import Corners, find_corners
from cablecell.core.perception.fiducials import Patch
from cablecell.core.perception.outcome import NoEstimate
from cablecell.ros import qos
from cablecell.ros.camera_watch import CameraWatch
from cablecell.ros.estimator_errors import ObservationError
from cablecell.ros.estimator_images import to_frame
from cablecell.ros.estimator_listener import Listener
from cablecell.ros.pose_history import PoseHistory, RestLimits
from cablecell.ros.pose_messages import from_pose, to_seconds

Matrix = NDArray[np.float64]

_APPROACHING = frozenset(
    {
        InsertionPhase.PHASE_STAGING,
        InsertionPhase.PHASE_PREPARE,
        InsertionPhase.PHASE_APPROACH,
        InsertionPhase.PHASE_CONTACT,
        InsertionPhase.PHASE_SEARCH,
        InsertionPhase.PHASE_INSERT,
    }
)
_FAST_M_PER_S, _FAST_RAD_PER_S = 0.2, 0.3
"""A tool that moves faster is not yet approaching, and its images are not placed well enough."""

_SPAN_S = 3.0

_FEW = DetectionSettings(min_corners=LEAST_CORNERS)
"""A question that is asked of a belief needs fewer corners than a pose."""


class Guarded(Protocol):
    """What the watch asks the estimator."""

    def board(self, now_s: float) -> BoardState | NoEstimate:
        """Return the board, or why it is not known."""
        ...

    def visible(self, X_base_tcp: Matrix, now_s: float) -> Mapping[str, Corners]:
        """Return the corners that each camera should see."""
        ...


class ApproachWatch:
    """Listens while an insertion is under way and not yet seated; judges images in the thread that receives them."""

    def __init__(
        self,
        node: Any,
        settings: PortEstimatorParameters,
        cameras: CameraWatch,
        *,
        patches: tuple[Patch, ...],
        estimator: Callable[[], Guarded],
        on_moved: Callable[[BoardMovedError], None],
    ) -> None:
        """Watch nothing yet.

        Args:
            node: The estimator's node.
            settings: Its parameters.
            cameras: Hands images on.
            patches: The fiducials.
            estimator: Returns the estimator of now.
            on_moved: Called once in an approach when the board is no more where it was seen.
        """
        self._node, self._settings, self._cameras = node, settings, cameras
        self._patches, self._estimator, self._on_moved = patches, estimator, on_moved
        self._lock = threading.Lock()
        self._listener: Listener | None = None
        self._infos: dict[str, Any] = {}
        self._asked_s = -math.inf

    def take_phase(self, message: Any) -> None:
        """Begin or end with the phase of an insertion."""
        if message.phase in _APPROACHING:
            self._begin()
        else:
            self.end()

    def _begin(self) -> None:
        with self._lock:
            if self._listener is not None or isinstance(self._estimator().board(self._now_s()), NoEstimate):
                return
            limits = RestLimits(self._settings.rest_velocity_m_per_s, self._settings.rest_velocity_rad_per_s)
            self._history = PoseHistory(limits, span_s=_SPAN_S, max_gap_s=self._settings.max_pose_gap_s)
            self._guard, self._infos, self._has_moved = BoardGuard(), {}, False
            self._listener = Listener(self._node, "approach")
            self._listener.listen(ControllerState, "controller_state", self._take_state, qos.SENSOR)
            self._listener.start()
            self._cameras.hand_on(self._take_image, self._take_info, self._settings.look_rate_hz)

    def end(self) -> None:
        """Watch nothing any more."""
        with self._lock:
            listener, self._listener = self._listener, None
            if listener is not None:
                self._cameras.rest()
                listener.close()

    def _now_s(self) -> float:
        return float(self._node.get_clock().now().nanoseconds) * 1e-9

    def _take_state(self, message: Any) -> None:
        linear, angular = message.tcp_velocity.linear, message.tcp_velocity.angular
        stamp_s, X_base_tcp = to_seconds(message.header.stamp), from_pose(message.tcp_pose)
        speed = math.hypot(linear.x, linear.y, linear.z), math.hypot(angular.x, angular.y, angular.z)
        self._history.add(stamp_s, X_base_tcp, *speed)
        now_s = self._now_s()
        if now_s - self._asked_s < 1.0 / self._settings.look_rate_hz:
            return
        self._asked_s = now_s
        visible = self._estimator().visible(X_base_tcp, now_s)
        sizes = {(info.width, info.height) for info in self._infos.values()}
        size = sizes.pop() if len(sizes) == 1 else (0, 0)
        if size != (0, 0):
            self._cameras.ask_for_these(regions(visible, size, self._settings.cameras))

    def _take_info(self, name: str, message: Any) -> None:
        self._infos[name] = message

    def _take_image(self, name: str, message: Any) -> None:
        info, past = self._infos.get(name), self._history.at(to_seconds(message.header.stamp))
        if info is None or past is None or info.header.stamp != message.header.stamp or self._has_moved:
            return
        speed, turning = self._history.speed
        if name in self._cameras.faults or speed > _FAST_M_PER_S or turning > _FAST_RAD_PER_S:
            return
        try:
            frame = to_frame(message, info)
        except ObservationError:
            return  # the watch over the streams has told it
        seen = find_corners(frame, self._patches, _FEW)
        board = self._estimator().board(frame.stamp_s)
        if isinstance(board, NoEstimate) or isinstance(seen, NoEstimate):
            return
        error = self._guard.look(frame.stamp_s, past.X_base_tcp, seen, name, board, speed)
        if error is not None:
            self._has_moved = True
            self._on_moved(error)
