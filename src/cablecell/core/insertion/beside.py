"""The plug fell off the part instead of into it: where the opening then is, and the way back to the search."""

from __future__ import annotations

import math

import numpy as np

from cablecell.core.geometry import Array
from cablecell.core.insertion.outcome import Outcome, Phase
from cablecell.core.insertion.phase import End, Go, Job
from cablecell.core.insertion.profile import ConnectorProfile

_FALLS = 3
"""Times that a plug may fall beside the part before the insertion is given up."""

_LEAST_WAY_M = 2.0e-4
"""Distance from the centre of the search below which a fall tells no direction."""


def search_elsewhere(job: Job, end: End) -> Go | End:
    """Return to the search, on the other side of the part; or end where that was tried often enough.

    A plug that stands beside the part is as deep as one in it, or deeper. Where it fell is on the part's edge, and the
    opening is in the part's middle: that is known from the edge, and nearer than what the estimate said.

    Args:
        job: Memory of the insertion; its centre of the search is moved.
        end: How the insertion ends otherwise.
    """
    is_bounded = all(math.isfinite(reach) for reach in job.profile.land_reach_m)
    if job.land_m is None or job.caught_at is None or job.falls >= _FALLS or not is_bounded:
        return end
    job.falls += 1
    job.search_centre = opening_from_edge(
        job.caught_at, job.search_centre, job.profile, job.plan.uncertainty.lateral_95_m
    )
    job.spiral = None
    job.stalls = 0
    job.has_snapped = False
    x, y = 1e3 * job.search_centre
    return Go(Phase.RECOVER, f"{end.reason}: it stands beside the part; search about {x:.1f}, {y:.1f} mm")


def fallen_beside(job: Job, depth_m: float) -> Go | None:
    """Return to the search with a plug that moves sideways, on its way down, by more than its port would let it.

    It is known before the fingers are beside the part, too: they would meet it, and be pressed off their plug.

    Args:
        job: Memory of the insertion.
        depth_m: Below the entrance plane, m.
    """
    moved_m = job.aside_m
    if moved_m is None:
        return None
    what = f"{1e3 * depth_m:.1f} mm deep and free to move by {1e3 * moved_m:.1f} mm sideways"
    change = search_elsewhere(job, End(Outcome.JAMMED, what))
    return change if isinstance(change, Go) else None


def opening_from_edge(edge: Array, centre: Array, profile: ConnectorProfile, error_m: float) -> Array:
    """Return where the opening is, shape (2,), m, for a plug that left the part at `edge`.

    The search went outwards from `centre`, so the part ends in that direction, its reach away from the opening.

    Args:
        edge: Where the plug fell, believed port axes, shape (2,), m.
        centre: Of the search that led there, shape (2,), m.
        profile: The connector, with the reach of its land.
        error_m: How far the opening may be from where it is believed to be, m.
    """
    way = edge - centre
    distance = math.hypot(float(way[0]), float(way[1]))
    if distance < _LEAST_WAY_M:
        return centre
    along = way / distance
    reach = min(limit / max(abs(float(part)), 1e-9) for limit, part in zip(profile.land_reach_m, along, strict=True))
    found = np.asarray(edge - reach * along)
    off = math.hypot(float(found[0]), float(found[1]))
    return found if off <= error_m else found * (error_m / off)
