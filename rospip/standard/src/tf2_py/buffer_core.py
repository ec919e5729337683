"""The transform buffer without ROS communication: what upstream writes in C++ and binds as ``BufferCore``."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.logging import get_logger
from rclpy.time import Time

from tf2_py import frame_tree
from tf2_py.exceptions import InvalidArgumentException, LookupException, TransformException
from tf2_py.frame_history import NS_PER_S, DynamicHistory, StaticHistory, display_time
from tf2_py.rigid_transform import Rigid, canonical

TransformRecord = tuple[int, str, str, Rigid]
"""One transform off the wire: stamp in ns, parent frame, child frame, pose of the child in the parent."""

DEFAULT_CACHE_NS = 10 * NS_PER_S
_SHORTEST_SPAN_NS = 100_000  # of the average rate in the frame listing, so that one sample does not divide by zero
_SMALLEST_SQUARED_NORM = 1e-300  # below this the quaternion has no direction


class BufferCore:
    """Tree of frames over time, and queries on it. Safe to use from several threads.

    Times are anything with ``nanoseconds`` (`rclpy.time.Time`) or with ``sec`` and ``nanosec`` (the message); time
    0 asks for the latest. Transforms are stored as plain floats; a message object is only made for an answer.

    Args:
        cache_time: How long samples are kept, as a duration object; 10 s by default.
    """

    def __init__(self, cache_time: Any | None = None) -> None:
        self._cache_ns = DEFAULT_CACHE_NS if cache_time is None else _nanoseconds(cache_time, "duration")
        self._frames: frame_tree.Frames = {}
        self._lock = threading.Lock()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Add one sample of a moving frame.

        A transform that is not one (a NaN, a quaternion of length zero, an empty or repeated frame name) is logged
        as an error and changes nothing; so is, as a warning, one older than the cache reaches. A leading slash in a
        frame name is dropped, and a quaternion is scaled to unit length.

        Args:
            transform: Pose of ``child_frame_id`` in ``header.frame_id`` at ``header.stamp``.
            authority: Who says so; shown in the frame listing and in error messages.
        """
        self._insert([_record(transform)], authority, is_static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Set the pose of a frame that never moves; it is valid at every time.

        Args:
            transform: Pose of ``child_frame_id`` in ``header.frame_id``; the stamp is ignored.
            authority: Who says so; shown in the frame listing and in error messages.
        """
        self._insert([_record(transform)], authority, is_static=True)

    def lookup_transform_core(self, target_frame: str, source_frame: str, time: Any) -> TransformStamped:
        """Return the pose of the source frame in the target frame, without waiting.

        Args:
            target_frame: Frame to express the result in.
            source_frame: Frame whose pose is asked for.
            time: Time of the pose; 0 for the latest that all frames in between have.

        Raises:
            LookupException: A frame does not exist, or the tree holds a loop.
            ConnectivityException: The frames are in different trees.
            ExtrapolationException: The time is outside the stored samples.
            InvalidArgumentException: A frame name is empty or starts with a slash.
        """
        time_ns = _nanoseconds(time)
        with self._lock:
            answer_ns, transform = self._lookup(target_frame, source_frame, time_ns)
        return _message(target_frame, source_frame, answer_ns, transform)

    def lookup_transform_full_core(
        self, target_frame: str, target_time: Any, source_frame: str, source_time: Any, fixed_frame: str
    ) -> TransformStamped:
        """Return the pose of the source frame at one time in the target frame at another, without waiting.

        Args:
            target_frame: Frame to express the result in.
            target_time: Time of the target frame.
            source_frame: Frame whose pose is asked for.
            source_time: Time of the source frame.
            fixed_frame: Frame that stands still between the two times.

        Raises:
            LookupException: A frame does not exist, or the tree holds a loop.
            ConnectivityException: The frames are in different trees.
            ExtrapolationException: A time is outside the stored samples.
            InvalidArgumentException: A frame name is empty or starts with a slash.
        """
        source_ns, target_ns = _nanoseconds(source_time), _nanoseconds(target_time)
        with self._lock:
            for role, frame in (("target", target_frame), ("source", source_frame), ("fixed", fixed_frame)):
                self._require(f"lookupTransform argument {role}_frame", frame)
            _, X_fixed_source = self._lookup(fixed_frame, source_frame, source_ns)
            answer_ns, X_target_fixed = self._lookup(target_frame, fixed_frame, target_ns)
        X_target_source = canonical(frame_tree.compose(X_target_fixed, X_fixed_source))
        return _message(target_frame, source_frame, answer_ns, X_target_source)

    def can_transform_core(self, target_frame: str, source_frame: str, time: Any) -> tuple[bool, str]:
        """Tell whether `lookup_transform_core` would answer, and if not, why.

        Args:
            target_frame: Frame to express the result in.
            source_frame: Frame whose pose is asked for.
            time: Time of the pose; 0 for the latest.
        """
        time_ns = _nanoseconds(time)
        if target_frame == source_frame:
            return True, ""
        with self._lock:
            return self._can_transform((("target", target_frame), ("source", source_frame)), (time_ns,))

    def can_transform_full_core(
        self, target_frame: str, target_time: Any, source_frame: str, source_time: Any, fixed_frame: str
    ) -> tuple[bool, str]:
        """Tell whether `lookup_transform_full_core` would answer, and if not, why.

        Args:
            target_frame: Frame to express the result in.
            target_time: Time of the target frame.
            source_frame: Frame whose pose is asked for.
            source_time: Time of the source frame.
            fixed_frame: Frame that stands still between the two times.
        """
        times = _nanoseconds(target_time), _nanoseconds(source_time)
        with self._lock:
            return self._can_transform(
                (("target", target_frame), ("source", source_frame), ("fixed", fixed_frame)), times
            )

    def get_latest_common_time(self, target_frame: str, source_frame: str) -> Time:
        """Return the newest time at which both frames have data; 0 when all between them is static.

        Args:
            target_frame: One frame.
            source_frame: The other frame.

        Raises:
            LookupException: A frame does not exist.
            InvalidArgumentException: A frame name is empty or starts with a slash.
            TransformException: The frames are in different trees.
        """
        with self._lock:
            self._require("get_latest_common_time", target_frame)
            self._require("get_latest_common_time", source_frame)
            try:
                latest_ns = frame_tree.latest_common_time(self._frames, target_frame, source_frame)
            except TransformException as error:
                raise TransformException(str(error)) from None  # the base class is what upstream raises here
        return Time(nanoseconds=latest_ns)

    def clear(self) -> None:
        """Forget all samples of moving frames; static frames and frame names stay."""
        with self._lock:
            for history in self._frames.values():
                if history is not None:
                    history.clear()

    def all_frames_as_yaml(self) -> str:
        """Return the frames with parent, authority, average rate and time span as a YAML mapping."""
        with self._lock:
            if not self._frames:
                return "[]"
            return "".join(
                _yaml_entry(name, history)
                for name, history in self._frames.items()
                if history is not None and len(history)
            )

    def all_frames_as_string(self) -> str:
        """Return one line for each frame: its name and its parent."""
        with self._lock:
            return frame_tree.describe(self._frames)

    def _frameExists(self, frame_id: str) -> bool:  # noqa: N802 - upstream name
        """Tell whether a frame of this name was ever seen."""
        with self._lock:
            return frame_id in self._frames

    def _getFrameStrings(self) -> list[str]:  # noqa: N802 - upstream name
        """Return the names of all frames in order of appearance."""
        with self._lock:
            return list(self._frames)

    def _insert(self, records: Iterable[TransformRecord], authority: str, *, is_static: bool) -> None:
        """Store transforms; every way into the buffer ends here."""
        complaints: list[str] = []
        warnings: list[str] = []
        frames = self._frames
        with self._lock:
            for stamp_ns, parent, child, transform in records:
                if parent[:1] == "/":
                    parent = parent[1:]
                if child[:1] == "/":
                    child = child[1:]
                x, y, z, qx, qy, qz, qw = transform
                squared_norm = qx * qx + qy * qy + qz * qz + qw * qw
                # a sum times zero is zero unless one of the terms is NaN or infinite
                finite = (x + y + z + squared_norm) * 0.0 == 0.0
                if not (finite and squared_norm > _SMALLEST_SQUARED_NORM and parent and child and parent != child):
                    complaints += _complaints(parent, child, transform, authority)
                    continue
                history = frames.get(child)
                if history is None or history.is_static is not is_static:
                    history = frames[child] = StaticHistory() if is_static else DynamicHistory(self._cache_ns)
                if parent not in frames:
                    frames[parent] = None
                if history.insert(stamp_ns, parent, transform):
                    history.authority = authority
                else:
                    warnings.append(
                        f"TF_OLD_DATA ignoring data from the past for frame {child} at time {display_time(stamp_ns)} "
                        f"according to authority {authority}\n"
                        "Possible reasons are listed at http://wiki.ros.org/tf/Errors%20explained"
                    )
        for complaint in complaints:
            get_logger("tf2_buffer").error(complaint)
        for warning in warnings:
            get_logger("tf2_buffer").warning(warning)

    def _lookup(self, target: str, source: str, time_ns: int) -> tuple[int, Rigid]:
        if target == source:  # also for frames nobody has heard of, as upstream
            history = self._frames.get(target)
            latest_ns = history.latest_ns if history is not None else 0
            return time_ns or latest_ns, frame_tree.IDENTITY
        self._require("lookupTransform argument target_frame", target)
        self._require("lookupTransform argument source_frame", source)
        path = frame_tree.find_path(self._frames, target, source, time_ns)
        return path.time_ns, canonical(path.transform())

    def _can_transform(self, frames: tuple[tuple[str, str], ...], times_ns: tuple[int, ...]) -> tuple[bool, str]:
        for role, frame in frames:
            fault = self._name_fault(frame)
            if fault is not None:
                return False, f'Invalid frame ID "{frame}" passed to canTransform argument {role}_frame - {fault}'
        (_, target), (_, source), *fixed = frames
        legs = [(target, fixed[0][1]), (fixed[0][1], source)] if fixed else [(target, source)]
        try:
            for (leg_target, leg_source), time_ns in zip(legs, times_ns, strict=True):
                frame_tree.find_path(self._frames, leg_target, leg_source, time_ns)
        except TransformException as error:
            return False, str(error)
        return True, ""

    def _name_fault(self, frame: str) -> str | None:
        if not frame:
            return "in tf2 frame_ids cannot be empty"
        if frame[0] == "/":
            return "in tf2 frame_ids cannot start with a '/'"
        return None if frame in self._frames else "frame does not exist"

    def _require(self, argument: str, frame: str) -> None:
        if frame in self._frames:
            return
        fault = self._name_fault(frame)
        if not frame or frame[0] == "/":
            raise InvalidArgumentException(f'Invalid argument "{frame}" passed to {argument} - {fault}')
        raise LookupException(f'"{frame}" passed to {argument} does not exist. ')


def _nanoseconds(time: Any, kind: str = "time") -> int:
    """Read a time or duration object; rclpy's own have ``nanoseconds``, the messages ``sec`` and ``nanosec``."""
    nanoseconds = getattr(time, "nanoseconds", None)
    if nanoseconds is not None:
        return int(nanoseconds)
    try:
        return int(time.sec) * NS_PER_S + int(time.nanosec)
    except AttributeError:
        raise TypeError(f"{kind} must have sec and nanosec, or nanoseconds.") from None


def _record(message: TransformStamped) -> TransformRecord:
    translation, rotation = message.transform.translation, message.transform.rotation
    return (
        _nanoseconds(message.header.stamp),
        message.header.frame_id,
        message.child_frame_id,
        (translation.x, translation.y, translation.z, rotation.x, rotation.y, rotation.z, rotation.w),
    )


def _message(target: str, source: str, time_ns: int, transform: Rigid) -> TransformStamped:
    message = TransformStamped()
    header, body = message.header, message.transform
    header.stamp.sec, header.stamp.nanosec = divmod(time_ns, NS_PER_S)
    header.frame_id = target
    message.child_frame_id = source
    translation, rotation = body.translation, body.rotation
    translation.x, translation.y, translation.z, rotation.x, rotation.y, rotation.z, rotation.w = transform
    return message


def _complaints(parent: str, child: str, transform: Rigid, authority: str) -> list[str]:
    """Return upstream's sentences for all that is wrong with a transform."""
    found = []
    if parent == child:
        found.append(
            f'TF_SELF_TRANSFORM: Ignoring transform from authority "{authority}" with frame_id and  '
            f'child_frame_id "{child}" because they are the same'
        )
    if not child:
        found.append(
            f'TF_NO_CHILD_FRAME_ID: Ignoring transform from authority "{authority}" because child_frame_id not set '
        )
    if not parent:
        found.append(
            f'TF_NO_FRAME_ID: Ignoring transform with child_frame_id "{child}"  from authority "{authority}" '
            "because frame_id not set"
        )
    x, y, z, qx, qy, qz, qw = transform
    pose = f"({x:f} {y:f} {z:f}) ({qx:f} {qy:f} {qz:f} {qw:f})"
    squared_norm = qx * qx + qy * qy + qz * qz + qw * qw
    if (x + y + z + squared_norm) * 0.0 != 0.0:
        found.append(
            f'TF_NAN_INPUT: Ignoring transform for child_frame_id "{child}" from authority "{authority}" because of '
            f"a nan value in the transform {pose}"
        )
    elif squared_norm <= _SMALLEST_SQUARED_NORM:
        found.append(
            f'TF_DENORMALIZED_QUATERNION: Ignoring transform for child_frame_id "{child}" from authority "{authority}" '
            f"because of an invalid quaternion in the transform ({qx:f} {qy:f} {qz:f} {qw:f})"
        )
    return found


def _yaml_entry(name: str, history: DynamicHistory | StaticHistory) -> str:
    span_ns = history.latest_ns - history.oldest_ns
    rate = len(history) * NS_PER_S / max(span_ns, _SHORTEST_SPAN_NS)
    return (
        f"{name}: \n"
        f"  parent: '{history.latest_parent}'\n"
        f"  broadcaster: '{history.authority}'\n"
        f"  rate: {rate:.3f}\n"
        f"  most_recent_transform: {display_time(history.latest_ns)}\n"
        f"  oldest_transform: {display_time(history.oldest_ns)}\n"
        f"  buffer_length: {span_ns / NS_PER_S:.3f}\n"
    )
