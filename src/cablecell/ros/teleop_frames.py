"""In which frames an operator may give commands: the base, the tool, and whatever tf knows."""

from __future__ import annotations

from typing import Any

from rclpy.time import Time
from tf2_ros import Buffer, TransformException, TransformListener

from cablecell.core.control.errors import StaleCommandError, UnknownFrameError
from cablecell.core.geometry import Array, pose_from_quat
from cablecell.ros.conversions import BASE_FRAME, FRAME_ALIASES, TCP_FRAME, time_ns


class TeleopFrames:
    """Finds the pose of a frame in `base_link`; the tool's is the measured one, not that of tf, which is older."""

    def __init__(self, node: Any, age_limit_s: float) -> None:
        """Begin to listen to tf; a frame that moves may have been seen `age_limit_s` ago at most."""
        self._clock, self._age_limit_s = node.get_clock(), age_limit_s
        self._buffer = Buffer()
        self._listener = TransformListener(self._buffer, node)

    def destroy(self) -> None:
        """Stop listening."""
        self._listener.unregister()

    def find(self, name: str, X_base_tcp: Array, default: str = BASE_FRAME) -> Array:
        """Return `X_base_frame`, shape (4, 4).

        Args:
            name: The frame; empty is the default.
            X_base_tcp: Measured tcp.
            default: Frame of a command that names none.

        Raises:
            UnknownFrameError: tf does not know it (code 306).
            StaleCommandError: It moves and nobody has said for too long where it is (code 304).
        """
        frame = FRAME_ALIASES.get(name, name) or default
        if frame == BASE_FRAME:
            return pose_from_quat((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
        if frame == TCP_FRAME:
            return X_base_tcp
        try:
            found = self._buffer.lookup_transform(BASE_FRAME, frame, Time())
        except TransformException as error:
            raise UnknownFrameError(
                f"frame_id '{name}' is not known: {error}; valid are {BASE_FRAME}, {TCP_FRAME} and the frames of tf",
                quantity="frame_id",
                value=name,
                limit=f"{BASE_FRAME}, {TCP_FRAME}, frames of tf",
            ) from error
        stamp_ns = time_ns(found.header.stamp)  # 0 where nothing on the way moves
        age_s = 1e-9 * (self._clock.now().nanoseconds - stamp_ns)
        if stamp_ns and age_s > self._age_limit_s:
            raise StaleCommandError(
                f"frame_id '{name}' was last seen {age_s:.2f} s ago; the limit is {self._age_limit_s} s",
                quantity="frame_id",
                value=age_s,
                limit=self._age_limit_s,
                unit="s",
            )
        p, q = found.transform.translation, found.transform.rotation
        return pose_from_quat((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))
