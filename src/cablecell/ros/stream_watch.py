"""Messages of cameras for the watch over their streams, and its findings as diagnostics."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from cablecell.core.config.stream_health import StreamHealthSettings
from cablecell.core.perception.stream_health import ArrivedImage, StreamFault, StreamHealth
from cablecell.ros.pose_messages import to_seconds

_CHANNELS = {"rgb8": 3, "bgr8": 3, "mono8": 1}


class StreamWatch:
    """Judges images on arrival, on the thread that receives them."""

    def __init__(
        self,
        cameras: Sequence[str],
        now_s: Callable[[], float],
        on_fault: Callable[[StreamFault], None],
        settings: StreamHealthSettings | None = None,
    ) -> None:
        """Trust every camera.

        Args:
            cameras: Their names.
            now_s: The time on the clock of the stamps.
            on_fault: Called with every new fault, from the thread that received the image.
            settings: Limits.
        """
        self._cameras, self._now_s, self._on_fault = tuple(cameras), now_s, on_fault
        self._health = StreamHealth(cameras, settings)
        self._sizes: dict[str, tuple[float, tuple[int, int]]] = {}
        self._lock = threading.Lock()

    def open(self) -> None:
        """Begin to listen."""
        with self._lock:
            self._health.open(self._now_s())

    def expect(self, period_s: float, *, is_needed: bool) -> None:
        """Say how often images should come from now on, and whether a camera that has shown nothing yet is missed."""
        with self._lock:
            self._health.expect(period_s, self._now_s(), is_needed=is_needed)

    def close(self) -> None:
        """Stop listening: silence means nothing from now on."""
        with self._lock:
            self._health.close()

    @property
    def faults(self) -> dict[str, StreamFault]:
        """Cameras that are not trusted."""
        return self._health.faults

    def take_info(self, camera: str, message: Any) -> None:
        """Remember how large the image of this calibration has to be."""
        roi = message.roi
        size = (roi.width, roi.height) if roi.width and roi.height else (message.width, message.height)
        self._sizes[camera] = (to_seconds(message.header.stamp), (int(size[0]), int(size[1])))

    def take(self, camera: str, message: Any) -> None:
        """Judge an image message."""
        channels = _CHANNELS.get(message.encoding, 0)
        data = np.frombuffer(message.data, dtype=np.uint8)
        problem = ""
        if not channels:
            problem = f"its encoding is '{message.encoding}'; valid are {', '.join(_CHANNELS)}"
        elif message.step < channels * message.width or data.size != message.step * message.height or data.size == 0:
            problem = f"{message.width} x {message.height} px do not fit {data.size} B in rows of {message.step} B"
        if problem:
            pixels = np.zeros((0, 0, 0), dtype=np.uint8)
        else:
            rows = data.reshape(message.height, message.step)[:, : channels * message.width]
            pixels = rows.reshape(message.height, message.width, channels)
        stamp_s = to_seconds(message.header.stamp)
        known_s, size = self._sizes.get(camera, (math.nan, (0, 0)))
        image = ArrivedImage(stamp_s, pixels, size if known_s == stamp_s else None, problem)
        with self._lock:
            fault = self._health.add(camera, self._now_s(), image)
        if fault is not None:
            self._on_fault(fault)

    def look(self) -> None:
        """Look for cameras that fell silent."""
        with self._lock:
            found = self._health.look(self._now_s())
        for fault in found:
            self._on_fault(fault)

    def statuses(self, node: str) -> list[Any]:
        """Return one status a camera."""
        faults = self.faults
        return [_status(f"{node}: {camera} camera", camera, faults.get(camera)) for camera in self._cameras]


def _status(name: str, camera: str, fault: StreamFault | None) -> Any:
    if fault is None:
        return DiagnosticStatus(level=DiagnosticStatus.OK, name=name, message="OK", hardware_id=f"{camera}_camera")
    status = DiagnosticStatus(
        level=DiagnosticStatus.ERROR, name=name, message=str(fault.error), hardware_id=f"{camera}_camera"
    )
    values = {
        "code": str(fault.error.code),
        "quantity": fault.error.quantity,
        "value": fault.error.value,
        "limit": fault.error.limit,
        "unit": fault.error.unit,
        "detected_after_s": f"{fault.detected_s - fault.since_s:.3f}",
    }
    status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
    return status
