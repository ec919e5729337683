"""Backs the held plug out, straight along its own axis, from where no way can be planned: in a port, or near one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from aic_control_interfaces.msg import ControllerState
from cablecell_interfaces.msg import ComplianceCommand as CommandMessage

from cablecell.configuration import load_connectors
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.geometry import Array
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.core.insertion.profile import profile_from_connector
from cablecell.core.supervision.recovery import ActionFailedError
from cablecell.ros import qos
from cablecell.ros.conversions import fill_compliance_command, pose_to_matrix
from cablecell.ros.estimator_listener import Listener

WAY_M = 0.06
"""How far at most."""
_STUCK_M, _STUCK_S = 0.002, 1.5
"""Less than this way within this time, and the plug is held fast."""
_LONGEST_S = 6.0
_PULL_N = 10.0
"""Where no latch says what it bears."""
_SPEED_M_PER_S = 0.04
_STIFFNESS = (400.0, 400.0, 0.0, 20.0, 20.0, 20.0)
"""Across the axis, N/m, and of turns, N·m/rad: the walls of the port lead the plug."""
_EVERY = 5
"""States of the controller between two commands."""
_LOOK_S = 0.02


class BackOut:
    """Pulls with a force that a closed latch bears, and needs no force sensor for it.

    A plug that does not come out by that is latched, or caught: whether it is seated is for a person to say.
    """

    def __init__(self, node: Any) -> None:
        """Create the publisher.

        Args:
            node: The supervisor.
        """
        self._node = node
        self._settings, self._connectors = InsertionSettings(), load_connectors()
        self._commands = node.create_publisher(CommandMessage, "compliance_commands", qos.COMMAND)

    def destroy(self) -> None:
        """Take the publisher away."""
        self._node.destroy_publisher(self._commands)

    def go(self, held: HeldPlug, check: Callable[[], None]) -> None:
        """Back out by `WAY_M`.

        Args:
            held: What is in the fingers; its tip's z points into the port.
            check: Called while waiting; what it raises ends the motion, and the arm holds.

        Raises:
            ActionFailedError: The plug is held fast, or the arm does not answer (code 635).
        """
        profile = profile_from_connector(self._connectors[held.connector])
        pull_n = profile.proving_pull_n(self._settings) if profile.retention_force_n > 0.0 else _PULL_N
        pull = _Pull(self._node, self._commands.publish, held.X_tcp_tip, min(pull_n, _PULL_N))
        listener = Listener(self._node, "back_out")
        listener.listen(ControllerState, "controller_state", pull.take, qos.SENSOR)
        listener.start()
        begun_s = time.monotonic()
        try:
            while pull.way_m < WAY_M:
                check()
                passed_s = time.monotonic() - begun_s
                if passed_s > _LONGEST_S or (passed_s > _STUCK_S and pull.way_m < _STUCK_M):
                    raise ActionFailedError(
                        f"backed out by {1e3 * pull.way_m:.1f} mm only in {passed_s:.1f} s with {pull.force_n:.1f} N: "
                        "the plug is latched or caught",
                        quantity="way",
                        value=pull.way_m,
                        limit=WAY_M,
                        unit="m",
                    )
                time.sleep(_LOOK_S)
        finally:
            pull.is_over.set()  # the arm comes to rest when no more commands come
            listener.close()


class _Pull:
    """The stream of commands; called in the listener's thread."""

    def __init__(self, node: Any, publish: Callable[[Any], None], X_tcp_tip: Array, force_n: float) -> None:
        self._node, self._publish, self._X_tcp_tip, self.force_n = node, publish, X_tcp_tip, force_n
        self._X_base_begin: Array | None = None
        self._number = 0
        self.way_m = 0.0
        self.is_over = threading.Event()

    def take(self, message: Any) -> None:
        X_base_tip = pose_to_matrix("tcp_pose", message.tcp_pose) @ self._X_tcp_tip
        if self._X_base_begin is None:
            self._X_base_begin = X_base_tip
        begin = self._X_base_begin
        self.way_m = -float(begin[:3, 2] @ (X_base_tip[:3, 3] - begin[:3, 3]))
        self._number += 1
        if self._number % _EVERY or self.is_over.is_set():
            return
        damping = np.zeros((6, 6))
        damping[2, 2] = self.force_n / _SPEED_M_PER_S
        stamp_ns = self._node.get_clock().now().nanoseconds
        command = ComplianceCommand(
            stamp_s=1e-9 * stamp_ns,
            X_base_target=begin,
            X_tcp_comp=self._X_tcp_tip,
            stiffness=np.diag(_STIFFNESS),
            damping=damping,
            feedforward=np.array([0.0, 0.0, -self.force_n, 0.0, 0.0, 0.0]),
        )
        out = CommandMessage()
        fill_compliance_command(out, command, stamp_ns)
        self._publish(out)
