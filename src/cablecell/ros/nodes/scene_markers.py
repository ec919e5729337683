"""Node `scene_markers`: draws for RViz what the cell believes about ports, held plug and cable. Decides nothing."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from cablecell_interfaces.msg import PortEstimateArray
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from cablecell.core.config.scene_markers import SceneMarkersParameters
from cablecell.core.errors import WorkcellError
from cablecell.ros import qos
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.planner_scene import load_connectors
from cablecell.ros.scene_drawing import draw_held, draw_ports
from cablecell.ros.skill_messages import held_plug_from_json


class SceneMarkers(CellNode[SceneMarkersParameters]):
    """Publishes `port_markers`, `held_plug_markers`, from `ports` and `cell/held_plug`."""

    def __init__(self) -> None:
        super().__init__("scene_markers", SceneMarkersParameters)

    def setup(self) -> None:
        """Read the connectors and create the interfaces."""
        self._connectors = load_connectors()
        self._port_markers = self.create_publisher(MarkerArray, "port_markers", qos.STATE)
        self._held_markers = self.create_publisher(MarkerArray, "held_plug_markers", qos.STATE)
        self._inputs = [
            self.create_subscription(PortEstimateArray, "ports", self._take_ports, qos.STATE),
            self.create_subscription(String, "cell/held_plug", self._take_held, qos.STATE),
        ]

    def teardown(self) -> None:
        """Destroy the interfaces."""
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        for publisher in (self._port_markers, self._held_markers):
            self.destroy_publisher(publisher)

    def _take_ports(self, message: Any) -> None:
        values = self.parameters.values
        try:
            self._port_markers.publish(draw_ports(message, values.sigmas, values.port_arrow_m))
        except WorkcellError as error:
            self.get_logger().warning(f"ports cannot be drawn, code {error.code}: {error}", throttle_duration_sec=5.0)

    def _take_held(self, message: Any) -> None:
        try:
            held = held_plug_from_json(message.data)
            connector = None if held is None else self._connectors[held.connector]
        except (ValueError, KeyError, TypeError) as error:
            self.get_logger().warning(f"cell/held_plug cannot be drawn: {error!r}", throttle_duration_sec=5.0)
            return
        X_tcp_tip = np.eye(4) if held is None else held.X_tcp_tip
        self._held_markers.publish(draw_held(connector, X_tcp_tip, self.parameters.values.cable_shown_m))


def main() -> None:
    """Run the node."""
    sys.exit(run_node(SceneMarkers))
