"""What the skill needs to know of a connector; derived from connector data, never written into code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ConnectorProfile:
    """Geometry and limits of one plug and port pair, in the frame of the port entrance (z into the port).

    Attributes:
        name: Connector type.
        size_m: Plug section along x and y, m.
        clearance_m: Clearance per side along x and y, m.
        chamfer_m: Lead-in per side, plug and port together, m.
        depth_m: From the entrance plane to the seated tip, m.
        rim_m: Depth of the land around the opening below the entrance plane, m.
        seat_tolerance_m: By how much the seated depth may differ, m.
        friction: Coefficient between plug and port.
        latch_force_n: Push that closes the latch; 0 where there is none, N.
        latch_play_m: Axial play of the closed latch, m.
        retention_force_n: Pull the closed latch holds; 0 where there is none, N.
        force_limit_n: Largest contact force the part stands, N.
    """

    name: str
    size_m: tuple[float, float]
    clearance_m: tuple[float, float]
    chamfer_m: float
    depth_m: float
    rim_m: float = 0.0
    seat_tolerance_m: float = 0.0007
    friction: float = 0.3
    latch_force_n: float = 0.0
    latch_play_m: float = 0.0
    retention_force_n: float = 0.0
    force_limit_n: float = 25.0

    @property
    def has_latch(self) -> bool:
        """True when a pull can prove the seat."""
        return self.latch_force_n > 0.0 and self.retention_force_n > 0.0
