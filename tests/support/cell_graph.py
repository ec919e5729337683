"""The whole cell through its launch file, and what the system tests ask of it; the same under launcher and ros2."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from cablecell_interfaces.action import RunJob
from cablecell_interfaces.msg import CellState
from rclpy.action import ActionClient
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from cablecell.ros import qos
from tests.support.graph import GraphClient
from tests.support.wait import wait_until

DECIDING = ("cell_supervisor", "insertion_skill", "motion_planner", "port_estimator")
"""Nodes that may know nothing of the simulation, with the nodes they make: names that begin alike."""

NODES = ("arm_controller", "sim_camera", *DECIDING)

MOVING_RAD_PER_S = 0.02
"""Joint speed above which the arm counts as moving: ten times what the noise of the encoders shows."""


class CellWatch:
    """What a running cell says: its state, its joints, and the truth that only tests may look at."""

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self.states: list[Any] = client.collect(CellState, "cell_state", qos.STATE)
        self._truth: list[Any] = client.collect(String, "/sim/truth", qos.SENSOR)
        self.moved_s = 0.0
        self.joint_states = 0
        client.node.create_subscription(JointState, "joint_states", self._take_joints, qos.SENSOR)
        self._run_job = ActionClient(client.node, RunJob, "run_job")

    def _take_joints(self, message: Any) -> None:
        self.joint_states += 1
        arm = [v for name, v in zip(message.name, message.velocity, strict=True) if "finger" not in name]
        if max(abs(v) for v in arm) > MOVING_RAD_PER_S:
            self.moved_s = time.monotonic()

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        wait_until(
            lambda: self.states and self.states[-1].state == CellState.STATE_IDLE, timeout_s=timeout_s, what="the cell"
        )

    def start_job(self, recipe: str) -> Any:
        assert self._run_job.wait_for_server(timeout_sec=60.0)
        handle = self._client.wait_for(self._run_job.send_goal_async(RunJob.Goal(recipe=recipe)))
        assert handle.accepted
        return handle.get_result_async()

    def run_job(self, recipe: str, timeout_s: float = 120.0) -> Any:
        return self._client.wait_for(self.start_job(recipe), timeout_s=timeout_s, what=f"job {recipe}").result

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
    """Kill a node of a launch without a warning; return when, monotonic, s."""
    os.kill(pid_of(name, launch_pid), signal.SIGKILL)
    return time.monotonic()


def living_processes(launch_pid: int, names: tuple[str, ...] = NODES) -> list[str]:
    """Return which nodes of a launch are still running."""
    found = []
    for name in names:
        try:
            found.append(f"{name} {pid_of(name, launch_pid)}")
        except AssertionError:
            continue
    return found
