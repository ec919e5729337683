"""The demo with the loop-back robot: what it streams, in which phase it is, and how its link is lost."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cablecell_interfaces.msg import InsertionPhase
from std_msgs.msg import Float64MultiArray, String

from cablecell.configuration import load_robot
from cablecell.ros import qos
from tests.support.cell_graph import pid_of
from tests.support.cell_launch import MarkedProcess
from tests.support.graph import GraphClient
from tests.support.wait import wait_until

CHECKOUT = Path(__file__).parents[2]
ROBOT_FILE = CHECKOUT / "config/robots/loopback.yaml"
ROBOT = load_robot(ROBOT_FILE)

STOOD = re.compile(
    r"the arm stood after ([0-9.]+) s, its joints slowed by at most ([0-9.]+) rad/s\^2; "
    r"([0-9.]+) rad/s, ([0-9.]+) mm/s at the tool and ([0-9.]+) N at the cut, ([0-9.]+) N at most"
)
"""What the robot says when the watch after a cut is over."""

PHASES = {
    name.removeprefix("PHASE_"): getattr(InsertionPhase, name) for name in dir(InsertionPhase) if name[:6] == "PHASE_"
}


def start_demo(folder: Path, *words: str | Path, hardware: str = "ros2_control") -> MarkedProcess:
    return MarkedProcess(
        folder, "demo", f"hardware:={hardware}", "--headless", "--runs", folder / "runs", "--trial", *words
    )


def misplaced_card(folder: Path, offset_m: float) -> Path:
    """Write a launch file of the demo in which the card of trial 1 stands beside where the cell believes it."""
    trials = (CHECKOUT / "config/trials/aic_sample.yaml").read_text(encoding="utf-8")
    nominal = "entity_pose: {translation: 0.036,"
    assert nominal in trials
    real = folder / "real_trials.yaml"
    real.write_text(trials.replace(nominal, f"entity_pose: {{translation: {0.036 + offset_m},", 1), encoding="utf-8")
    launch = "$(find-pkg-share cablecell)/launch"
    cell, demo = (
        (CHECKOUT / "launch" / name).read_text(encoding="utf-8") for name in ("cell.launch.xml", "demo.launch.xml")
    )
    machine, believing = cell.split('<node pkg="cablecell" exec="motion_planner"')
    # An argument of an include stays set after it: who believes the design is told it by name.
    machine = machine.replace('name="trials_file" value="$(var trials_file)"', f'name="trials_file" value="{real}"')
    believing = believing.replace("$(var trials_file)", str(CHECKOUT / "config/trials/aic_sample.yaml"))
    assert str(real) in machine
    assert "aic_sample.yaml" in believing
    cell = f'{machine}<node pkg="cablecell" exec="motion_planner"{believing}'
    (folder / "cell.launch.xml").write_text(cell.replace("$(dirname)", launch), encoding="utf-8")
    (folder / "demo.launch.xml").write_text(demo, encoding="utf-8")
    return folder / "demo.launch.xml"


def cell_without_robot(folder: Path) -> Path:
    """Write a launch file of the demo whose loop-back robot runs already, and outlives the cell."""
    demo = (CHECKOUT / "launch/demo.launch.xml").read_text(encoding="utf-8")
    starts = '<arg name="loopback" value="true"/>'
    assert starts in demo
    demo = demo.replace(starts, '<arg name="loopback" value="false"/>')
    (folder / "demo.launch.xml").write_text(
        demo.replace("$(dirname)", "$(find-pkg-share cablecell)/launch"), encoding="utf-8"
    )
    return folder / "demo.launch.xml"


def start_robot(folder: Path, hardware: str, *words: str) -> MarkedProcess:
    """Start the loop-back robot and its cameras, without a cell."""
    source = (CHECKOUT / f"launch/hardware/{hardware}.launch.xml").read_text(encoding="utf-8")
    before, node, rest = source.partition('  <node pkg="cablecell" exec="arm_controller"')
    assert node
    alone = before + rest.partition("</node>")[2]
    path = folder / "robot.launch.xml"
    path.write_text(alone.replace("$(dirname)/../..", "$(find-pkg-share cablecell)"), encoding="utf-8")
    return MarkedProcess(folder, "launch", str(path), "loopback:=true", *words)


class StreamWatch:
    """Hears what is streamed to the robot and in which phase the insertion is."""

    def __init__(self, client: GraphClient) -> None:
        self.phases: list[Any] = client.collect(InsertionPhase, "insertion_phase", qos.STATE)
        self._sent: list[tuple[float, list[float]]] = []
        client.node.create_subscription(Float64MultiArray, ROBOT.topics.position_commands, self._take, qos.HEARTBEAT)

    def _take(self, message: Any, info: Any) -> None:
        # When it was sent: this process, which is in nobody's loop, may hear it late.
        self._sent.append((1e-9 * info["source_timestamp"], list(message.data)))

    @property
    def count(self) -> int:
        """Return how many set-points were heard."""
        return len(self._sent)

    def reached(self, phase: str) -> bool:
        """Return whether the insertion is in a phase."""
        return bool(self.phases) and self.phases[-1].phase == PHASES[phase]

    def has_reached(self, phase: str) -> bool:
        """Return whether the insertion is in a phase, or was."""
        return any(message.phase == PHASES[phase] for message in self.phases)

    def last_s(self) -> float:
        """Return when the last set-point was sent, system time, s."""
        return self._sent[-1][0]

    def speed_at_the_end(self) -> float:
        """Return the fastest joint of the last step that was streamed, rad/s, at the nominal period."""
        (_, before), (_, after) = self._sent[-2:]
        return float(np.abs(np.subtract(after, before)).max()) / 0.002


@dataclass(frozen=True)
class Stood:
    """How an arm came to rest after a cut, as the robot itself saw it: s, rad/s^2, rad/s, mm/s and N."""

    to_rest_s: float
    change_rad_per_s2: float
    speed: float
    tool_mm_per_s: float
    force_at_cut_n: float
    peak_force_n: float


class RobotSide:
    """Cuts the link of the loop-back robot at the robot, which goes on, and hears what its arm did."""

    def __init__(self, client: GraphClient, robot: MarkedProcess) -> None:
        self._robot, self._cuts = robot, 0
        self._faults = client.node.create_publisher(String, "/sim/faults", qos.STATE)

    def cut(self, how: str) -> Stood:
        self._faults.publish(String(data=json.dumps({"link": how})))
        wait_until(lambda: len(STOOD.findall(self._robot.output)) > self._cuts, what=self._robot.output)
        self._cuts += 1
        return Stood(*map(float, STOOD.findall(self._robot.output)[-1]))

    def mend(self) -> None:
        self._faults.publish(String(data="{}"))


@contextlib.contextmanager
def cut(demo: MarkedProcess, how: str):
    """Lose the robot of a demo: "killed", or "silent" as long as the block runs; yield when, system time, s."""
    pid = pid_of("sim_robot", demo.pid)
    cut_s = time.time()
    os.kill(pid, signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    try:
        yield cut_s
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
