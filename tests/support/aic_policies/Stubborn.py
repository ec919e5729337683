"""Goes on commanding whatever becomes of its goal, until the file that the task names is there."""

from pathlib import Path

from aic_model.policy import Policy
from geometry_msgs.msg import Pose


class Stubborn(Policy):
    def insert_cable(self, task, get_observation, move_robot, send_feedback):
        while not Path(task.id).exists():
            self.set_pose_target(move_robot, Pose())
            send_feedback("still here")
            self.sleep_for(0.05)
        return True
