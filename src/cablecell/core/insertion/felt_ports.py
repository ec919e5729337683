"""Where ports were felt: a seated plug measures its port, and the next insertion there knows it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cablecell.core.fusion.contact_events import seated, take_in
from cablecell.core.geometry import Array
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.perception.outcome import NoEstimate

_GIVE_M = 0.0003
"""By how much the grasp gives along the axis under the push that seats a plug (1 sigma), m."""


def seat_room(profile: ConnectorProfile) -> tuple[tuple[float, float, float], float]:
    """Return by how much a seated plug may be off along x, y and z of the port, m, and turned, rad (1 sigma)."""
    x, y = profile.clearance_m
    # Within its clearance a plug turns by the room at both ends of its length.
    return (x, y, math.hypot(profile.seat_tolerance_m, _GIVE_M)), 2.0 * max(x, y) / profile.depth_m


@dataclass(frozen=True)
class _Seat:
    stamp_s: float
    X_base_tip: Array
    sigma_m: tuple[float, float, float]
    sigma_rad: float
    depth_m: float


class FeltPorts:
    """Remembers the seats of ports by name; no truth is in it, only where the believed tip came to rest."""

    def __init__(self, max_age_s: float) -> None:
        """Remember nothing; seats older than `max_age_s` do not count."""
        self._max_age_s = max_age_s
        self._seats: dict[str, _Seat] = {}

    def remember(
        self, name: str, stamp_s: float, X_base_tip: Array, tip_covariance: Array, profile: ConnectorProfile
    ) -> None:
        """Keep where a plug was seated.

        Args:
            name: Of the port.
            stamp_s: When, s.
            X_base_tip: Believed tip at the stop, shape (4, 4).
            tip_covariance: Of the tip in the tool, in axes of the tip, shape (6, 6).
            profile: The connector.
        """
        sigma_m = math.sqrt(max(float(np.linalg.eigvalsh(tip_covariance[:3, :3])[-1]), 0.0))
        turn = math.sqrt(max(float(np.linalg.eigvalsh(tip_covariance[3:, 3:])[-1]), 0.0))
        room_m, play = seat_room(profile)
        x, y, z = (math.hypot(room, sigma_m) for room in room_m)
        self._seats[name] = _Seat(stamp_s, X_base_tip.copy(), (x, y, z), math.hypot(turn, play), profile.depth_m)

    def refine(self, name: str, port: PoseEstimate, now_s: float, limit_m: float) -> PoseEstimate:
        """Return an estimate with what was felt at the port; a seat that contradicts it is forgotten.

        Memory sharpens what is seen, it does not replace it: a board that was exchanged is only noticed by who sees it.

        Args:
            name: Of the port.
            port: As seen; the covariance is that relative to the tip where the tip is not sure.
            now_s: The time, s.
            limit_m: A port that is seen with a larger standard deviation than this is returned as seen, m.
        """
        seat = self._seats.get(name)
        if seat is None or math.sqrt(float(np.linalg.eigvalsh(port.covariance[:3, :3])[-1])) > limit_m:
            return port
        if now_s - seat.stamp_s > self._max_age_s:
            del self._seats[name]
            return port
        measurement = seated(port.X, seat.X_base_tip, seat.depth_m, seat.sigma_m, seat.sigma_rad)
        refined = take_in(port, measurement, port.stamp_s)
        if isinstance(refined, NoEstimate):
            del self._seats[name]  # the board stands elsewhere by now
            return port
        return refined
