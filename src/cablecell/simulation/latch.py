"""The latch: a force along the port's axis with a memory.

A force field instead of a tooth: it costs one comparison per step and has exactly the engaging and retaining force
that the connector's data state. `make_latch` gives this or a tooth, as the connector's data say.
"""

from __future__ import annotations

from typing import Protocol

from cablecell.core.config.connector import Connector, Latch, ToothLatch
from cablecell.simulation.latch_tooth import LatchTooth


class LatchModel(Protocol):
    """What every latch does."""

    is_engaged: bool
    is_gripped: bool

    def force(self, depth_m: float, speed_m_per_s: float, push_n: float) -> float:
        """Return the force on the plug along the port's inward axis for the coming step, N, and update the state."""
        ...


def make_latch(connector: Connector, dt_s: float) -> LatchModel | None:
    """Return the latch of a connector, or None where it has none.

    Args:
        connector: Plug and port.
        dt_s: Physics step.
    """
    stop_depth_m = connector.port.stop_depth_m
    if isinstance(connector.latch, ToothLatch):
        return LatchTooth(connector.latch, stop_depth_m, connector.plug.mass_kg, dt_s)
    return None if connector.latch is None else LatchField(connector.latch, stop_depth_m)


class LatchField:
    """Force of one latch as a function of depth and of whether it has engaged.

    Attributes:
        is_engaged: True after the click, until the retaining force was exceeded.
        is_gripped: True while the gripper holds the plug, where a push-pull plug is released.
    """

    def __init__(self, latch: Latch, stop_depth_m: float) -> None:
        self._latch = latch
        self._stop = stop_depth_m
        self.is_engaged = False
        self.is_gripped = False

    def force(self, depth_m: float, speed_m_per_s: float = 0.0, push_n: float = 0.0) -> float:
        """Return the force on the plug along the port's inward axis, N, and update the state.

        Args:
            depth_m: Depth of the plug's tip below the entrance, m.
            speed_m_per_s: Of no effect.
            push_n: Of no effect.
        """
        latch = self._latch
        to_go = self._stop - depth_m
        if self.is_engaged:
            stretch = to_go - latch.play_m
            if stretch <= 0.0:
                return 0.0
            pull = latch.retention_stiffness_n_per_m * stretch
            holds_n = latch.release_n if self.is_gripped and latch.release_n is not None else latch.retention_n
            if pull <= holds_n:
                return pull
            self.is_engaged = False
            return 0.0
        if to_go >= latch.start_m:
            return 0.0
        if to_go >= latch.peak_m:
            return -latch.engage_n * (latch.start_m - to_go) / (latch.start_m - latch.peak_m)
        over = latch.peak_m - to_go
        if over < latch.snap_m:
            return -latch.engage_n * (1.0 - over / latch.snap_m)
        self.is_engaged = True
        return 0.0
