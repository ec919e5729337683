"""Keeps the live view as the snapshot is, in a thread of its own, and only while somebody looks."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cablecell.console.camera_view import FrameChain
from cablecell.console.scene import SceneView
from cablecell.console.state import ConsoleState
from cablecell.core.geometry import Array
from cablecell.ros.conversions import BASE_FRAME, TCP_FRAME

_IDLE_S = 0.3


class Showing:
    """Draws what the snapshot says."""

    def __init__(
        self,
        state: ConsoleState,
        scene: SceneView,
        follow: Callable[[Array], None] = lambda X: None,
        rate_hz: float = 20.0,
    ) -> None:
        """Begin.

        Args:
            state: What is drawn.
            scene: Where.
            follow: Called with the pose of the tool in `base_link`.
            rate_hz: How often.
        """
        self._state, self._scene, self._period_s = state, scene, 1.0 / rate_hz
        self._follow = follow
        self._ending = threading.Event()
        self._chain: FrameChain | None = None
        self._description = ""
        self._thread = threading.Thread(target=self._run, name="showing", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(self._period_s if self._scene.is_watched else _IDLE_S):
            self._draw()

    def _draw(self) -> None:
        state = self._state
        if state.description and state.description != self._description:
            self._description = state.description
            self._scene.show_robot(state.description)
            try:
                self._chain = FrameChain(state.description, BASE_FRAME, TCP_FRAME)
            except KeyError:
                self._chain = None
        if not self._scene.is_watched:
            return
        joints = state.joints
        self._scene.show_joints(joints)
        self._scene.show_ports(state.ports)
        X_base_tcp = None if self._chain is None else self._chain.pose(joints)
        if X_base_tcp is not None:
            x, y, z = X_base_tcp[:3, 3].tolist()
            self._scene.show_trail((x, y, z))
            self._follow(X_base_tcp)
