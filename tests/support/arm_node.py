"""The arm controller as a process, and a client that knows its interfaces."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
from aic_control_interfaces.msg import ControllerState
from cablecell_interfaces.msg import ComplianceCommand
from cablecell_interfaces.srv import LoadTrial
from control_msgs.action import FollowJointTrajectory
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import WrenchStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectoryPoint

from cablecell.core.config.trial import JOINT_NAMES
from cablecell.core.control.command import ComplianceCommand as CoreCommand
from cablecell.core.geometry import make_pose
from cablecell.ros import conversions, qos
from cablecell.ros.action_client import MutualActionClient
from tests.support.graph import GraphClient, Process
from tests.support.wait import wait_until

_EVERYTHING = qos.HEARTBEAT
"""Deep enough that a test on a busy machine misses nothing."""

BIN = Path(sys.prefix) / "bin"


def start_node(name, *parameters, namespace="/"):
    words = [word for parameter in parameters for word in ("-p", parameter)]
    return Process(BIN / name, "--ros-args", "-r", f"__ns:={namespace}", *words)


def stamp_ns(message):
    return conversions.time_ns(message.header.stamp)


class ArmClient(GraphClient):
    """Listens to everything the arm publishes; helpers move it."""

    def __init__(self):
        super().__init__()
        self.joints = self.collect(JointState, "joint_states", _EVERYTHING)
        self.states = self.collect(ControllerState, "controller_state", _EVERYTHING)
        self.wrenches = self.collect(WrenchStamped, "wrench", _EVERYTHING)
        self.raw_wrenches = self.collect(WrenchStamped, "wrench_raw", _EVERYTHING)
        self.truths = self.collect(String, "/sim/truth", _EVERYTHING)
        self.reports = self.collect(DiagnosticArray, "diagnostics", qos.DIAGNOSTICS)
        self.compliance = self.node.create_publisher(ComplianceCommand, "compliance_commands", qos.COMMAND)
        self.follow = MutualActionClient(self.node, FollowJointTrajectory, "follow_joint_trajectory")

    def close(self):
        self.run(self.follow.destroy)
        super().close()

    def wait_until_ready(self):
        wait_until(lambda: self.joints and self.states and self.wrenches and self.reports, timeout_s=30.0)
        wait_until(self.compliance.get_subscription_count)
        assert self.follow.wait_for_server(timeout_sec=60.0)

    def trigger(self, name):
        return self.call(Trigger, name, Trigger.Request())

    def load(self, trial, seed=1):
        return self.call(LoadTrial, "/sim/load_trial", LoadTrial.Request(trial=trial, seed=seed), timeout_s=30.0)

    def reset(self):
        """Put the arm at home in the first trial, without faults."""
        assert self.load("trial_1").error_code == 0
        self.newer(self.states, 3)

    def newer(self, messages, count=1, timeout_s=10.0):
        """Wait for `count` messages that were sent after now and return them."""
        now = time.time_ns()
        wait_until(
            lambda: len(messages) >= count and stamp_ns(messages[-count]) > now,
            timeout_s=timeout_s,
            what="newer messages",
        )
        return messages[-count:]

    def q(self):
        return np.array(self.newer(self.joints)[-1].position[:6])

    def X_base_tcp(self):  # noqa: N802 - frame notation (ADR 0001)
        pose = self.newer(self.states)[-1].tcp_pose
        return conversions.pose_to_matrix("tcp_pose", pose)

    def report(self):
        """Return the newest diagnostics as level, message and values."""
        status = self.newer(self.reports)[0].status[0]
        return status.level[0], status.message, {pair.key: pair.value for pair in status.values}

    def wait_for_report(self, accept, what, timeout_s=10.0):
        """Wait until `accept(message, values)` of the newest diagnostics."""

        def found():
            if not self.reports:
                return False
            status = self.reports[-1].status[0]
            return accept(status.message, {pair.key: pair.value for pair in status.values})

        wait_until(found, timeout_s=timeout_s, what=what)

    def truth(self):
        now_s = time.time()
        wait_until(lambda: self.truths and json.loads(self.truths[-1].data)["stamp"] > now_s, what="/sim/truth")
        return json.loads(self.truths[-1].data)

    def goal(self, positions, seconds, names=JOINT_NAMES):
        goal = FollowJointTrajectory.Goal()
        goal.trajectory.joint_names = list(names)
        point = JointTrajectoryPoint(positions=[float(v) for v in positions])
        conversions.fill_time(point.time_from_start, round(seconds * 1e9))
        goal.trajectory.points = [point]
        return goal

    def ask(self, call, timeout_s=15.0):
        """Return the answer of an asynchronous call of an action client.

        It is made by the thread that receives the answer: rclpy loses an answer that comes before it has noted the
        question.
        """
        task = self._executor.create_task(call)
        return self.wait_for(self.wait_for(task), timeout_s)

    def send(self, goal, action=None, **callbacks):
        handle = self.ask(lambda: (action or self.follow).send_goal_async(goal, **callbacks))
        assert handle.accepted
        return handle

    def result(self, handle, timeout_s=15.0):
        return self.ask(handle.get_result_async, timeout_s)

    def compliance_message(self, X_base_target, stamp=None, **changes):
        command = CoreCommand(0.0, X_base_target, np.eye(4), np.diag([4000.0] * 3 + [150.0] * 3), **changes)
        message = ComplianceCommand()
        conversions.fill_compliance_command(message, command, time.time_ns() if stamp is None else stamp)
        return message

    @contextlib.contextmanager
    def streaming(self, make, publisher=None, period_s=0.004):
        """Publish what `make()` returns at 250 Hz as long as the block runs."""
        ending = threading.Event()

        def run():
            while not ending.wait(period_s):
                (publisher or self.compliance).publish(make())

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()


def moved(X, dx=0.0, dy=0.0, dz=0.0):
    return make_pose(np.eye(3), [dx, dy, dz]) @ X


def turned(q, *steps):
    """Return joint positions with the first joints turned by `steps`, rad."""
    return np.add(q, [*steps, *[0.0] * (6 - len(steps))])


def end(process):
    """End a node as ctrl-c does and check that it was orderly."""
    process.send(signal.SIGINT)
    assert process.wait() == 0, process.output
    assert "Traceback" not in process.output
    assert "never retrieved" not in process.output
