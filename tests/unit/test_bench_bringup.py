"""What a cycle of the cell leaves is found, and a cycle that was not in order is counted as such."""

import os
import subprocess
import sys

from cablecell.evaluation.bench_bringup import MARK, processes_with, summarise_cycles


def _row(**changed):
    good = {"up_s": 6.0, "down_s": 1.0, "is_up_in_time": True, "is_down_in_time": True, "is_clean": True}
    return {**good, "orphans": [], "segments_left": 0, **changed}


def test_a_process_that_has_left_its_parent_and_session_is_found():
    mark = f"test/{os.getpid()}"
    hold = "import sys; sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, start_new_session=True, env={**os.environ, MARK: mark}
    )
    try:
        assert [int(line.split()[0]) for line in processes_with(mark)] == [process.pid]
        assert processes_with("another") == []
    finally:
        process.communicate()
    assert processes_with(mark) == []


def test_the_summary_counts_what_was_in_time_clean_and_complete():
    rows = [
        _row(),
        _row(up_s=16.0, is_up_in_time=False),
        _row(down_s=8.0, is_down_in_time=False, is_clean=False, orphans=["17 arm_controller"], segments_left=2),
    ]
    summary = summarise_cycles(rows)
    counts = ("cycles", "up_in_time", "down_in_time", "clean", "orphans", "segments_left")
    assert [summary[key] for key in counts] == [3, 2, 2, 2, 1, 2]
    assert (summary["up_max_s"], summary["down_max_s"]) == (16.0, 8.0)
