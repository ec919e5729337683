"""A supervisor with stand-ins: the two link nodes for the nodes of a cell, and servers that do what a test says.

The link nodes are managed nodes with heartbeats, which start quickly.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from cablecell_interfaces.action import InsertConnector, MoveTo, Observe, RunJob
from cablecell_interfaces.msg import CellState, InsertionReport, LinkHeartbeat
from cablecell_interfaces.srv import SetLayout
from rclpy.action import ActionServer, CancelResponse
from std_srvs.srv import Trigger

from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient
from tests.support.graph import Process
from tests.support.wait import wait_until

BIN = Path(sys.prefix) / "bin"
NODES = ("link_responder", "link_monitor")


def start_supervisor(*parameters):
    given = ("autostart:=true", "nodes:=[link_responder, link_monitor]", "appear_limit_s:=60.0", *parameters)
    words = [word for parameter in given for word in ("-p", parameter)]
    return Process(BIN / "cell_supervisor", "--ros-args", *words)


class SupervisedNodes:
    """A supervisor with its nodes, and what it says."""

    def __init__(self, client, *parameters):
        self.client = client
        self.states = client.collect(CellState, "cell_state", qos.STATE)
        self.beats = client.collect(LinkHeartbeat, "cell/heartbeat", qos.HEARTBEAT)
        self.nodes = {name: Process(BIN / name, "--ros-args") for name in NODES}
        self.supervisor = start_supervisor(*parameters)

    def wait_for(self, state, timeout_s=60.0):
        wait_until(
            lambda: any(message.state == state for message in self.states),
            timeout_s=timeout_s,
            what=f"state {state}: {self.supervisor.output}",
        )
        return next(message for message in self.states if message.state == state)

    def close(self):
        for process in (self.supervisor, *self.nodes.values()):
            process.__exit__()


class Partners:
    """Servers of the estimator and the skill that do what a test says."""

    def __init__(self, client):
        self._ending = threading.Event()
        self._letting_go = threading.Event()
        self.reset()
        node = client.node
        self._node = node
        self._reports = node.create_publisher(InsertionReport, "insertion_report", qos.STATE)
        self.forget()
        node.create_service(SetLayout, "set_layout", self._set_layout)
        node.create_service(SetLayout, "set_planning_layout", self._set_planning_layout)
        node.create_service(Trigger, "stop", self._stop)
        node.create_service(Trigger, "clear_stop", self._clear_stop)
        node.create_service(Trigger, "tare_force_torque_sensor", self._tare)
        # They end with the client's node: an executor that spins must not lose what it waits for.
        self._serve(node, Observe, "observe", lambda: self.observe_error)
        self._serve(node, InsertConnector, "insert_connector", self._next_insert_error)
        self._serve(node, MoveTo, "move_to", lambda: self.move_errors.pop(0) if self.move_errors else 0)

    def close(self):
        """Let nothing wait any longer."""
        self._ending.set()

    def reset(self):
        """Do well again, and forget what was asked."""
        self.calls, self.stops, self.clears, self.attempts = [], 0, 0, 1
        self.stays_stopped, self.begun, self.waits_for = False, [], 0
        self.insert_error, self.observe_error, self.waits_for_cancel = 0, 0, False
        self.insert_errors, self.move_errors = [], []
        self.unclear_code = 422
        self._letting_go.clear()

    def let_go(self, insert_error=0):
        """Let an insertion that waits go on, and end with this code."""
        self.insert_error = insert_error
        self._letting_go.set()

    def forget(self):
        """Know of no insertion, as a skill does that has just been started."""
        self._reports.publish(InsertionReport())

    def _report(self, goal, state, code=0):
        report = InsertionReport(
            job_id=goal.job_id, step=goal.step, row=goal.row, state=state, error_code=code, attempts=self.attempts
        )
        report.header.stamp = self._node.get_clock().now().to_msg()
        report.is_clear = code not in (0, self.unclear_code)
        if state == InsertionReport.STATE_ENDED and code == 0:
            report.insertion.outcome, report.insertion.depth = 1, 0.0458
        self._reports.publish(report)

    def _next_insert_error(self):
        """Fail as listed, then as always."""
        return self.insert_errors.pop(0) if self.insert_errors else self.insert_error

    def _set_layout(self, request, response):
        self.calls.append(("set_layout", request.layout))
        return response

    def _set_planning_layout(self, request, response):
        self.calls.append(("set_planning_layout", request.layout))
        return response

    def _stop(self, _, response):
        self.stops += 1
        response.success = True
        return response

    def _tare(self, _, response):
        self.calls.append(("tare", None))
        response.success = True
        return response

    def _clear_stop(self, _, response):
        self.clears += 1
        response.success = not self.stays_stopped
        response.message = "" if response.success else "the robot is in protective stop"
        return response

    def _serve(self, node, action, name, error):
        def run(goal):
            self.calls.append((name, goal.request))
            code = error()
            if action is InsertConnector:
                self._report(goal.request, InsertionReport.STATE_ENDED, code)
            result = action.Result(error_code=code, error_msg="said so" if code else "", attempts=self.attempts)
            if goal.is_cancel_requested:
                goal.canceled()
            elif code:
                goal.abort()
            else:
                goal.succeed()
            return result

        def accept(goal):
            self.begun.append(name)
            does_wait = len(self.begun) == self.waits_for
            if action is InsertConnector:
                self._report(goal.request, InsertionReport.STATE_RUNNING)

            def later():
                while (
                    (self.waits_for_cancel or does_wait)
                    and not goal.is_cancel_requested
                    and not self._letting_go.is_set()
                    and not self._ending.wait(0.01)
                ):
                    pass
                goal.execute()

            threading.Thread(target=later).start()

        ActionServer(
            node, action, name, run, handle_accepted_callback=accept, cancel_callback=lambda _: CancelResponse.ACCEPT
        )


def start_job(client, recipe, feedback=None):
    action = MutualActionClient(client.node, RunJob, "run_job")
    assert action.wait_for_server(timeout_sec=60.0)
    callback = None if feedback is None else lambda message: feedback.append(message.feedback)
    return client.wait_for(action.send_goal_async(RunJob.Goal(recipe=recipe), feedback_callback=callback))


def run_job(client, recipe, feedback=None):
    handle = start_job(client, recipe, feedback)
    assert handle.accepted
    return client.wait_for(handle.get_result_async(), timeout_s=40.0).result
