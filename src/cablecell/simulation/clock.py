"""Simulated time."""

from __future__ import annotations

from cablecell.simulation.world import World


class SimulatedClock:
    """Simulated time; it goes on over changes of the scene."""

    def __init__(self) -> None:
        self._start_s = 0.0
        self._world: World | None = None

    def follow(self, world: World | None) -> None:
        """Count on from now with another world."""
        self._start_s = self.now_s()
        self._world = world

    def now_s(self) -> float:
        """Return the time, s."""
        return self._start_s + (0.0 if self._world is None else self._world.time_s)

    def stamp_s(self, world_time_s: float) -> float:
        """Return the time of a moment of the current world, s."""
        return self._start_s + world_time_s
