"""Waves in trials whose task is named wave; else plugs in by the true poses that `ground_truth:=true` shows."""

import numpy as np
from aic_control_interfaces.msg import MotionUpdate, TrajectoryGenerationMode
from aic_model.policy import GetObservationCallback, MoveRobotCallback, Policy, SendFeedbackCallback
from aic_task_interfaces.msg import Task
from geometry_msgs.msg import Point, Pose, Quaternion
from rclpy.duration import Duration
from rclpy.time import Time
from scipy.spatial.transform import Rotation

STEP_S = 0.05
HOVER_M = 0.06


class WaveThenCheat(Policy):
    def insert_cable(
        self,
        task: Task,
        get_observation: GetObservationCallback,
        move_robot: MoveRobotCallback,
        send_feedback: SendFeedbackCallback,
    ):
        if task.id == "wave":
            return self.wave(get_observation, move_robot, send_feedback)
        return self.cheat(task, move_robot, send_feedback)

    def wave(self, get_observation, move_robot, send_feedback):
        send_feedback("waving")
        start = self.time_now()
        seen = []
        while self.time_now() - start < Duration(seconds=4.0):
            self.sleep_for(0.25)
            observation = get_observation()
            if observation is None:
                continue
            seen.append(len(observation.joint_states.name))
            stamp = observation.center_image.header.stamp
            phase = ((stamp.sec + 1e-9 * stamp.nanosec) / 5.0) % 1.0
            pose = Pose(
                position=Point(x=-0.4, y=0.15 + 0.3 * abs(2.0 * phase - 1.0), z=0.35),
                orientation=Quaternion(x=1.0, y=0.0, z=0.0, w=0.0),
            )
            self.set_pose_target(move_robot=move_robot, pose=pose)
        send_feedback(f"{len(seen)} observations, {max(seen, default=0)} joints")
        return True

    def look_up(self, frame):
        found = self._parent_node._tf_buffer.lookup_transform(
            "base_link", frame, Time(), timeout=Duration(seconds=5.0)
        ).transform
        p, q = found.translation, found.rotation
        return np.array([p.x, p.y, p.z]), Rotation.from_quat([q.x, q.y, q.z, q.w])

    def cheat(self, task, move_robot, send_feedback):
        port = f"task_board/{task.target_module_name}/{task.port_name}_link"
        p_port, R_port = self.look_up(port)
        p_entrance, _ = self.look_up(f"{port}_entrance")
        depth = float(np.linalg.norm(p_port - p_entrance))
        into = (p_port - p_entrance) / depth
        tip = f"{task.cable_name}/{task.plug_name}_link"
        (p_tip, R_tip), (p_tcp, R_tcp) = self.look_up(tip), self.look_up("gripper/tcp")
        R_tcp_tip, p_tcp_tip = R_tcp.inv() * R_tip, R_tcp.inv().apply(p_tip - p_tcp)
        R_goal = R_port * R_tcp_tip.inv()
        turn = (R_goal * R_tcp.inv()).as_rotvec()
        hover = p_entrance - HOVER_M * into
        for i in range(60):
            share = 0.5 - 0.5 * np.cos(np.pi * (i + 1) / 60)
            R = Rotation.from_rotvec(share * turn) * R_tcp
            self.go(move_robot, p_tip + share * (hover - p_tip) - R.apply(p_tcp_tip), R)
            self.sleep_for(STEP_S)
        send_feedback("over the port")
        drift, goal = np.zeros(3), hover
        for i in range(100):
            way = min((HOVER_M + depth + 0.003) * i / 90, HOVER_M + depth + 0.003)
            goal = hover + way * into
            error = goal - self.look_up(tip)[0]
            drift += 0.1 * (error - into * float(error @ into))
            push = 12.0 * min(1.0, max(0.0, (way - HOVER_M) / depth))
            self.go(move_robot, goal + np.clip(drift, -0.01, 0.01) - R_goal.apply(p_tcp_tip), R_goal, push)
            self.sleep_for(STEP_S)
        self.sleep_for(2.0)
        error = self.look_up(tip)[0] - p_port
        send_feedback(f"{1e3 * np.linalg.norm(error):.2f} mm from the port frame")
        return True

    def go(self, move_robot, position, R, push_n=0.0):
        """Command a pose; a push along the tool makes up for a port with a latch."""
        update = MotionUpdate(trajectory_generation_mode=TrajectoryGenerationMode(mode=2))
        update.header.frame_id, update.header.stamp = "base_link", self.time_now().to_msg()
        update.pose.position = Point(x=position[0], y=position[1], z=position[2])
        x, y, z, w = R.as_quat()
        update.pose.orientation = Quaternion(x=x, y=y, z=z, w=w)
        update.target_stiffness = np.diag([500.0, 500.0, 500.0, 50.0, 50.0, 50.0]).flatten()
        update.target_damping = np.diag([80.0, 80.0, 80.0, 10.0, 10.0, 10.0]).flatten()
        update.feedforward_wrench_at_tip.force.z = push_n
        move_robot(motion_update=update)
