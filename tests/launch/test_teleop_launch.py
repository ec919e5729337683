"""`teleop.launch.xml` starts RViz where there is one, and says so in one line where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / "launch" / "teleop.launch.xml"
NO_RVIZ = "rviz2 is not installed here"


def dry_run(path: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cablecell.launcher", "--dry-run", str(FILE), *arguments],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def with_rviz(tmp_path):
    program = tmp_path / "rviz2"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return f"{tmp_path}:/usr/bin:/bin"


def test_a_missing_rviz_is_one_line_and_the_cell_starts(tmp_path):
    text = dry_run(str(tmp_path))
    assert text.count(NO_RVIZ) == 1
    assert "process [rviz2" not in text
    assert "process [teleop" in text
    assert "process [cell_supervisor" in text


def test_rviz_is_started_with_the_shipped_configuration(with_rviz):
    text = dry_run(with_rviz)
    assert NO_RVIZ not in text
    (line,) = (line for line in text.splitlines() if "rviz2 -d" in line)
    assert line.endswith("config/rviz/cell.rviz")


def test_no_rviz_is_started_where_none_is_wanted(with_rviz):
    text = dry_run(with_rviz, "rviz:=false")
    assert NO_RVIZ not in text
    assert "rviz2 -d" not in text


def test_the_cell_alone_has_no_teleoperation(tmp_path):
    cell = FILE.parent / "cell.launch.xml"
    done = subprocess.run(
        [sys.executable, "-m", "cablecell.launcher", "--dry-run", str(cell)],
        capture_output=True,
        text=True,
        timeout=60.0,
        check=True,
    )
    assert "process [teleop" not in done.stdout
    assert "teleop: false" in done.stdout
