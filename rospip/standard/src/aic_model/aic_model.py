"""Node `aic_model`: a managed node that runs one policy on demand (action `insert_cable`)."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Any

import rclpy
from aic_control_interfaces.msg import JointMotionUpdate, MotionUpdate, TargetMode
from aic_control_interfaces.srv import ChangeTargetMode
from aic_model_interfaces.msg import Observation
from aic_task_interfaces.action import InsertCable
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.duration import Duration
from rclpy.executors import MultiThreadedExecutor
from rclpy.lifecycle import LifecycleNode, State, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import Empty
from tf2_ros.buffer import Buffer
from tf2_ros.transform_listener import TransformListener

from aic_model.loading import load_policy_class

CHECK_PERIOD_S = 1.0
"""How often it is looked whether a goal is over, s of the node's clock: an end is told up to this much late."""
MODE_ANSWER_S = 5.0
"""Longest wait for the controller to change its mode, s."""


class AicModel(LifecycleNode):
    """Runs the policy that parameter `policy` names, a dotted path as `load_policy_class` takes it.

    Interfaces are there from the start; commands get out while the node is active only. A goal is refused while the
    node is not active or works on another one. A policy runs in a thread of its own, and nothing stops that thread:
    after a cancel, or the end of its time, it goes on until it returns.

    Attributes:
        is_ending: Set it when the process ends: nobody can be answered any more.

    Raises:
        ImportError: The policy cannot be imported.
    """

    def __init__(self) -> None:
        super().__init__("aic_model")
        self._refuse_illegal_transitions()
        path = self.declare_parameter("policy", "WaveArm").get_parameter_value().string_value
        self._policy_class = load_policy_class(path)
        self._policy: Any = None
        self._policy_thread: threading.Thread | None = None
        self._is_active = False
        self.is_ending = False
        self._is_closing = False
        self._observation: Observation | None = None
        self._mode = TargetMode.MODE_UNSPECIFIED
        self._mode_lock, self._goal_lock = threading.Lock(), threading.Lock()
        self._goal_handle: Any = None
        self._is_goal_taken = False
        self._is_abort_asked = threading.Event()
        self._tf_buffer = Buffer()
        self._tf_listener = TransformListener(self._tf_buffer, self)
        group = ReentrantCallbackGroup()
        self._pose_commands: Any = self.create_lifecycle_publisher(MotionUpdate, "/aic_controller/pose_commands", 2)
        self._joint_commands: Any = self.create_lifecycle_publisher(
            JointMotionUpdate, "/aic_controller/joint_commands", 2
        )
        self._observations: Any = self.create_subscription(
            Observation, "/observations", self._take_observation, 10, callback_group=group
        )
        self._change_mode = self.create_client(
            ChangeTargetMode, "/aic_controller/change_target_mode", callback_group=group
        )
        self._cancel_task = self.create_service(Empty, "/cancel_task", self._abort_goal, callback_group=group)
        self._server: Any = ActionServer(
            self,
            InsertCable,
            "/insert_cable",
            execute_callback=self._execute,
            goal_callback=self._judge,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=group,
        )

    @property
    def is_shutdown_due(self) -> bool:
        """Whether the node was not shut down yet."""
        return not self._is_closing

    @property
    def is_policy_running(self) -> bool:
        """Whether the thread of a policy has not returned yet."""
        return self._policy_thread is not None and self._policy_thread.is_alive()

    def on_configure(self, state: State) -> TransitionCallbackReturn:
        """Make the policy: this is where it may take its time."""
        try:
            self._policy = self._policy_class(self)
        except Exception:
            self.get_logger().error(f"{self._policy_class.__name__} cannot be made:\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: State) -> TransitionCallbackReturn:
        """Begin to take goals and to let commands out."""
        # Whoever set the scene up anew may have changed the mode as well.
        self._mode = TargetMode.MODE_UNSPECIFIED
        self._is_active = True
        return super().on_activate(state)

    def on_deactivate(self, state: State) -> TransitionCallbackReturn:
        """Keep commands back and refuse goals; a goal that runs is aborted."""
        self._is_active = False
        return super().on_deactivate(state)

    def on_cleanup(self, state: State) -> TransitionCallbackReturn:
        """Drop the policy."""
        self._policy = None
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: State) -> TransitionCallbackReturn:
        """Go back to the beginning after a policy that could not be made."""
        self._policy = None
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: State) -> TransitionCallbackReturn:
        """Take everything away through which a policy could move the arm, or be asked to."""
        self._is_active = False
        for name in ("_pose_commands", "_joint_commands"):
            publisher, self.__dict__[name] = getattr(self, name), None
            if publisher is not None:
                self.destroy_publisher(publisher)
        if self._observations is not None:
            self.destroy_subscription(self._observations)
            self._observations = None
        self._is_closing = True
        return TransitionCallbackReturn.SUCCESS

    def discard_server(self) -> None:
        """Take the action away after a shutdown; not while an executor waits for it, which would end the process."""
        if self._is_closing and self._server is not None:
            self._server.destroy()
            self._server = None

    def _take_observation(self, message: Observation) -> None:
        self._observation = message

    def _judge(self, _: Any) -> GoalResponse:
        with self._goal_lock:
            if not self._is_active or self._is_goal_taken:
                why = "another goal is being worked on" if self._is_active else "the node is not active"
                self.get_logger().warning(f"goal rejected: {why}")
                return GoalResponse.REJECT
            self._is_goal_taken = True
            self._is_abort_asked.clear()
            return GoalResponse.ACCEPT

    def _abort_goal(self, _: Any, response: Any) -> Any:
        self._is_abort_asked.set()
        return response

    def _execute(self, handle: Any) -> Any:
        """Run the policy, and watch it until the goal is over for whatever reason."""
        outcome: dict[str, Any] = {}
        self._goal_handle = handle
        thread = threading.Thread(target=self._run_policy, args=(handle, outcome), name="policy", daemon=True)
        self._policy_thread = thread
        thread.start()
        try:
            return self._watch(handle, thread, outcome)
        finally:
            with self._goal_lock:
                self._goal_handle, self._is_goal_taken = None, False

    def _watch(self, handle: Any, thread: threading.Thread, outcome: dict[str, Any]) -> Any:
        while True:
            is_awake = self.get_clock().sleep_for(Duration(seconds=CHECK_PERIOD_S))
            if handle.is_cancel_requested:
                handle.canceled()
                return InsertCable.Result(success=False, message="canceled")
            if self._is_abort_asked.is_set():
                handle.abort()
                return InsertCable.Result(success=False, message="aborted by /cancel_task")
            if not self._is_active or not is_awake:
                if self.is_ending:
                    return InsertCable.Result(success=False, message="the node has ended")
                handle.abort()
                return InsertCable.Result(success=False, message="aborted: the node was deactivated")
            if not thread.is_alive():
                handle.succeed()
                return InsertCable.Result(
                    success=bool(outcome.get("success", False)), message=str(outcome.get("message", ""))
                )

    def _run_policy(self, handle: Any, outcome: dict[str, Any]) -> None:
        def send_feedback(feedback: str) -> None:
            if handle.is_active:
                handle.publish_feedback(InsertCable.Feedback(message=feedback))

        try:
            success = self._policy.insert_cable(
                handle.request.task, self._get_observation, self._move_robot, send_feedback
            )
        except Exception as error:
            if self.is_ending:
                return
            self.get_logger().error(f"the policy has failed:\n{traceback.format_exc()}")
            outcome.update(success=False, message=f"the policy raised {error!r}")
            return
        outcome.update(success=bool(success), message=f"the policy returned {success!r}")

    def _get_observation(self) -> Observation | None:
        return self._observation

    def _move_robot(
        self, motion_update: MotionUpdate | None = None, joint_motion_update: JointMotionUpdate | None = None
    ) -> bool:
        if (motion_update is None) == (joint_motion_update is None):
            self.get_logger().error("move_robot needs exactly one of motion_update and joint_motion_update")
            return False
        is_joint = joint_motion_update is not None
        if not self._ensure_mode(TargetMode.MODE_JOINT if is_joint else TargetMode.MODE_CARTESIAN):
            return False
        publisher = self._joint_commands if is_joint else self._pose_commands
        if publisher is None:
            return False
        publisher.publish(joint_motion_update if is_joint else motion_update)
        return True

    def _ensure_mode(self, mode: int) -> bool:
        """Switch the controller where it is not known to be in a mode; return whether it is now."""
        with self._mode_lock:
            if self._mode == mode:
                return True
            if not self._is_active:
                return False
            if not self._change_mode.wait_for_service(timeout_sec=MODE_ANSWER_S):
                self.get_logger().error("there is no /aic_controller/change_target_mode: nothing was sent")
                return False
            answered = threading.Event()
            future = self._change_mode.call_async(ChangeTargetMode.Request(target_mode=TargetMode(mode=mode)))
            future.add_done_callback(lambda _: answered.set())
            if not answered.wait(MODE_ANSWER_S) or not future.result().success:
                self.get_logger().error(f"the controller did not change to target mode {mode}: nothing was sent")
                return False
            self._mode = mode
            return True

    def _refuse_illegal_transitions(self) -> None:
        """Answer an illegal transition with `success: false`; rclpy would end the node over it."""
        service = self._service_change_state
        change_state = service.callback

        def guarded(request: Any, response: Any) -> Any:
            legal = {(number, label) for number, label, *_ in self._state_machine.available_transitions}
            asked = request.transition
            if not any(label == asked.label if asked.label else number == asked.id for number, label in legal):
                self.get_logger().warning(f"transition {asked.label or asked.id} is not possible now")
                response.success = False
                return response
            return change_state(request, response)

        service.callback = guarded


def main(args: Sequence[str] | None = None) -> None:
    """Run the node until a signal, or until it cannot be made: then the exit code is 1."""
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        node = AicModel()
    except Exception as error:
        sys.stderr.write(f"{traceback.format_exc()}[FATAL] [aic_model]: the policy cannot be loaded: {error}\n")
        rclpy.try_shutdown()
        sys.exit(1)
    executor = MultiThreadedExecutor(num_threads=4)
    executor.add_node(node)
    while rclpy.ok() and not ended.is_set():
        executor.spin_once(timeout_sec=0.1)
        node.discard_server()
    node.is_ending = True
    executor.remove_node(node)
    if node.is_shutdown_due:
        node.trigger_shutdown()  # whatever the policy still does, it moves nothing now
    node.discard_server()
    node.destroy_node()
    rclpy.try_shutdown()
    if node.is_policy_running:  # nothing stops it but the end of the process
        sys.stderr.flush()
        os._exit(0)
