"""An ideal arm, a supervisor's desk and an operator's hand, all by raw messages, for tests of the node `teleop`."""

from __future__ import annotations

import threading
import time

import numpy as np
from aic_control_interfaces.msg import ControllerState
from cablecell_interfaces.msg import CellState, ComplianceCommand, TeleopStatus
from geometry_msgs.msg import Pose, PoseStamped, TwistStamped, WrenchStamped
from rclpy.qos import QoSProfile
from std_srvs.srv import SetBool
from visualization_msgs.msg import InteractiveMarkerFeedback, InteractiveMarkerUpdate
from visualization_msgs.srv import GetInteractiveMarkers

from cablecell.core.geometry import make_pose
from cablecell.ros import conversions, qos
from cablecell.ros.supervisor_control import ControlDesk
from tests.support.graph import GraphClient
from tests.support.wait import wait_until

HOME = make_pose(np.diag([1.0, -1.0, -1.0]), [-0.37, 0.19, 0.33])
PERIOD_S = 0.01
_DEEP = QoSProfile(depth=1000)


class IdealArm:
    """Is where it was last told to be, and says so at 100 Hz; touches what a test puts in its way.

    Attributes:
        X: Where it is.
        force: Contact force in base axes, N.
        moves: Monotonic time and pose of every motion it made.
        commands: Everything it was told.
        is_blocked: Stands still whatever it is told.
        is_silent: Says nothing.
    """

    def __init__(self, node):
        self.X, self.force = HOME, np.zeros(3)
        self.moves, self.commands = [], []
        self.is_blocked = self.is_silent = False
        self._node = node
        self._states = node.create_publisher(ControllerState, "controller_state", qos.MEASUREMENT)
        self._wrenches = node.create_publisher(WrenchStamped, "wrench", qos.MEASUREMENT)
        node.create_subscription(ComplianceCommand, "compliance_commands", self._take, _DEEP)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self):
        self._ending.set()
        self._thread.join()

    def _take(self, message):
        command = conversions.compliance_command(message)
        self.commands.append((time.monotonic(), command))
        if not self.is_blocked:
            if not np.allclose(command.X_base_target, self.X, atol=1e-9):
                self.moves.append((time.monotonic(), command.X_base_target))
            self.X = command.X_base_target

    def _run(self):
        while not self._ending.wait(PERIOD_S):
            if self.is_silent:
                continue
            X, state, wrench = self.X, ControllerState(), WrenchStamped()
            state.header.stamp = wrench.header.stamp = self._node.get_clock().now().to_msg()
            wrench.header.frame_id = "ft_frame"
            conversions.fill_pose(state.tcp_pose, X)
            conversions.fill_wrench(wrench.wrench, np.concatenate((X[:3, :3].T @ self.force, np.zeros(3))))
            self._states.publish(state)
            self._wrenches.publish(wrench)


class MeasuredArm:
    """The arm that some other process controls, as it is measured.

    Attributes:
        states: Time in ROS time, s, and pose of every measurement.
    """

    def __init__(self, node):
        self.states = []
        node.create_subscription(ControllerState, "controller_state", self._take, _DEEP)

    @property
    def X(self):  # noqa: N802 - frame notation (ADR 0001)
        return self.states[-1][1]

    def close(self):
        """Nothing to end."""

    def _take(self, message):
        stamp_s = 1e-9 * conversions.time_ns(message.header.stamp)
        self.states.append((stamp_s, conversions.pose_to_matrix("tcp_pose", message.tcp_pose)))


class LossyDesk(ControlDesk):
    """A supervisor's desk on a bad network.

    Attributes:
        lost_requests: How many of the next requests never reach it.
        lost_answers: How many of the next answers come after nobody waits for them any more.
    """

    LOSS_S = 0.8
    """Longer than the test's node waits for an answer."""

    lost_requests = lost_answers = 0

    def _answer(self, request, response):
        if self.lost_requests:
            self.lost_requests -= 1
        else:
            response = super()._answer(request, response)
            if not self.lost_answers:
                return response
            self.lost_answers -= 1
        threading.Event().wait(self.LOSS_S)
        return response


class TeleopRig(GraphClient):
    """The other ends of everything the node talks to; with an ideal arm there is also a supervisor's desk."""

    def __init__(self, namespace="", arm=IdealArm):
        super().__init__("operator", namespace)
        node = self.node
        self.arm = arm(node)
        self.job = threading.Lock()
        if arm is IdealArm:
            self.desk = LossyDesk(node, self.job, lambda: True, lambda _: True, lambda _: None)
            self.cell_states = node.create_publisher(CellState, "cell_state", qos.STATE)
        self.statuses = self.collect(TeleopStatus, "teleop/status", qos.STATE)
        self.updates = self.collect(InteractiveMarkerUpdate, "teleop_marker/update", _DEEP)
        self.feedbacks = node.create_publisher(InteractiveMarkerFeedback, "teleop_marker/feedback", _DEEP)
        self.twists = node.create_publisher(TwistStamped, "teleop/delta_twist_cmds", qos.COMMAND)
        self.poses = node.create_publisher(PoseStamped, "teleop/pose_target_cmds", qos.COMMAND)

    def close(self):
        self.arm.close()
        super().close()

    def wait_until_ready(self):
        wait_until(lambda: self.statuses, timeout_s=30.0, what="a status of teleop")
        for publisher in (self.feedbacks, self.twists, self.poses):
            wait_until(publisher.get_subscription_count, what="a subscription of teleop")

    @property
    def status(self):
        return self.statuses[-1]

    def wait_for_status(self, accept, what, timeout_s=5.0):
        try:
            wait_until(lambda: accept(self.status), timeout_s=timeout_s, what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.status}") from None
        return self.status

    def wait_for_error(self, code):
        return self.wait_for_status(lambda status: status.error_code == code, f"code {code}")

    def set(self, name, on):
        return self.call(SetBool, f"teleop/{name}", SetBool.Request(data=on))

    def enable(self):
        answer = self.set("enable", True)
        assert answer.success, answer.message
        self.wait_for_status(lambda status: status.state == TeleopStatus.STATE_READY, "enabled")

    def reset(self):
        """Bring everything back to the beginning: disabled, the arm at home."""
        assert self.set("enable", False).success
        assert self.set("pause_servo", False).success
        assert self.set("assist", False).success
        self.wait_for_status(lambda status: status.state == TeleopStatus.STATE_DISABLED and not status.holder, "reset")
        wait_until(lambda: not self.desk.holder, what="the arm given back")
        self.arm.is_blocked = self.arm.is_silent = False
        self.arm.X, self.arm.force = HOME, np.zeros(3)
        self.wait_for_marker(HOME)
        self.arm.moves.clear()
        self.arm.commands.clear()

    # The operator's hand ---------------------------------------------------------------------------------

    def markers(self):
        request = GetInteractiveMarkers.Request()
        return self.call(GetInteractiveMarkers, "teleop_marker/get_interactive_markers", request)

    def wait_for_marker(self, X, within_m=0.002):
        def is_there():
            pose = self.markers().markers[0].pose
            return np.linalg.norm(np.subtract(conversions.vector(pose.position), X[:3, 3])) < within_m

        wait_until(is_there, what="the marker on the tool", poll_s=0.05)

    def feedback(self, kind, X=None, client="rviz", frame="base_link", **fields):
        pose = Pose()
        conversions.fill_pose(pose, self.arm.X if X is None else X)
        message = InteractiveMarkerFeedback(
            client_id=client, marker_name="tcp", event_type=kind, pose=fields.pop("pose", pose), **fields
        )
        message.header.frame_id = frame
        self.feedbacks.publish(message)

    def press(self, X=None, **fields):
        """Press the mouse and wait until that gives control."""
        self.feedback(InteractiveMarkerFeedback.MOUSE_DOWN, X, **fields)

    def drag(self, X, seconds, period_s=0.03, **fields):
        """Drag the held marker to a pose and hold it there."""
        end_s = time.monotonic() + seconds
        self.repeat(lambda: self.feedback(InteractiveMarkerFeedback.POSE_UPDATE, X, **fields), end_s, period_s)

    def release(self, **fields):
        self.feedback(InteractiveMarkerFeedback.MOUSE_UP, **fields)

    def menu(self, title):
        """Choose the entry of the menu that has this title, whether checked or not."""
        entries = self.markers().markers[0].menu_entries
        found = [entry.id for entry in entries if entry.title.removeprefix("[x] ").removeprefix("[ ] ") == title]
        assert found, [entry.title for entry in entries]
        self.feedback(InteractiveMarkerFeedback.MENU_SELECT, menu_entry_id=found[0])

    def twist(self, *linear, frame="base_link", age_s=0.0):
        message = TwistStamped()
        message.header.frame_id = frame
        conversions.fill_time(message.header.stamp, time.time_ns() - round(1e9 * age_s))
        message.twist.linear.x, message.twist.linear.y, message.twist.linear.z = linear
        self.twists.publish(message)

    def pose(self, X, frame="base_link"):
        message = PoseStamped()
        message.header.frame_id = frame
        conversions.fill_time(message.header.stamp, time.time_ns())
        conversions.fill_pose(message.pose, X)
        self.poses.publish(message)

    @staticmethod
    def repeat(send, end_s, period_s=0.02):
        """Send again and again until a monotonic time."""
        pause = threading.Event()
        while time.monotonic() < end_s:
            send()
            pause.wait(period_s)

    @staticmethod
    def repeat_until(send, done, what, period_s=0.02):
        """Send again and again until something is so: on a busy machine that takes longer."""

        def is_done():
            send()
            return done()

        wait_until(is_done, timeout_s=15.0, what=what, poll_s=period_s)

    def is_at(self, X, within_m=1e-4):
        """Return whether the arm is at a pose."""
        return bool(np.linalg.norm(self.arm.X[:3, 3] - X[:3, 3]) < within_m)

    def wait_for_rest(self, quiet_s=0.3, timeout_s=5.0):
        """Wait until the arm has not moved for a while; return when its last motion was, or None if there was none."""
        began_s = time.monotonic()

        def last_s():
            return self.arm.moves[-1][0] if self.arm.moves else began_s

        wait_until(lambda: time.monotonic() - last_s() > quiet_s, timeout_s=timeout_s, what="an arm at rest")
        return self.arm.moves[-1][0] if self.arm.moves else None


def moved(dx=0.0, dy=0.0, dz=0.0, X=HOME):
    return make_pose(X[:3, :3], X[:3, 3] + [dx, dy, dz])
