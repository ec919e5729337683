"""Latches against the snap-fit formula and the law that a spring gives back no more than it took."""

from __future__ import annotations

import math

import pytest

from cablecell.configuration import load_connectors
from cablecell.core.config.connector import ToothLatch
from cablecell.evaluation.physics_checks.latch import lead_in_and_out
from cablecell.simulation.contact_rig import RigSetup, rig_connector
from cablecell.simulation.latch import make_latch
from cablecell.simulation.latch_tooth import LatchTooth
from cablecell.simulation.plug_rig import PlugRig, Support
from cablecell.simulation.saved_state import ObjectState

TRAVEL_M, SPEED_M_PER_S, RATE_HZ = 4.0e-3, 0.01, 2000


def tooth(stiffness, deflection, front_deg, back_deg, friction):
    return ToothLatch(
        model="tooth",
        mass_kg=3.0e-3,
        stiffness_n_per_m=stiffness,
        damping_ratio=0.3,
        deflection_m=deflection,
        front_angle_rad=math.radians(front_deg),
        back_angle_rad=math.radians(back_deg),
        friction=friction,
    )


TEETH = [
    tooth(4.0e3, 0.30e-3, 30, 60, 0.10),
    tooth(8.0e3, 0.25e-3, 35, 45, 0.20),
    tooth(6.0e3, 0.40e-3, 40, 55, 0.15),
    tooth(8.0e3, 0.50e-3, 25, 70, 0.10),
]


@pytest.fixture
def latched_rig():
    rigs = []

    def make(latch):
        connector = rig_connector(RigSetup(clearance_m=3.0e-4, hole_m=8.0e-3)).model_copy(update={"latch": latch})
        start_m = connector.port.stop_depth_m - TRAVEL_M
        rigs.append(PlugRig(connector, Support((0.0, 0.0, start_m), (0.0, 0.0, 0.0))))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


@pytest.mark.parametrize("latch", TEETH, ids=["soft", "stiff", "steep", "strong"])
def test_a_tooth_snaps_in_and_out_as_the_formula_says(latched_rig, latch):
    k_d, mu = latch.stiffness_n_per_m * latch.deflection_m, latch.friction
    front, back = math.tan(latch.front_angle_rad), math.tan(latch.back_angle_rad)
    rig = latched_rig(latch)
    push = rig.lower(SPEED_M_PER_S, TRAVEL_M / SPEED_M_PER_S, every_steps=1).axial_n
    assert rig.latch.is_engaged
    # What is measured is the support's force, so with the inertia of the plug and the damper of the support.
    assert push.max() == pytest.approx(k_d * (mu + front) / (1.0 - mu * front), rel=0.05)
    # The click: behind the crest the tooth pulls the plug in.
    crest = int(push.argmax())
    assert push[crest : crest + 100].min() < -0.1 * push.max()
    rig.lower(0.0, 0.1)
    pull = -rig.lower(-SPEED_M_PER_S, TRAVEL_M / SPEED_M_PER_S + 0.1, every_steps=1).axial_n
    assert not rig.latch.is_engaged
    assert pull.max() == pytest.approx(k_d * (mu + back) / (1.0 - mu * back), rel=0.05)
    # In and out again the latch takes energy.
    assert (push.sum() + pull.sum()) * SPEED_M_PER_S / RATE_HZ > 1.0e-4


def test_a_tooth_that_is_pulled_too_little_holds(latched_rig):
    latch = TEETH[2]
    rig = latched_rig(latch)
    rig.lower(SPEED_M_PER_S, TRAVEL_M / SPEED_M_PER_S)
    rig.lower(-SPEED_M_PER_S, 0.8 * latch.retention_n / 20.0e3 / SPEED_M_PER_S)
    held = rig.lower(0.0, 0.2)
    assert rig.latch.is_engaged
    assert -0.95 * latch.retention_n < held.axial_n[-1] < -0.3 * latch.retention_n


@pytest.mark.parametrize("latch", [*TEETH, "field"], ids=["soft", "stiff", "steep", "strong", "field"])
@pytest.mark.parametrize("speed", [0.002, 0.05])
def test_no_latch_gives_more_energy_than_it_took(latch, speed):
    # Without a rig: the plug is led in and out, once all the way and once back before the click.
    connector = load_connectors()["sfp"]
    if latch != "field":
        connector = connector.model_copy(update={"latch": latch})
    dt, stop = 1.0 / RATE_HZ, connector.port.stop_depth_m
    for deepest in (stop, stop - 1.2e-3):
        model = make_latch(connector, dt)
        depth, work = stop - TRAVEL_M, 0.0
        for direction in (1.0, -1.0):
            for _ in range(round((deepest - (stop - TRAVEL_M)) / speed / dt)):
                depth += direction * speed * dt
                work -= model.force(depth, direction * speed, 0.0) * direction * speed * dt
        assert work > -1.0e-6
        assert not model.is_engaged


def test_a_saved_tooth_goes_on_as_it_would_have():
    def run(model, first, last):
        return [model.force(0.02 - 1.0e-3 + i * 5.0e-6, 0.01, 1.0) for i in range(first, last)]

    model, other = (LatchTooth(TEETH[0], 0.02, 0.1, 1.0 / RATE_HZ) for _ in range(2))
    run(model, 0, 90)
    saved = ObjectState({"latch": model}, {}, 0).save()
    onwards = run(model, 90, 200)
    assert max(onwards) > 0.0  # the snap is in it
    assert run(other, 90, 200) != onwards
    ObjectState({"latch": other}, {}, 0).restore(saved)
    assert run(other, 90, 200) == onwards


def test_every_catalogue_latch_engages_and_holds_as_stated():
    latched = [connector for connector in load_connectors().values() if connector.latch is not None]
    assert len(latched) >= 2
    for connector in latched:
        push, pull = lead_in_and_out(connector)
        assert push == pytest.approx(connector.latch.engage_n, rel=0.12), connector.name
        assert pull == pytest.approx(connector.latch.retention_n, rel=0.12), connector.name
