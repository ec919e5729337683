"""What is known about one frame: the samples of its pose in its parent, over time or for ever."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TypeAlias

from tf2_py.exceptions import ExtrapolationException
from tf2_py.rigid_transform import IDENTITY, Rigid, interpolate, normalised

NS_PER_S = 1_000_000_000
_CUT_SAMPLES = 256


def display_time(stamp_ns: int) -> str:
    """Return a stamp in seconds with six digits, as the messages of tf2 show it.

    Args:
        stamp_ns: Nanoseconds since the epoch.
    """
    sec, nanosec = divmod(stamp_ns, NS_PER_S)
    return f"{sec + 1e-9 * nanosec:.6f}"


class DynamicHistory:
    """Samples of a moving frame, ascending in time, no longer kept than the cache time.

    Appending the newest sample, the case that occurs 500 times a second, extends three flat sequences; a late one
    is inserted by bisection. Old samples are skipped by moving ``_first`` and cut off in blocks, so that nothing is
    shifted per message. Flat arrays of numbers keep ten seconds of a 500 Hz frame in 0.4 MB; tuples of floats took
    six times as much.

    Args:
        cache_ns: How much older than the newest a sample may be, ns.
    """

    is_static = False

    def __init__(self, cache_ns: int) -> None:
        self.authority = ""
        self._cache_ns = cache_ns
        self._stamps = array("q")
        self._parents: list[str] = []
        self._poses = array("d")  # seven numbers a sample
        self._first = 0

    def __len__(self) -> int:
        return len(self._stamps) - self._first

    @property
    def latest_ns(self) -> int:
        """Stamp of the newest sample, ns; 0 when there is none."""
        return self._stamps[-1] if len(self) else 0

    @property
    def oldest_ns(self) -> int:
        """Stamp of the oldest sample, ns; 0 when there is none."""
        return self._stamps[self._first] if len(self) else 0

    @property
    def latest_parent(self) -> str | None:
        """Parent in the newest sample; None when there is none."""
        return self._parents[-1] if len(self) else None

    def clear(self) -> None:
        """Forget all samples."""
        del self._stamps[:], self._parents[:], self._poses[:]
        self._first = 0

    def insert(self, stamp_ns: int, parent: str, transform: Rigid) -> bool:
        """Store one sample; among equal stamps the last one stored counts as the newer.

        Args:
            stamp_ns: Time of the sample, ns.
            parent: Frame the transform is expressed in.
            transform: Pose of this frame in the parent.

        Returns:
            False when the sample is older than the cache reaches and was not stored.
        """
        stamps = self._stamps
        if self._first < len(stamps):
            latest = stamps[-1]
            horizon = latest - self._cache_ns
            if stamps[self._first] < horizon:
                self._drop_before(horizon)
            if stamp_ns <= latest:
                return stamp_ns >= horizon and self._insert_late(stamp_ns, parent, transform)
            if parent == self._parents[-1]:
                parent = self._parents[-1]  # one string object for thousands of samples
        stamps.append(stamp_ns)
        self._parents.append(parent)
        self._poses.extend(transform)
        return True

    def locate(self, time_ns: int) -> int:
        """Return the index of the sample at or before a time.

        Args:
            time_ns: Requested time, ns; 0 for the newest sample.

        Raises:
            ExtrapolationException: The time lies outside the samples.
        """
        stamps = self._stamps
        count = len(stamps) - self._first
        if count == 0:
            raise ExtrapolationException(_only_one(time_ns, 0))
        latest = stamps[-1]
        if time_ns in (0, latest):
            return len(stamps) - 1
        if count == 1:
            raise ExtrapolationException(_only_one(time_ns, latest))
        earliest = stamps[self._first]
        if time_ns == earliest:
            return self._first
        if time_ns > latest:
            raise ExtrapolationException(
                f"Lookup would require extrapolation into the future.  Requested time {display_time(time_ns)} "
                f"but the latest data is at time {display_time(latest)}"
            )
        if time_ns < earliest:
            raise ExtrapolationException(
                f"Lookup would require extrapolation into the past.  Requested time {display_time(time_ns)} "
                f"but the earliest data is at time {display_time(earliest)}"
            )
        return bisect_right(stamps, time_ns, self._first) - 1

    def parent_at(self, index: int) -> str:
        """Return the parent of a sample.

        Args:
            index: From `locate`.
        """
        return self._parents[index]

    def transform_at(self, index: int, time_ns: int) -> Rigid:
        """Return the pose in the parent, interpolated towards the next sample unless that one has another parent.

        Args:
            index: From `locate` of the same time.
            time_ns: Requested time, ns; 0 for the newest sample.
        """
        older = normalised(self._pose(index))
        stamp = self._stamps[index]
        newer = index + 1
        if time_ns <= stamp or newer == len(self._stamps) or self._parents[newer] != self._parents[index]:
            return older
        ratio = (time_ns - stamp) / (self._stamps[newer] - stamp)
        return interpolate(older, normalised(self._pose(newer)), ratio)

    def _pose(self, index: int) -> Rigid:
        x, y, z, qx, qy, qz, qw = self._poses[7 * index : 7 * index + 7]
        return (x, y, z, qx, qy, qz, qw)

    def _insert_late(self, stamp_ns: int, parent: str, transform: Rigid) -> bool:
        position = bisect_right(self._stamps, stamp_ns, self._first)
        index = position - 1
        while index >= self._first and self._stamps[index] == stamp_ns:
            if self._parents[index] == parent and self._pose(index) == transform:
                return True  # known already
            index -= 1
        self._stamps.insert(position, stamp_ns)
        self._parents.insert(position, parent)
        self._poses[7 * position : 7 * position] = array("d", transform)
        return True

    def _drop_before(self, horizon_ns: int) -> None:
        self._first = bisect_left(self._stamps, horizon_ns, self._first)
        if self._first >= _CUT_SAMPLES:
            del self._stamps[: self._first]
            del self._parents[: self._first]
            del self._poses[: 7 * self._first]
            self._first = 0


class StaticHistory:
    """The one pose of a frame that never moves, valid at every time."""

    is_static = True
    latest_ns = 0
    oldest_ns = 0

    def __init__(self) -> None:
        self.authority = ""
        self._parent = ""
        self._pose = IDENTITY

    def __len__(self) -> int:
        return 1

    @property
    def latest_parent(self) -> str | None:
        """Parent of the frame."""
        return self._parent

    def clear(self) -> None:
        """Keep the pose: clearing a buffer forgets what moved, not what is bolted together."""

    def insert(self, stamp_ns: int, parent: str, transform: Rigid) -> bool:
        """Replace the pose.

        Args:
            stamp_ns: Ignored; a static pose has no time.
            parent: Frame the transform is expressed in.
            transform: Pose of this frame in the parent.
        """
        self._parent = parent
        self._pose = normalised(transform)
        return True

    def locate(self, time_ns: int) -> int:
        """Return index 0, whatever the time.

        Args:
            time_ns: Requested time, ns.
        """
        return 0

    def parent_at(self, index: int) -> str:
        """Return the parent of the frame.

        Args:
            index: From `locate`.
        """
        return self._parent

    def transform_at(self, index: int, time_ns: int) -> Rigid:
        """Return the pose in the parent.

        Args:
            index: From `locate`.
            time_ns: Requested time, ns.
        """
        return self._pose


FrameHistory: TypeAlias = DynamicHistory | StaticHistory


def _only_one(time_ns: int, stamp_ns: int) -> str:
    return (
        f"Lookup would require extrapolation at time {display_time(time_ns)}, "
        f"but only time {display_time(stamp_ns)} is in the buffer"
    )
