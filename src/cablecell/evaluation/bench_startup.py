"""Benchmark `startup`: how long until the first command answers and the first graph works."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from cablecell.evaluation.bench import Rows, Summary, percentile, summarise
from cablecell.ros.link_check import check_link


def run(*, n: int, seed: int, workers: int) -> tuple[Rows, Summary]:
    """Time the command line and the bring-up of the link nodes.

    Args:
        n: Repetitions, one after another: they would disturb each other side by side.
        seed: Unused; nothing here is random.
        workers: Unused, see n.
    """
    rows: Rows = []
    for trial in range(n):
        memory: dict[str, int] = {}
        check = check_link(memory=memory)
        rows.append(
            {
                "trial": trial,
                "import_s": _time_command([sys.executable, "-c", "import cablecell.cli, rclpy"]),
                "help_s": _time_command([str(Path(sys.prefix) / "bin" / "cablecell"), "--help"]),
                "bringup_s": check.bringup_s,
                "exercise_s": check.total_s,
                "is_ok": check.is_ok,
                "latency_median_s": float(check.values.get("latency_median_s", "nan")),
                "ping_s": float(check.values.get("ping_s", "nan")),
                **{f"memory_{name}_bytes": size for name, size in memory.items()},
            }
        )
    summary: Summary = {"success_rate": sum(row["is_ok"] for row in rows) / n}
    for key in ("import_s", "help_s", "bringup_s", "exercise_s", "ping_s"):
        summary.update(summarise(rows, key))
    summary["latency_median_s"] = percentile([row["latency_median_s"] for row in rows], 0.5)
    for key in rows[0]:
        if key.startswith("memory_"):
            summary[key] = max(float(row[key]) for row in rows)
    return rows, summary


def _time_command(command: list[str]) -> float:
    begun = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - begun
