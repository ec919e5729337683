"""Latches against the snap-fit formula, and the energy they may not give."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cablecell.configuration import load_connectors
from cablecell.core.config.connector import Connector, ToothLatch
from cablecell.evaluation.physics_checks.check import Check, between
from cablecell.simulation.contact_rig import RigSetup, rig_connector
from cablecell.simulation.latch import make_latch
from cablecell.simulation.plug_rig import PlugRig, Support

Measure = Callable[[np.random.Generator], tuple[float, float, dict[str, Any]]]

TRAVEL_M, SPEED_M_PER_S = 4.0e-3, 0.01
STEP_S = 1.0 / 2000


def random_tooth(rng: np.random.Generator) -> ToothLatch:
    """Return a tooth at random."""
    return ToothLatch(
        model="tooth",
        mass_kg=3.0e-3,
        stiffness_n_per_m=between(rng, 4.0e3, 8.0e3),
        damping_ratio=0.3,
        deflection_m=between(rng, 0.25e-3, 0.5e-3),
        front_angle_rad=math.radians(between(rng, 25.0, 40.0)),
        back_angle_rad=math.radians(between(rng, 45.0, 65.0)),
        friction=between(rng, 0.1, 0.2),
    )


def _tooth(which: str) -> Measure:
    def measure(rng: np.random.Generator) -> tuple[float, float, dict[str, Any]]:
        latch = random_tooth(rng)
        connector = rig_connector(RigSetup(clearance_m=3.0e-4, hole_m=8.0e-3)).model_copy(update={"latch": latch})
        rig = PlugRig(connector, Support((0.0, 0.0, connector.port.stop_depth_m - TRAVEL_M), (0.0, 0.0, 0.0)))
        try:
            push = rig.lower(SPEED_M_PER_S, TRAVEL_M / SPEED_M_PER_S, every_steps=1).axial_n
            rig.lower(0.0, 0.1)
            pull = -rig.lower(-SPEED_M_PER_S, TRAVEL_M / SPEED_M_PER_S, every_steps=1).axial_n
        finally:
            rig.close()
        k_d, mu = latch.stiffness_n_per_m * latch.deflection_m, latch.friction
        angle = math.tan(latch.front_angle_rad if which == "in" else latch.back_angle_rad)
        measured = float(push.max() if which == "in" else pull.max())
        return measured, k_d * (mu + angle) / (1.0 - mu * angle), {"rebound_n": float(push.min())}

    return measure


def _catalogue(which: str) -> Measure:
    """Lead the plug of every connector in and out; the worst is compared."""

    def measure(rng: np.random.Generator) -> tuple[float, float, dict[str, Any]]:
        worst: tuple[float, float, dict[str, Any]] = (1.0, 1.0, {})
        for connector in load_connectors().values():
            latch = connector.latch
            if latch is None:
                continue
            push, pull = lead_in_and_out(connector)
            measured, stated = (push, latch.engage_n) if which == "in" else (pull, latch.retention_n)
            if abs(measured / stated - 1.0) >= abs(worst[0] / worst[1] - 1.0):
                worst = (measured, stated, {"connector": connector.name})
        return worst

    return measure


def _led(connector: Connector) -> Connector:
    """Return the connector with a plug so heavy that the latch cannot turn it aside from the way it is led."""
    return connector.model_copy(update={"plug": connector.plug.model_copy(update={"mass_kg": 1.0e6})})


def lead_in_and_out(connector: Connector, speed_m_per_s: float = 0.005) -> tuple[float, float]:
    """Return the largest force of a latch against going in and against going out, N."""
    model, stop = make_latch(_led(connector), STEP_S), connector.port.stop_depth_m
    if model is None:
        raise ValueError(f"connector '{connector.name}' has no latch")
    step = speed_m_per_s * STEP_S
    push = [model.force(float(d), speed_m_per_s, 0.0) for d in np.arange(stop - TRAVEL_M, stop, step)]
    pull = [model.force(float(d), -speed_m_per_s, 0.0) for d in np.arange(stop, stop - 2.0 * TRAVEL_M, -step)]
    return -min(push), max(pull)


def _energy(rng: np.random.Generator) -> tuple[float, float, dict[str, Any]]:
    """Return the energy that any latch gives over a way in and out, J; a latch may only take."""
    given = -math.inf
    teeth = [random_tooth(rng) for _ in range(4)]
    connectors = [c for c in load_connectors().values() if c.latch is not None]
    connectors += [connectors[0].model_copy(update={"latch": latch}) for latch in teeth]
    for connector in connectors:
        model, stop = make_latch(_led(connector), STEP_S), connector.port.stop_depth_m
        assert model is not None
        work, depth, speed = 0.0, stop - TRAVEL_M, between(rng, 0.002, 0.05)
        for direction in (1.0, -1.0):
            for _ in range(round(TRAVEL_M / speed / STEP_S)):
                depth += direction * speed * STEP_S
                work += model.force(depth, direction * speed, 0.0) * direction * speed * STEP_S
        given = max(given, work)
    return given, 1.0e-6, {}


def latch_checks() -> list[Check]:
    """Return the checks of latches."""
    return [
        Check("tooth_in", "tooth and lip: k·d·tan(front + atan µ)", "N", 0.12, _tooth("in")),
        Check("tooth_out", "tooth and lip: k·d·tan(back + atan µ)", "N", 0.12, _tooth("out")),
        Check("catalogue_latch_in", "latch of every connector against its data", "N", 0.12, _catalogue("in")),
        Check("catalogue_latch_out", "latch of every connector against its data", "N", 0.12, _catalogue("out")),
        Check("latch_energy", "energy that a latch gives", "J", 1.0, _energy, kind="limit"),
    ]
