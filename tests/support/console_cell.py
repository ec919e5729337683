"""A cell for the console to talk to: servers and topics that do and say what a test wants."""

from __future__ import annotations

from cablecell_interfaces.msg import CellState, InsertionPhase, InsertionReport, JobStatus, LinkHeartbeat, TeleopStatus
from cablecell_interfaces.srv import PackmlCommand
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import WrenchStamped
from std_srvs.srv import SetBool, Trigger

from cablecell.ros import qos

TOPICS = {
    "cell_state": (CellState, qos.STATE),
    "cell/heartbeat": (LinkHeartbeat, qos.HEARTBEAT),
    "job_status": (JobStatus, qos.STATE),
    "insertion_phase": (InsertionPhase, qos.STATE),
    "insertion_report": (InsertionReport, qos.STATE),
    "teleop/status": (TeleopStatus, qos.STATE),
    "diagnostics": (DiagnosticArray, qos.DIAGNOSTICS),
    "wrench": (WrenchStamped, qos.MEASUREMENT),
}


class FakeCell:
    """The servers that the console asks.

    Attributes:
        stops: How often the arm was told to stop.
        orders: PackML commands: number of the command, of the mode, and who asked.
        refuses: Code with which the supervisor refuses; 0 takes everything.
        confirms_stop: Whether the arm controller confirms a stop.
    """

    def __init__(self, client):
        node = client.node
        self.stops, self.clears, self.orders, self.enabled, self.assisted = 0, 0, [], [], []
        self.refuses, self.confirms_stop = 0, True
        self._publishers = {name: node.create_publisher(kind, name, how) for name, (kind, how) in TOPICS.items()}
        node.create_service(Trigger, "stop", self._stop)
        node.create_service(Trigger, "clear_stop", self._clear)
        node.create_service(PackmlCommand, "packml_command", self._packml)
        node.create_service(SetBool, "teleop/enable", self._enable)
        node.create_service(SetBool, "teleop/assist", self._assist)

    def say(self, topic, **fields):
        self._publishers[topic].publish(TOPICS[topic][0](**fields))

    def _stop(self, _, response):
        self.stops += 1
        response.success, response.message = self.confirms_stop, "" if self.confirms_stop else "code 316: busy"
        return response

    def _clear(self, _, response):
        self.clears += 1
        response.success = True
        return response

    def _packml(self, request, response):
        self.orders.append((request.command, request.mode, request.requester))
        response.error_code, response.error_msg = self.refuses, "not now" if self.refuses else ""
        return response

    def _enable(self, request, response):
        self.enabled.append(request.data)
        response.success, response.message = not self.refuses, "code 620: a job is running" if self.refuses else ""
        return response

    def _assist(self, request, response):
        self.assisted.append(request.data)
        response.success = True
        return response
