"""Waves: poses four times a second while time lasts."""

from aic_model.policy import GetObservationCallback, MoveRobotCallback, Policy, SendFeedbackCallback
from aic_task_interfaces.msg import Task
from geometry_msgs.msg import Point, Pose, Quaternion
from rclpy.duration import Duration


class PoseSweep(Policy):
    def __init__(self, parent_node):
        super().__init__(parent_node)
        self.get_logger().info("PoseSweep is made")

    def insert_cable(
        self,
        task: Task,
        get_observation: GetObservationCallback,
        move_robot: MoveRobotCallback,
        send_feedback: SendFeedbackCallback,
    ):
        start = self.time_now()
        send_feedback(f"sweeping for {task.id}")
        while self.time_now() - start < Duration(seconds=1.5):
            self.sleep_for(0.25)
            seconds = (self.time_now() - start).nanoseconds * 1e-9
            y = 0.15 + 0.3 * abs((seconds / 5.0) % 1.0 - 0.5)
            pose = Pose(position=Point(x=-0.4, y=y, z=0.25), orientation=Quaternion(x=1.0, y=0.0, z=0.0, w=0.0))
            self.set_pose_target(move_robot=move_robot, pose=pose)
        return True
