"""Which ports the assist of teleoperation may hold to: those of the held plug's family, as the estimator knows them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from cablecell_interfaces.msg import PortEstimateArray
from std_msgs.msg import String

from cablecell.configuration import load_connectors
from cablecell.core.errors import WorkcellError
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.core.insertion.profile import profile_from_connector
from cablecell.core.teleop.assist import PortAxis
from cablecell.ros import qos
from cablecell.ros.skill_known import is_only_designed
from cablecell.ros.skill_messages import estimates, held_plug_from_json


class TeleopPorts:
    """Listens to `ports` and `cell/held_plug`."""

    def __init__(self, node: Any, age_limit_s: float) -> None:
        """Connect; an estimate older than `age_limit_s` is none."""
        self._node, self._age_limit_s = node, age_limit_s
        self._rims = {name: profile_from_connector(one).rim_m for name, one in load_connectors().items()}
        self._ports: Any = None
        self._held: HeldPlug | None = None
        self._axes: list[tuple[float, PortAxis]] = []
        self._inputs = [
            node.create_subscription(PortEstimateArray, "ports", self._take_ports, qos.STATE),
            node.create_subscription(String, "cell/held_plug", self._take_held, qos.STATE),
        ]

    def destroy(self) -> None:
        """Leave the graph."""
        for subscription in self._inputs:
            self._node.destroy_subscription(subscription)

    def axes(self) -> list[PortAxis]:
        """Return the axes of the ports that have been seen, and not too long ago."""
        now_s = 1e-9 * self._node.get_clock().now().nanoseconds
        return [axis for stamp_s, axis in self._axes if now_s - stamp_s <= self._age_limit_s]

    def _take_ports(self, message: Any) -> None:
        self._ports = message
        self._understand()

    def _take_held(self, message: Any) -> None:
        self._held = held_plug_from_json(message.data)
        self._understand()

    def _understand(self) -> None:
        self._axes = []
        held = self._held
        if self._ports is None or held is None or held.connector not in self._rims:
            return
        for message in self._ports.ports:
            if message.connector_type != held.connector or is_only_designed(message):
                continue
            try:
                port, tip = estimates(message, self._ports.plug, held)
            except WorkcellError as error:
                self._node.get_logger().warning(f"port {message.port_name} is left out, code {error.code}: {error}")
                continue
            total = port.covariance + tip.covariance
            axis = PortAxis(
                message.port_name,
                port.X,
                tip.X,
                _largest_sigma(total[:2, :2]),
                _largest_sigma(total[3:5, 3:5]),
                self._rims[held.connector],
            )
            self._axes.append((port.stamp_s, axis))


def _largest_sigma(covariance: Any) -> float:
    """Return the standard deviation along the worst direction; infinite where the covariance is none."""
    largest = float(np.linalg.eigvalsh(covariance)[-1]) if np.isfinite(covariance).all() else math.inf
    return math.sqrt(max(largest, 0.0))
