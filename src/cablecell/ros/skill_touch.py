"""Finding a port by touch before an insertion: when, with what, and what is said of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from cablecell_interfaces.msg import PortTouch
from rclpy.duration import Duration

from cablecell.core.config.connector import Connector
from cablecell.core.config.insertion_skill import InsertionSkillParameters
from cablecell.core.config.touch import TouchSettings
from cablecell.core.fusion.contact import ContactDetector, ContactSettings
from cablecell.core.fusion.ports import in_parent_axes
from cablecell.core.fusion.touch.geometry import touch_geometry
from cablecell.core.fusion.wrench import Payload
from cablecell.core.geometry import Array, make_pose
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.outcome import Outcome
from cablecell.core.insertion.relocalise import Relocaliser
from cablecell.core.insertion.skill import InsertionSkill
from cablecell.core.insertion.touch_first import TouchFirst, check_touchable, contradicted, needs_touch
from cablecell.core.insertion.touch_outcome import TouchOutcome
from cablecell.ros import qos
from cablecell.ros.conversions import BASE_FRAME, fill_pose

CONTRADICTING = frozenset({Outcome.SEARCH_EXHAUSTED, Outcome.NO_CONTACT})
"""Ways an insertion ends when its port is not where it was believed to be."""

_LEAST_VARIANCE = 1.0e-10
"""Of a tip that is said to be known exactly: the estimate of the touches inverts its covariance."""


class PortToucher:
    """Decides whether a port is to be found by touch, makes what does it, and publishes what was found."""

    def __init__(self, node: Any, connectors: Mapping[str, Connector], ft_height_m: float) -> None:
        """Create the publisher of `port_touch`.

        Args:
            node: The node, whose parameters say whether ports are found by touch, and what the force sensor carries.
            connectors: By name.
            ft_height_m: Origin of `ft_frame` on the z axis of `tcp`, m.
        """
        self._connectors = connectors
        self._touch = TouchSettings()
        self._X_tcp_ft = make_pose(np.eye(3), [0.0, 0.0, ft_height_m])
        self._publisher = node.create_lifecycle_publisher(PortTouch, "port_touch", qos.COMMAND)
        self._node = node

    @property
    def _settings(self) -> InsertionSkillParameters:
        values: InsertionSkillParameters = self._node.parameters.values
        return values

    def destroy(self) -> None:
        """Destroy the publisher."""
        self._node.destroy_publisher(self._publisher)

    def can_find(self, connector: str) -> bool:
        """Return whether the port of a connector may be found by touch, if it has to be."""
        return self._settings.finds_by_touch and self._connectors[connector].round_fit is None

    def believe(
        self, name: str, connector: str, port: PoseEstimate, *, is_contradicted: bool
    ) -> tuple[PoseEstimate, bool]:
        """Return a port as it is to be believed, and whether it is to be found by touch.

        Args:
            name: Of the port.
            connector: Name of the plug's connector.
            port: As estimated, relative to the tip.
            is_contradicted: True when it was not where it was believed to be, or was seen too long ago.

        Raises:
            UntouchableError: It would have to be, and is known too badly even for that (code 414).
        """
        if not self.can_find(connector):
            return port, False
        if is_contradicted:
            port = contradicted(port, self._touch)
        if not needs_touch(port, self._touch.needed_above_m):
            return port, False
        check_touchable(name, port, self._touch)
        return port, True

    def first(
        self, skill: InsertionSkill, connector: str, port: PoseEstimate, tip: PoseEstimate, tip_covariance: Array
    ) -> TouchFirst:
        """Return a touch sequence that an insertion follows, for a connector that `can_find` allows.

        Args:
            skill: The insertion.
            connector: Name of the plug's connector.
            port: As believed, relative to the tip.
            tip: As believed, in `tcp`.
            tip_covariance: Of the tip in its own axes, shape (6, 6), m², rad².
        """
        geometry = touch_geometry(self._connectors[connector])
        held = replace(tip, covariance=tip_covariance + _LEAST_VARIANCE * np.eye(6))
        detector = ContactDetector(ContactSettings(), self._payload(connector, tip), self._X_tcp_ft)
        port = replace(port, covariance=port.covariance + _LEAST_VARIANCE * np.eye(6))
        return TouchFirst(Relocaliser(geometry, self._touch, detector, port, held), skill)

    def _payload(self, connector: str, tip: PoseEstimate) -> Payload:
        """Return what the force sensor carries, gripper and plug, in its frame."""
        settings, plug = self._settings, self._connectors[connector].plug
        at_tool = np.array([0.0, 0.0, settings.tool_centre_m])
        at_plug = tip.X[:3, :3] @ np.array(plug.com_m) + tip.X[:3, 3] - self._X_tcp_ft[:3, 3]
        mass = settings.tool_mass_kg + plug.mass_kg
        return Payload(mass, (settings.tool_mass_kg * at_tool + plug.mass_kg * at_plug) / mass)

    def publish(self, name: str, touched: TouchFirst, tip_covariance: Array, stamp: Any) -> None:
        """Say where a port was found, if it was."""
        found = touched.found
        if found is None or found.outcome is not TouchOutcome.FOUND:
            return
        X = found.port.X
        message = PortTouch(port_name=name, touches=found.touches)
        message.header.stamp, message.header.frame_id = stamp, BASE_FRAME
        fill_pose(message.pose.pose, X)
        message.pose.covariance = in_parent_axes(X, found.port.covariance).ravel()
        message.tip_covariance = in_parent_axes(X, tip_covariance).ravel()
        message.duration = Duration(seconds=found.duration_s).to_msg()
        self._publisher.publish(message)
