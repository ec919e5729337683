"""The end of a listener's own thread: a program that forgets about it still ends.

The real listener's thread keeps such a program alive for ever or dies with a traceback; ours must do neither.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("tf2_ros.listener_thread", reason="promised by our own tf2_ros only")

START = """
import rclpy, tf2_ros
rclpy.init()
node = rclpy.create_node("listener")
buffer = tf2_ros.Buffer(node=node)
listener = tf2_ros.TransformListener(buffer, node, spin_thread=True)
buffer.can_transform("a", "b", rclpy.time.Time(), rclpy.duration.Duration(seconds=0.1))
"""

ENDINGS = {
    "nothing": "",
    "shutdown": "rclpy.shutdown()",
    "node first": "node.destroy_node()\nrclpy.shutdown()",
    "shutdown first": "rclpy.shutdown()\nnode.destroy_node()",
    "unregister": "listener.unregister()\ndel listener",
    "executor": "listener.executor.shutdown()\nlistener.dedicated_listener_thread.join()",
    "signal": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
    "taken over": "rclpy.spin_once(node, timeout_sec=0.1)\nlistener.dedicated_listener_thread.join()",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_program_with_a_listener_thread_ends_cleanly(ending):
    environment = os.environ | {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    environment.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % 100))
    done = subprocess.run(
        [sys.executable, "-c", START + textwrap.dedent(ENDINGS[ending])],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30.0,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
