"""`cell new connector`: files that are good at once, names and places that may not be, nothing overwritten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.composition.config_kinds import check_file
from cablecell.configuration import config_folder, load_connector
from cablecell.core.config.documents import DocumentError
from cablecell.plugins import PluginNameError
from cablecell.scaffold.connector import ConnectorSizes, new_connector
from cablecell.scaffold.writing import ScaffoldPlaceError

SIZES = ConnectorSizes(width_m=8.0e-3, height_m=4.0e-3, depth_m=9.0e-3, clearance_m=1.0e-4, latch_n=6.0)
SHIPPED = sorted(path.stem for path in (config_folder() / "connectors").glob("*.yaml"))


def cell(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.stdout, done.stderr


def test_what_is_asked_for_is_in_the_file(tmp_path):
    (path,) = new_connector("my_plug", tmp_path, sizes=SIZES)
    assert path == tmp_path / "my_plug.yaml"
    assert check_file(path) == "connector"
    connector = load_connector(path)
    body = next(part for part in connector.plug.parts if part.mates)
    assert body.size_m[:2] == [8.0e-3, 4.0e-3]
    assert connector.port.stop_depth_m == 9.0e-3
    assert connector.clearance.x_m == connector.clearance.y_m == 1.0e-4
    assert connector.latch is not None
    assert connector.latch.engage_n == 6.0
    assert "estimate" in connector.sources["port"]
    assert sum(line.strip().startswith("#") for line in path.read_text().splitlines()) >= 8


@settings(max_examples=30, deadline=None)
@given(
    width_m=st.floats(1.0e-3, 40.0e-3),
    height_m=st.floats(1.0e-3, 40.0e-3),
    depth_m=st.floats(1.0e-3, 50.0e-3),
    clearance_m=st.floats(2.0e-5, 1.0e-3),
    lead_in_m=st.sampled_from([0.0, 2.0e-4, 5.0e-4]),
    latch_n=st.sampled_from([0.0, 0.5, 20.0]),
)
def test_every_size_makes_a_good_file(tmp_path_factory, **sizes):
    (path,) = new_connector("any_plug", tmp_path_factory.mktemp("new"), sizes=ConnectorSizes(**sizes))
    assert load_connector(path).port.stop_depth_m == pytest.approx(sizes["depth_m"], abs=1.0e-9)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_copy_has_the_numbers_of_the_other(tmp_path, name):
    (path,) = new_connector("my_copy", tmp_path, like=name)
    copy = load_connector(path).model_dump()
    assert copy == {**load_connector(config_folder() / "connectors" / f"{name}.yaml").model_dump(), "name": "my_copy"}
    assert path.read_text().startswith(f"# my_copy: every number below is still that of '{name}'")


def test_it_says_what_to_do_next_and_overwrites_nothing(tmp_path):
    words = (
        "new",
        "connector",
        "my_plug",
        "--width",
        "8e-3",
        "--height",
        "4e-3",
        "--depth",
        "9e-3",
        "--clearance",
        "1e-4",
    )
    code, out, _ = cell(*words, "--out", str(tmp_path))
    assert code == 0
    path = tmp_path / "my_plug.yaml"
    assert f"./cell rollout --connector {path}" in out
    before = path.read_bytes()
    code, out, err = cell(*words, "--depth", "7e-3", "--out", str(tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith(f"code 963: {path} is there already; nothing was written")
    assert path.read_bytes() == before


def test_a_size_that_is_missing_is_named(tmp_path):
    code, _, err = cell("new", "connector", "my_plug", "--width", "8e-3", "--out", str(tmp_path))
    assert code == 2
    assert err.startswith("new connector needs --height (Its height (along y), m), or --like NAME")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My-Plug", "may not be; valid are lower-case letters"),
        ("../up", "may not be"),
        ("x" * 61, "may not be"),
        ("class", "a word of Python's own"),
        ("json", "a word of Python's own"),
        ("usb_c", "there is a connector of this name; taken are jst_ph_4, lc"),
    ],
)
def test_a_name_that_may_not_be_is_refused(tmp_path, name, said):
    with pytest.raises(PluginNameError, match=said):
        new_connector(name, tmp_path, sizes=SIZES)
    assert not any(tmp_path.iterdir())


def test_a_package_does_not_hide_another(tmp_path):
    with pytest.raises(PluginNameError, match="a Python package of this name is installed"):
        new_connector("numpy", tmp_path, sizes=SIZES, as_package=True)


def test_nothing_is_written_into_the_checkout_or_over_a_file():
    with pytest.raises(ScaffoldPlaceError, match=r"is inside the cell's own folder .* --out"):
        new_connector("my_plug", config_folder() / "connectors", sizes=SIZES)
    with pytest.raises(ScaffoldPlaceError, match="/dev/null cannot be written: File exists"):
        new_connector("my_plug", Path("/dev/null"), sizes=SIZES)


def test_sizes_that_no_connector_has_are_refused_with_their_key(tmp_path):
    impossible = ConnectorSizes(8.0e-3, 4.0e-3, 9.0e-3, 1.0e-4, insertion_n=40.0, damage_n=30.0)
    with pytest.raises(DocumentError, match=r"insertion_max_n = 40.0 N is above damage_n = 30.0 N"):
        new_connector("my_plug", tmp_path, sizes=impossible)
    with pytest.raises(DocumentError, match=r"lead_in = 0.005 m is above half of the depth, 0.0045 m"):
        new_connector("my_plug", tmp_path, sizes=replace(SIZES, lead_in_m=5.0e-3))
    with pytest.raises(DocumentError, match="nope cannot be read"):
        new_connector("my_plug", tmp_path, like="nope")
    assert not any(tmp_path.iterdir())
