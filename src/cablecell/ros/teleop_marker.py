"""The marker that a person drags in RViz: six controls on the tool, and a menu."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import Pose, Quaternion
from interactive_markers import InteractiveMarkerServer, MenuHandler
from rclpy.qos import QoSProfile
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import (
    InteractiveMarker,
    InteractiveMarkerControl,
    InteractiveMarkerFeedback,
    Marker,
)

from cablecell.core.geometry import Array, log_so3
from cablecell.ros.conversions import BASE_FRAME, fill_pose

NAMESPACE = "teleop_marker"
MARKER = "tcp"

SPEEDS = (0.05, 0.25, 1.0)
"""Shares of the highest speed that the menu offers."""

_AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 0.0, 1.0), "z": (0.0, 1.0, 0.0)}
"""Vector part of the quaternion (with w = 1) that turns the x axis of a control onto an axis."""

_MOVED_M, _MOVED_RAD = 0.0005, 0.002
"""How far the tool has to be from the marker before the marker is put there: RViz need not redraw noise."""

_IDLE, _ACTIVE = ColorRGBA(r=0.6, g=0.6, b=0.6, a=0.6), ColorRGBA(r=0.1, g=0.8, b=0.2, a=0.8)


@dataclass(frozen=True)
class MenuActions:
    """What the entries of the menu do.

    Attributes:
        enable: Enables or disables.
        snap: Puts the marker on the tool and ends a motion.
        stop: Takes control from whoever has it.
        tare: Makes the present force zero.
        speed: Chooses the share of the highest speed.
    """

    enable: Callable[[bool], object]
    snap: Callable[[], None]
    stop: Callable[[], None]
    tare: Callable[[], object]
    speed: Callable[[float], None]


class TeleopMarker:
    """Serves one interactive marker over the ROS 2 protocol of `interactive_markers`."""

    def __init__(self, node: Any, scale_m: float, feedback: Callable[[Any], None], actions: MenuActions) -> None:
        """Show the marker, disabled, at the origin until the tool is known.

        Args:
            node: The node.
            scale_m: Size, m.
            feedback: Called with every feedback but that of the menu.
            actions: What the menu does.
        """
        self._scale_m, self._feedback, self._actions = scale_m, feedback, actions
        self._is_enabled, self._is_tool_frame = False, True
        self._X: Array | None = None
        # Upstream's queue of one would lose the press of a button when a drag follows it at once.
        self._server = InteractiveMarkerServer(node, NAMESPACE, feedback_sub_qos=QoSProfile(depth=100))
        self._make_menu()
        self._insert(Pose(orientation=Quaternion(w=1.0)))

    def destroy(self) -> None:
        """Take the marker off every screen and leave the graph."""
        self._server.shutdown()

    def follow(self, X_base_tcp: Array) -> None:
        """Put the marker on the tool where they differ."""
        if self._X is not None:
            turn = log_so3(self._X[:3, :3].T @ X_base_tcp[:3, :3])
            is_there = (
                float(np.abs(self._X[:3, 3] - X_base_tcp[:3, 3]).max()) < _MOVED_M
                and float(np.abs(turn).max()) < _MOVED_RAD
            )
            if is_there:
                return
        pose = Pose()
        fill_pose(pose, X_base_tcp)
        self._X = X_base_tcp.copy()
        # With its header: upstream's server takes over the frame of a client's feedback, ours keeps the marker's.
        self._server.setPose(MARKER, pose, Header(frame_id=BASE_FRAME))
        self._server.applyChanges()

    def forget(self) -> None:
        """Make the next `follow` move the marker, whatever was said before: an operator has dragged it."""
        self._X = None

    def show_enabled(self, is_enabled: bool) -> None:
        """Show whether commands are taken."""
        if is_enabled != self._is_enabled:
            self._is_enabled = is_enabled
            self._refresh()

    def show_speed(self, scale: float) -> None:
        """Check the menu entry of the chosen speed."""
        for handle, speed in self._speed_entries.items():
            is_chosen = math.isclose(speed, scale, rel_tol=1e-6)
            self._menu.setCheckState(handle, MenuHandler.CHECKED if is_chosen else MenuHandler.UNCHECKED)
        self._menu.reApply(self._server)
        self._server.applyChanges()

    def _make_menu(self) -> None:
        actions = self._actions
        menu = self._menu = MenuHandler()
        self._enable_entry = menu.insert("Enable", callback=lambda _: actions.enable(not self._is_enabled))
        menu.insert("Snap to TCP", callback=lambda _: actions.snap())
        menu.insert("Stop", callback=lambda _: actions.stop())
        speed = menu.insert("Speed")
        self._speed_entries = {
            menu.insert(f"{share:.0%}", parent=speed, callback=lambda _, share=share: actions.speed(share)): share
            for share in SPEEDS
        }
        frame = menu.insert("Frame")
        self._frame_entries = {
            menu.insert(title, parent=frame, callback=lambda _, choice=choice: self._choose_frame(choice)): choice
            for title, choice in (("tool", True), ("base", False))
        }
        menu.insert("Tare force sensor", callback=lambda _: actions.tare())

    def _choose_frame(self, is_tool_frame: bool) -> None:
        self._is_tool_frame = is_tool_frame
        self._refresh()

    def _refresh(self) -> None:
        known = self._server.get(MARKER)
        self._insert(known.pose if known is not None else Pose(orientation=Quaternion(w=1.0)))

    def _insert(self, pose: Any) -> None:
        """Show the marker anew, with controls and menu as they are now."""
        marker = InteractiveMarker(name=MARKER, scale=self._scale_m, pose=pose)
        # A stamp of zero: RViz keeps the marker in this frame, and gives its feedback in it.
        marker.header.frame_id = BASE_FRAME
        marker.description = "teleop: drag to move" if self._is_enabled else "teleop: disabled, enable in the menu"
        orientation = InteractiveMarkerControl.INHERIT if self._is_tool_frame else InteractiveMarkerControl.FIXED
        for axis, (x, y, z) in _AXES.items():
            half = math.sqrt(0.5)
            turned = Quaternion(w=half, x=half * x, y=half * y, z=half * z)
            for name, mode in (
                ("move", InteractiveMarkerControl.MOVE_AXIS),
                ("rotate", InteractiveMarkerControl.ROTATE_AXIS),
            ):
                marker.controls.append(
                    InteractiveMarkerControl(
                        name=f"{name}_{axis}", orientation=turned, orientation_mode=orientation, interaction_mode=mode
                    )
                )
        marker.controls.append(self._handle())
        check = MenuHandler.CHECKED if self._is_enabled else MenuHandler.UNCHECKED
        self._menu.setCheckState(self._enable_entry, check)
        for handle, choice in self._frame_entries.items():
            is_chosen = choice == self._is_tool_frame
            self._menu.setCheckState(handle, MenuHandler.CHECKED if is_chosen else MenuHandler.UNCHECKED)
        self._server.insert(marker, feedback_callback=self._take)
        self._menu.apply(self._server, MARKER)
        self._server.applyChanges()

    def _handle(self) -> Any:
        """Return the ball in the middle: a right click on it opens the menu, its colour says whether it is enabled."""
        ball = Marker(type=Marker.SPHERE, color=_ACTIVE if self._is_enabled else _IDLE)
        ball.scale.x = ball.scale.y = ball.scale.z = 0.2 * self._scale_m
        return InteractiveMarkerControl(
            name="menu",
            interaction_mode=InteractiveMarkerControl.MENU,
            always_visible=True,
            orientation=Quaternion(w=1.0),
            markers=[ball],
        )

    def _take(self, feedback: Any) -> None:
        if feedback.event_type == InteractiveMarkerFeedback.POSE_UPDATE:
            self.forget()  # the server has moved the marker to where the operator has it
        self._feedback(feedback)
