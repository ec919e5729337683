"""The energy of good parts: what the joints give, kept as a meter, over parts that are good."""

from __future__ import annotations

import math
import random
import sqlite3

import pytest

from cablecell.core.control.energy import STANDING_RAD_PER_S, EnergyMeter
from cablecell.core.supervision.kpi import key_figures, spent_j
from cablecell.records.ledger import Ledger, LedgerError
from cablecell.records.shift import read_shift


def reading(stamp_ns, meter_j):
    return {"stamp_ns": stamp_ns, "meter_j": meter_j}


def test_a_joint_that_lifts_a_mass_gives_its_height_times_its_weight():
    meter, mass_kg, arm_m, speed, dt_s = EnergyMeter(), 2.0, 0.5, 0.4, 0.002
    angles = [-0.5 + speed * dt_s * (k + 0.5) for k in range(round(1.0 / (speed * dt_s)))]
    for angle in angles:
        meter.add([mass_kg * 9.81 * arm_m * math.cos(angle)], [speed], dt_s)
    lifted_m = arm_m * (math.sin(0.5) - math.sin(-0.5))
    assert meter.energy_j == pytest.approx(mass_kg * 9.81 * lifted_m, rel=1e-5)


def test_what_is_lowered_is_not_given_back_and_joints_do_not_cancel():
    meter = EnergyMeter()
    meter.add([10.0, 10.0], [-1.0, 1.0], 0.1)
    assert meter.energy_j == pytest.approx(1.0)
    meter.add([-10.0, 10.0], [-1.0, -1.0], 0.1)
    assert meter.energy_j == pytest.approx(2.0)


def test_an_arm_that_only_stands_gives_nothing_however_its_encoders_shake():
    meter, dice = EnergyMeter(), random.Random(3)
    for _ in range(2000):
        meter.add([50.0], [dice.uniform(-1, 1) * STANDING_RAD_PER_S], 0.002)
    assert meter.energy_j == 0.0


def test_the_meter_of_an_arm_that_was_started_again_begins_at_zero():
    rows = [reading(at, j) for at, j in ((1, 5.0), (2, 25.0), (3, 4.0), (4, 10.0))]
    assert spent_j(rows, 0, 10) == pytest.approx(20.0 + 4.0 + 6.0)
    assert spent_j(rows, 2, 4) == pytest.approx(4.0)
    assert math.isnan(spent_j(rows[:1], 0, 10))
    assert math.isnan(spent_j([], 0, 10))


def test_bad_parts_cost_what_the_good_ones_have_to_carry():
    figures = key_figures([], [], None, 100.0)
    assert figures["energy_j"] == 100.0
    assert math.isnan(figures["energy_per_good_part_j"])


def test_readings_stay_and_an_older_ledger_has_none(tmp_path):
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        ledger.note_energy(1, 5.0)
        for statement in ("UPDATE energy SET meter_j = 0", "DELETE FROM energy"):
            with pytest.raises(LedgerError, match="never"), ledger.transaction() as db:
                db.execute(statement)
    other = sqlite3.connect(path)
    other.executescript("DROP TABLE energy; ALTER TABLE insertions DROP COLUMN energy_j; PRAGMA user_version = 5;")
    other.close()
    assert math.isnan(read_shift(path).figures["energy_j"])
    with Ledger(path) as ledger:
        assert ledger.rows("energy") == []
