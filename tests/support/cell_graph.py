"""The whole cell through its launch file, and what the system tests ask of it; the same under launcher and ros2."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from aic_control_interfaces.msg import ControllerState
from aic_task_interfaces.action import InsertCable
from cablecell_interfaces.action import RunJob
from cablecell_interfaces.msg import CellState
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from cablecell.core.config.trial import Task
from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient
from cablecell.ros.conversions import time_ns
from tests.support.graph import GraphClient, Process
from tests.support.wait import wait_until

DECIDING = ("cell_supervisor", "insertion_skill", "motion_planner", "port_estimator")
"""Nodes that may know nothing of the simulation, with the nodes they make: names that begin alike."""

NODES = ("arm_controller", "sim_camera", *DECIDING)

MOVING_RAD_PER_S = 0.02
"""Joint speed above which the arm counts as moving: ten times what the noise of the encoders shows."""

STANDING_M_PER_S = 0.001
"""Speed of the tool below which it stands."""

_SPEED_OVER_S = 0.05
"""Time over which that speed is measured: the noise of the encoders is a few micrometres at the tool."""


class CellWatch:
    """What a running cell says: its state, its joints, and the truth that only tests may look at."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self.states: list[Any] = client.collect(CellState, "cell_state", qos.STATE)
        self._truth: list[Any] = client.collect(String, "/sim/truth", qos.SENSOR)
        self.moved_s = 0.0
        self.speed = 0.0
        self.joint_states = 0
        client.node.create_subscription(JointState, "joint_states", self._take_joints, qos.SENSOR)
        self._tips: list[tuple[float, float, float, float]] = []
        client.node.create_subscription(ControllerState, "controller_state", self._take_tip, qos.HEARTBEAT)
        self._run_job = MutualActionClient(client.node, RunJob, "run_job")

    def _take_tip(self, message: Any) -> None:
        p = message.tcp_pose.position
        self._tips.append((1e-9 * time_ns(message.header.stamp), p.x, p.y, p.z))

    def last_motion_s(self) -> float:
        """Return when the tool last moved faster than `STANDING_M_PER_S`, by the arm's stamps in system time, s."""
        tips = np.array(self._tips)
        before = np.searchsorted(tips[:, 0], tips[:, 0] - _SPEED_OVER_S)
        elapsed = tips[:, 0] - tips[before, 0]
        speed = np.linalg.norm(tips[:, 1:] - tips[before, 1:], axis=1) / np.maximum(elapsed, _SPEED_OVER_S / 2)
        moving = tips[speed > STANDING_M_PER_S, 0]
        return float(moving[-1]) if len(moving) else 0.0

    def _take_joints(self, message: Any) -> None:
        self.joint_states += 1
        arm = [v for name, v in zip(message.name, message.velocity, strict=True) if "finger" not in name]
        self.speed = max(abs(v) for v in arm)
        if self.speed > MOVING_RAD_PER_S:
            self.moved_s = time.monotonic()

    def wait_idle(self, timeout_s: float = 60.0) -> None:
        """Wait until a cell is idle."""
        wait_until(
            lambda: self.states and self.states[-1].state == CellState.STATE_IDLE, timeout_s=timeout_s, what="the cell"
        )

    def wait_ready(self, launch: Process, timeout_s: float = 60.0) -> None:
        """Wait until the cell of a launch is idle; say what it said when it ends instead."""
        wait_until(
            lambda: not launch.is_running or (self.states and self.states[-1].state == CellState.STATE_IDLE),
            timeout_s=timeout_s,
            what="the cell",
        )
        assert launch.is_running, launch.output

    def start_job(self, recipe: str) -> Any:
        assert self._run_job.wait_for_server(timeout_sec=60.0)
        handle = self._client.wait_for(self._run_job.send_goal_async(RunJob.Goal(recipe=recipe)))
        assert handle.accepted
        return handle.get_result_async()

    def run_job(self, recipe: str, timeout_s: float = 120.0) -> Any:
        return self._client.wait_for(self.start_job(recipe), timeout_s=timeout_s, what=f"job {recipe}").result

    def insert_cable(self, task: Task, timeout_s: float = 120.0) -> Any:
        """Have the skill do a task as AIC's engine asks for it."""
        action = MutualActionClient(self._client.node, InsertCable, "insert_cable")
        assert action.wait_for_server(timeout_sec=60.0)
        goal = InsertCable.Goal()
        for name in ("cable_type", "cable_name", "plug_type", "plug_name", "port_type", "port_name"):
            setattr(goal.task, name, getattr(task, name))
        goal.task.target_module_name, goal.task.time_limit = task.target_module_name, int(task.time_limit)
        handle = self._client.wait_for(action.send_goal_async(goal))
        assert handle.accepted
        return self._client.wait_for(handle.get_result_async(), timeout_s=timeout_s, what="insert_cable").result

    def truth(self) -> dict[str, Any]:
        wait_until(lambda: self._truth, what="/sim/truth")
        return dict(json.loads(self._truth[-1].data))


def simulation_entities(client: GraphClient, names: tuple[str, ...]) -> list[str]:
    """Return what nodes with such names subscribe or call under /sim, a line each."""
    found = []
    node = client.node
    for name, namespace in node.get_node_names_and_namespaces():
        if not name.startswith(names):
            continue
        subscriptions = node.get_subscriber_names_and_types_by_node(name, namespace)
        clients = node.get_client_names_and_types_by_node(name, namespace)
        found += [f"{name}: {topic}" for topic, _ in (*subscriptions, *clients) if topic.startswith("/sim/")]
    return found


def pid_of(name: str, session: int) -> int:
    """Return the process id of a node of a launch."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            words = (folder / "cmdline").read_text(encoding="utf-8").split("\0")
        except OSError:
            continue
        if f"__node:={name}" in words and _descends(int(folder.name), session) and fields[0] != "Z":
            return int(folder.name)
    raise AssertionError(f"{name} is not running")


def _descends(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def kill(name: str, launch_pid: int) -> float:
    """Kill a node of a launch without a warning; return when, system time, s."""
    pid = pid_of(name, launch_pid)
    now_s = time.time()
    os.kill(pid, signal.SIGKILL)
    return now_s


def living_processes(launch_pid: int, names: tuple[str, ...] = NODES) -> list[str]:
    """Return which nodes of a launch are still running."""
    found = []
    for name in names:
        try:
            found.append(f"{name} {pid_of(name, launch_pid)}")
        except AssertionError:
            continue
    return found
