"""What a policy derives from, and what it is given: the call surface of the challenge's published toolkit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

from aic_control_interfaces.msg import JointMotionUpdate, MotionUpdate, TrajectoryGenerationMode
from aic_model_interfaces.msg import Observation
from aic_task_interfaces.msg import Task
from geometry_msgs.msg import Pose, Vector3, Wrench
from rclpy.clock import Clock
from rclpy.duration import Duration
from rclpy.time import Time
from std_msgs.msg import Header

POSE_STIFFNESS = (90.0, 90.0, 90.0, 50.0, 50.0, 50.0)
"""Stiffness of `Policy.set_pose_target`: x, y, z in N/m, rotations in N*m/rad."""
POSE_DAMPING = (50.0, 50.0, 50.0, 20.0, 20.0, 20.0)
"""Its damping: N*s/m, N*m*s/rad."""
POSE_FEEDBACK_GAINS = (0.5, 0.5, 0.5, 0.0, 0.0, 0.0)
"""Share of the measured wrench that is fed back."""


class GetObservationCallback(Protocol):
    """Returns the newest observation at once; None before the first one."""

    def __call__(self) -> Observation | None:
        """Return it."""
        ...


class MoveRobotCallback(Protocol):
    """Sends one command to the controller, which follows it until the next one.

    The first command of a kind switches the controller to that kind and waits for its answer.
    """

    def __call__(
        self, motion_update: MotionUpdate | None = None, joint_motion_update: JointMotionUpdate | None = None
    ) -> bool:
        """Send exactly one of the two; return whether it was sent."""
        ...


class SendFeedbackCallback(Protocol):
    """Sends a text to whoever asked for the insertion."""

    def __call__(self, feedback: str) -> None:
        """Send it."""
        ...


class Policy(ABC):
    """Base of policies: derive from it, and implement `insert_cable`.

    Args:
        parent_node: The node `aic_model`; its TF buffer is `parent_node._tf_buffer`.
    """

    def __init__(self, parent_node: Any) -> None:
        self._parent_node = parent_node

    def get_logger(self) -> Any:
        """Return the logger of the node."""
        return self._parent_node.get_logger()

    def get_clock(self) -> Clock:
        """Return the clock of the node: simulation time where `use_sim_time` is set."""
        return self._parent_node.get_clock()

    def time_now(self) -> Time:
        """Return the time of that clock."""
        return self.get_clock().now()

    def sleep_for(self, duration_sec: float) -> None:
        """Sleep for a time of that clock, s."""
        self.get_clock().sleep_for(Duration(seconds=duration_sec))

    def set_pose_target(
        self,
        move_robot: MoveRobotCallback,
        pose: Pose,
        frame_id: str = "base_link",
        stiffness: Sequence[float] = POSE_STIFFNESS,
        damping: Sequence[float] = POSE_DAMPING,
    ) -> None:
        """Command a pose of the tool centre point; what goes wrong is logged, and nothing is raised.

        Args:
            move_robot: As given to `insert_cable`.
            pose: Wanted pose, m.
            frame_id: `base_link`, or `gripper/tcp` for an offset from where the tool is.
            stiffness: Diagonal over x, y, z (N/m) and rotations about them (N*m/rad).
            damping: Likewise, N*s/m and N*m*s/rad.
        """
        try:
            move_robot(
                motion_update=MotionUpdate(
                    header=Header(frame_id=frame_id, stamp=self.time_now().to_msg()),
                    pose=pose,
                    target_stiffness=_diagonal(stiffness),
                    target_damping=_diagonal(damping),
                    feedforward_wrench_at_tip=Wrench(force=Vector3(), torque=Vector3()),
                    wrench_feedback_gains_at_tip=list(POSE_FEEDBACK_GAINS),
                    trajectory_generation_mode=TrajectoryGenerationMode(mode=TrajectoryGenerationMode.MODE_POSITION),
                )
            )
        except Exception as error:
            self.get_logger().error(f"set_pose_target: {error!r}")

    @abstractmethod
    def insert_cable(
        self,
        task: Task,
        get_observation: GetObservationCallback,
        move_robot: MoveRobotCallback,
        send_feedback: SendFeedbackCallback,
    ) -> bool:
        """Do one task; called in a thread of its own, and never stopped from outside.

        Args:
            task: Which plug goes into which port, and within which time.
            get_observation: Returns the newest observation, or None.
            move_robot: Sends a command.
            send_feedback: Sends a text to whoever asked.

        Returns:
            Whether the plug is in its port, as far as the policy knows; None counts as False.
        """


def _diagonal(values: Sequence[float]) -> list[float]:
    """Return six numbers as the diagonal of a matrix, 36 numbers by rows."""
    if len(values) != 6:
        raise ValueError(f"six numbers are needed on the diagonal, not {len(values)}")
    matrix = [0.0] * 36
    for i, value in enumerate(values):
        matrix[7 * i] = float(value)
    return matrix
