"""Policy `InsertionSkill`: the cell's own eyes and skill through nothing but the challenge's interfaces."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
from aic_control_interfaces.msg import ControllerState, MotionUpdate, TrajectoryGenerationMode
from aic_model.policy import GetObservationCallback, MoveRobotCallback, Policy, SendFeedbackCallback
from geometry_msgs.msg import WrenchStamped

from cablecell.composition.robot_description import load_robot_description
from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import load_connectors
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.errors import SupervisionError, WorkcellError
from cablecell.core.geometry import Array, exp_so3, invert_pose, log_so3
from cablecell.core.insertion.observation import Observation, PoseEstimate
from cablecell.core.insertion.outcome import InsertionResult, Outcome
from cablecell.core.insertion.profile import profile_from_connector
from cablecell.core.insertion.skill import InsertionSkill as Skill
from cablecell.core.insertion.staging import poses_above, staging_pose
from cablecell.policies.eyes import PolicyEyes
from cablecell.policies.setpoints import SetpointWriter
from cablecell.ros.conversions import BASE_FRAME, fill_pose, pose_to_matrix, six, time_ns
from cablecell.ros.skill_messages import sensor_height_m, wrench_at_tcp

VIEWS = 3
VIEW_HEIGHT_M = 0.05
ATTEMPTS = 2
SPEED_M_PER_S, TURN_RAD_PER_S = 0.12, 0.6
OBSERVE_S = 10.0
"""Longest wait for an observation, s."""
REST_S = 0.4
"""How long the arm rests before a look, s."""

SLOWER = InsertionSettings(tare_time_s=0.4, contact_speed=0.01, contact_force_n=2.5)
"""The wrench comes 50 times a second and not filtered, and the arm hears a command some hundredths of a second late."""

_PERIOD_S = 0.02
_STIFFNESS, _DAMPING = np.diag([1500.0] * 3 + [60.0] * 3), np.diag([150.0] * 3 + [8.0] * 3)
_SILENCE_S = 1.5
"""Longest wait for the next state of the controller, s: images that are looked at hold up whoever listens."""

_NEAR_M, _NEAR_RAD = 0.002, 0.01


class SilentCellError(SupervisionError):
    """No observation, or no state of the controller, comes to a policy."""

    code = 862


class InsertionSkill(Policy):
    """Looks for the port, moves over it, and plugs in by feel.

    It knows the design of the board and of the plugs, and the published grasp; where things are it sees and feels.
    """

    def __init__(self, parent_node: Any) -> None:
        super().__init__(parent_node)
        self._connectors = load_connectors()
        knowledge = TaskKnowledge()
        tips = {}
        for layout in reversed(knowledge.layouts):
            held = knowledge.held_plug(layout)
            if held is not None:
                tips[held.connector] = held.X_tcp_tip
        self._eyes = PolicyEyes(self._connectors, tips)
        self._ft_height_m = sensor_height_m(load_robot_description())
        self._settings = SLOWER
        self._fresh = threading.Condition()
        self._state: Any = None
        self._wrench: Any = None
        parent_node.create_subscription(ControllerState, "/aic_controller/controller_state", self._take_state, 10)
        parent_node.create_subscription(WrenchStamped, "/fts_broadcaster/wrench", self._take_wrench, 10)

    def insert_cable(
        self,
        task: Any,
        get_observation: GetObservationCallback,
        move_robot: MoveRobotCallback,
        send_feedback: SendFeedbackCallback,
    ) -> bool:
        """Look, move, insert; a second time where the first one did not end in the port."""
        self._get_observation, self._move, self._tell = get_observation, move_robot, send_feedback
        try:
            for attempt in range(ATTEMPTS):
                result = self._attempt(task)
                send_feedback(f"attempt {attempt + 1}: {result.outcome.name}, {result.reason}")
                if result.outcome is Outcome.SEATED:
                    return True
        except WorkcellError as error:
            send_feedback(f"code {error.code}: {error}")
        return False

    def _attempt(self, task: Any) -> InsertionResult:
        self._eyes.begin(task, self._observe(0.0))
        for view in range(VIEWS):
            self.sleep_for(REST_S)
            self._eyes.look(self._observe(self._now_s()))
            if view + 1 < VIEWS:
                goal = self._eyes.best_view(self._tool(), VIEW_HEIGHT_M)
                if goal is None:
                    break
                self._go_to(goal)
        port, tip = self._eyes.estimates()
        profile = profile_from_connector(self._connectors[task.plug_type])
        goal = staging_pose(port, tip, profile, self._settings.contact_margin_m)
        above = poses_above(goal, port.X[:3, 2])[0]
        sigma_mm = 1e3 * float(np.sqrt(np.linalg.eigvalsh(port.covariance[:3, :3])[-1]))
        self._tell(f"port found, {sigma_mm:.2f} mm (1 sigma)")
        self._go_to(above)
        self._go_to(goal)
        return self._insert(Skill(profile, self._settings), port, tip)

    def _insert(self, skill: Skill, port: PoseEstimate, tip: PoseEstimate) -> InsertionResult:
        writer, phase = SetpointWriter(), None
        while True:
            time_s, X_base_tcp, wrench = self._feel()
            out = skill.step(Observation(time_s, X_base_tcp, wrench, port, tip))
            self._move(motion_update=writer.write(out.command, self.time_now().to_msg()))
            if out.phase is not phase:
                phase = out.phase
                self._tell(f"{out.phase.name}: {out.reason}")
            if out.result is not None:
                return out.result

    # Senses ----------------------------------------------------------------------------------------------------

    def _take_state(self, message: Any) -> None:
        with self._fresh:
            self._state = message
            self._fresh.notify_all()

    def _take_wrench(self, message: Any) -> None:
        self._wrench = message

    def _now_s(self) -> float:
        return float(self.time_now().nanoseconds) * 1e-9

    def _next_state(self) -> Any:
        with self._fresh:
            before = self._state
            if not self._fresh.wait_for(lambda: self._state is not before, _SILENCE_S):
                raise SilentCellError(
                    f"the controller is silent for {_SILENCE_S} s", quantity="silence", limit=_SILENCE_S, unit="s"
                )
            return self._state

    def _tool(self) -> Array:
        return pose_to_matrix("tcp_pose", self._next_state().tcp_pose)

    def _feel(self) -> tuple[float, Array, Array]:
        """Return time, pose of the tool and contact wrench at it, from the next state and the newest wrench."""
        state = self._next_state()
        if self._wrench is None:
            raise SilentCellError("no wrench has come", quantity="wrench")
        X_base_tcp = pose_to_matrix("tcp_pose", state.tcp_pose)
        raw = wrench_at_tcp(self._wrench.wrench, self._ft_height_m)
        tare = state.fts_tare_offset.wrench
        return time_ns(state.header.stamp) * 1e-9, X_base_tcp, raw - wrench_at_tcp(tare, self._ft_height_m)

    def _observe(self, after_s: float, limit_s: float = OBSERVE_S) -> Any:
        """Return the first observation whose images are not older than a time."""
        end_s = time.monotonic() + limit_s
        while time.monotonic() < end_s:
            seen = self._get_observation()
            if seen is not None and time_ns(seen.left_image.header.stamp) * 1e-9 >= after_s:
                return seen
            self.sleep_for(0.02)
        raise SilentCellError(f"no observation within {limit_s} s", quantity="observation", limit=limit_s, unit="s")

    # Motion ----------------------------------------------------------------------------------------------------

    def _go_to(self, goal: Array) -> None:
        """Move in a straight line, smoothly, and wait until the arm has come to rest there."""
        start = pose_to_matrix("pose", self._next_state().reference_tcp_pose)
        way, turn = goal[:3, 3] - start[:3, 3], log_so3(goal[:3, :3] @ start[:3, :3].T)
        # A curve of fifth order is 15/8 as fast in its middle as on the average.
        duration_s = 1.875 * max(
            float(np.linalg.norm(way)) / SPEED_M_PER_S, float(np.linalg.norm(turn)) / TURN_RAD_PER_S, 0.1
        )
        begun_s = self._now_s()
        while (share := (self._now_s() - begun_s) / duration_s) < 1.0:
            s = share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
            X = np.eye(4)
            X[:3, :3], X[:3, 3] = exp_so3(s * turn) @ start[:3, :3], start[:3, 3] + s * way
            self._send(X)
            self.sleep_for(_PERIOD_S)
        self._send(goal)
        end_s = self._now_s() + 2.0
        while self._now_s() < end_s and not self._is_at(goal):
            self.sleep_for(_PERIOD_S)

    def _is_at(self, goal: Array) -> bool:
        state = self._next_state()
        X = invert_pose(goal) @ pose_to_matrix("tcp_pose", state.tcp_pose)
        speed = six(state.tcp_velocity.linear, state.tcp_velocity.angular)
        is_near = float(np.linalg.norm(X[:3, 3])) < _NEAR_M and float(np.linalg.norm(log_so3(X[:3, :3]))) < _NEAR_RAD
        return is_near and float(np.linalg.norm(speed[:3])) < 0.003

    def _send(self, X_base_tcp: Array) -> None:
        update = MotionUpdate(trajectory_generation_mode=TrajectoryGenerationMode(mode=2))
        update.header.frame_id, update.header.stamp = BASE_FRAME, self.time_now().to_msg()
        fill_pose(update.pose, X_base_tcp)
        update.target_stiffness, update.target_damping = _STIFFNESS.ravel(), _DAMPING.ravel()
        self._move(motion_update=update)
