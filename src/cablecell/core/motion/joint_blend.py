"""Joint lines one after the other with rounded corners, jerk-limited, without a stop where a corner has a radius.

A corner is one quintic that leaves one line and joins the next with the lines' own directions and no acceleration; its
time is the shortest its shape allows. In between each line goes from the speed of one corner to that of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.motion.scurve import SCurve, plan_rest_to_rest, plan_speed_to_speed
from cablecell.core.motion.trajectory import MotionLimits, Trajectory, measure_limit_use

Array = NDArray[np.float64]

_SLOWER, _ATTEMPTS = 1.15, 60
"""Factor on the time of a corner that a line is too short to reach at its speed, and how often it is applied."""

_SAMPLES = 60

_LARGEST_CUT = 0.45
"""Share of a line that one corner may use: something is left to change the speed on."""

_STILL_RAD = 1e-9


@dataclass(frozen=True, eq=False)
class _Corner:
    """From a point on one line to a point on the next, in a time."""

    q: Array
    rates: Array
    duration_s: float

    def slower(self) -> _Corner:
        return _Corner(self.q, self.rates / _SLOWER, _SLOWER * self.duration_s)

    def trajectory(self, joint_names: tuple[str, ...]) -> Trajectory:
        return Trajectory(joint_names, np.array([0.0, self.duration_s]), self.q, self.rates, np.zeros_like(self.q))


def time_rounded_joint_path(
    waypoints: Sequence[Array],
    radii_m: Sequence[float],
    limits: MotionLimits,
    joint_names: tuple[str, ...],
    tip: Callable[[Array], Array],
) -> Trajectory:
    """Return a motion along joint lines that goes round each corner within a radius.

    Args:
        waypoints: Positions, at least two, rad.
        radii_m: How far from each corner the tip may leave its lines, one fewer than lines, above 0, m; at most 45 %
            of either line is used for it.
        limits: Of the joints.
        joint_names: Order of the joint vectors.
        tip: Returns the position of the tip for joint positions.

    Returns:
        A trajectory at rest at both ends.
    """
    points = [np.asarray(waypoints[0], dtype=float)]
    kept: list[float] = []
    for point, radius_m in zip(waypoints[1:], (*radii_m, 0.0), strict=True):
        if float(np.abs(point - points[-1]).max()) > _STILL_RAD:
            points.append(np.asarray(point, dtype=float))
            kept.append(radius_m)
    if len(points) == 1:
        zero = np.zeros((1, len(joint_names)))
        return Trajectory(joint_names, np.zeros(1), points[0][None, :].copy(), zero, zero.copy())
    corners = [_corner(points[k : k + 3], kept[k], limits, joint_names, tip) for k in range(len(points) - 2)]
    ends = [(points[k], points[k + 1]) for k in range(len(points) - 1)]
    for _ in range(_ATTEMPTS):
        curves = [_line(ends, corners, k, limits) for k in range(len(ends))]
        short = [k for k, curve in enumerate(curves) if curve is None]
        if not short:
            break
        for k in short:
            # The faster of the two corners is what the line cannot reach.
            at_ends = [c for c in (k - 1, k) if 0 <= c < len(corners)]
            fastest = max(at_ends, key=lambda c: float(np.abs(corners[c].rates).max()))
            corners[fastest] = corners[fastest].slower()
    parts: list[tuple[Array, Array, Array, Array]] = []
    for k, curve in enumerate(curves):
        assert curve is not None, "at a speed close to rest every line is long enough"
        begin, end = _span(ends, corners, k)
        parts.append(_along(curve, begin, end))
        if k < len(corners):
            corner = corners[k]
            parts.append((np.array([0.0, corner.duration_s]), corner.q, corner.rates, np.zeros_like(corner.q)))
    return _concatenated(parts, joint_names)


def _corner(
    points: Sequence[Array],
    radius_m: float,
    limits: MotionLimits,
    joint_names: tuple[str, ...],
    tip: Callable[[Array], Array],
) -> _Corner:
    before, middle, after = points
    centre = tip(middle)
    cuts = [_cut(middle, other, centre, radius_m, tip) for other in (before, after)]
    while True:
        ways = cuts[0] * (middle - before), cuts[1] * (after - middle)
        paces = [float((np.abs(way) / limits.velocity).max()) for way in ways]
        q = np.array([middle - ways[0], middle + ways[1]])
        # At a duration of 1 s; velocity falls with the duration, acceleration with its square, jerk with its cube.
        rates = np.array([way * sum(paces) / pace for way, pace in zip(ways, paces, strict=True)])
        use = measure_limit_use(_Corner(q, rates, 1.0).trajectory(joint_names), limits, 1.0 / 2000.0)
        duration_s = 1.000001 * max(use.velocity, use.acceleration**0.5, use.jerk ** (1.0 / 3.0))
        corner = _Corner(q, rates / duration_s, duration_s)
        times = np.linspace(0.0, duration_s, _SAMPLES)
        away = max(float(np.linalg.norm(tip(q) - centre)) for q in corner.trajectory(joint_names).sample_at(times)[0])
        if away <= radius_m:
            return corner
        cuts = [0.9 * cut for cut in cuts]


def _cut(middle: Array, other: Array, centre: Array, radius_m: float, tip: Callable[[Array], Array]) -> float:
    """Return up to which share of a line, from the corner, the tip is within the radius."""
    shares = np.linspace(0.0, _LARGEST_CUT, _SAMPLES)
    for k, share in enumerate(shares):
        if float(np.linalg.norm(tip(middle + share * (other - middle)) - centre)) > radius_m:
            return max(float(shares[k - 1]), 0.1 * float(share))
    return _LARGEST_CUT


def _span(ends: Sequence[tuple[Array, Array]], corners: Sequence[_Corner], k: int) -> tuple[Array, Array]:
    begin = ends[k][0] if k == 0 else corners[k - 1].q[1]
    end = ends[k][1] if k == len(corners) else corners[k].q[0]
    return begin, end


def _line(
    ends: Sequence[tuple[Array, Array]], corners: Sequence[_Corner], k: int, limits: MotionLimits
) -> SCurve | None:
    begin, end = _span(ends, corners, k)
    way = end - begin
    moving = np.abs(way) > 1e-12
    along = [
        float((limit[moving] / np.abs(way[moving])).min())
        for limit in (limits.velocity, limits.acceleration, limits.jerk)
    ]
    speeds = [
        0.0 if corner is None else float(np.linalg.norm(rate) / np.linalg.norm(way))
        for corner, rate in (
            (None, way) if k == 0 else (corners[k - 1], corners[k - 1].rates[1]),
            (None, way) if k == len(corners) else (corners[k], corners[k].rates[0]),
        )
    ]
    if max(speeds) == 0.0:
        return plan_rest_to_rest(1.0, *along)
    return plan_speed_to_speed(1.0, *speeds, *along)


def _along(curve: SCurve, begin: Array, end: Array) -> tuple[Array, Array, Array, Array]:
    s, ds, dds = np.array(curve.states).T
    way = end - begin
    q = begin + s[:, None] * way
    q[-1] = end
    return np.array(curve.times), q, ds[:, None] * way, dds[:, None] * way


def _concatenated(parts: Sequence[tuple[Array, Array, Array, Array]], joint_names: tuple[str, ...]) -> Trajectory:
    times, q, dq, ddq = ([part] for part in parts[0])
    for part in parts[1:]:
        times.append(times[-1][-1] + part[0][1:])
        for whole, piece in zip((q, dq, ddq), part[1:], strict=True):
            whole.append(piece[1:])
    return Trajectory(joint_names, *(np.concatenate(whole) for whole in (times, q, dq, ddq)))
