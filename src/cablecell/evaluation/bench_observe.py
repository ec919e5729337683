"""Benchmark `observe`: how long the action takes in a running cell, where the time goes, and what it leaves.

The whole cell runs over ROS in real time, so the figures are those of the machine and of what else it does. Every
observation takes three views of one port from a pose in front of it that is drawn anew; it asks for more accuracy than
there is, so that all of them are taken. The error is that of the port in space, of which the arm's own is a part.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from cablecell_interfaces.action import MoveTo, Observe
from cablecell_interfaces.msg import MotionTarget
from numpy.typing import NDArray
from rclpy.duration import Duration

from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_trials
from cablecell.core.geometry import exp_so3, invert_pose, log_se3, make_pose
from cablecell.evaluation.bench import percentile
from cablecell.evaluation.demo_cell import CellProcess
from cablecell.evaluation.demo_client import DemoClient
from cablecell.evaluation.rollout import robot_model
from cablecell.ros.action_client import MutualActionClient
from cablecell.ros.estimator_errors import AccuracyNotReachedError
from cablecell.ros.pose_messages import from_pose
from cablecell.ros.skill_messages import move_target

Array = NDArray[np.float64]
Row = dict[str, Any]
Summary = dict[str, float]

TRIAL, PORT = "trial_1", "nic_card_mount_0/sfp_port_0"
VIEWS, LIMIT_S = 3, 3.0
"""Views of an observation, and how long it may take, s."""

_READY_S, _ACTION_S = 90.0, 30.0
_ABOVE_M, _ASIDE_M, _TURN_RAD = (0.14, 0.20), 0.03, 0.08
"""Where the tool stands when an observation begins: above the mouth, beside its axis, and turned."""
_SPEED, _UNREACHED = 0.3, 1.0e-6

PHASES = {
    Observe.Feedback.PHASE_MOVING: "moving",
    Observe.Feedback.PHASE_CAPTURING: "capturing",
    Observe.Feedback.PHASE_FUSING: "fusing",
}


class ObserveClient(DemoClient):
    """Sends the tool in front of a port, and has the port looked at."""

    def __init__(self, check: Callable[[], None]) -> None:
        super().__init__(check)
        self._looks = MutualActionClient(self._node, Observe, "/observe")
        self._moves = MutualActionClient(self._node, MoveTo, "/move_to")
        self._heard: list[tuple[float, int]] = []

    def close(self) -> None:
        """Leave the graph."""
        self._looks.destroy()
        self._moves.destroy()
        super().close()

    def is_ready(self) -> bool:
        """Return whether the cell is idle and can look and move."""
        return super().is_ready() and self._looks.server_is_ready() and self._moves.server_is_ready()

    def move(self, X_base_tcp: Array) -> Any:
        """Move the tool, and return the result."""
        target = move_target(X_base_tcp, MotionTarget.PATH_LIN, _SPEED, _SPEED)
        goal = MoveTo.Goal(target=target, time_limit=Duration(seconds=_ACTION_S).to_msg())
        handle = self._result(self._moves.send_goal_async(goal), "move_to", 10.0)
        return self._result(handle.get_result_async(), "the end of the move", _ACTION_S).result

    def observe(self) -> tuple[Any, float, dict[str, float]]:
        """Look at the port; return the result, how long it took, and how long each phase did, s."""
        goal = Observe.Goal(
            port_names=[PORT],
            position_std=_UNREACHED,
            orientation_std=_UNREACHED,
            max_views=VIEWS,
            time_limit=Duration(seconds=_ACTION_S).to_msg(),
        )
        self._heard.clear()
        begun_s = time.monotonic()
        sending = self._looks.send_goal_async(goal, feedback_callback=self._hear)
        handle = self._result(sending, "observe", 10.0)
        result = self._result(handle.get_result_async(), "the end of the observation", _ACTION_S).result
        end_s = time.monotonic()
        return result, end_s - begun_s, phase_times(self._heard, begun_s, end_s)

    def _hear(self, message: Any) -> None:
        self._heard.append((time.monotonic(), int(message.feedback.phase)))


def phase_times(heard: list[tuple[float, int]], begun_s: float, end_s: float) -> dict[str, float]:
    """Return how long an observation was in each phase, s; what is before the first one told is `begin`.

    Args:
        heard: When a phase was told, s, and which.
        begun_s: When the goal was sent, s.
        end_s: When its result was there, s.
    """
    spent = dict.fromkeys(("begin", *PHASES.values()), 0.0)
    entered_s, phase = begun_s, "begin"
    for at_s, number in heard:
        spent[phase] += at_s - entered_s
        entered_s, phase = at_s, PHASES[number]
    spent[phase] += end_s - entered_s
    return spent


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], Summary]:
    """Run the benchmark.

    Args:
        n: Observations; the first one, from home, comes on top.
        seed: Of the cell and of where the tool stands.
        workers: One cell runs, whatever is said here.

    Returns:
        A row an observation, and the summary: durations, share within the limit, time by phase, errors.
    """
    rng = np.random.default_rng([seed, 70_000])
    truth = true_port()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        cell = CellProcess(["cell.launch.xml", f"seed:={seed}"], Path(folder) / "cell.log")
        client = ObserveClient(cell.check)
        try:
            client.spin_until(client.is_ready, _READY_S)
            client.load_trial(TRIAL, seed)
            client.spin_until(client.is_ready, _READY_S)
            rows.append(_observe(client, "home", seed, truth))
            for _ in range(n):
                moved = client.move(_stand(truth, rng))
                if moved.error_code:
                    rows.append({"from": "unreached", "seed": seed, "message": moved.error_msg})
                    continue
                rows.append(_observe(client, "front", seed, truth))
        finally:
            client.close()
            cell.stop()
    return rows, summarise(rows)


def true_port() -> Array:
    """Return where the entrance of the port is, in `base_link`, shape (4, 4)."""
    scene = load_scene(load_trials().trials[TRIAL], load_connectors())
    entrance = scene.ports[scene.target].X_WE.matrix()
    return np.asarray(invert_pose(robot_model().X_world_base) @ entrance)


def _stand(truth: Array, rng: np.random.Generator) -> Array:
    above = rng.uniform(*_ABOVE_M)
    off = np.array([*rng.uniform(-_ASIDE_M, _ASIDE_M, size=2), -above])
    return np.asarray(truth @ make_pose(exp_so3(rng.uniform(-_TURN_RAD, _TURN_RAD, size=3)), off))


def _observe(client: ObserveClient, where: str, seed: int, truth: Array) -> Row:
    result, duration_s, spent = client.observe()
    row: Row = {"from": where, "seed": seed, "duration_s": duration_s, "views": int(result.attempts)}
    row |= {f"{phase}_s": seconds for phase, seconds in spent.items()}
    row |= {"error_code": int(result.error_code), "message": result.error_msg}
    found = [port for port in result.ports.ports if port.port_name == PORT]
    if result.error_code in (0, AccuracyNotReachedError.code) and found:
        error = log_se3(invert_pose(truth) @ from_pose(found[0].pose.pose))
        row |= {"error_m": float(np.linalg.norm(error[:3])), "error_rad": float(np.linalg.norm(error[3:]))}
    return row


def summarise(rows: list[Row]) -> Summary:
    """Return the summary of rows; observations that found nothing count as not within the limit."""
    summary: Summary = {}
    for where in ("home", "front"):
        some = [row for row in rows if row["from"] == where]
        seen = [row for row in some if "error_m" in row]
        summary |= {f"{where}_n": float(len(some)), f"{where}_found": float(len(seen))}
        if not seen:
            continue
        within = sum(row["duration_s"] <= LIMIT_S for row in seen)
        summary[f"{where}_within_limit_rate"] = within / len(some)
        for key in ("duration_s", "begin_s", "moving_s", "capturing_s", "fusing_s", "error_m", "error_rad"):
            values = [float(row[key]) for row in seen]
            stem, _, unit = key.rpartition("_")
            summary[f"{where}_{stem}_median_{unit}"] = percentile(values, 0.5)
            summary[f"{where}_{stem}_p95_{unit}"] = percentile(values, 0.95)
    summary["unreached"] = float(sum(row["from"] == "unreached" for row in rows))
    return summary
