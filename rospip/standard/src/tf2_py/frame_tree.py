"""Finding the way between two frames, and the time they have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tf2_py.exceptions import ConnectivityException, ExtrapolationException, LookupException, TransformException
from tf2_py.frame_history import FrameHistory
from tf2_py.rigid_transform import IDENTITY, Rigid, compose, inverse

Frames = dict[str, FrameHistory | None]
"""Every frame ever named, in order of appearance; None for one that is only known as a parent."""

MAX_DEPTH = 1000
"""A way up longer than this is taken for a loop, as upstream does."""

Step = tuple[FrameHistory, int]
"""A frame on the way and the index of its sample at the requested time."""


@dataclass(frozen=True)
class Path:
    """The steps from two frames up to where they meet, at one time."""

    time_ns: int
    source_steps: list[Step]
    target_steps: list[Step]

    def transform(self) -> Rigid:
        """Return X_target_source, the pose of the source frame in the target frame."""
        X_top_source = _climb(self.source_steps, self.time_ns)
        if not self.target_steps:
            return X_top_source
        return compose(inverse(_climb(self.target_steps, self.time_ns)), X_top_source)


def find_path(frames: Frames, target: str, source: str, time_ns: int) -> Path:
    """Return the way from source to target at a time.

    The way up from the source goes to the root, or as far as there is data, before the target's way is tried: which
    error a query with several faults gets depends on this order, and it is upstream's.

    Args:
        frames: All frames; both names must be among them.
        target: Frame to express the result in.
        source: Frame whose pose is asked for.
        time_ns: Requested time, ns; 0 for the latest time both have in common.

    Raises:
        ConnectivityException: The frames are in different trees.
        ExtrapolationException: A frame on the way has no data at that time.
        LookupException: The tree holds a loop.
    """
    if source == target:
        return Path(time_ns, [], [])
    if time_ns == 0:
        time_ns = latest_common_time(frames, target, source)

    source_steps: list[Step] = []
    depth_of: dict[str, int] = {}
    fault: ExtrapolationException | None = None
    frame = source
    while frame != target:
        depth_of[frame] = len(source_steps)
        history = frames[frame]
        if history is None:
            break
        try:
            index = history.locate(time_ns)
        except ExtrapolationException as error:
            fault = error  # not fatal yet: the target may still be below this frame
            break
        source_steps.append((history, index))
        frame = history.parent_at(index)
        if len(source_steps) > MAX_DEPTH:
            raise _loop(frames)
    else:
        return Path(time_ns, source_steps, [])

    target_steps: list[Step] = []
    frame = target
    while frame not in depth_of:
        history = frames[frame]
        if history is None:
            if fault is not None:
                raise ExtrapolationException(_when(str(fault), target, source))
            raise _not_connected(target, source)
        try:
            index = history.locate(time_ns)
        except ExtrapolationException as error:
            raise ExtrapolationException(_when(str(error), target, source)) from None
        target_steps.append((history, index))
        frame = history.parent_at(index)
        if len(target_steps) > MAX_DEPTH:
            raise _loop(frames)
    return Path(time_ns, source_steps[: depth_of[frame]], target_steps)


def latest_common_time(frames: Frames, target: str, source: str) -> int:
    """Return the newest time at which both frames have data, ns; 0 when everything between them is static.

    Args:
        frames: All frames; both names must be among them.
        target: One frame.
        source: The other frame.

    Raises:
        ConnectivityException: The frames are in different trees.
        LookupException: The tree holds a loop.
    """
    if source == target:
        history = frames[source]
        return 0 if history is None else history.latest_ns

    stamps_to: dict[str, int | None] = {}  # parent reached from the source -> newest time common to the way there
    common: int | None = None
    for parent, stamp in _ancestors(frames, source):
        common = _earlier(common, stamp)
        stamps_to.setdefault(parent, common)
        if parent == target:
            return common or 0

    common = None
    for parent, stamp in _ancestors(frames, target):
        common = _earlier(common, stamp)
        if parent in stamps_to:
            return _earlier(common, stamps_to[parent]) or 0
        if parent == source:
            return common or 0
    raise _not_connected(target, source)


def describe(frames: Frames) -> str:
    """Return one line for each frame that was ever set: its name and its parent.

    Args:
        frames: All frames.
    """
    return "".join(
        f"Frame {name} exists with parent {history.latest_parent or 'NO_PARENT'}.\n"
        for name, history in frames.items()
        if history is not None
    )


def _ancestors(frames: Frames, frame: str) -> Iterator[tuple[str, int]]:
    """Yield each ancestor with the newest stamp of the sample that leads to it."""
    depth = 0
    history = frames[frame]
    while history is not None:
        parent = history.latest_parent
        if parent is None:
            return
        yield parent, history.latest_ns
        depth += 1
        if depth > MAX_DEPTH:
            raise _loop(frames)
        history = frames[parent]


def _earlier(common: int | None, stamp: int | None) -> int | None:
    if not stamp:  # static
        return common
    return stamp if common is None else min(common, stamp)


def _climb(steps: list[Step], time_ns: int) -> Rigid:
    X_top_frame = IDENTITY
    for history, index in reversed(steps):
        X_top_frame = compose(X_top_frame, history.transform_at(index, time_ns))
    return X_top_frame


def _when(message: str, target: str, source: str) -> str:
    return f"{message}, when looking up transform from frame [{source}] to frame [{target}]"


def _not_connected(target: str, source: str) -> TransformException:
    return ConnectivityException(
        f"Could not find a connection between '{target}' and '{source}' because they are not part of the same tree."
        "Tf has two or more unconnected trees."
    )


def _loop(frames: Frames) -> TransformException:
    return LookupException(f"The tf tree is invalid because it contains a loop.\n{describe(frames)}\n")
