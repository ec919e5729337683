"""An arm, planner and estimator of a few lines, for tests of the skill node: a plug on a rail before a port."""

from __future__ import annotations

import math
import threading
import time
from typing import Any

import numpy as np
from aic_control_interfaces.msg import ControllerState
from cablecell_interfaces.action import MoveSequence, MoveTo, Observe
from cablecell_interfaces.msg import ComplianceCommand, PortEstimate, PortEstimateArray
from geometry_msgs.msg import WrenchStamped
from rclpy.action import ActionServer, CancelResponse
from rclpy.duration import Duration
from std_msgs.msg import String
from std_srvs.srv import Trigger

from cablecell.core.insertion.grasp import HeldPlug
from cablecell.ros import conversions, qos
from cablecell.ros.skill_messages import held_plug_to_json

PORT = "nic_card_mount_0/sfp_port_0"
STOP_M = 0.046747
PLAY_M = 0.15e-3
PERIOD_S = 0.004
_STRONGEST_N = 20.0

X_BASE_PORT = np.array([[0.0, 1.0, 0.0, 0.4], [1.0, 0.0, 0.0, 0.1], [0.0, 0.0, -1.0, 0.1], [0.0, 0.0, 0.0, 1.0]])
X_TCP_TIP = np.eye(4)
X_TCP_TIP[2, 3] = 0.05
FT_HEIGHT_M = -0.172


class FakeArm:
    """Follows compliance setpoints without inertia: stiff axes at once, damped ones by force over damping.

    Along the port's axis there is nothing but a stop with a latch, so a plug that is pushed seats.

    Attributes:
        stop_m: Depth of the stop, m.
        has_latch: Whether it holds against a pull.
        is_silent: Stops state and wrench.
        staged: Poses that were moved to.
        commands: Setpoints received.
        move_error: Code with which a move is refused; 0 executes it.
        is_tare_refused: Whether the tare is refused.
        free_above_m: Height of the lowest corner with which a sequence is free; infinite: none is.
        corners: Heights of the corners that were asked for, m.
        holds_moves: Lets a move last until it is cancelled.
        observe_error: Code with which an observation fails; 0 estimates the port anew.
        looked_for: Ports that were to be observed.
    """

    def __init__(self, client: Any) -> None:
        self._node = client.node
        self.stop_m, self.has_latch = STOP_M, True
        self.is_silent = self.is_tare_refused = self.holds_moves = False
        self.move_error = self.observe_error = 0
        self.staged: list[Any] = []
        self.looked_for: list[str] = []
        self.corners: list[float] = []
        self.free_above_m = math.inf
        self.commands = 0
        self._reset_ns = 0
        self.cancelled_moves = 0
        self._lock = threading.Lock()
        self.hang()
        self._states = self._node.create_publisher(ControllerState, "controller_state", qos.SENSOR)
        self._wrenches = self._node.create_publisher(WrenchStamped, "wrench", qos.SENSOR)
        self._ports = self._node.create_publisher(PortEstimateArray, "ports", qos.STATE)
        self._plugs = self._node.create_publisher(String, "cell/held_plug", qos.STATE)
        self._node.create_subscription(ComplianceCommand, "compliance_commands", self._take, qos.COMMAND)
        self._node.create_service(Trigger, "tare_force_torque_sensor", self._tare)
        ActionServer(
            self._node,
            MoveTo,
            "move_to",
            execute_callback=self._move,
            handle_accepted_callback=lambda goal: threading.Thread(target=self._hold_move, args=(goal,)).start(),
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )
        ActionServer(self._node, MoveSequence, "move_sequence", execute_callback=self._move_on)
        ActionServer(self._node, Observe, "observe", execute_callback=self._observe)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._ending.set()
        self._thread.join()

    def hang(self) -> None:
        """Be 0.2 m in front of the port, as in the beginning."""
        with self._lock:
            self._X = X_BASE_PORT @ np.linalg.inv(X_TCP_TIP)
            self._X[2, 3] += 0.2
            self._command, self._latched, self._push = None, False, 0.0

    def estimate(self, *, age_s: float = 0.0, sources: int = 3, sigma_m: float = 0.0003) -> None:
        """Publish an estimate of the port."""
        now = self._node.get_clock().now()
        port = PortEstimate(port_name=PORT, connector_type="sfp", sources=sources)
        port.header.stamp, port.header.frame_id = now.to_msg(), "base_link"
        port.age = Duration(seconds=age_s).to_msg()
        conversions.fill_pose(port.pose.pose, X_BASE_PORT)
        port.pose.covariance = np.diag([sigma_m**2] * 3 + [1e-5] * 3).ravel()
        message = PortEstimateArray(ports=[port])
        message.header = port.header
        self._ports.publish(message)

    def reset(self) -> None:
        """Behave well again, as in the beginning."""
        self.is_silent = self.is_tare_refused = self.holds_moves = False
        self.move_error, self.observe_error, self.stop_m, self.has_latch = 0, 0, STOP_M, True
        self.free_above_m = math.inf
        self._reset_ns = self._node.get_clock().now().nanoseconds
        with self._lock:
            self._command, self._latched, self._push, self.commands = None, False, 0.0, 0
            self.staged.clear()
            self.corners.clear()
        self.looked_for.clear()
        self.estimate()
        self.hold_plug()

    def hold_plug(self, plug: str = "sfp_tip", connector: str = "sfp") -> None:
        """Say what is in the gripper."""
        held = HeldPlug("cable_0", plug, connector, X_TCP_TIP, 0.0002, 0.002)
        self._plugs.publish(String(data=held_plug_to_json(held)))

    @property
    def depth_m(self) -> float:
        """Depth of the tip in the port, m."""
        return float((np.linalg.inv(X_BASE_PORT) @ self._X @ X_TCP_TIP)[2, 3])

    def _take(self, message: Any) -> None:
        if conversions.time_ns(message.header.stamp) < self._reset_ns:
            return  # what was sent before the reset may come after it
        self.commands += 1
        self._command = conversions.compliance_command(message)

    def _tare(self, _: Any, response: Any) -> Any:
        response.success, response.message = not self.is_tare_refused, "the tool moves" if self.is_tare_refused else ""
        return response

    def _observe(self, goal: Any) -> Any:
        self.looked_for += goal.request.port_names
        result = Observe.Result(error_code=self.observe_error, error_msg="too dark" if self.observe_error else "")
        if self.observe_error:
            goal.abort()
        else:
            self.estimate()
            goal.succeed()
        return result

    def _hold_move(self, goal: Any) -> None:
        """Execute a move, or first wait for its cancel; in a thread, because the executor has to take that cancel."""
        while self.holds_moves and not goal.is_cancel_requested:
            time.sleep(0.01)
        goal.execute()

    def _move(self, goal: Any) -> Any:
        result = MoveTo.Result()
        if goal.is_cancel_requested:
            self.cancelled_moves += 1
            goal.canceled()
            return result
        if self.move_error:
            result.error_code, result.error_msg = self.move_error, "no way"
            goal.abort()
            return result
        self._stand(goal.request.target)
        goal.succeed()
        return result

    def _move_on(self, goal: Any) -> Any:
        """Do a sequence whose corner is at least `free_above_m` above its end; lower ones are not free."""
        result = MoveSequence.Result()
        items = goal.request.items
        height_m = items[0].target.pose.pose.position.z - items[-1].target.pose.pose.position.z
        self.corners.append(height_m)
        if height_m < self.free_above_m:
            result.error_code, result.error_msg = 204, "in the way"
            goal.abort()
            return result
        self._stand(items[-1].target)
        goal.succeed()
        return result

    def _stand(self, target: Any) -> None:
        with self._lock:
            self._command, self._latched, self._push = None, False, 0.0
            self._X = conversions.pose_to_matrix("target", target.pose.pose)
            self.staged.append(self._X)

    def _run(self) -> None:
        """Publish state and wrench at 250 Hz."""
        due_s = time.monotonic()
        while not self._ending.is_set():
            due_s += PERIOD_S
            time.sleep(max(0.0, due_s - time.monotonic()))
            with self._lock:
                if self._command is not None:
                    self._follow(self._command)
            if not self.is_silent:
                self._publish()

    def _follow(self, command: Any) -> None:
        X_comp = self._X @ command.X_tcp_comp
        target = command.X_base_target.copy()
        stiffness, force = float(command.stiffness[2, 2]), float(command.feedforward[2])
        if stiffness == 0.0:
            damping = float(command.damping[2, 2])
            step = 0.0 if damping == 0.0 else force / damping * PERIOD_S
            target[:3, 3] += target[:3, 2] * (step + float((X_comp[:3, 3] - target[:3, 3]) @ target[:3, 2]))
        depth = float((np.linalg.inv(X_BASE_PORT) @ target)[2, 3])
        beyond = 0.0
        if depth > self.stop_m:
            self._latched, beyond = self.has_latch, depth - self.stop_m
        elif self._latched and depth < self.stop_m - PLAY_M:
            beyond = depth - self.stop_m + PLAY_M
        target[:3, 3] -= X_BASE_PORT[:3, 2] * beyond
        pressed = force if stiffness == 0.0 else max(-_STRONGEST_N, min(_STRONGEST_N, stiffness * beyond))
        self._push = pressed if beyond else 0.0
        self._X = target @ np.linalg.inv(command.X_tcp_comp)

    def _publish(self) -> None:
        state, wrench = ControllerState(), WrenchStamped()
        state.header.stamp = wrench.header.stamp = self._node.get_clock().now().to_msg()
        wrench.header.frame_id = "ft_frame"
        conversions.fill_pose(state.tcp_pose, self._X)
        force = self._X[:3, :3].T @ (-self._push * X_BASE_PORT[:3, 2])
        # About ft_frame, which is behind the tip on the axis of the tool: a push along that axis has no moment.
        conversions.fill_wrench(wrench.wrench, np.concatenate((force, np.zeros(3))))
        self._states.publish(state)
        self._wrenches.publish(wrench)
