"""Cameras that are broken on purpose, to see what the cell makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cablecell.ports import Frame

KINDS = (
    "frozen",
    "black",
    "saturated",
    "future_stamp",
    "stale_stamp",
    "stopped_stamp",
    "wrong_size",
    "silent",
    "swapped",
)

_FUTURE_S, _STALE_S = 0.4, 1.2
_NOISE = 2


@dataclass(frozen=True)
class FaultyImage:
    """An image as a broken camera delivers it.

    Attributes:
        frame: The image.
        to: Camera under whose name it is published.
    """

    frame: Frame
    to: str


class CameraFaults:
    """Alters images on their way out."""

    def __init__(self) -> None:
        """Break nothing."""
        self._kinds: dict[str, str] = {}
        self._kept: dict[str, Frame] = {}
        self._rng = np.random.default_rng(0)

    def inject(self, kinds: Mapping[str, object]) -> None:
        """Break cameras, by name, and mend all others.

        Raises:
            ValueError: There is no such kind, or not two cameras are swapped; nothing was changed.
        """
        wrong = [kind for kind in kinds.values() if kind not in KINDS]
        if wrong:
            raise ValueError(f"no kind of fault {wrong[0]!r}; valid are {', '.join(KINDS)}")
        swapped = [name for name, kind in kinds.items() if kind == "swapped"]
        if len(swapped) not in (0, 2):
            raise ValueError(f"{len(swapped)} cameras are to be swapped; it takes 2")
        self._kinds = {name: str(kind) for name, kind in kinds.items()}

    def alter(self, camera: str, frame: Frame) -> FaultyImage | None:
        """Return what is delivered in the place of an image; None for nothing."""
        kind = self._kinds.get(camera, "")
        if kind == "silent":
            return None
        if not kind:
            self._kept[camera] = frame  # what a camera repeats that freezes
            return FaultyImage(frame, camera)
        kept = self._kept.setdefault(camera, frame)
        pixels = frame.pixels
        if kind == "frozen":
            return FaultyImage(replace(kept, stamp_s=frame.stamp_s), camera)
        if kind == "black":
            pixels = self._rng.integers(0, _NOISE + 1, pixels.shape, dtype=np.uint8)
        elif kind == "saturated":
            pixels = np.asarray(255 - self._rng.integers(0, _NOISE + 1, pixels.shape), dtype=np.uint8)
        elif kind == "wrong_size":
            return FaultyImage(replace(frame, pixels=pixels[: max(len(pixels) // 2, 1)]), camera)
        elif kind == "swapped":
            other = next(name for name, others in self._kinds.items() if others == "swapped" and name != camera)
            return FaultyImage(replace(frame, frame_id=frame.frame_id.replace(camera, other)), other)
        stamp_s = {
            "future_stamp": frame.stamp_s + _FUTURE_S,
            "stale_stamp": frame.stamp_s - _STALE_S,
            "stopped_stamp": kept.stamp_s,
        }.get(kind, frame.stamp_s)
        return FaultyImage(replace(frame, stamp_s=stamp_s, pixels=pixels), camera)
