"""The assist of a hand: it holds the plug to the axis of a port and leaves the way along it to the hand.

It knows a port only as it is estimated, with how sure that is; what is not sure enough is not held to. It changes
wishes and makes none: without a hand that wants to move nothing moves, and along the axis never faster than was asked.
All limits of the motion come after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cablecell.core.config.teleop import TeleopSettings
from cablecell.core.geometry import Array, invert_pose, log_so3
from cablecell.core.teleop.target import Wish, speed_towards

_OUTER = 1.5
"""A port is held to until the plug has left the region of capture, enlarged by this."""

_HOLE_M = 0.002
"""How far off the axis the tip may be that is below the mouth: no port is taken hold of through its wall."""

_DEEP_M = 0.15
"""Below the mouth by more than this the tip is in no port."""

_LEVER_M = 0.05
"""Height before the mouth for each rad that the plug is turned."""

_ALIGNED_M, _ALIGNED_RAD = 0.0003, 0.01
"""From here on the plug counts as aligned, and the way along the axis is free."""

_GAP_M = 0.002
"""Height at which a plug waits that is not aligned, m, on top of what its error asks for."""

_SLOW_M, _FASTER = 0.01, 2.0
"""Height up to which a plug is slow, and how its speed grows above that, 1/s."""

_SOFT_M, _FIRM_M = 0.003, 0.006
"""Heights at which the arm becomes compliant on the way in, and stiff again on the way out."""

_FINE = 0.2
"""Share of a sideways motion of the hand by which the plug moves beside the axis."""

_SIGMAS = 3.0
_NUDGE_M = (0.0005, 0.003)
"""How far from the estimated axis a hand may move the plug: so many standard deviations, within these."""


@dataclass(frozen=True)
class PortAxis:
    """A port as it is estimated, and the plug that may go into it.

    Attributes:
        name: Name of the port.
        X_base_port: Entrance, z into the port, shape (4, 4).
        X_tcp_tip: Tip of the held plug, shape (4, 4).
        sigma_m: Largest standard deviation across the axis, of the port relative to the tip, m.
        sigma_rad: Likewise of its direction, rad.
        rim_m: Depth of the tip when the plug stands on the rim, m.
    """

    name: str
    X_base_port: Array
    X_tcp_tip: Array
    sigma_m: float
    sigma_rad: float
    rim_m: float


@dataclass(frozen=True)
class AssistView:
    """What the assist does.

    Attributes:
        is_on: Whether it is on.
        port: The port to whose axis it holds; empty for none.
        reason: Why it holds to none although the plug is near one; empty where nothing is in the way.
        X_tcp_tip: Where the arm is to be compliant, shape (4, 4); None where it is not.
    """

    is_on: bool
    port: str
    reason: str
    X_tcp_tip: Array | None


@dataclass(frozen=True)
class _Place:
    """Where a tip is: off the axis, m, shape (2,); before the mouth, m; and turned, port axes, rad, shape (3,)."""

    lateral_m: Array
    height_m: float
    turn: Array

    @property
    def off_m(self) -> float:
        return _norm(self.lateral_m)

    @property
    def off_rad(self) -> float:
        return _norm(self.turn)


class SnapAssist:
    """Holds a target to the axis of a port near by."""

    def __init__(self, settings: TeleopSettings) -> None:
        self._settings = settings
        self._axes: dict[str, PortAxis] = {}
        self._is_on = settings.assist
        self._reason = ""
        self._soft: PortAxis | None = None
        self._held = self._left = ""
        self._nudge, self._tug, self._wanted = np.zeros(2), np.zeros(2), np.zeros(2)
        self._reference: Array | None = None

    @property
    def is_on(self) -> bool:
        """Whether it is on."""
        return self._is_on

    def switch(self, is_on: bool) -> None:
        """Switch it on or off; off takes effect with the next step, and moves nothing by itself."""
        self._is_on = is_on
        self._forget()

    def know(self, axes: Iterable[PortAxis]) -> None:
        """Take what is estimated now; what is not among it is not known any more."""
        self._axes = {axis.name: axis for axis in axes}

    def end_hold(self) -> None:
        """Note that the hand has let go: the next one goes on beside the axis where this one ended."""
        self._nudge, self._tug, self._reference = self._wanted, np.zeros(2), None

    def end(self) -> None:
        """Forget the port that was held to: teleoperation has ended."""
        self._forget()
        self._soft = None

    def view(self) -> AssistView:
        """Return what it does."""
        soft = None if self._soft is None else self._soft.X_tcp_tip
        return AssistView(self._is_on, self._held, self._reason, soft)

    def guide(self, wish: Wish, X_base_target: Array, dt_s: float) -> Wish:
        """Return what to wish instead of a wish.

        Args:
            wish: What the hand wants.
            X_base_target: Where the target is, shape (4, 4).
            dt_s: Time since the last step, s.
        """
        self._soften(X_base_target)
        self._reason = ""
        if not self._is_on or (wish.twist is None and wish.X_base_goal is None):
            return wish
        axis = self._choose(X_base_target)
        if axis is None:
            return wish
        place = _place(axis, X_base_target)
        asked, pull_m = self._listen(wish, axis, place, dt_s)
        if pull_m > self._settings.assist_radius_m:
            self._forget()
            self._left = axis.name
            return wish
        return self._along(axis, place, X_base_target, asked, dt_s)

    # Which port ----------------------------------------------------------------------------------------------

    def _choose(self, X_base_target: Array) -> PortAxis | None:
        places = {name: _place(axis, X_base_target) for name, axis in self._axes.items()}
        if self._left and not (self._left in places and self._is_inside(places[self._left], _OUTER)):
            self._left = ""
        held = self._axes.get(self._held)
        if held is not None and self._is_inside(places[held.name], _OUTER) and not self._doubt(held):
            return held
        if self._held:
            self._forget()
        near = [name for name, place in places.items() if self._is_near(place) and name != self._left]
        for name in sorted(near, key=lambda name: places[name].off_m):
            self._reason = self._doubt(self._axes[name])
            if not self._reason and not self._is_inside(places[name], 1.0):
                most = math.degrees(self._settings.assist_angle_rad)
                self._reason = f"turned by {math.degrees(places[name].off_rad):.0f} degrees, at most {most:.0f}"
            if not self._reason:
                self._held = name
                return self._axes[name]
            self._reason = f"{name}: {self._reason}"
        return None

    def _doubt(self, axis: PortAxis) -> str:
        """Return why an estimate is not good enough; empty where it is."""
        settings = self._settings
        if not axis.sigma_m <= settings.assist_sigma_m:
            return f"known to {1e3 * axis.sigma_m:.2f} mm, {1e3 * settings.assist_sigma_m:.2f} mm are needed"
        if not axis.sigma_rad <= settings.assist_sigma_rad:
            known, needed = math.degrees(axis.sigma_rad), math.degrees(settings.assist_sigma_rad)
            return f"its direction is known to {known:.1f} degrees, {needed:.1f} are needed"
        return ""

    def _is_near(self, place: _Place) -> bool:
        """Return whether a tip is in the region of capture, however it is turned: a cone over the mouth, cut off."""
        settings = self._settings
        across = min(max(place.height_m, _HOLE_M), settings.assist_radius_m)
        return place.off_m <= across and -_DEEP_M <= place.height_m <= settings.assist_height_m

    def _is_inside(self, place: _Place, share: float) -> bool:
        settings = self._settings
        return (
            place.off_m <= share * settings.assist_radius_m
            and -_DEEP_M <= place.height_m <= share * settings.assist_height_m
            and place.off_rad <= share * settings.assist_angle_rad
        )

    def _forget(self) -> None:
        self._held = self._left = ""
        self._nudge, self._tug, self._wanted = np.zeros(2), np.zeros(2), np.zeros(2)
        self._reference = None

    # Where to ------------------------------------------------------------------------------------------------

    def _listen(self, wish: Wish, axis: PortAxis, place: _Place, dt_s: float) -> tuple[float, float]:
        """Return the speed along the axis that is asked for, m/s, and how far the hand pulls away from it, m."""
        if wish.twist is not None:
            v = axis.X_base_port[:3, :3].T @ wish.twist[:3]
            asked = float(v[2])
            if _norm(v[:2]) > 1e-9:
                self._tug = self._tug + v[:2] * dt_s
            else:
                self._nudge, self._tug = self._wanted, np.zeros(2)
        else:
            assert wish.X_base_goal is not None
            goal = _place(axis, wish.X_base_goal)
            if self._reference is None:
                self._reference = goal.lateral_m
            self._tug = goal.lateral_m - self._reference
            way = place.height_m - goal.height_m
            asked = math.copysign(speed_towards(abs(way), self._settings.linear_acceleration, dt_s), way)
        low, high = _NUDGE_M
        farthest = min(max(_SIGMAS * axis.sigma_m, low), high)
        self._wanted = _shortened(self._nudge + _FINE * self._tug, farthest)
        return asked, _norm(self._tug)

    def _along(self, axis: PortAxis, place: _Place, X_base_target: Array, asked: float, dt_s: float) -> Wish:
        settings = self._settings
        away = self._wanted - place.lateral_m
        across = _towards(away, settings.linear_acceleration, settings.assist_speed, dt_s)
        turning = _towards(-place.turn, settings.angular_acceleration, settings.assist_angular_speed, dt_s)
        speed = asked
        if asked > 0.0:
            speed = min(asked, settings.assist_speed + _FASTER * max(0.0, place.height_m - _SLOW_M))
            is_aligned = _norm(away) <= _ALIGNED_M and place.off_rad <= _ALIGNED_RAD
            if not is_aligned and place.height_m > -_ALIGNED_M:
                room = place.height_m - _norm(away) - _LEVER_M * place.off_rad - _GAP_M
                speed = min(speed, speed_towards(max(0.0, room), settings.linear_acceleration, dt_s))
        R_base_port = axis.X_base_port[:3, :3]
        w = R_base_port @ turning
        lever = X_base_target[:3, :3] @ axis.X_tcp_tip[:3, 3]
        v = R_base_port @ np.array([across[0], across[1], speed]) - np.cross(w, lever)
        return Wish(twist=np.concatenate((v, w)))

    def _soften(self, X_base_target: Array) -> None:
        """Be compliant at the mouth and below it; a hand that leaves there does not make the arm stiff."""
        axis = self._axes.get(self._held)
        if axis is not None and _place(axis, X_base_target).height_m < _SOFT_M:
            self._soft = axis
        elif self._soft is not None and not -_DEEP_M <= _place(self._soft, X_base_target).height_m <= _FIRM_M:
            self._soft = None


def _place(axis: PortAxis, X_base_tcp: Array) -> _Place:
    X = invert_pose(axis.X_base_port) @ X_base_tcp @ axis.X_tcp_tip
    return _Place(X[:2, 3], axis.rim_m - float(X[2, 3]), log_so3(X[:3, :3]))


def _towards(way: Array, acceleration: float, speed: float, dt_s: float) -> Array:
    length = _norm(way)
    if length < 1e-9:
        return 0.0 * way
    return way * (min(speed, speed_towards(length, acceleration, dt_s)) / length)


def _shortened(way: Array, length: float) -> Array:
    norm = _norm(way)
    return way * (length / norm) if norm > length else way


def _norm(v: Array) -> float:
    return math.sqrt(float(v @ v))
