"""Joint commands, then a pose, then nothing is returned."""

from aic_control_interfaces.msg import JointMotionUpdate, TrajectoryGenerationMode
from aic_model.policy import Policy
from geometry_msgs.msg import Pose


class JointSwing(Policy):
    def insert_cable(self, task, get_observation, move_robot, send_feedback):
        for shoulder in (0.6, 0.5):
            update = JointMotionUpdate(
                target_stiffness=[50.0, 50.0, 50.0, 20.0, 20.0, 20.0],
                target_damping=[40.0, 40.0, 40.0, 20.0, 20.0, 20.0],
                trajectory_generation_mode=TrajectoryGenerationMode(mode=TrajectoryGenerationMode.MODE_POSITION),
            )
            update.target_state.positions = [shoulder, -1.3, -1.9, -1.57, 1.57, 0.6]
            move_robot(joint_motion_update=update)
        pose = Pose()
        pose.position.x = -0.4
        self.set_pose_target(move_robot, pose, "base_link", stiffness=[200.0] * 6, damping=[80.0] * 6)
        self.set_pose_target(move_robot, pose, stiffness=[1.0])  # a mistake that only the log tells of
        send_feedback("no observation yet" if get_observation() is None else "seen")
