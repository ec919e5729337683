"""The drawing of a connector: its sections have the dimensions of the file, and it is made from a file alone."""

from __future__ import annotations

import re

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.configuration import load_connectors
from cablecell.core.config.connector import ToothLatch, parse_connector
from cablecell.evaluation.connector_facts import entering_span, latch_curves, mating_span, opening_span
from cablecell.evaluation.connector_sections import cut_of, face, plane_of, section
from tests.unit.test_connector_checks import TOOTH, round_peg, shipped

MM = 1.0e-3
BODY_SIDES = {"name": "body", "axis": "x", "centre_m": [0.0, 0.0, -0.04], "width_m": 13.75e-3, "size_m": [4e-3, 8e-3]}


@pytest.fixture(scope="module")
def connectors():
    return load_connectors()


def area(points):
    x, y = points.T
    return 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def at_depth(outlines, role, z):
    """Return the spans of u that the outlines of a role cover at a depth, by their edges."""
    spans = []
    for outline in outlines:
        if outline.role != role:
            continue
        a, b = outline.points, np.roll(outline.points, -1, axis=0)
        hit = (a[:, 0] - z) * (b[:, 0] - z) < 0.0
        share = (z - a[hit, 0]) / (b[hit, 0] - a[hit, 0])
        crossings = np.sort(a[hit, 1] + share * (b[hit, 1] - a[hit, 1]))
        spans += list(zip(crossings[::2], crossings[1::2], strict=True))
    return spans


@pytest.mark.parametrize("axis", [0, 1])
def test_between_plug_and_port_is_the_stated_clearance(connectors, axis):
    for connector in connectors.values():
        plane = plane_of(connector, 1 - axis)
        stop = connector.port.stop_depth_m
        outlines = section(connector, axis, plane, stop)
        z = cut_of(connector)
        plugs, walls = at_depth(outlines, "plug", z), at_depth(outlines, "port", z)
        gaps = [
            max(low - plug[1], plug[0] - high)
            for plug in plugs
            for low, high in walls
            if high <= plug[0] or low >= plug[1]
        ]
        overlaps = [min(high, plug[1]) - max(low, plug[0]) for plug in plugs for low, high in walls]
        assert max(overlaps) < 1.0e-9, connector.name
        # The nearest wall is within the play; the SC plug stands off the middle, by less than its clearance.
        clearance = (connector.clearance.x_m, connector.clearance.y_m)[axis]
        assert min(gaps) < 2.0 * clearance, connector.name


def test_opening_less_plug_is_twice_the_clearance(connectors):
    for connector in connectors.values():
        for axis in (0, 1):
            plug, port = mating_span(connector, axis), opening_span(connector, axis)
            room = abs((port[1] - port[0]) - (plug[1] - plug[0]))
            clearance = (connector.clearance.x_m, connector.clearance.y_m)[axis]
            # Two housings beside a divider may have a little more room outside than inside.
            assert room == pytest.approx(2.0 * clearance, abs=2.5e-5), (connector.name, axis)


def test_the_lead_in_of_a_section_is_a_triangle_off_the_wall(connectors):
    peg = connectors["peg_rect"]
    wall = next(wall for wall in peg.port.walls if wall.name == "plus_x")
    outline = next(outline for outline in section(peg, 0, 0.0, 0.0) if outline.name == "plus_x")
    whole = (wall.x_m[1] - wall.x_m[0]) * (peg.port.wall_end_m - peg.port.rim_depth_m)
    assert whole - area(outline.points) == pytest.approx(0.5 * (1.5 * MM) ** 2)


def test_a_wall_that_the_plane_meets_below_its_rim_begins_there(connectors):
    usb = connectors["usb_c"]
    # In the plane y = 0.3 mm the tongue's chamfer of 0.15 mm is cut where it is 0.3 mm from the middle.
    tongue = next(outline for outline in section(usb, 0, 0.3 * MM, 0.0) if outline.name == "tongue")
    assert tongue.points[:, 0].min() == pytest.approx(1.5 * MM + 0.1 * MM, abs=0.02 * MM)
    assert not [outline for outline in section(usb, 0, 0.36 * MM, 0.0) if outline.name == "tongue"]


def test_a_face_shows_what_is_cut(connectors):
    sc = connectors["sc"]
    outlines = face(sc, 0.010, sc.port.stop_depth_m)
    cut = {outline.name: outline for outline in outlines if outline.role == "plug"}
    assert set(cut) == {"housing_a", "housing_b", "ferrule_a", "ferrule_b"}
    assert area(cut["housing_a"].points) == pytest.approx(9.0 * 7.3 * MM**2)
    assert not [outline for outline in face(sc, -0.001, 0.0) if outline.role == "port"]


@pytest.mark.parametrize("gender", ["pin", "socket"])
def test_a_round_fit_is_drawn_round(gender):
    peg = parse_connector(round_peg(gender), "peg.yaml")
    fit, stop = peg.round_fit, peg.port.stop_depth_m
    discs = {outline.name: outline for outline in face(peg, cut_of(peg), stop)}
    inner, outer = ("pin", "bore") if gender == "pin" else ("post", "bore")
    for name, radius in ((inner, fit.pin_radius_m), (outer, fit.bore_radius_m)):
        assert area(discs[name].points) == pytest.approx(np.pi * radius**2, rel=1.0e-3)
    # At the pin's end the section is narrower by the chamfer, at the bore's mouth wider by the lead-in.
    outlines = {outline.name: outline.points for outline in section(peg, 0, 0.0, stop)}
    pin = outlines[inner]
    end = stop if gender == "pin" else peg.port.rim_depth_m
    assert np.ptp(pin[pin[:, 0] == end][:, 1]) == pytest.approx(2.0 * (fit.pin_radius_m - fit.tip_chamfer_m))
    mouth = outlines["bore" if gender == "pin" else "sleeve"]
    at_mouth = mouth[mouth[:, 0] == (peg.port.rim_depth_m if gender == "pin" else stop)]
    assert np.abs(at_mouth[:, 1]).min() == pytest.approx(fit.bore_radius_m + fit.lead_in_m)


def test_what_enters_is_as_long_as_the_way_to_the_stop(connectors):
    for connector in connectors.values():
        back, front = entering_span(connector)
        assert front == pytest.approx(0.0, abs=1.0e-5)
        assert -back >= connector.port.stop_depth_m - connector.port.rim_depth_m - 1.0e-4, connector.name


def test_latch_curves_have_the_latch_s_forces(connectors):
    latches = [connector.latch for connector in connectors.values() if connector.latch is not None]
    for latch in [*latches, ToothLatch.model_validate(TOOTH)]:
        push, pull = latch_curves(latch)
        assert push[:, 1].max() == pytest.approx(latch.engage_n)
        assert pull[:, 1].max() == pytest.approx(latch.retention_n)


def run(*words):
    return CliRunner().invoke(app, ["scene", "render", *map(str, words)], env={"COLUMNS": "200"})


def test_a_file_the_code_has_never_seen_is_drawn(tmp_path):
    data = round_peg()
    data["name"] = "my_own_peg"
    path = tmp_path / "my_own_peg.yaml"
    path.write_text(yaml.safe_dump(data))
    done = run("--connector", path, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out/my_own_peg.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "out/my_own_peg.svg").read_text()
    for words in ("clearance 0.050", "lead-in 0.50 x 45°", "plug 8.00", "port 8.10", "stop 12.00", "no latch"):
        assert words in svg, words
    # The same file gives the same drawing.
    assert run("--connector", path, "--out", tmp_path / "again").exit_code == 0
    assert (tmp_path / "again/my_own_peg.svg").read_text() == svg


def test_the_drawing_of_another_clearance_says_so(tmp_path):
    done = run("--connector", "rj45", "--clearance", "2e-5", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    svg = (tmp_path / "rj45_20um.svg").read_text()
    assert "clearance 0.02 mm on every side" in svg
    assert "clearance 0.020" in svg
    assert "plug 11.90" in svg
    for source in ("Neutrik NE8FDV-Y110", "IEC 60603-7"):
        assert source in re.sub(r"\s+", " ", svg)


@pytest.mark.parametrize(
    ("change", "words", "line"),
    [
        ({"friction": -0.2}, (), "bad.yaml: friction = -0.2 is below the minimum of 0.0"),
        ({"latch": {"model": "field"}}, (), "bad.yaml: key 'latch.start_m' is missing"),
        (
            {"clearance": {"x_m": 1.0e-3, "y_m": 0.5e-3}},
            (),
            "bad.yaml: clearance.x_m = 0.001000 m must be what plug and",
        ),
        (
            {"grasp": {**shipped("sfp")["grasp"], "surfaces": [BODY_SIDES]}},
            (),
            "bad.yaml: grasp.surfaces.0 'body': pads of 0.006 m would stand 0.010687 m below the rim",
        ),
        (
            {
                "plug": {
                    **shipped("sfp")["plug"],
                    "parts": [{**shipped("sfp")["plug"]["parts"][0], "size_m": [0.015, 0.00845, 0.0473]}],
                }
            },
            (),
            "bad.yaml: plug.parts 'body': size along x = 0.015000 m is 0.000500 m larger than the port",
        ),
        (
            {"port": {**shipped("sfp")["port"], "rim_depth_m": 1.5e-3, "stop_depth_m": 1.0e-3}},
            (),
            "bad.yaml: port: stop_depth_m = 0.001 m must lie between rim_depth_m = 0.0015 m and wall_end_m",
        ),
        ({}, ("--clearance", "0"), "bad.yaml: clearance_m = 0.0 m must be above 0"),
        ({}, ("--clearance", "6e-3"), "bad.yaml: clearance_m = 0.006 m must be above 0 and at most 0.005 m"),
        ({}, ("--clearance", "5e-3"), "bad.yaml: plug.parts 'body': nothing is left of it at this clearance"),
    ],
)
def test_a_bad_file_is_one_line_and_exit_code_2(tmp_path, change, words, line):
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump({**shipped("sfp"), **change}))
    done = run("--connector", path, "--out", tmp_path / "out", *words)
    assert done.exit_code == 2
    assert re.sub(r"^bad.yaml:\d+: ", "bad.yaml: ", done.stderr).startswith(line)
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_is_one_line_and_exit_code_2(tmp_path):
    done = run("--connector", tmp_path / "nothing.yaml")
    assert done.exit_code == 2
    assert done.stderr == f"{tmp_path}/nothing.yaml cannot be read: No such file or directory\n"
