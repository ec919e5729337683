"""Force over depth of one insertion, out of the recording of the cell."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from cablecell_interfaces.msg import ContactEstimate
from rclpy.serialization import deserialize_message

from cablecell.records.errors import RecordingError
from cablecell.records.reading import read_messages

_POINTS = 600
"""Most points of a curve: what a chart of that width can show."""


@dataclass(frozen=True)
class Curve:
    """What was felt on the way in.

    Attributes:
        depth_mm: Depth of the tip below the entrance plane, mm.
        axial_n: Force along the axis of the port that holds the plug back, N.
        side_n: Force across it, N.
    """

    depth_mm: tuple[float, ...]
    axial_n: tuple[float, ...]
    side_n: tuple[float, ...]


class Recordings:
    """The recording of the cell, and its numbered successors."""

    def __init__(self, file: str, topic: str) -> None:
        """Begin.

        Args:
            file: As the recorder was told; empty for none.
            topic: Full name of the topic with depth and force.
        """
        self._file = Path(file).expanduser() if file else None
        self._topic = topic

    @property
    def files(self) -> list[Path]:
        """The files that there are, the newest first."""
        if self._file is None:
            return []
        name = re.compile(rf"{re.escape(self._file.stem)}(\.\d+)?{re.escape(self._file.suffix)}")
        found = [path for path in self._file.parent.glob("*") if name.fullmatch(path.name)]
        return sorted(found, key=lambda path: -path.stat().st_mtime_ns)

    def curve(self, begun_ns: int, ended_ns: int) -> Curve | None:
        """Return the curve of an insertion; None where no recording has it. Reads a file: not for the pages' thread.

        Args:
            begun_ns: Its begin, ns since the epoch.
            ended_ns: Its end.
        """
        path = self.file_of(begun_ns, ended_ns)
        if path is None:
            return None
        rows = []
        for message in read_messages(path, {self._topic}, (begun_ns, ended_ns)):
            seen = deserialize_message(message.data, ContactEstimate)
            force = seen.wrench.force
            rows.append((1000.0 * seen.depth, -force.z, math.hypot(force.x, force.y)))
        step = -(-len(rows) // _POINTS)
        depth, axial, side = zip(*rows[::step], strict=True)
        return Curve(depth, axial, side)

    def file_of(self, begun_ns: int, ended_ns: int) -> Path | None:
        """Return the recording that has an insertion; None where there is none."""
        for path in self.files:
            if path.stat().st_mtime_ns < begun_ns:
                continue  # it had ended before
            try:
                if next(read_messages(path, {self._topic}, (begun_ns, ended_ns)), None) is not None:
                    return path
            except RecordingError:
                continue
        return None
