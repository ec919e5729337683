"""A round plug and its port: which part carries the pin, and what contact between them does to the plug.

The compiled kernel is loaded when the first round connector is built, and the compiled form is kept beside the source:
the first build after an installation takes some seconds, every other some hundredths.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.connector import Connector
from cablecell.core.geometry.scalar import Quat, Vec3
from cablecell.simulation import round_kernel as kernel
from cablecell.simulation.rigid import NO_ROTATION, Pose

_FACING: Quat = (1.0, 0.0, 0.0, 0.0)
_FAR_M = 1.0
_LEAST_FACE_M = 1.0e-3
"""Least width of the flat face around the bore's mouth."""


class RoundContact:
    """Contact of one plug with one port of the same connector.

    Attributes:
        normal_n: Sum of the normal forces in the newest step.
        penetration_m: Deepest point at the begin of the newest step; negative when apart.
        rounds: Rounds that the solver needed in the newest step.
    """

    def __init__(self, connector: Connector, X_WE: Pose, dt_s: float, friction_scale: float = 1.0) -> None:
        """Place the pair.

        Args:
            connector: Plug and port, with a round fit.
            X_WE: Pose of the port's entrance in `world`.
            dt_s: Physics step.
            friction_scale: Factor on the connector's friction.

        Raises:
            ValueError: The connector has no round fit.
        """
        if connector.round_fit is None:
            raise ValueError(f"connector '{connector.name}' has no round_fit")
        plug, is_pin = connector.plug, connector.round_fit.gender == "pin"
        # The axis of a bore points into it, that of a pin out of it: the part that faces the plug's way is turned.
        turned = NO_ROTATION if is_pin else _FACING
        self._X_entrance_port = Pose((0.0, 0.0, connector.round_fit.rim_depth_m), turned)
        X_plug = Pose((-plug.com_m[0], -plug.com_m[1], -plug.com_m[2]), turned)
        angles = 2.0 * np.pi * np.arange(kernel.POINTS) / kernel.POINTS
        self._fit = _fit_of(connector, friction_scale, dt_s)
        self.place(X_WE)
        self._plug = np.ascontiguousarray(X_plug.matrix()[:3])
        self._inertia = np.array([plug.mass_kg, *plug.inertia_kg_m2])
        self._circle = np.stack((np.cos(angles), np.sin(angles)), axis=1)
        self._bristles = np.zeros((kernel.SLOTS, 3))
        self._slots = np.zeros(kernel.SLOTS, dtype=np.int64)
        self._work = np.zeros((kernel.SLOTS, kernel.WORK_SIZE))
        self.normal_n, self.penetration_m, self.rounds, self._points = 0.0, -_FAR_M, 0, 0
        # Far away from everything: compiles, or loads what was compiled, before the first step.
        still: Vec3 = (0.0, 0.0, 0.0)
        self.wrench((_FAR_M, _FAR_M, -_FAR_M), NO_ROTATION, still, still, still, still)

    def place(self, X_WE: Pose) -> None:
        """Take notice of where the port's entrance is in `world`."""
        self._port = np.ascontiguousarray((X_WE @ self._X_entrance_port).matrix()[:3])

    def wrench(self, com: Vec3, q: Quat, v: Vec3, w: Vec3, force: Vec3, torque: Vec3) -> tuple[Vec3, Vec3]:
        """Return force and torque about its centre of mass on the plug for the coming step, in `world`, N and N·m.

        Args:
            com: Centre of mass of the plug in `world`, m.
            q: Its orientation.
            v: Its velocity, m/s.
            w: Its angular velocity, rad/s.
            force: Everything else that acts on it, gravity included, N.
            torque: The same about the centre of mass, N·m.
        """
        push, turn, self.normal_n, self.penetration_m, self.rounds, self._points = kernel.contact_wrench(
            self._fit,
            self._port,
            self._plug,
            self._inertia,
            self._circle,
            self._bristles,
            self._slots,
            self._work,
            com,
            q,
            v,
            w,
            force,
            torque,
        )
        return push, turn

    def sides_n(self) -> tuple[float, float]:
        """Return the sums of the normal forces that push the plug along +x and along -x of the port, N."""
        work = self._work[: self._points]
        push = work[:, kernel.NORMAL_FORCE]
        to_plus = work[:, kernel.NORMAL_X] > 0.0
        return float(push[to_plus].sum()), float(push[~to_plus].sum())

    def reset(self) -> None:
        """Forget all deflections: the plug is away from the port."""
        self._bristles[:] = 0.0
        self.normal_n, self.penetration_m, self.rounds, self._points = 0.0, -_FAR_M, 0, 0


def _fit_of(connector: Connector, friction_scale: float, dt_s: float) -> NDArray[np.float64]:
    fit, edge = connector.round_fit, connector.plug.edge_radius_m
    assert fit is not None
    is_pin = fit.gender == "pin"
    to_stop = connector.port.stop_depth_m - fit.rim_depth_m
    values = np.empty(kernel.FIT_SIZE)
    values[kernel.PIN_RADIUS], values[kernel.EDGE_RADIUS] = fit.pin_radius_m, edge
    # A chamfer that is smaller than the rounding is lost in it.
    values[kernel.CORE_CUT] = max(0.0, fit.tip_chamfer_m - (2.0 - math.sqrt(2.0)) * edge)
    values[kernel.BORE_RADIUS], values[kernel.LEAD_IN] = fit.bore_radius_m, fit.lead_in_m
    values[kernel.ENGAGEMENT] = fit.engagement_m
    values[kernel.FLOOR_Z] = to_stop if is_pin else _FAR_M
    values[kernel.BASE_LENGTH] = _FAR_M if is_pin else to_stop
    values[kernel.FACE_RADIUS] = fit.bore_radius_m + fit.lead_in_m + max(fit.bore_radius_m, _LEAST_FACE_M)
    values[kernel.STIFFNESS], values[kernel.FRICTION] = fit.stiffness_n_per_m, connector.friction * friction_scale
    values[kernel.STEP], values[kernel.SIDE] = dt_s, 1.0 if is_pin else -1.0
    return values
