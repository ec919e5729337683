"""What the insertion skill feels, told to others: topics `contact_state` and `insertion_result`."""

from __future__ import annotations

import math
from typing import Any

from cablecell_interfaces.msg import ContactEstimate, InsertionResult
from geometry_msgs.msg import Point

from cablecell.core.insertion.contact_follower import Contact
from cablecell.ros import qos
from cablecell.ros.lifecycle import CellNode
from cablecell.ros.pose_messages import entrance_frame, to_stamp

_PERIOD_S = 0.1
"""Between two reports of one state."""


def contact_message(contact: Contact, port_name: str) -> Any:
    """Return a contact as a message in the axes of the port's believed entrance."""
    message = ContactEstimate(
        port_name=port_name,
        state=int(contact.state),
        confidence=float(contact.probabilities[contact.state]),
        probabilities=contact.probabilities.tolist(),
        depth=contact.depth_m,
    )
    message.header.stamp, message.header.frame_id = to_stamp(contact.time_s), entrance_frame(port_name)
    force, torque = message.wrench.force, message.wrench.torque
    force.x, force.y, force.z = contact.force.tolist()
    torque.x, torque.y, torque.z = contact.moment.tolist()
    if contact.point_m is not None:
        x, y, z = contact.point_m.tolist()
        message.has_contact_point, message.contact_point = True, Point(x=x, y=y, z=z)
        message.contact_point_std = contact.point_sigma_m
    return message


class ContactReport:
    """Publishes a state at every change and ten times a second, and every result once."""

    def __init__(self, node: CellNode[Any]) -> None:
        self._node = node
        self._states = node.create_lifecycle_publisher(ContactEstimate, "contact_state", qos.COMMAND)
        self._results = node.create_lifecycle_publisher(InsertionResult, "insertion_result", qos.COMMAND)
        self._state, self._told_s = -1, -math.inf

    def destroy(self) -> None:
        """Destroy the publishers."""
        for publisher in (self._states, self._results):
            self._node.destroy_publisher(publisher)

    def take(self, contact: Contact | None, port_name: str) -> None:
        """Publish what is felt at a port where that is due; None is nothing new."""
        if contact is None:
            return
        elapsed_s = contact.time_s - self._told_s
        if contact.state == self._state and 0.0 <= elapsed_s < _PERIOD_S:
            return
        self._state, self._told_s = int(contact.state), contact.time_s
        self._states.publish(contact_message(contact, port_name))

    def end(self, result: Any) -> None:
        """Publish what an insertion came to."""
        self._state = -1
        self._results.publish(result)
