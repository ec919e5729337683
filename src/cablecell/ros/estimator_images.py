"""Views for the estimator: images of all cameras that were taken while the arm stood still, with the tool's pose."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from aic_control_interfaces.msg import ControllerState
from numpy.typing import NDArray

from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.port_estimator import PortEstimatorParameters
from cablecell.core.geometry import pose_difference
from cablecell.core.perception.stream_errors import FrozenImageError, ImageStampError, SilentCameraError
from cablecell.ports import Frame, Region
from cablecell.ros import qos
from cablecell.ros.camera_watch import CameraWatch
from cablecell.ros.estimator_errors import ArmMovingError, ImageFormatError, NoImagesError, NoToolPoseError
from cablecell.ros.estimator_listener import Listener
from cablecell.ros.pose_history import PoseHistory, RestLimits
from cablecell.ros.pose_messages import from_pose, to_seconds

Matrix = NDArray[np.float64]

_CHANNELS = {"rgb8": (0, 1, 2), "bgr8": (2, 1, 0)}

_IMAGES, _INFOS = 4, 40
"""Images and calibrations that are kept, by camera. An image is large and may come much later than its calibration."""


_LONGER_S = 5.0
"""How much longer than the wait for images the tool's poses are kept: an image may come long after its exposure."""

_SAME_PLACE_M, _SAME_PLACE_RAD = 0.0003, 0.001
"""Images whose tool poses differ by more are of two standstills."""


@dataclass(frozen=True)
class View:
    """Images of one standstill.

    Attributes:
        stamp_s: Newest time of exposure, s.
        X_base_tcp: Pose of the tool then, shape (4, 4).
        frames: By camera name.
        intrinsics: By camera name.
    """

    stamp_s: float
    X_base_tcp: Matrix
    frames: Mapping[str, Frame]
    intrinsics: Mapping[str, CameraIntrinsics]


@dataclass(frozen=True, eq=False)
class _Placed:
    """An image with its calibration and the pose of the tool."""

    stamp_s: float
    image: Any
    info: Any
    X_base_tcp: Matrix


class ViewCollector:
    """Gathers images and the tool's poses while it is open."""

    def __init__(self, node: Any, parameters: PortEstimatorParameters, watch: CameraWatch) -> None:
        """Subscribe; images of cameras that the watch does not trust are not used while enough others are left."""
        self._node, self._watch = node, watch
        self._parameters = parameters
        self._history = PoseHistory(
            RestLimits(parameters.rest_velocity_m_per_s, parameters.rest_velocity_rad_per_s),
            span_s=parameters.image_timeout_s + _LONGER_S,
            max_gap_s=parameters.max_pose_gap_s,
        )
        self._changed = threading.Condition()
        self._images: dict[str, deque[Any]] = {name: deque(maxlen=_IMAGES) for name in parameters.cameras}
        self._infos: dict[str, deque[Any]] = {name: deque(maxlen=_INFOS) for name in parameters.cameras}
        self._listener = Listener(node, "eyes")
        self._listener.listen(ControllerState, "controller_state", self._take_state, qos.SENSOR)
        self._listener.start()
        watch.hand_on(self._take_image, self._take_info, parameters.look_rate_hz)

    def close(self) -> None:
        """Unsubscribe."""
        self._watch.rest()
        self._listener.close()

    def wait_for_rest(self, check: Callable[[], None]) -> Matrix:
        """Return the pose of the tool once the arm stands still.

        Args:
            check: Called every few milliseconds; raises to end the wait.

        Raises:
            NoToolPoseError: The controller's state is absent or too old.
            ArmMovingError: The arm still moves at the deadline.
        """
        settings = self._parameters
        begun_s = time.monotonic()
        while True:
            check()
            waited_s = time.monotonic() - begun_s
            newest_s = self._history.newest_s
            age_s = math.inf if newest_s is None else self._now_s() - newest_s
            if newest_s is not None and age_s <= settings.state_timeout_s:
                now = self._history.at(newest_s)
                if now is not None and now.still_s >= settings.settle_s and now.still_s > 0.0:
                    return now.X_base_tcp
            if age_s > settings.state_timeout_s and waited_s > settings.state_timeout_s:
                raise self._silent_controller(age_s)
            if waited_s > settings.rest_timeout_s:
                linear, angular = self._history.speed
                raise ArmMovingError(
                    f"the arm did not come to rest within {settings.rest_timeout_s} s: the tool moves at "
                    f"{linear:.4f} m/s and {angular:.4f} rad/s, limits {settings.rest_velocity_m_per_s} m/s and "
                    f"{settings.rest_velocity_rad_per_s} rad/s, for {settings.settle_s} s",
                    quantity="tcp_velocity",
                    value=linear,
                    limit=settings.rest_velocity_m_per_s,
                    unit="m/s",
                )
            self._wait()

    def next_view(self, after_s: float, check: Callable[[], None]) -> View:
        """Return images of all cameras, or of enough of them at the deadline, exposed after a time and at rest.

        Raises:
            NoToolPoseError: The controller's state stopped, so that images cannot be placed.
            NoImagesError: Fewer cameras than needed delivered before the deadline.
            ImageFormatError: An image cannot be used.
            StreamError: Too few cameras are left whose images are new and stamped right.
        """
        settings = self._parameters
        begun_s = time.monotonic()
        while True:
            check()
            waited_s = time.monotonic() - begun_s
            found = self._placed_images(after_s, waited_s)
            is_late = waited_s > settings.image_timeout_s
            wanted = len(settings.cameras) - len(self._not_waited_for(waited_s))
            if len(found) >= max(wanted, settings.min_cameras) or (is_late and len(found) >= settings.min_cameras):
                return _view(found)
            newest_s = self._history.newest_s
            age_s = math.inf if newest_s is None else self._now_s() - newest_s
            if age_s > settings.state_timeout_s:
                raise self._silent_controller(age_s)
            if is_late:
                missing = ", ".join(name for name in settings.cameras if name not in found)
                raise NoImagesError(
                    f"no image of {missing} within {settings.image_timeout_s} s; {len(found)} of "
                    f"{len(settings.cameras)} cameras delivered, at least {settings.min_cameras} are needed",
                    quantity="cameras",
                    value=len(found),
                    limit=settings.min_cameras,
                )
            self._wait()

    def _placed_images(self, after_s: float, waited_s: float) -> dict[str, _Placed]:
        """Return the newest usable image by camera, all from one standstill."""
        found: dict[str, _Placed] = {}
        distrusted = self._distrusted(waited_s)
        for name in self._parameters.cameras:
            if name in distrusted:
                continue
            infos = {to_seconds(info.header.stamp): info for info in tuple(self._infos[name])}
            for image in reversed(tuple(self._images[name])):
                stamp_s = to_seconds(image.header.stamp)
                past = self._history.at(stamp_s)
                was_still = past is not None and past.still_s > 0.0 and past.still_s >= self._parameters.settle_s
                if past is not None and was_still and stamp_s in infos and stamp_s >= after_s:
                    found[name] = _Placed(stamp_s, image, infos[stamp_s], past.X_base_tcp)
                    break
        if not found:
            return found
        newest = max(found.values(), key=lambda placed: placed.stamp_s)
        return {name: placed for name, placed in found.items() if _is_same_place(placed.X_base_tcp, newest.X_base_tcp)}

    def _not_waited_for(self, waited_s: float) -> set[str]:
        """Return the cameras that a view does without; one that only fell silent may be late."""
        if waited_s < self._parameters.stream_patience_s:
            return self._distrusted(waited_s)
        return self._distrusted(waited_s) | self._silent()

    def _silent(self) -> set[str]:
        return {name for name, fault in self._watch.faults.items() if isinstance(fault.error, SilentCameraError)}

    def _distrusted(self, waited_s: float) -> set[str]:
        """Return the cameras whose images are left out.

        Raises:
            StreamError: With them left out too few remain, and what they show may be of another time (code 581, 584).
        """
        faults = self._watch.faults
        if len(self._parameters.cameras) - len(faults) >= self._parameters.min_cameras:
            return set(faults) - self._silent()  # what a silent camera showed before is as good as ever
        grave = [
            fault.error for fault in faults.values() if isinstance(fault.error, FrozenImageError | ImageStampError)
        ]
        if grave and waited_s > self._parameters.stream_patience_s:
            raise grave[0]
        if grave:
            return set(faults) - self._silent()  # some good images, and a camera is trusted again
        return set()  # what is black or of a wrong format is refused with better words later

    def _silent_controller(self, age_s: float) -> NoToolPoseError:
        limit_s = self._parameters.state_timeout_s
        state = "never came" if math.isinf(age_s) else f"is {age_s:.2f} s old"
        return NoToolPoseError(
            f"controller_state {state}, limit {limit_s} s: the pose of the tool is not known",
            quantity="controller_state",
            value=age_s,
            limit=limit_s,
            unit="s",
        )

    def _now_s(self) -> float:
        return float(self._node.get_clock().now().nanoseconds) * 1e-9

    def _wait(self) -> None:
        with self._changed:
            self._changed.wait(0.02)

    def _take_state(self, message: Any) -> None:
        linear, angular = message.tcp_velocity.linear, message.tcp_velocity.angular
        self._history.add(
            to_seconds(message.header.stamp),
            from_pose(message.tcp_pose),
            math.hypot(linear.x, linear.y, linear.z),
            math.hypot(angular.x, angular.y, angular.z),
        )

    def _take_image(self, name: str, message: Any) -> None:
        self._images[name].append(message)
        self._notify()

    def _take_info(self, name: str, message: Any) -> None:
        self._infos[name].append(message)
        self._notify()

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()


def _view(found: Mapping[str, _Placed]) -> View:
    frames = {name: to_frame(placed.image, placed.info) for name, placed in found.items()}
    newest = max(found.values(), key=lambda placed: placed.stamp_s)
    intrinsics = {name: to_intrinsics(placed.info) for name, placed in found.items()}
    return View(newest.stamp_s, newest.X_base_tcp, frames, intrinsics)


def _is_same_place(X_A: Matrix, X_B: Matrix) -> bool:
    difference = pose_difference(X_A, X_B)
    is_near = float(np.linalg.norm(difference[:3])) <= _SAME_PLACE_M
    return is_near and float(np.linalg.norm(difference[3:])) <= _SAME_PLACE_RAD


def to_intrinsics(info: Any) -> CameraIntrinsics:
    """Return the calibration of a full image.

    Raises:
        ImageFormatError: The lens is not free of distortion, or there is no calibration.
    """
    k: Sequence[float] = info.k
    if any(abs(value) > 1e-9 for value in info.d):
        raise ImageFormatError(
            f"{info.header.frame_id} has distortion {[round(v, 4) for v in info.d]}; only rectified images can be used",
            quantity="d",
            value=list(info.d),
            limit=0,
        )
    if not (k[0] > 0.0 and k[4] > 0.0):
        raise ImageFormatError(
            f"{info.header.frame_id} is not calibrated: its focal lengths are {k[0]} and {k[4]} px",
            quantity="k",
            value=k[0],
            limit="above 0",
            unit="px",
        )
    return CameraIntrinsics(
        width=int(info.width),
        height=int(info.height),
        fx=float(k[0]),
        fy=float(k[4]),
        cx=float(k[2]),
        cy=float(k[5]),
    )


def to_frame(image: Any, info: Any) -> Frame:
    """Return an image message with its calibration as the core takes it; the pixels share the message's memory.

    Raises:
        ImageFormatError: The encoding is unknown, or sizes contradict each other.
    """
    where = image.header.frame_id
    if image.encoding not in _CHANNELS:
        raise ImageFormatError(
            f"image of {where} has encoding '{image.encoding}'; valid are {', '.join(_CHANNELS)}",
            quantity="encoding",
            value=image.encoding,
            limit=", ".join(_CHANNELS),
        )
    roi = info.roi
    region = Region(int(roi.x_offset), int(roi.y_offset), int(roi.width), int(roi.height))
    if region.width == 0 or region.height == 0:  # the convention of CameraInfo for the whole image
        region = Region(0, 0, int(info.width), int(info.height))
    data = np.frombuffer(image.data, dtype=np.uint8)
    fits = (image.width, image.height) == (region.width, region.height)
    if not fits or image.step < 3 * image.width or data.size != image.step * image.height:
        raise ImageFormatError(
            f"image of {where} is {image.width} x {image.height} px in {data.size} B with rows of {image.step} B, but "
            f"its calibration says {region.width} x {region.height} px",
            quantity="size",
            value=data.size,
            limit=3 * region.width * region.height,
            unit="B",
        )
    rows = data.reshape(image.height, image.step)[:, : 3 * image.width].reshape(image.height, image.width, 3)
    pixels = np.ascontiguousarray(rows[:, :, _CHANNELS[image.encoding]]) if image.encoding != "rgb8" else rows
    K = np.array(info.k, dtype=np.float64).reshape(3, 3)
    return Frame(to_seconds(image.header.stamp), where, pixels, K, region)
