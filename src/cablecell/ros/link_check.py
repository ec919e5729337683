"""Bring up the two link nodes for a moment and read what they measure: proof that the ROS graph works here."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from cablecell.installation.executables import find_executable


@dataclass(frozen=True)
class LinkCheck:
    """What the link nodes measured.

    Attributes:
        is_ok: Messages, the service and the action all worked and nothing was lost.
        detail: One line for people.
        bringup_s: From the start of the processes to the first diagnostics, s.
        total_s: From the start to the end of the exercise, s.
        values: Key and value of the last diagnostics.
    """

    is_ok: bool
    detail: str
    bringup_s: float
    total_s: float
    values: dict[str, str]


def check_link(
    *, deadline_s: float = 20.0, exercise_count: int = 200, memory: dict[str, int] | None = None
) -> LinkCheck:
    """Start `link_responder` and `link_monitor`, wait for their exercise, and end them again.

    The nodes run in a namespace of their own, so a cell that is already running is not disturbed.

    Args:
        deadline_s: Longest time all of it may take, s.
        exercise_count: Messages of the exercise.
        memory: Filled with the resident memory of each node, bytes, when given.
    """
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from rclpy.executors import SingleThreadedExecutor

    from cablecell.ros import qos

    namespace = f"/link_check_{os.getpid()}"
    names = ("link_responder", "link_monitor")
    overrides = {"link_monitor": ["-p", f"exercise_count:={exercise_count}", "-p", "report_rate_hz:=10.0"]}
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("link_check", context=context, namespace=namespace)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    latest: dict[str, str] = {}

    def note(message: DiagnosticArray) -> None:
        latest.update({pair.key: pair.value for status in message.status for pair in status.values})

    node.create_subscription(DiagnosticArray, "diagnostics", note, qos.DIAGNOSTICS)
    started_s = time.monotonic()
    processes = [
        subprocess.Popen(
            [
                *(str(find_executable("cablecell", name)), "--ros-args", "-r", f"__ns:={namespace}"),
                *("-p", "autostart:=true", *overrides.get(name, [])),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in names
    ]
    bringup_s = float("nan")
    try:
        while time.monotonic() - started_s < deadline_s:
            executor.spin_once(timeout_sec=0.05)
            if latest and bringup_s != bringup_s:  # NaN until the first report
                bringup_s = time.monotonic() - started_s
            if _is_complete(latest, exercise_count) or any(process.poll() is not None for process in processes):
                break
        total_s = time.monotonic() - started_s
        if memory is not None:
            memory.update({name: _resident_bytes(process.pid) for name, process in zip(names, processes, strict=True)})
    finally:
        outputs = [_end(process) for process in processes]
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
    return _judge(latest, exercise_count, bringup_s, total_s, outputs)


def _is_complete(values: dict[str, str], count: int) -> bool:
    done = values.get("exercise") == f"sent {count}" and int(values.get("received", "0")) >= count
    return done and values.get("ping_s", "nan") != "nan"


def _judge(values: dict[str, str], count: int, bringup_s: float, total_s: float, outputs: list[str]) -> LinkCheck:
    if not values:
        said = next((line for output in outputs for line in output.strip().splitlines()[-1:]), "the nodes said nothing")
        return LinkCheck(False, f"no diagnostics within {total_s:.1f} s: {said}", bringup_s, total_s, values)
    detail = (
        f"{values['received']} messages, {values['lost']} lost, latency median {values['latency_median_s']} s, "
        f"ping {values['ping_s']} s, exercise: {values['exercise']}"
    )
    is_ok = _is_complete(values, count) and values["lost"] == "0"
    return LinkCheck(is_ok, detail, bringup_s, total_s, values)


def _end(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=5.0)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def _resident_bytes(pid: int) -> int:
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0  # the process has just ended
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
