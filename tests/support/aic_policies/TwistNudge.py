"""Sends a velocity, then says that it did not work."""

import numpy as np
from aic_control_interfaces.msg import MotionUpdate, TrajectoryGenerationMode
from aic_model.policy import Policy


class TwistNudge(Policy):
    def insert_cable(self, task, get_observation, move_robot, send_feedback):
        update = MotionUpdate()
        update.header.frame_id = "gripper/tcp"
        update.header.stamp = self.get_clock().now().to_msg()
        update.velocity.linear.z = 0.01
        update.target_stiffness = np.diag([100.0, 100.0, 100.0, 50.0, 50.0, 50.0]).flatten()
        update.target_damping = np.diag([40.0, 40.0, 40.0, 15.0, 15.0, 15.0]).flatten()
        update.trajectory_generation_mode.mode = TrajectoryGenerationMode.MODE_VELOCITY
        assert move_robot(motion_update=update)
        assert not move_robot()
        send_feedback("nudged")
        return False
