"""What the demo says of a cell that was lost: the reason the node gave, and not only that it is gone."""

from __future__ import annotations

import sys

import pytest

from cablecell.evaluation import demo_cell
from cablecell.evaluation.demo_cell import CellLostError, CellProcess
from tests.support.wait import wait_until

FATAL = "[arm_controller-1] [FATAL] [1795367730.75] [arm_controller]: stopped, code 803: /robot/wrench is stale"
DIED = "[ERROR] [arm_controller-1]: process has died [pid 15262, exit code 1, cmd 'arm_controller']."


@pytest.fixture
def cell(tmp_path, monkeypatch):
    """Return what starts a cell that prints lines and stays."""
    started = []

    def start(*lines):
        script = tmp_path / "launcher.py"
        script.write_text(f"import time\nfor line in {lines!r}:\n    print(line, flush=True)\ntime.sleep(60)\n")
        words = [sys.executable, str(script)]
        popen = demo_cell.subprocess.Popen
        monkeypatch.setattr(demo_cell.subprocess, "Popen", lambda _, **options: popen(words, **options))
        started.append(CellProcess([], tmp_path / "cell.log"))
        wait_until(lambda: lines[-1] in (tmp_path / "cell.log").read_text(), what="its lines")
        return started[-1]

    yield start
    for process in started:
        process.stop((0.0, 0.1))


def test_a_death_is_explained_by_what_the_node_said_before(cell):
    process = cell("[INFO] [launch]: begun", FATAL, DIED)
    with pytest.raises(CellLostError, match=r"^node arm_controller died \(exit code 1\): stopped, .*wrench is stale$"):
        process.check()


def test_a_death_without_a_word_is_only_a_death(cell):
    process = cell(DIED)
    with pytest.raises(CellLostError, match=r"^node arm_controller died \(exit code 1\)$"):
        process.check()
    assert process.last_words() == ""


def test_the_words_of_a_node_that_is_still_ending_are_known(cell):
    process = cell(FATAL)
    process.check()
    assert process.last_words() == "node arm_controller gave up: stopped, code 803: /robot/wrench is stale"
