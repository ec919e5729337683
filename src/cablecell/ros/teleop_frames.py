"""In which frames an operator may give commands: the base, the tool, and whatever tf knows."""

from __future__ import annotations

from typing import Any

from rclpy.time import Time
from tf2_ros import Buffer, TransformException, TransformListener

from cablecell.core.control.errors import UnknownFrameError
from cablecell.core.control.frames import Array
from cablecell.core.geometry import pose_from_quat
from cablecell.ros.conversions import BASE_FRAME, FRAME_ALIASES, TCP_FRAME


class TeleopFrames:
    """Finds the pose of a frame in `base_link`; the tool's is the measured one, not that of tf, which is older."""

    def __init__(self, node: Any) -> None:
        """Begin to listen to tf."""
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
        """
        frame = FRAME_ALIASES.get(name, name) or default
        if frame == BASE_FRAME:
            return pose_from_quat((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
        if frame == TCP_FRAME:
            return X_base_tcp
        try:
            found = self._buffer.lookup_transform(BASE_FRAME, frame, Time()).transform
        except TransformException as error:
            raise UnknownFrameError(
                f"frame_id '{name}' is not known: {error}; valid are {BASE_FRAME}, {TCP_FRAME} and the frames of tf",
                quantity="frame_id",
                value=name,
                limit=f"{BASE_FRAME}, {TCP_FRAME}, frames of tf",
            ) from error
        p, q = found.translation, found.rotation
        return pose_from_quat((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))
