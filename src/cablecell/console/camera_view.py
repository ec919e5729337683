"""Draws into a wrist image where the cell believes its ports to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from cablecell.console.state import PortView
from cablecell.core.geometry import Array, pose_from_quat
from cablecell.ros.arm_description import FrameJoint, read_joints

_SEEN, _DESIGNED = (60, 200, 60), (40, 200, 230)
"""Colours, BGR: seen by a camera, known by the design of the board only."""

_NEAREST_M = 0.03
_SIGMAS = 3.0


class FrameChain:
    """The pose of one frame of a robot in another one that it hangs at, from joint positions."""

    def __init__(self, urdf: str, base: str, tip: str) -> None:
        """Read the chain.

        Raises:
            KeyError: `tip` does not hang at `base`.
        """
        above = {joint.child: joint for joint in read_joints(urdf)}
        chain: list[FrameJoint] = []
        while tip != base:
            chain.append(above[tip])
            tip = chain[-1].parent
        self._chain = chain[::-1]

    def pose(self, positions: Mapping[str, float]) -> Array | None:
        """Return X_base_tip, shape (4, 4); None where the position of a joint is not known."""
        X = np.eye(4)
        for joint in self._chain:
            p, q = joint.p, joint.q
            if joint.kind != "fixed":
                if joint.source not in positions:
                    return None
                p, q = joint.place(positions[joint.source])
            X = X @ pose_from_quat(p, q)
        return X


class CameraView:
    """The lens of one camera, as `camera_info` describes it."""

    def __init__(self) -> None:
        """Begin without one: nothing is drawn."""
        self._K: Array | None = None
        self._offset = np.zeros(2)

    def take_info(self, message: Any) -> None:
        """Take a `sensor_msgs/CameraInfo`."""
        self._K = np.array(message.k, dtype=float).reshape(3, 3)
        self._offset = np.array([message.roi.x_offset, message.roi.y_offset], dtype=float)

    def draw(self, image: Any, share: float, ports: Sequence[PortView], X_base_optical: Array | None) -> int:
        """Draw every port that is in the image; return how many those are.

        Args:
            image: Pixels, BGR, shape (h, w, 3); drawn into.
            share: Its size relative to what the camera delivered.
            ports: Ports in `base_link`.
            X_base_optical: Pose of the camera's optical frame in `base_link`; None draws nothing.
        """
        if self._K is None or X_base_optical is None:
            return 0
        height, width = image.shape[:2]
        X_optical_base = np.linalg.inv(X_base_optical)
        count = 0
        for port in ports:
            p = X_optical_base[:3, :3] @ np.array(port.position) + X_optical_base[:3, 3]
            if p[2] < _NEAREST_M:
                continue
            u, v = (share * ((self._K @ p)[:2] / p[2] - self._offset)).tolist()
            if not (0 <= u < width and 0 <= v < height):
                continue
            count += 1
            colour = _SEEN if port.is_seen else _DESIGNED
            radius = max(5, round(share * self._K[0, 0] * _SIGMAS * port.sigma_m / p[2]))
            centre = (round(u), round(v))
            cv2.circle(image, centre, min(radius, width // 4), colour, 1, cv2.LINE_AA)
            cv2.drawMarker(image, centre, colour, cv2.MARKER_CROSS, 8, 1)
            label, below = port.name.rpartition("/")[2], (centre[0] + 8, centre[1] + (-8 if count % 2 else 18))
            cv2.putText(image, label, below, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
        return count
