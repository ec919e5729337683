"""Benchmark `health_cell`: faults of cameras, force sensor and board in a running cell, and how soon it says so.

The whole cell runs over ROS in real time. Faults are injected into the simulated sensors; what counts is the time from
there to the first diagnostics with the right code. Cameras break while nobody looks and while an observation looks, the
force sensor at rest and in the guarded part of an insertion, and the board is bumped while the tool comes near.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from cablecell_interfaces.action import Observe
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.duration import Duration
from std_msgs.msg import String
from std_srvs.srv import Trigger

from cablecell.evaluation.bench import percentile
from cablecell.evaluation.bench_health import STREAM_FAULTS
from cablecell.evaluation.demo_cell import CellProcess
from cablecell.evaluation.demo_client import DemoClient
from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient

Row = dict[str, Any]
Summary = dict[str, float]

PORT = "nic_card_mount_0/sfp_port_0"
_READY_S, _FOUND_S, _JOB_S = 90.0, 6.0, 60.0
_CAMERAS = ("left", "center", "right")
_AT_REST = {
    "stuck": ({"kind": "stuck", "axis": 1}, 591),
    "silent": ({"kind": "silent"}, 593),
    "drift_2_n_per_s": ({"kind": "drift", "axis": 0, "rate": 2.0}, 592),
    "drift_5_n_per_s": ({"kind": "drift", "axis": 2, "rate": 5.0}, 592),
}
_LOOKING_S = 0.5
_BUMP_AFTER_S = 0.5, 1.2
"""After the move to staging has begun, which takes 1.4 s; contact is 0.6 s later."""
BUMP_M = (0.004, 0.003, 0.0, 0.0, 0.0, 0.0)


class HealthClient(DemoClient):
    """Injects faults and hears diagnostics."""

    def __init__(self, check: Callable[[], None]) -> None:
        super().__init__(check)
        self.told: list[tuple[float, int]] = []
        node = self._node
        node.create_subscription(DiagnosticArray, "/diagnostics", self._hear, qos.DIAGNOSTICS)
        self._faults = node.create_publisher(String, "/sim/faults", qos.STATE)
        self._looks = MutualActionClient(node, Observe, "/observe")
        self._clear = node.create_client(Trigger, "/clear_stop")

    def _hear(self, message: Any) -> None:
        now_s = time.monotonic()
        for status in message.status:
            values = {pair.key: pair.value for pair in status.values}
            for text in (
                values.get("code", "0"),
                values.get("last_problem", "").removeprefix("code ").partition(":")[0],
            ):
                if text.isdigit() and text != "0":
                    self.told.append((now_s, int(text)))

    def inject(self, **faults: object) -> float:
        """Break what is named, mend the rest; return when."""
        self.told.clear()
        self._faults.publish(String(data=json.dumps(faults)))
        return time.monotonic()

    def found(self, code: int, begun_s: float) -> float | None:
        """Wait for a code; return how long it took, or None."""
        self.spin_until(lambda: any(told == code for _, told in self.told), _FOUND_S)
        return next((at_s - begun_s for at_s, told in self.told if told == code), None)

    def mend(self) -> None:
        """Mend everything, and wait until nothing is said to be broken for a while."""
        self.inject()
        end_s = time.monotonic() + 20.0
        while time.monotonic() < end_s:
            self.told.clear()
            self.spin_until(lambda: False, 1.2)
            if not self.told:
                return

    def observe(self) -> Any:
        """Begin an observation that is never satisfied; return its goal."""
        goal = Observe.Goal(
            port_names=[PORT],
            position_std=1e-6,
            orientation_std=1e-6,
            max_views=30,
            time_limit=Duration(seconds=15.0).to_msg(),
        )
        return self._result(self._looks.send_goal_async(goal), "observe", 10.0)

    def end(self, handle: Any) -> Any:
        """Wait for the end of a goal and return its result."""
        return self._result(handle.get_result_async(), "the end of a goal", _JOB_S).result

    def clear_stop(self) -> None:
        """Let the arm move again."""
        self._result(self._clear.call_async(Trigger.Request()), "clear_stop", 10.0)


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], Summary]:
    """Run the benchmark.

    Args:
        n: Cells that are started, each with every kind of fault once.
        seed: Of the first cell; others count on.
        workers: One cell runs at a time, whatever is said here.

    Returns:
        One row a fault, and the summary: found in time by situation, delays, false alarms while nothing was broken.
    """
    rows: list[Row] = []
    for index in range(n):
        with tempfile.TemporaryDirectory() as folder:
            cell = CellProcess(["cell.launch.xml", f"seed:={seed + index}"], Path(folder) / "cell.log")
            client = HealthClient(cell.check)
            try:
                client.spin_until(client.is_ready, _READY_S)
                rows += _one_cell(client, np.random.default_rng([seed + index, 60_000]), seed + index)
            finally:
                client.close()
                cell.stop()
    return rows, summarise(rows)


def summarise(rows: list[Row]) -> Summary:
    """Return the summary by situation."""
    summary: Summary = {"faults": float(sum(row["code"] > 0 for row in rows))}
    for where in dict.fromkeys(row["where"] for row in rows if row["code"]):
        some = [row for row in rows if row["where"] == where and row["code"]]
        delays = [row["delay_s"] for row in some if row["delay_s"] is not None]
        summary |= {
            f"{where}_n": float(len(some)),
            f"{where}_found": float(len(delays)),
            f"{where}_in_time": float(sum(delay <= row_limit(where) for delay in delays)),
            f"{where}_median_s": percentile(delays, 0.5) if delays else float("nan"),
            f"{where}_max_s": max(delays, default=float("nan")),
        }
    quiet = [row for row in rows if not row["code"]]
    summary["quiet_s"] = float(sum(row["watched_s"] for row in quiet))
    summary["false_alarms"] = float(sum(row["false_alarms"] for row in quiet))
    ends = [row for row in rows if "ended_with" in row]
    summary["motions_ended_with_the_right_code"] = float(
        sum(row["ended_with"] == row["should_end"] or row["is_taken_up_again"] for row in ends)
    )
    summary["motions"] = float(len(ends))
    return summary


def row_limit(where: str) -> float:
    """Return within which time a fault has to be told: two periods of 2 Hz while nobody looks."""
    return 1.0 if where == "camera_idle" else 0.5


def _one_cell(client: HealthClient, rng: np.random.Generator, seed: int) -> list[Row]:
    rows = [_quiet(client, seed, 5.0)]
    for kind, code in STREAM_FAULTS.items():
        begun_s = client.inject(cameras={str(rng.choice(_CAMERAS)): kind})
        rows.append(_row("camera_idle", kind, code, seed, client.found(code, begun_s)))
        client.mend()
    for kind, (fault, code) in _AT_REST.items():
        begun_s = client.inject(wrench=fault)
        rows.append(_row("wrench_idle", kind, code, seed, client.found(code, begun_s)))
        client.mend()
    for kind in ("frozen", "silent", "stale_stamp"):
        handle = client.observe()
        client.spin_until(lambda: False, _LOOKING_S)
        begun_s = client.inject(cameras={str(rng.choice(_CAMERAS)): kind})
        rows.append(_row("camera_looking", kind, STREAM_FAULTS[kind], seed, client.found(STREAM_FAULTS[kind], begun_s)))
        client.end(handle)
        client.mend()
    for kind, (fault, code) in _AT_REST.items():
        rows.append(in_motion(client, "wrench_guarded", kind, code, code, seed, {"wrench": fault}))
    rows.append(
        in_motion(
            client, "board_approach", "bump", 595, 411, seed, {"board": BUMP_M}, float(rng.uniform(*_BUMP_AFTER_S))
        )
    )
    rows.append(_quiet(client, seed, 5.0))
    return rows


def in_motion(
    client: HealthClient,
    where: str,
    kind: str,
    code: int,
    ends_with: int,
    seed: int,
    faults: dict[str, object],
    wait_s: float = 0.0,
) -> Row:
    """Break something in the insertion of a job, on the way to its staging pose or in its guarded part.

    The job ends with that code, or the supervision has had the insertion taken up again and the job succeeds.
    """
    client.load_trial("trial_1", seed)
    client.phases.clear()
    handle, _ = client.start_job("trial_1")
    wanted = {"STAGING"} if where == "board_approach" else {"CONTACT", "SEARCH", "INSERT"}
    client.spin_until(lambda: any(entry.phase in wanted for entry in client.phases), _JOB_S)
    client.spin_until(lambda: False, wait_s)
    begun_s = client.inject(**faults)
    row = _row(where, kind, code, seed, client.found(code, begun_s))
    result = client.end(handle)
    stagings = sum(entry.phase == "STAGING" for entry in client.phases)
    row |= {
        "ended_with": int(result.error_code),
        "should_end": ends_with,
        "message": result.error_msg,
        "is_taken_up_again": result.error_code == 0 and stagings > 1,
    }
    client.inject()
    client.clear_stop()
    client.load_trial("trial_1", seed)
    client.mend()
    client.spin_until(client.is_ready, _JOB_S)
    return row


def _quiet(client: HealthClient, seed: int, seconds: float) -> Row:
    client.told.clear()
    client.spin_until(lambda: False, seconds)
    alarms = len({code for _, code in client.told})
    return _row("quiet", "quiet", 0, seed, None) | {"watched_s": seconds, "false_alarms": alarms}


def _row(where: str, kind: str, code: int, seed: int, delay_s: float | None) -> Row:
    return {"where": where, "kind": kind, "code": code, "seed": seed, "delay_s": delay_s}
