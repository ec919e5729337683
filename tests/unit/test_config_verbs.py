"""`cell config`: every shipped file is good and told by its keys; mistakes come with file, line, key and limit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.composition.config_kinds import KINDS, UnknownKindError, check_file, json_schema, kind_names
from cablecell.configuration import config_folder, find_line, load_connector
from cablecell.core.config.documents import DocumentError
from cablecell.core.config.nodes import NODES

SHIPPED = sorted(config_folder().rglob("*.yaml"))
KIND_OF_FOLDER = {
    "connectors": "connector",
    "hardware": "parameters",
    "perception": "fiducials",
    "recipes": "recipe",
    "robots": "robot",
    "scenarios": "scenario",
    "simulation": "simulation",
    "trials": "trials",
}


def cell(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_shipped_files_are_good_and_told_apart(path: Path) -> None:
    by_name = {"zones": "zones", "faults": "faults", "ur5e_rtde": "ur", "loopback_ur": "ur"}
    expected = by_name.get(path.stem) or KIND_OF_FOLDER.get(path.parent.name, "parameters")
    assert check_file(path) == expected


def changed(tmp_path: Path, shipped: str, old: str, new: str) -> Path:
    text = (config_folder() / shipped).read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / Path(shipped).name
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("shipped", "old", "new", "said"),
    [
        ("connectors/sc.yaml", "friction: 0.25", "friction: -0.25", "friction = -0.25 is below the minimum of 0"),
        ("connectors/sc.yaml", "friction: 0.25", "fricton: 0.25", "did you mean 'friction'?"),
        ("zones.yaml", "silence_limit_s: 0.5", "silence_limit_s: soon", "silence_limit_s"),
        ("cell.yaml", "attempts: 2", "attempts: 0", "attempts = 0 is below the minimum of 1"),
        ("cell.yaml", "attempts: 2", "atempts: 2", "did you mean 'attempts'?"),
        ("cell.yaml", "cell_supervisor:", "cell_superviser:", "did you mean 'cell_supervisor'?"),
        ("motion_planner.yaml", "margin_m: 0.003", "margin_m: -1.0", "margin_m = -1.0 m is below the minimum"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, shipped: str, old: str, new: str, said: str) -> None:
    path = changed(tmp_path, shipped, old, new)
    line = next(n for n, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if new in text)
    code, out, err = cell("config", "check", str(path))
    assert (code, out) == (1, "")
    assert err.startswith(f"{path.name}:{line}: ")
    assert said in err


def test_good_and_bad_files_beside_each_other_as_json(tmp_path: Path) -> None:
    bad = changed(tmp_path, "connectors/sc.yaml", "friction: 0.25", "friction: -0.25")
    good = config_folder() / "connectors" / "sfp.yaml"
    code, out, _ = cell("config", "check", str(good), str(bad), str(tmp_path / "none.yaml"), "--json")
    rows = json.loads(out)
    assert code == 1
    assert [(row["kind"], row["code"]) for row in rows] == [("connector", 0), ("", 910), ("", 910)]
    assert (rows[1]["key"], rows[1]["value"]) == ("friction", "-0.25")


def test_what_cannot_be_told_has_to_be_named(tmp_path: Path) -> None:
    path = tmp_path / "strange.yaml"
    path.write_text("apples: 3\n", encoding="utf-8")
    with pytest.raises(UnknownKindError, match="name it with --kind") as caught:
        check_file(path)
    assert caught.value.code == 917
    with pytest.raises(DocumentError, match=r"strange.yaml:1: unknown key 'apples'"):
        check_file(path, "zones")
    with pytest.raises(UnknownKindError, match="is no kind"):
        check_file(path, "fruit")


def test_errors_of_a_file_that_another_names_keep_their_own_name(tmp_path: Path) -> None:
    bad = changed(tmp_path, "connectors/sc.yaml", "friction: 0.25", "friction: -0.25")
    scenario = tmp_path / "fixture.yaml"
    text = (config_folder() / "scenarios" / "fixture.yaml").read_text(encoding="utf-8")
    scenario.write_text(text.replace("connector: sfp", f"connector: {bad.name}"), encoding="utf-8")
    with pytest.raises(DocumentError, match=r"^sc\.yaml:\d+: friction"):
        check_file(scenario)


@pytest.mark.parametrize(
    ("key", "line"),
    [("a", 1), ("b.0.c", 3), ("b.1.d", 4), ("b.1.missing", 4), ("b.9.d", 2), ("nothing", 1), ("", 1)],
)
def test_lines_of_keys(key: str, line: int) -> None:
    assert find_line("a: 1\nb:\n- c: 2\n- {d: 3}\n", key) == line


def test_a_loader_tells_the_line_too(tmp_path: Path) -> None:
    path = changed(tmp_path, "connectors/sc.yaml", "friction: 0.25", "friction: .nan")
    with pytest.raises(DocumentError, match=r"^sc\.yaml:\d+: friction") as caught:
        load_connector(path)
    assert caught.value.quantity == "friction"


@pytest.mark.parametrize("name", [*(kind.name for kind in KINDS), *NODES])
def test_schemas_are_json(name: str) -> None:
    code, out, _ = cell("config", "schema", name)
    schema = json.loads(out)
    assert code == 0
    assert schema["type"] == "object"
    assert schema == json_schema(name)


def test_no_such_schema() -> None:
    code, _, err = cell("config", "schema", "fruit")
    assert code == 2
    assert "valid are connector" in err


def test_show_says_value_and_source() -> None:
    code, out, _ = cell("config", "show", "cell.launch.xml", "hardware:=mock", "--node", "insertion_skill", "--json")
    shown = json.loads(out)
    assert code == 0
    assert list(shown) == ["insertion_skill"]
    assert shown["insertion_skill"]["attempts"] == {"value": 2, "unit": "", "source": "cell.yaml"}
    assert shown["insertion_skill"]["cell_id"] == {"value": "mock-0", "unit": "", "source": "cell.launch.xml"}
    assert "default" in {item["source"] for item in shown["insertion_skill"].values()}


def test_show_as_a_table_of_what_is_changed() -> None:
    code, out, _ = cell("config", "show", "cell.launch.xml", "hardware:=mock", "--changed")
    assert code == 0
    assert "moves_to_views" in out
    assert "motion_planner" not in out.split(), "it has its defaults"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing.launch.xml",), "launch file not found"),
        (("cell.launch.xml", "hardware:=mok"), "mok"),
        (("cell.launch.xml", "hardware:=mock", "--node", "toaster"), "no node 'toaster'"),
    ],
)
def test_show_refuses(words: tuple[str, ...], said: str) -> None:
    code, out, err = cell("config", "show", *words)
    assert (code, out) == (2, "")
    assert said in err


def test_kinds_have_names_of_their_own() -> None:
    assert len(set(kind_names())) == len(kind_names())
