"""Connector data: the shipped files, their dimensions, and the walls that are built from them."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import yaml
from scipy.spatial import ConvexHull

from cablecell.configuration import config_folder, load_connectors, load_simulation
from cablecell.core.config.connector import Latch, Port, Wall, parse_connector
from cablecell.core.config.documents import DocumentError
from cablecell.core.config.simulation import PhysicsSettings, SimulationSettings, parse_simulation
from cablecell.simulation.contact_geometry import floor_box, plug_boxes, wall_vertices
from cablecell.simulation.latch import LatchField

NO_MORE_M = {"usb_c": 0.4e-3, "u_fl": 0.95e-3}
"""Clearance at which a thin shell or a thin post is used up."""


@pytest.fixture(scope="module")
def connectors():
    return load_connectors()


def port_of(walls):
    return Port(
        rim_depth_m=0.0,
        wall_end_m=0.02,
        stop_depth_m=0.015,
        seat_tolerance_m=1e-4,
        walls=walls,
        floor_x_m=[-1e-3, 1e-3],
        floor_y_m=[-1e-3, 1e-3],
    )


def test_sfp_has_the_published_channel_and_clearance(connectors):
    sfp = connectors["sfp"]
    walls = {wall.name: wall for wall in sfp.port.walls}
    width = walls["plus_x"].x_m[0] - walls["minus_x"].x_m[1]
    height = walls["plus_y"].y_m[0] - walls["minus_y"].y_m[1]
    assert (width, height) == pytest.approx((14.5e-3, 9.45e-3))
    body = sfp.plug.parts[0]
    assert (width - body.size_m[0]) / 2 == pytest.approx(sfp.clearance.x_m)
    assert (height - body.size_m[1]) / 2 == pytest.approx(sfp.clearance.y_m)


def test_sc_has_the_published_channels_keys_and_stop(connectors):
    sc = connectors["sc"]
    walls = {wall.name: wall for wall in sc.port.walls}
    channel = walls["plus_x"].x_m[0] - walls["divider"].x_m[1]
    slot = walls["lid_plus"].x_m[0] - walls["lid_middle"].x_m[1]
    assert channel == pytest.approx(9.71e-3, abs=5e-6)
    assert slot == pytest.approx(2.35e-3)
    parts = {part.name: part for part in sc.plug.parts}
    assert (slot - parts["key_a"].size_m[0]) / 2 == pytest.approx(0.37e-3, abs=1e-5)
    # The ferrules stop the plug just before its rear body would: 0.02 mm in the published model.
    rear_front = parts["rear"].centre_m[2] + parts["rear"].size_m[2] / 2
    gap = -(sc.port.stop_depth_m + rear_front) + sc.port.rim_depth_m
    assert gap == pytest.approx(0.023e-3, abs=2e-6)


def test_the_plug_fits_its_port_and_nothing_overlaps_when_seated(connectors):
    for connector in connectors.values():
        seat = connector.port.stop_depth_m
        for wall in connector.port.walls:
            corners = np.array(wall_vertices(wall, connector.port))
            for part in connector.plug.parts:
                centre = np.array(part.centre_m) + np.array([0.0, 0.0, seat])
                low, high = centre - np.array(part.size_m) / 2, centre + np.array(part.size_m) / 2
                assert not overlaps(corners, low, high), (connector.name, wall.name, part.name)


def overlaps(corners, low, high):
    """Whether a convex hull and a box share a point, by the faces of the hull and of the box as separating planes."""
    if np.any(corners.max(axis=0) <= low + 1e-9) or np.any(corners.min(axis=0) >= high - 1e-9):
        return False
    box = np.array([[x, y, z] for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
    planes = ConvexHull(corners).equations
    return not np.any((box @ planes[:, :3].T + planes[:, 3] >= -1e-9).all(axis=0))


def test_a_wall_is_one_convex_hull_with_all_its_corners(connectors):
    for connector in connectors.values():
        for wall in connector.port.walls:
            corners = np.array(wall_vertices(wall, connector.port))
            planes = ConvexHull(corners).equations
            inside_by = -(corners @ planes[:, :3].T + planes[:, 3]).max(axis=1)
            assert inside_by.max() < 1e-12, wall.name  # a corner inside the hull would be filled up


def inner_face(wall, depths):
    """Return where the side of a wall that faces -x is at some depths, from the corners of its hull."""
    corners = np.array(wall_vertices(wall, port_of([wall])))
    levels = np.unique(corners[:, 2])
    return np.interp(depths, levels, [corners[corners[:, 2] == z][:, 0].min() for z in levels])


def test_the_lead_in_stands_back_by_its_height_at_the_rim_and_not_below_it():
    wall = Wall(name="w", x_m=[1e-3, 2e-3], y_m=[-1e-3, 1e-3], lead_in=[{"side": "-x", "height_m": 0.4e-3}])
    assert inner_face(wall, [0.0, 0.2e-3, 0.4e-3, 0.02]) == pytest.approx([1.4e-3, 1.2e-3, 1.0e-3, 1.0e-3], abs=1e-9)


def test_a_taper_narrows_down_to_its_depth():
    wall = Wall(
        name="w",
        x_m=[1e-3, 2e-3],
        y_m=[-1e-3, 1e-3],
        taper={"side": "-x", "recess_m": 0.2e-3, "depth_m": 0.01},
    )
    assert inner_face(wall, [0.0, 0.005, 0.01, 0.02]) == pytest.approx([1.2e-3, 1.1e-3, 1.0e-3, 1.0e-3], abs=1e-9)


def test_the_floor_is_at_the_stop(connectors):
    for connector in connectors.values():
        centre, half = floor_box(connector.port)
        assert centre[2] - half[2] == pytest.approx(connector.port.stop_depth_m)


@pytest.mark.parametrize("clearance_m", [1e-3, 2e-4, 5e-5, 2e-5])
def test_another_clearance_grows_only_what_mates(connectors, clearance_m):
    for connector in connectors.values():
        if clearance_m >= NO_MORE_M.get(connector.name, 1.0):
            with pytest.raises(ValueError, match=r"nothing is left|it leaves no pin"):
                connector.with_clearance(clearance_m)
            continue
        tight = connector.with_clearance(clearance_m)
        for before, after in zip(connector.plug.parts, tight.plug.parts, strict=True):
            grown = np.array(after.size_m) - np.array(before.size_m)
            expected = 2 * (np.array([connector.clearance.x_m, connector.clearance.y_m]) - clearance_m)
            assert grown[:2] == pytest.approx(expected if before.mates else [0.0, 0.0], abs=1e-12)
            assert grown[2] == 0.0


@pytest.mark.parametrize("clearance_m", [2e-4, 2e-5])
def test_another_clearance_is_the_same_on_every_side(connectors, clearance_m):
    # The housings of the SC plug stand 0.125 mm off the middle of its adapter.
    for connector in connectors.values():
        if connector.round_fit is not None:
            continue
        tight = connector.with_clearance(clearance_m)
        for part in (part for part in tight.plug.parts if part.mates):
            low = np.array(part.centre_m) - np.array(part.size_m) / 2
            high = np.array(part.centre_m) + np.array(part.size_m) / 2
            for wall in tight.port.walls:
                gaps = [
                    max(wall.x_m[0] - high[0], low[0] - wall.x_m[1]),
                    max(wall.y_m[0] - high[1], low[1] - wall.y_m[1]),
                ]
                assert max(gaps) > clearance_m - 1.2e-5, (connector.name, part.name, wall.name)


def test_a_clearance_must_be_positive(connectors):
    with pytest.raises(ValueError, match="must be above 0"):
        connectors["sfp"].with_clearance(0.0)


def test_plug_boxes_are_about_the_centre_of_mass(connectors):
    plug = connectors["sfp"].plug
    centre, half = plug_boxes(plug)[0]
    assert centre[2] == pytest.approx(plug.parts[0].centre_m[2] - plug.com_m[2])
    assert half == pytest.approx(np.array(plug.parts[0].size_m) / 2)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("fricton",), 0.2, "unknown key 'fricton' .*did you mean 'friction'"),
        (("plug", "mass_kg"), 0.02, r"plug\.mass_kg = 0\.02 kg is below the minimum of 0\.08 kg"),
        (("plug", "edge_radius_m"), 0.001, r"edge_radius_m = 0\.001 m is above the maximum of 0\.0002 m"),
        (("port", "walls", 0, "x_m"), [2e-3, 1e-3], "must increase"),
        (("port", "stop_depth_m"), 0.2, "must lie between"),
        (("latch", "peak_m"), 3e-3, "must decrease"),
        (("grasp", "cable_frame", "quat_xyzw"), [0.0, 0.0, 0.0, 0.9], "norm 0.900000; it must be 1"),
    ],
)
def test_bad_connector_data_is_one_clear_line(path, value, message):
    data = copy.deepcopy(yaml.safe_load((config_folder() / "connectors" / "sfp.yaml").read_text()))
    parent = data
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    with pytest.raises(DocumentError, match=message) as caught:
        parse_connector(data, "sfp.yaml")
    assert "\n" not in str(caught.value)


def test_the_latch_resists_clicks_holds_and_lets_go():
    latch = Latch(
        start_m=2e-3,
        peak_m=1e-3,
        snap_m=0.4e-3,
        engage_n=5.0,
        play_m=0.1e-3,
        retention_n=30.0,
        retention_stiffness_n_per_m=2.0e4,
    )
    stop = 0.02
    field = LatchField(latch, stop)
    depths = np.linspace(stop - 3e-3, stop, 3001)
    forces = np.array([field.force(d) for d in depths])
    assert forces.min() == pytest.approx(-5.0, abs=0.01)
    assert depths[forces.argmin()] == pytest.approx(stop - 1e-3, abs=2e-6)
    assert field.is_engaged
    assert forces[-1] == 0.0
    out = np.array([field.force(d) for d in depths[::-1]])
    assert out.max() == pytest.approx(30.0, abs=0.05)
    assert not field.is_engaged
    # Nothing is gained by going in and out: work in and out are both paid by the hand.
    assert -np.trapezoid(forces, depths) > 0.0
    assert -np.trapezoid(out, depths[::-1]) > 0.0


def test_a_plug_that_is_not_pushed_over_the_peak_is_not_held():
    latch = load_connectors()["sfp"].latch
    field = LatchField(latch, 0.02)
    for depth in np.linspace(0.015, 0.02 - latch.peak_m, 100):
        field.force(depth)
    assert not field.is_engaged
    assert field.force(0.015) == 0.0


def test_the_shipped_settings_are_the_defaults():
    assert load_simulation() == SimulationSettings()


def test_rates_that_do_not_divide_are_refused():
    with pytest.raises(DocumentError, match=r"wrench_sensor\.rate_hz = 300 Hz must divide physics\.rate_hz = 2000 Hz"):
        parse_simulation({"wrench_sensor": {"rate_hz": 300}}, "simulation.yaml")


@pytest.mark.parametrize(
    ("name", "clearance_m", "rate_hz"),
    [("peg_rect", 2.0e-5, 4000), ("peg_rect", 2.9e-5, 4000), ("peg_rect", 3.1e-5, 2000), ("peg_round", 2.0e-5, 2000)],
)
def test_close_boxes_are_stepped_at_a_finer_rate(connectors, name, clearance_m, rate_hz):
    connector = connectors[name].with_clearance(clearance_m)
    assert PhysicsSettings().for_connector(connector).rate_hz == rate_hz
    assert PhysicsSettings(rate_hz=8000).for_connector(connector).rate_hz == 8000


def test_a_missing_file_is_one_clear_line(tmp_path):
    with pytest.raises(DocumentError, match="cannot be read: No such file"):
        load_simulation(tmp_path / "nothing.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1\nb: 2")
    with pytest.raises(DocumentError, match=r"broken\.yaml is not YAML"):
        load_simulation(broken)
