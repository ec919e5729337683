"""What other packages bring: found by entry points, refused when of another version, never in the way of the cell."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.cli.completion import connector_names
from cablecell.configuration import config_folder, find_connector, load_connectors, load_trials
from cablecell.core.config.documents import DocumentError
from cablecell.plugins import (
    PluginBrokenError,
    PluginKind,
    PluginNameError,
    PluginVersionError,
    all_plugins,
    find_plugin,
    plugin_file,
    plugin_names,
)
from cablecell.scaffold.connector import new_connector
from tests.support.plugin_packages import install, offer

SFP = (config_folder() / "connectors" / "sfp.yaml").read_text(encoding="utf-8")
OURS = load_connectors(config_folder() / "connectors")
CONNECTORS, DRIVERS = PluginKind.CONNECTOR.group, PluginKind.DRIVER.group
BOMB = "from pathlib import Path\nPath(__file__).with_name('was_run').touch()\nraise RuntimeError('it\\nexploded')\n"


def named(name: str) -> str:
    return SFP.replace("name: sfp", f"name: {name}")


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    return folder


def listed(*words: str) -> tuple[int, list[dict[str, object]]]:
    done = CliRunner().invoke(app, ["plugins", "--json", *words])
    return done.exit_code, json.loads(done.stdout)


def test_there_are_none_in_the_cell_itself():
    assert all_plugins() == ()
    done = CliRunner().invoke(app, ["plugins"])
    assert (done.exit_code, done.stdout) == (0, "no plug-ins are installed\n")


def test_an_installed_connector_is_one_of_the_catalogue(tmp_path, monkeypatch):
    new_connector("my_plug", tmp_path, like="usb_c", as_package=True)
    install(tmp_path / "my_plug", tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert set(load_connectors()) == {*OURS, "my_plug"}
    assert load_connectors()["my_plug"].port == OURS["usb_c"].port
    assert find_connector(Path("my_plug")) == tmp_path / "site/my_plug/my_plug.yaml"
    assert connector_names("my_") == ["my_plug"]
    code, rows = listed()
    assert code == 0
    assert [(row["kind"], row["name"], row["code"]) for row in rows] == [("connector", "my_plug", 0)]
    with pytest.raises(PluginNameError, match="there is a connector of this name"):
        new_connector("my_plug", tmp_path, like="sc")


def test_a_board_is_known_by_its_name(site):
    sample = (config_folder() / "trials" / "aic_sample.yaml").read_text(encoding="utf-8")
    offer(
        site,
        "boards",
        {PluginKind.BOARD.group: {"line_7": "boards"}},
        {"boards/__init__.py": "", "boards/line_7.yaml": sample},
    )
    assert load_trials(Path("line_7")) == load_trials()
    with pytest.raises(DocumentError, match="line_8 cannot be read"):
        load_trials(Path("line_8"))


def test_another_version_is_refused_and_none_of_its_code_runs(site):
    points = {"cablecell.drivers.v2": {"arm_2": "late:make"}, "cablecell.connectors.v0": {"old": "late"}}
    offer(site, "late", points, {"late/__init__.py": BOMB, "late/old.yaml": named("old")})
    with pytest.raises(
        PluginVersionError, match=r"driver 'arm_2' of package late 1.0 is written for version 2 .* has version 1"
    ):
        find_plugin(PluginKind.DRIVER, "arm_2")
    with pytest.raises(PluginVersionError, match="version 0"):
        find_connector(Path("old"))
    assert load_connectors() == OURS
    assert plugin_names(PluginKind.DRIVER) == []
    code, rows = listed()
    assert (code, [row["code"] for row in rows]) == (1, [960, 960])
    assert not (site / "late/was_run").exists()


def test_one_for_two_versions_is_taken_for_ours(site):
    points = {"cablecell.connectors.v2": {"both": "both.two"}, CONNECTORS: {"both": "both"}}
    offer(site, "both", points, {"both/__init__.py": "", "both/both.yaml": named("both")})
    found = find_plugin(PluginKind.CONNECTOR, "both")
    assert found is not None
    assert found.version == 1
    assert "both" in load_connectors()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "there is no package 'other'"),
        ({"other/__init__.py": ""}, "there is no mine.yaml in package 'other'"),
        (
            {"other/__init__.py": "", "other/mine.yaml": named("mine").replace("0.2", "-0.2", 1)},
            "friction = -0.2 is below",
        ),
        ({"other/__init__.py": "", "other/mine.yaml": named("yours")}, "its file is named 'yours'"),
    ],
    ids=["no package", "no file", "a mistake", "another name"],
)
def test_a_broken_connector_is_left_out_and_said(site, caplog, files, said):
    offer(site, "brings", {CONNECTORS: {"mine": "other"}}, files)
    with caplog.at_level(logging.WARNING, "cablecell.plugins"):
        assert load_connectors() == OURS
    assert said in caplog.text
    assert "connector 'mine' of package brings 1.0" in caplog.text
    code, rows = listed()
    assert code == 1
    assert said in str(rows[0]["error"])


def test_the_cells_own_connectors_are_not_replaced(site, caplog):
    offer(
        site,
        "evil",
        {CONNECTORS: {"sfp": "evil"}},
        {"evil/__init__.py": "", "evil/sfp.yaml": SFP.replace("0.2\n", "0.9\n", 1)},
    )
    assert load_connectors() == OURS
    assert "as one of the cell's own" in caplog.text
    assert find_connector(Path("sfp")) == config_folder() / "connectors" / "sfp.yaml"
    assert listed()[0] == 1


def test_two_packages_with_one_name_are_both_refused(site, caplog):
    for package in ("one", "two"):
        offer(
            site,
            package,
            {CONNECTORS: {"mine": package}},
            {f"{package}/__init__.py": "", f"{package}/mine.yaml": named("mine")},
        )
    with pytest.raises(PluginNameError, match=r"in two packages, one 1.0 and two 1.0"):
        plugin_file(PluginKind.CONNECTOR, "mine")
    assert load_connectors() == OURS
    assert caplog.text.count("in two packages") == 2


def test_code_that_explodes_is_one_line(site):
    offer(site, "bad", {DRIVERS: {"bad": "bad:make"}}, {"bad/__init__.py": BOMB})
    found = find_plugin(PluginKind.DRIVER, "bad")
    assert found is not None
    with pytest.raises(
        PluginBrokenError, match=r"driver 'bad' of package bad 1.0 cannot be used: RuntimeError: it exploded"
    ) as caught:
        found.load()
    assert caught.value.code == 961
    assert (site / "bad/was_run").exists()
    done = CliRunner().invoke(app, ["plugins"])
    assert done.exit_code == 1
    assert "driver bad (bad 1.0, interface 1): code 961" in done.stdout


def test_what_cannot_be_called_is_no_driver(site):
    offer(site, "flat", {DRIVERS: {"flat": "flat:make"}}, {"flat.py": "make = 3\n"})
    code, rows = listed()
    assert code == 1
    assert "is a int, which cannot be called" in str(rows[0]["error"])
