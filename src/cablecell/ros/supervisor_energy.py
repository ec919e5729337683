"""Reads the meter of the arm's energy, for the ledger."""

from __future__ import annotations

from typing import Any

from std_msgs.msg import Float64

from cablecell.ros import qos


class EnergyReader:
    """Hears `joint_energy`.

    Attributes:
        energy_j: The newest reading, J; None before the first.
    """

    def __init__(self, node: Any) -> None:
        """Begin to listen."""
        self._node = node
        self.energy_j: float | None = None
        self._hearing = node.create_subscription(Float64, "joint_energy", self._hear, qos.STATE)

    def destroy(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._hearing)

    def _hear(self, message: Any) -> None:
        self.energy_j = float(message.data)
