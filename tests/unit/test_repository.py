"""What a reader of the repository relies on."""

import re
from pathlib import Path

import pytest

from cablecell.installation.environment import TRANSPORTS

ROOT = Path(__file__).resolve().parents[2]


def test_version_is_the_same_everywhere():
    pyproject = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE).group(1)
    manifest = re.search(r"<version>(.+)</version>", (ROOT / "package.xml").read_text()).group(1)
    assert pyproject == manifest
    assert f"## [{pyproject}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_executable_of_a_launch_file_exists():
    scripts = re.search(r"\[project.scripts\]\n(.+?)\n\n", (ROOT / "pyproject.toml").read_text(), re.DOTALL).group(1)
    names = {line.split(" = ")[0] for line in scripts.splitlines()}
    used = {
        name
        for path in (ROOT / "launch").rglob("*.launch.xml")
        for name in re.findall(r'pkg="cablecell" exec="(\w+)"', path.read_text())
    }
    assert used
    assert used <= names


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")), ids=lambda path: path.name)
def test_decision_records_have_their_parts(path):
    text = path.read_text()
    for part in ("# ", "Status:", "## Context", "## Options", "## Decision", "## Consequences"):
        assert part in text


def test_ci_runs_what_a_person_runs():
    words = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line and not line.startswith("#")]
    assert words[-1] == "exec ./cell test"


def test_documented_transports_are_the_ones_in_use():
    assert TRANSPORTS in (ROOT / "docs" / "architecture.md").read_text()
