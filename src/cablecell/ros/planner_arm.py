"""The arm as the planner sees it: measured joints, and a controller that follows trajectories."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from action_msgs.msg import GoalStatus
from control_msgs.action import FollowJointTrajectory
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from cablecell.core.config.motion_planner import MotionPlannerParameters
from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient
from cablecell.ros.estimator_listener import Listener
from cablecell.ros.planner_errors import (
    ArmNotAtRestError,
    MoveTimeoutError,
    NoControllerError,
    NoJointStateError,
    controller_error,
)

Vector = NDArray[np.float64]

_POLL_S = 0.01


class ArmLink:
    """Listens to `joint_states` and sends trajectories; lives in a thread of its own from `start` to `close`."""

    def __init__(self, owner: Any, joint_names: tuple[str, ...], parameters: MotionPlannerParameters) -> None:
        """Create subscription and action client."""
        self._joint_names = joint_names
        self._parameters = parameters
        self._lock = threading.Lock()
        self._state: tuple[float, Vector, Vector] | None = None
        self._listener = Listener(owner, "arm")
        self._listener.listen(JointState, "joint_states", self._take, qos.SENSOR)
        self._client = MutualActionClient(self._listener.node, FollowJointTrajectory, "follow_joint_trajectory")
        self._listener.start()

    def close(self) -> None:
        """End the thread and destroy the interfaces."""
        self._listener.close(self._client.destroy)

    def measured(self) -> Vector | None:
        """Return the newest joint positions, rad, however old; None before the first."""
        with self._lock:
            return None if self._state is None else self._state[1].copy()

    def positions_at_rest(self, check: Callable[[], None]) -> Vector:
        """Return the measured joint positions, rad, once they are fresh and the arm is at rest.

        Raises:
            NoJointStateError: They are absent or too old (code 341).
            ArmNotAtRestError: The arm moves (code 347).
        """
        limit_s, rest = self._parameters.state_timeout_s, self._parameters.rest_velocity_rad_per_s
        begun_s = time.monotonic()
        while True:
            check()
            with self._lock:
                state = self._state
            age_s = math.inf if state is None else time.monotonic() - state[0]
            if state is not None and age_s <= limit_s and float(np.abs(state[2]).max()) <= rest:
                return state[1].copy()
            if time.monotonic() - begun_s > limit_s:
                break
            time.sleep(_POLL_S)
        if state is None or age_s > limit_s:
            what = "never came" if state is None else f"are {age_s:.2f} s old"
            raise NoJointStateError(
                f"joint_states of the arm {what}, limit {limit_s} s",
                quantity="joint_states",
                value=age_s,
                limit=limit_s,
                unit="s",
            )
        fastest = int(np.abs(state[2]).argmax())
        raise ArmNotAtRestError(
            f"{self._joint_names[fastest]} moves at {state[2][fastest]:.4f} rad/s, limit {rest} rad/s",
            quantity=self._joint_names[fastest],
            value=float(state[2][fastest]),
            limit=rest,
            unit="rad/s",
        )

    def follow(self, trajectory: Any, check: Callable[[], None], report: Callable[[float], None]) -> None:
        """Have the controller follow a trajectory, and return when it has arrived.

        Args:
            trajectory: `trajectory_msgs/JointTrajectory`.
            check: Called all the time; raises to have the arm stopped.
            report: Called with the time since the start, s.

        Raises:
            NoControllerError: The controller is not there, or does not answer (code 343).
            MoveTimeoutError: It takes much longer than planned (code 345).
            WorkcellError: What the controller refused or gave up for (family 300), or what `check` raised.
        """
        limit_s = self._parameters.controller_timeout_s
        self._wait(self._client.server_is_ready, limit_s, check, "follow_joint_trajectory is not there")
        goal = FollowJointTrajectory.Goal(trajectory=trajectory)
        # In the listener's thread: from another one, a quick answer could come before the client expects it.
        sending = self._listener.call(lambda: self._client.send_goal_async(goal))
        handle = self._answer(sending, limit_s, "the controller did not answer to a trajectory")
        if not handle.accepted:
            raise NoControllerError("the controller rejected the trajectory; is it active?", quantity="trajectory")
        result = self._listener.call(handle.get_result_async)
        last = trajectory.points[-1].time_from_start
        end_s = last.sec + 1e-9 * last.nanosec + self._parameters.overrun_s
        begun_s = time.monotonic()
        try:
            while not result.done():
                check()
                elapsed_s = time.monotonic() - begun_s
                if elapsed_s > end_s:
                    raise MoveTimeoutError(
                        f"the trajectory is not done after {elapsed_s:.1f} s, limit {end_s:.1f} s",
                        quantity="duration",
                        value=elapsed_s,
                        limit=end_s,
                        unit="s",
                    )
                report(elapsed_s)
                time.sleep(_POLL_S)
        except BaseException as error:
            self._stop(handle, result, error)
            raise
        answer = result.result()
        if answer.status != GoalStatus.STATUS_SUCCEEDED:
            raise controller_error(answer.result.error_code, answer.result.error_string)

    def _stop(self, handle: Any, result: Any, cause: BaseException) -> None:
        """Cancel a trajectory and wait until the arm stands."""
        self._listener.call(handle.cancel_goal_async)
        end_s = time.monotonic() + self._parameters.controller_timeout_s
        while not result.done():
            if time.monotonic() > end_s:
                raise NoControllerError(
                    f"the controller did not end its trajectory within {self._parameters.controller_timeout_s} s "
                    f"after a cancel ({cause})",
                    quantity="controller_timeout_s",
                ) from cause
            time.sleep(_POLL_S)

    def _answer(self, future: Any, limit_s: float, problem: str) -> Any:
        # Not to be interrupted: what the controller may have taken must be known before it can be cancelled.
        self._wait(future.done, limit_s, lambda: None, problem)
        return future.result()

    def _wait(self, is_done: Callable[[], bool], limit_s: float, check: Callable[[], None], problem: str) -> None:
        end_s = time.monotonic() + limit_s
        while not is_done():
            check()
            if time.monotonic() > end_s:
                raise NoControllerError(
                    f"{problem} within {limit_s} s", quantity="controller_timeout_s", limit=limit_s, unit="s"
                )
            time.sleep(_POLL_S)

    def _take(self, message: Any) -> None:
        places = {name: index for index, name in enumerate(message.name)}
        if not all(name in places and places[name] < len(message.position) for name in self._joint_names):
            return  # of other joints, such as a gripper's
        order = [places[name] for name in self._joint_names]
        q = np.array([message.position[i] for i in order])
        has_velocity = len(message.velocity) > max(order)
        dq = np.array([message.velocity[i] for i in order]) if has_velocity else np.zeros(len(order))
        with self._lock:
            self._state = (time.monotonic(), q, dq)
