"""The handle in the live view that drags the tool: one in each browser that asks for it and may have it."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import viser

from cablecell.console.gateway import CommandGateway
from cablecell.console.operating import Operating
from cablecell.console.scene import SceneView
from cablecell.console.sessions import Session
from cablecell.core.errors import WorkcellError
from cablecell.core.geometry import Array, log_so3, make_pose, quat_from_rotation, rotation_from_quat

SCALE_M = 0.16
"""Length of an arrow of the handle, m."""

_MOVED_M, _MOVED_RAD = 0.0005, 0.002


class Gizmos:
    """Puts a gizmo onto the tool in every view that has one, and tells what is done with it."""

    def __init__(self, scene: SceneView, gateway: CommandGateway, operating: Operating) -> None:
        """Wait for browsers.

        Args:
            scene: Where they look.
            gateway: Says who may drag.
            operating: Gets what is dragged.
        """
        self._scene, self._gateway, self._operating = scene, gateway, operating
        self._gizmos: dict[int, Any] = {}
        self._wanted: set[int] = set()
        self._dragging: set[int] = set()
        self._X: Array | None = None
        self._lock = threading.Lock()
        scene.on_viewer(self._add, self._remove)

    def follow(self, X_base_tcp: Array) -> None:
        """Put every gizmo that nobody drags onto the tool."""
        with self._lock:
            if self._X is not None and _is_near(self._X, X_base_tcp):
                return
            self._X = X_base_tcp
            for number, gizmo in self._gizmos.items():
                if number not in self._dragging:
                    _place(gizmo, X_base_tcp)

    def _add(self, client: viser.ClientHandle, session: Session) -> None:
        if not self._gateway.may(session, "teleop_drag"):
            return
        gizmo = client.scene.add_transform_controls(
            f"{self._scene.base}/gizmo", scale=SCALE_M, line_width=3.0, depth_test=False
        )
        number = client.client_id

        @gizmo.on_update
        async def _(event: viser.TransformControlsEvent) -> None:
            await self._take(number, session, event)

        with self._lock:
            self._gizmos[number] = gizmo
            if self._X is not None:
                _place(gizmo, self._X)

    def _remove(self, number: int, session: Session | None) -> None:
        with self._lock:
            self._gizmos.pop(number, None)
            self._dragging.discard(number)
            self._wanted.discard(number)
        if session is not None:
            self._operating.release(session.number)

    async def _take(self, number: int, session: Session, event: Any) -> None:
        gizmo = event.target
        X = make_pose(rotation_from_quat(np.roll(np.array(gizmo.wxyz), -1)), np.array(gizmo.position))
        if event.phase == "start":
            self._wanted.add(number)
            self._dragging.add(number)
            try:
                await self._gateway.run(session, "teleop_drag")
            except WorkcellError:
                self._wanted.discard(number)
                return  # the page of teleoperation says why
            if number in self._wanted:  # not let go of meanwhile
                self._operating.press(session.number, session.requester, X)
        elif event.phase == "update" and number in self._wanted:
            self._operating.drag(session.number, X)
        elif event.phase == "end":
            self._wanted.discard(number)
            self._operating.release(session.number)
            with self._lock:
                self._dragging.discard(number)
                if self._X is not None:
                    _place(gizmo, self._X)


def _place(gizmo: Any, X: Array) -> None:
    x, y, z, w = quat_from_rotation(X[:3, :3]).tolist()
    gizmo.position, gizmo.wxyz = tuple(X[:3, 3].tolist()), (w, x, y, z)


def _is_near(X: Array, Y: Array) -> bool:
    turn = log_so3(X[:3, :3].T @ Y[:3, :3])
    return float(np.abs(X[:3, 3] - Y[:3, 3]).max()) < _MOVED_M and float(np.abs(turn).max()) < _MOVED_RAD
