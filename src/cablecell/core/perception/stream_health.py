"""Watch over the streams of cameras: frozen, black, saturated, mis-stamped, wrongly sized, silent."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.stream_health import StreamHealthSettings
from cablecell.core.perception.stream_errors import (
    BlackImageError,
    FrozenImageError,
    ImageSizeError,
    ImageStampError,
    SaturatedImageError,
    SilentCameraError,
    StreamError,
)

Pixels = NDArray[np.uint8]

_STRIDE = 4
_BRIGHT = 250
_TWICE_S = 0.02
"""A stamp that comes again within this time is the same message, delivered twice, s."""


@dataclass(frozen=True)
class ArrivedImage:
    """An image as it arrived.

    Attributes:
        stamp_s: Time of exposure that it claims, s.
        pixels: Shape (h, w, channels) or (h, w); of the region it shows.
        size: Width and height that it should have, px; None where nobody knows.
        problem: What is wrong with its format, empty if nothing.
    """

    stamp_s: float
    pixels: Pixels
    size: tuple[int, int] | None = None
    problem: str = ""


@dataclass(frozen=True)
class StreamFault:
    """Why a camera is not trusted.

    Attributes:
        camera: Its name.
        error: What is wrong, with its code.
        since_s: Arrival of the first image that was wrong, or of the last before a silence, s.
        detected_s: When that was found, s.
    """

    camera: str
    error: StreamError
    since_s: float
    detected_s: float


@dataclass
class _Stream:
    stamp_s: float | None = None
    arrival_s: float = 0.0
    checksum: int = 0
    equal: int = 1
    equal_since_s: float = 0.0
    good: int = 0
    late_s: float = 0.0
    fault: StreamFault | None = None
    shape: tuple[int, ...] = field(default_factory=tuple)


class StreamHealth:
    """Judges every image on arrival; a step object without a clock."""

    def __init__(self, cameras: Sequence[str], settings: StreamHealthSettings | None = None) -> None:
        """Trust every camera."""
        self._settings = settings or StreamHealthSettings()
        self._streams = {camera: _Stream() for camera in cameras}
        self._opened_s: float | None = None
        self._period_s: float | None = None
        self._expected_s, self._is_needed = 0.0, True

    def open(self, now_s: float) -> None:
        """Begin to listen: what came before says nothing about intervals and silence, and faults must show again.

        The last image is remembered: one that comes again after any time is frozen.
        """
        self._opened_s = now_s
        for stream in self._streams.values():
            stream.stamp_s, stream.arrival_s, stream.fault, stream.late_s = None, now_s, None, 0.0

    def expect(self, period_s: float | None, now_s: float, *, is_needed: bool = True) -> None:
        """Say how often images should come from now on; None where nobody knows.

        Args:
            period_s: Time from one image to the next, s.
            now_s: The time, s.
            is_needed: Whether a camera that has shown nothing yet is missed: while nobody looks it may not be there.
        """
        self._period_s, self._expected_s, self._is_needed = period_s, now_s, is_needed

    def close(self) -> None:
        """Stop listening: silence means nothing from now on."""
        self._opened_s = None

    @property
    def faults(self) -> dict[str, StreamFault]:
        """Cameras that are not trusted, and why."""
        return {name: stream.fault for name, stream in self._streams.items() if stream.fault is not None}

    def add(self, camera: str, arrival_s: float, image: ArrivedImage) -> StreamFault | None:
        """Judge an image and return a fault that is new.

        Args:
            camera: Which camera; one of those given at the start.
            arrival_s: The time, s, on the clock of the stamps.
            image: The image.
        """
        stream = self._streams[camera]
        if image.stamp_s == stream.stamp_s and arrival_s - stream.arrival_s < _TWICE_S:
            return None
        stream.equal_since_s, error = self._judge(camera, stream, arrival_s, image)
        stream.stamp_s, stream.arrival_s = image.stamp_s, arrival_s
        has_come_back = stream.fault is not None and isinstance(stream.fault.error, SilentCameraError)
        if error is None:
            stream.good += 1
            # An image is all that a silent camera had to show.
            if has_come_back or (stream.fault is not None and stream.good >= self._settings.recovery_images):
                stream.fault = None
            return None
        stream.good = 0
        return self._blame(camera, stream, error, min(arrival_s, stream.equal_since_s), arrival_s)

    def look(self, now_s: float) -> list[StreamFault]:
        """Return the faults of cameras that have just become silent too long; call it a few times in a second."""
        found = []
        limit_s = max(self._settings.silence_s, self._settings.silence_periods * (self._period_s or 0.0))
        for camera, stream in self._streams.items():
            silent_s = now_s - max(stream.arrival_s, self._expected_s)
            if self._opened_s is None or silent_s <= limit_s or (stream.stamp_s is None and not self._is_needed):
                continue
            stream.good = 0
            if stream.fault is not None and not isinstance(stream.fault.error, SilentCameraError):
                continue  # what was wrong before is still wrong, and says more
            error = SilentCameraError(
                f"camera '{camera}' has delivered no image for {silent_s:.2f} s; the limit is {limit_s:.2f} s",
                quantity="silence",
                value=silent_s,
                limit=limit_s,
                unit="s",
                frame=camera,
            )
            fault = self._blame(camera, stream, error, stream.arrival_s, now_s)
            if fault is not None:
                found.append(fault)
        return found

    def _blame(
        self, camera: str, stream: _Stream, error: StreamError, since_s: float, now_s: float
    ) -> StreamFault | None:
        if stream.fault is not None and type(stream.fault.error) is type(error):
            return None
        stream.fault = StreamFault(camera, error, since_s, now_s)
        return stream.fault

    def _judge(
        self, camera: str, stream: _Stream, arrival_s: float, image: ArrivedImage
    ) -> tuple[float, StreamError | None]:
        """Return since when images are equal, and what is wrong."""
        size = (image.pixels.shape[1], image.pixels.shape[0]) if image.pixels.ndim >= 2 else (0, 0)
        if image.problem or (image.size is not None and size != image.size):
            wanted = "" if image.size is None else f"{image.size[0]} x {image.size[1]} px"
            text = image.problem or f"it is {size[0]} x {size[1]} px instead of {wanted}"
            return arrival_s, ImageSizeError(
                f"an image of '{camera}' cannot be used: {text}",
                quantity="size",
                value=size,
                limit=wanted,
                unit="px",
                frame=camera,
            )
        stamp = self._judge_stamp(camera, stream, arrival_s, image.stamp_s)
        coarse = np.ascontiguousarray(image.pixels[::_STRIDE, ::_STRIDE])
        brightness = self._judge_brightness(camera, coarse)
        since_s, frozen = self._judge_life(camera, stream, arrival_s, coarse)
        # A covered camera repeats its black as well: what is seen is said before what follows from it.
        return (since_s if brightness is None and stamp is None else arrival_s), stamp or brightness or frozen

    def _judge_stamp(self, camera: str, stream: _Stream, arrival_s: float, stamp_s: float) -> StreamError | None:
        settings, age_s = self._settings, arrival_s - stamp_s
        late_s, more_s = stream.late_s, self._excused(stream, arrival_s, stamp_s)
        found: tuple[str, float, float] | None = None
        if not np.isfinite(stamp_s):
            found = (f"is {stamp_s}", stamp_s, 0.0)
        elif age_s < -settings.future_s:
            found = (f"is {-age_s:.3f} s in the future; the limit is {settings.future_s} s", -age_s, settings.future_s)
        elif age_s > settings.max_age_s + stream.late_s:
            found = (f"is {age_s:.3f} s old on arrival; the limit is {settings.max_age_s} s", age_s, settings.max_age_s)
        elif stream.stamp_s is not None:
            step_s, passed_s = stamp_s - stream.stamp_s, arrival_s - stream.arrival_s
            if step_s <= 0.0:
                found = (f"goes back by {-step_s:.3f} s" if step_s < 0.0 else "repeats", step_s, 0.0)
            elif step_s - passed_s > settings.jump_s + late_s or passed_s - step_s > settings.jump_s + more_s:
                found = (
                    f"jumps by {step_s:.3f} s while {passed_s:.3f} s pass; limit {settings.jump_s} s more or less",
                    step_s - passed_s,
                    settings.jump_s,
                )
        if found is None:
            return None
        text, value, limit = found
        return ImageStampError(
            f"the stamp of an image of '{camera}' {text}",
            quantity="stamp",
            value=value,
            limit=limit,
            unit="s",
            frame=camera,
        )

    def _excused(self, stream: _Stream, arrival_s: float, stamp_s: float) -> float:
        """Follow by how much images may be late, and return how much of that is new.

        An image may come as much later than usual as its camera was silent before; what was late is made up for when
        images come faster than they were taken.
        """
        if self._period_s is None or not np.isfinite(stamp_s):
            return 0.0
        passed_s = arrival_s - stream.arrival_s
        gap_s = max(0.0, passed_s - self._period_s)
        step_s = self._period_s if stream.stamp_s is None else stamp_s - stream.stamp_s
        late_s = stream.late_s + min(passed_s - max(step_s, 0.0), gap_s)
        stream.late_s = min(max(late_s, 0.0), self._settings.late_s)
        return gap_s

    def _judge_brightness(self, camera: str, coarse: Pixels) -> StreamError | None:
        settings = self._settings
        counts = np.asarray(np.bincount(coarse.ravel(), minlength=256), dtype=np.float64)
        total = max(float(counts.sum()), 1.0)
        levels = np.arange(256.0)
        mean = float(counts @ levels) / total
        spread = math.sqrt(max(float(counts @ (levels - mean) ** 2) / total, 0.0))
        brightest = int(np.searchsorted(np.cumsum(counts), 0.99 * total))
        saturated = float(counts[_BRIGHT:].sum()) / total
        if brightest < settings.black_level or (spread < settings.flat_level and saturated < settings.saturated_share):
            return BlackImageError(
                f"camera '{camera}' shows nothing: its brightest hundredth has level {brightest}, "
                f"the standard deviation of its levels is {spread:.1f}; limits {settings.black_level:g} and "
                f"{settings.flat_level:g}",
                quantity="level",
                value=brightest,
                limit=settings.black_level,
                frame=camera,
            )
        if saturated > settings.saturated_share:
            return SaturatedImageError(
                f"camera '{camera}' is overexposed on {saturated:.0%} of its image; the limit is "
                f"{settings.saturated_share:.0%}",
                quantity="saturated_share",
                value=saturated,
                limit=settings.saturated_share,
                frame=camera,
            )
        return None

    def _judge_life(
        self, camera: str, stream: _Stream, arrival_s: float, coarse: Pixels
    ) -> tuple[float, StreamError | None]:
        checksum = zlib.crc32(coarse.tobytes())
        if checksum == stream.checksum and coarse.shape == stream.shape:
            stream.equal += 1
            since_s = stream.equal_since_s
        else:
            stream.equal, since_s = 1, arrival_s
        stream.checksum, stream.shape = checksum, coarse.shape
        if stream.equal < self._settings.frozen_images:
            return since_s, None
        return since_s, FrozenImageError(
            f"camera '{camera}' shows the same image for the {stream.equal}th time, for {arrival_s - since_s:.2f} s",
            quantity="equal_images",
            value=stream.equal,
            limit=self._settings.frozen_images,
            frame=camera,
        )
