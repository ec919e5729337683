"""Laws of the zones: never faster than the smallest share that applies, and a stop stays until somebody clears it."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from cablecell.configuration import config_folder, load_zones
from cablecell.core.config.documents import DocumentError
from cablecell.core.control.zones import ZoneGuard, ZoneOccupiedError, parse_zones

NEAR = {"name": "near", "low_m": [-1.0, -1.0, 0.0], "high_m": [1.0, 1.0, 2.0], "speed_scale": 0.2}
FAR = {"name": "far", "low_m": [-3.0, -3.0, 0.0], "high_m": [3.0, 3.0, 2.0], "speed_scale": 0.5}
STOP = {"name": "stop", "low_m": [-0.3, -0.3, 0.0], "high_m": [0.3, 0.3, 2.0], "hold": True}
FREE = (9.0, 9.0, 1.0)


def guard(*zones, silence_limit_s=0.5):
    return ZoneGuard(parse_zones({"zones": list(zones), "silence_limit_s": silence_limit_s}, "zones.yaml"))


@pytest.mark.parametrize(
    ("persons", "scale"),
    [([], 1.0), ([FREE], 1.0), ([(2.0, 0.0, 1.0)], 0.5), ([(0.5, 0.0, 1.0)], 0.2), ([(2.0, 0, 1), (0.9, 0, 1)], 0.2)],
)
def test_the_smallest_share_of_the_occupied_zones_applies(persons, scale):
    zones = guard(NEAR, FAR)
    zones.take(persons, 1.0)
    state = zones.look(1.0)
    assert state.speed_scale == scale
    assert state.held_by == ()


def test_laws_on_random_zones_and_walks():
    dice = random.Random(7)
    for _ in range(300):
        boxes = []
        for number in range(dice.randint(1, 6)):
            low = [dice.uniform(-3, 2) for _ in range(3)]
            box = {"name": f"z{number}", "low_m": low, "high_m": [x + dice.uniform(0.1, 3.0) for x in low]}
            boxes.append(box | ({"hold": True} if dice.random() < 0.3 else {"speed_scale": dice.uniform(0.01, 1.0)}))
        zones, was_held, now_s = guard(*boxes), set(), 0.0
        for _ in range(30):
            now_s += dice.choice([0.1, 0.4, 0.6])
            is_heard = dice.random() < 0.8
            persons = [[dice.uniform(-4, 4) for _ in range(3)] for _ in range(dice.randint(0, 3))]
            if is_heard:
                zones.take(persons, now_s)
            state = zones.look(now_s)
            if is_heard:
                inside = [
                    box
                    for box in boxes
                    if any(
                        all(lo <= x <= hi for lo, x, hi in zip(box["low_m"], p, box["high_m"], strict=True))
                        for p in persons
                    )
                ]
                assert {box["name"] for box in inside} == set(state.occupied)
            else:
                inside = [box for box in boxes if box["name"] in state.occupied]
            assert all(state.speed_scale <= box.get("speed_scale", 1.0) for box in inside)
            assert state.speed_scale in {1.0, *(box["speed_scale"] for box in boxes if "speed_scale" in box)}
            was_held |= {box["name"] for box in inside if box.get("hold")}
            assert set(state.held_by) == was_held, "nothing but a clear ends a stop"
            if dice.random() < 0.2:
                if any(box.get("hold") for box in inside):
                    with pytest.raises(ZoneOccupiedError):
                        zones.clear(now_s)
                else:
                    zones.clear(now_s)
                    was_held = set()
                assert set(zones.look(now_s).held_by) == was_held


def test_a_silent_sensor_means_that_somebody_may_be_anywhere():
    zones = guard(NEAR, FAR, STOP)
    assert zones.look(0.0).is_silent, "also before it has said anything"
    assert set(zones.look(0.0).held_by) == {"stop"}
    zones.take([], 10.0)
    with_sensor = zones.look(10.5)
    assert (with_sensor.is_silent, with_sensor.occupied) == (False, ())
    assert with_sensor.held_by == ("stop",), "it stays until it is cleared"
    zones.clear(10.5)
    assert zones.look(10.5).held_by == ()
    late = zones.look(10.6)
    assert (late.is_silent, late.speed_scale, late.held_by) == (True, 0.2, ("stop",))
    with pytest.raises(ZoneOccupiedError, match="silent"):
        zones.clear(10.6)


def test_a_position_that_is_no_number_may_be_anywhere():
    zones = guard(NEAR)
    zones.take([(math.nan, 0.0, 1.0)], 0.0)
    assert zones.look(0.0).occupied == ("near",)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"speed_scale": None}, "either speed_scale or hold"),
        ({"hold": True}, "either speed_scale or hold"),
        ({"speed_scale": 0.0}, "speed_scale"),
        ({"speed_scale": 1.5}, "speed_scale"),
        ({"high_m": [-1.0, 1.0, 2.0]}, "below that of high_m"),
        ({"low_m": [0.0, 0.0]}, "low_m"),
        ({"low_m": [0.0, 0.0, math.nan]}, "low_m"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_file_with_a_mistake_is_refused(changes, said):
    with pytest.raises(DocumentError, match=said):
        guard({**NEAR, **changes})


def test_two_zones_of_one_name_are_refused():
    with pytest.raises(DocumentError, match="'near' is used more than once"):
        guard(NEAR, NEAR)


def test_the_example_is_right_and_the_nearer_the_slower():
    zones = load_zones(config_folder() / "zones.yaml").zones
    assert [zone.speed_scale for zone in zones] == [0.5, 0.15, None]
    assert [zone.hold for zone in zones] == [False, False, True]
    for wide, narrow in itertools.pairwise(zones):
        assert all(a <= b for a, b in zip(wide.low_m, narrow.low_m, strict=True))
        assert all(a >= b for a, b in zip(wide.high_m, narrow.high_m, strict=True))
