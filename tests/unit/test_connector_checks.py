"""Mistakes in a connector file: each is one line that names file, key, value and limit."""

from __future__ import annotations

import copy
import math

import pytest
import yaml

from cablecell.configuration import config_folder
from cablecell.core.config.connector import ToothLatch, parse_connector
from cablecell.core.config.documents import DocumentError

TOOTH = {
    "model": "tooth",
    "mass_kg": 0.003,
    "stiffness_n_per_m": 6.0e3,
    "damping_ratio": 0.3,
    "deflection_m": 0.4e-3,
    "front_angle_rad": 0.5,
    "back_angle_rad": 1.1,
    "friction": 0.2,
}


def shipped(name):
    return yaml.safe_load((config_folder() / "connectors" / f"{name}.yaml").read_text())


def round_peg(gender="pin"):
    """Return a round peg 8 mm wide in its hole, or a socket over a post of that width."""
    skirt = [
        {"name": "core", "centre_m": [0.0, 0.0, -10.0e-3], "size_m": [5.0e-3, 5.0e-3, 20.0e-3], "mates": False},
        {"name": "head", "centre_m": [0.0, 0.0, -20.0e-3], "size_m": [14.0e-3, 14.0e-3, 8.0e-3], "mates": False},
    ]
    if gender == "socket":
        skirt = [
            {"name": "left", "centre_m": [-6.0e-3, 0.0, -8.0e-3], "size_m": [3.0e-3, 8.0e-3, 16.0e-3], "mates": False},
            {"name": "head", "centre_m": [0.0, 0.0, -20.0e-3], "size_m": [14.0e-3, 14.0e-3, 8.0e-3], "mates": False},
        ]
    groups = ("clearance", "friction", "plug", "port", "round_fit", "forces", "grasp", "cable")
    return {
        "name": "peg",
        "sources": dict.fromkeys(groups, "made up"),
        "clearance": {"x_m": 5.0e-5, "y_m": 5.0e-5},
        "friction": 0.2,
        "plug": {
            "mass_kg": 0.1,
            "com_m": [0.0, 0.0, -15.0e-3],
            "inertia_kg_m2": [3.0e-5] * 3,
            "edge_radius_m": 5.0e-5,
            "cable_exit_m": [0.0, 0.0, -24.0e-3],
            "parts": skirt,
        },
        "port": {
            "rim_depth_m": 0.0,
            "wall_end_m": 13.0e-3,
            "stop_depth_m": 12.0e-3,
            "seat_tolerance_m": 0.2e-3,
            "walls": [],
            "floor_x_m": [-10.0e-3, 10.0e-3],
            "floor_y_m": [-10.0e-3, 10.0e-3],
        },
        "round_fit": {
            "gender": gender,
            "pin_radius_m": 4.0e-3,
            "bore_radius_m": 4.05e-3,
            "lead_in_m": 0.5e-3,
            "tip_chamfer_m": 0.2e-3,
            "rim_depth_m": 0.0,
            "engagement_m": 11.5e-3,
        },
        "forces": {"insertion_max_n": 20.0, "lateral_max_n": 10.0, "damage_n": 60.0},
        "grasp": {
            "width_m": 14.0e-3,
            "cable_frame": {"position_m": [0.0, 0.0, 0.02], "quat_xyzw": [0.0, 0.0, 0.0, 1.0]},
            "surfaces": [
                {
                    "name": "head",
                    "axis": "x",
                    "centre_m": [0.0, 0.0, -20.0e-3],
                    "width_m": 14.0e-3,
                    "size_m": [8.0e-3, 6.0e-3],
                }
            ],
        },
        "cable": {
            "length_m": 1.0,
            "mass_kg_per_m": 0.01,
            "bending_stiffness_nm2": 1.0e-4,
            "diameter_m": 2.0e-3,
            "min_bend_radius_m": 0.02,
        },
    }


def put(data, path, value):
    """Set what is at a path, or remove it where the value is `...`."""
    parent = data
    for key in path[:-1]:
        parent = parent[key]
    if value is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return data


def refused(data):
    with pytest.raises(DocumentError) as caught:
        parse_connector(data, "new.yaml")
    assert "\n" not in str(caught.value)
    assert caught.value.code == 910
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("friction",), -0.1, "new.yaml: friction = -0.1 is below the minimum of 0.0"),
        (("forces", "damage_n"), ..., "new.yaml: key 'forces.damage_n' is missing"),
        (("port", "stop_depth_m"), ..., "new.yaml: key 'port.stop_depth_m' is missing"),
        (("forces", "damage_n"), 10.0, "insertion_max_n = 18.0 N is above damage_n = 10.0 N"),
        (("forces", "insertion_max_n"), 3.0, "latch: closing it takes 5.000 N, above forces.insertion_max_n = 3.0 N"),
        (("sources", "forces"), ..., "sources.forces is missing"),
        (("sources", "forses"), "x", "sources.forses: there is no group 'forses'; there are clearance, friction"),
        (
            ("plug", "parts", 0, "size_m"),
            [0.0146, 0.00845, 0.0473],
            "'body': size along x = 0.014600 m is 0.000100 m larger than the port between walls 'minus_x' and 'plus_x'",
        ),
        (("clearance", "y_m"), 0.45e-3, "clearance.y_m = 0.000450 m must be what plug and walls leave, 0.000500 m"),
        (("port", "stop_depth_m"), -0.001, "port.stop_depth_m = -0.001 m is not above 0.0 m"),
        (("port", "rim_depth_m"), 0.0468, "port.rim_depth_m = 0.0468 m is above the maximum of 0.002 m"),
        (("port", "wall_end_m"), 0.04, "stop_depth_m = 0.046747 m must lie between rim_depth_m = 6e-05 m and"),
        (
            ("plug", "parts", 1, "centre_m"),
            [0.0, 0.75e-3, -0.0450],
            "'head' would be 0.004387 m below the rim inside wall 'plus_y' at stop_depth_m = 0.046747 m: "
            "the plug cannot reach its stop",
        ),
        (("port", "floor_x_m"), [0.008, 0.009], "no part of the plug's leading face is over this floor"),
        (("plug", "parts", 0, "centre_m"), [0.0, 0.0, -0.0246], "leading face, of 'body', is at z = -0.000950 m"),
        (("plug", "parts", 0, "mates"), False, "plug.parts: none has mates = true"),
        (("port", "walls"), [], "port.walls is empty"),
        (("port", "walls", 0, "rim_depth_m"), 0.05, "wall 'plus_x': rim_depth_m = 0.05 m must lie between"),
        (
            ("grasp", "surfaces", 0, "width_m"),
            13.0e-3,
            "grasp.surfaces.0 'head_sides': no part of the plug has faces 0.013000 m apart along x",
        ),
        (("latch", "model"), "magnet", "new.yaml: latch.model = 'magnet' is unknown; valid are 'field', 'tooth'"),
        (("latch", "model"), ..., "new.yaml: key 'latch.model' is missing"),
        (("latch", "snap_m"), ..., "new.yaml: key 'latch.snap_m' is missing"),
        (("latch", "snap"), 1.0, "unknown key 'latch.snap' = 1.0; did you mean 'snap_m'?"),
        (("latch", "engage_n"), "5 N", "latch.engage_n = '5 N' is refused: not a number"),
    ],
)
def test_a_mistake_in_a_rectangular_connector(path, value, line):
    assert line in refused(put(shipped("sfp"), path, value))


def test_pads_that_would_meet_the_port_are_told():
    # A body as long as the head is wide can be held by its own sides, but these go into the cage.
    data = shipped("sfp")
    surface = {"name": "body", "axis": "x", "centre_m": [0.0, 0.0, -0.040], "width_m": 13.75e-3, "size_m": [4e-3, 8e-3]}
    data["grasp"]["surfaces"] = [surface]
    line = refused(data)
    assert "grasp.surfaces.0 'body': pads of 0.006 m would stand 0.010687 m below the rim of wall 'plus_x'" in line
    assert "the fingers meet the port before the plug is seated" in line


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("round_fit", "pin_radius_m"), 4.06e-3, "round_fit: pin_radius_m = 0.00406 m must be below bore_radius_m"),
        (("round_fit", "gender"), "plug", "new.yaml: round_fit.gender = 'plug' is refused"),
        (("round_fit", "engagement_m"), ..., "key 'round_fit.engagement_m' is missing"),
        (("round_fit", "tip_chamfer_m"), 4.0e-3, "tip_chamfer_m = 0.004 m must be below pin_radius_m = 0.004 m"),
        (("round_fit", "rim_depth_m"), 1.0e-3, "round_fit.rim_depth_m = 0.001 m must be port.rim_depth_m = 0.0 m"),
        (
            ("clearance", "x_m"),
            6.0e-5,
            "clearance.x_m = 0.0000600 m must be bore_radius_m - pin_radius_m = 0.0000500 m",
        ),
        (("plug", "parts", 0, "mates"), True, "'core': mates = true, but round_fit is what mates"),
        (
            ("plug", "parts", 0, "size_m"),
            [6.0e-3, 6.0e-3, 20.0e-3],
            "'core' reaches 0.004243 m from the axis and 0.012000 m below the rim",
        ),
        (
            ("plug", "parts", 1, "centre_m"),
            [0.0, 0.0, -15.0e-3],
            "'head' reaches 0.009899 m from the axis and 0.001000 m below the rim",
        ),
        (("grasp", "surfaces", 0, "centre_m"), [0.0, 0.0, -26.0e-3], "no part of the plug has faces"),
    ],
)
def test_a_mistake_in_a_round_connector(path, value, line):
    assert line in refused(put(round_peg(), path, value))


def test_walls_beside_a_bore_are_refused():
    data = round_peg()
    data["port"]["walls"] = [{"name": "rib", "x_m": [4.0e-3, 5.0e-3], "y_m": [-1.0e-3, 1.0e-3]}]
    assert "port.walls: 'rib' is beside a round_fit, which has its own bore" in refused(data)


def test_a_skirt_that_stands_on_the_post_is_told():
    data = put(round_peg("socket"), ("plug", "parts", 0, "centre_m"), [-5.0e-3, 0.0, -8.0e-3])
    assert "'left' is 0.003500 m from the axis and 0.012000 m below the post's end" in refused(data)


@pytest.mark.parametrize("gender", ["pin", "socket"])
def test_a_round_connector_takes_another_clearance_at_its_pin(gender):
    peg = parse_connector(round_peg(gender), "new.yaml")
    tight = peg.with_clearance(2.0e-5)
    assert tight.round_fit.pin_radius_m == pytest.approx(4.03e-3)
    assert tight.round_fit.bore_radius_m == peg.round_fit.bore_radius_m
    assert (tight.clearance.x_m, tight.clearance.y_m) == (2.0e-5, 2.0e-5)
    with pytest.raises(
        ValueError, match=r"must be below bore_radius_m - tip_chamfer_m = 0\.003850 m: it leaves no pin"
    ):
        peg.with_clearance(4.0e-3)


def test_a_clearance_that_eats_the_plug_is_told():
    peg = parse_connector(shipped("sfp"), "sfp.yaml")
    with pytest.raises(ValueError, match=r"'body': nothing is left of it at this clearance, -0\.00055"):
        peg.with_clearance(5.0e-3)


def test_a_tooth_needs_the_forces_of_its_ramps():
    tooth = ToothLatch.model_validate(TOOTH)
    # Snap-fit formula k·d·(µ + tan a) / (1 - µ tan a), written the other way round.
    for angle, force in ((0.5, tooth.engage_n), (1.1, tooth.retention_n)):
        tangent = math.tan(angle)
        assert force == pytest.approx(2.4 * (0.2 + tangent) / (1.0 - 0.2 * tangent))


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("back_angle_rad", 1.5, "latch: back_angle_rad = 1.5 rad locks at friction = 0.2: it must be below 1.3734 rad"),
        ("stiffness_n_per_m", ..., "key 'latch.stiffness_n_per_m' is missing"),
        ("front_angle_rad", -0.1, "latch.front_angle_rad = -0.1 rad is not above 0.0 rad"),
        ("frction", 0.1, "unknown key 'latch.frction' = 0.1; did you mean 'friction'?"),
        ("engage_n", 5.0, "unknown key 'latch.engage_n' = 5.0"),
    ],
)
def test_a_mistake_in_a_tooth(key, value, line):
    data = shipped("sfp")
    data["latch"] = copy.deepcopy(TOOTH)
    parse_connector(data, "new.yaml")
    assert line in refused(put(data, ("latch", key), value))
