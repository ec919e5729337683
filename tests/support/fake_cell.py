"""A stand-in for the whole cell: one real node that serves what the demo uses and answers as told.

The trial is made up: the plug descends in `JOB_S` and is seated, unless the parameter `behaviour` says otherwise:
`fail` (the job ends with an error), `lie` (the job claims success), `hang` (no result), `die` (the node kills itself
in the middle of the job), `never_up` (the cell stays in STARTING).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import rclpy
from aic_control_interfaces.msg import ControllerState
from cablecell_interfaces.action import RunJob
from cablecell_interfaces.msg import CellState, InsertionPhase, JobStatus
from cablecell_interfaces.srv import LoadTrial
from geometry_msgs.msg import WrenchStamped
from rclpy.action import ActionServer, CancelResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import String

from cablecell.ros import qos

JOB_S = 1.5
PEAK_N = 6.0
TARGETS = {
    "trial_1": "nic_card_mount_0/sfp_port_0",
    "trial_2": "nic_card_mount_1/sfp_port_0",
    "trial_3": "sc_port_1/sc_port_base",
}
PHASES = ((0.0, InsertionPhase.PHASE_STAGING), (0.4, InsertionPhase.PHASE_APPROACH), (0.7, InsertionPhase.PHASE_INSERT))


class FakeCell(Node):
    def __init__(self) -> None:
        super().__init__("fake_cell")
        self.behaviour = self.declare_parameter("behaviour", "seat").value
        self.trial = self.declare_parameter("trial", "trial_1").value
        self.progress = 0.0
        self.seated_since: float | None = None
        self.is_running = True
        group = ReentrantCallbackGroup()
        self.state = self.create_publisher(CellState, "cell_state", qos.STATE)
        self.phase = self.create_publisher(InsertionPhase, "insertion_phase", qos.STATE)
        self.truth = self.create_publisher(String, "/sim/truth", qos.SENSOR)
        self.raw = self.create_publisher(WrenchStamped, "wrench_raw", qos.SENSOR)
        self.controller = self.create_publisher(ControllerState, "controller_state", qos.SENSOR)
        self.image = self.create_publisher(Image, "center_camera/image", qos.IMAGE)
        self.create_service(LoadTrial, "/sim/load_trial", self.load, callback_group=group)
        self.server = ActionServer(
            self, RunJob, "run_job", self.run, cancel_callback=lambda _: CancelResponse.ACCEPT, callback_group=group
        )
        self.create_timer(0.01, self.measure, callback_group=MutuallyExclusiveCallbackGroup())
        self.create_timer(0.05, self.tell_truth, callback_group=MutuallyExclusiveCallbackGroup())
        self.create_timer(0.5, self.look, callback_group=MutuallyExclusiveCallbackGroup())
        self.say(CellState.STATE_STARTING if self.behaviour == "never_up" else CellState.STATE_IDLE)

    def say(self, state: int) -> None:
        self.state.publish(CellState(state=state))

    def load(self, request, response):
        if request.trial not in TARGETS:
            response.error_code, response.error_msg = 853, f"no trial '{request.trial}'"
            return response
        self.trial, self.progress, self.seated_since = request.trial, 0.0, None
        return response

    def run(self, goal):
        self.say(CellState.STATE_EXECUTE)
        begun = time.monotonic()
        done = 0
        while self.is_running and not goal.is_cancel_requested:
            since = time.monotonic() - begun
            while done < len(PHASES) and since >= PHASES[done][0]:
                message = InsertionPhase(phase=PHASES[done][1], reason="because it is time", attempt=1)
                message.header.stamp = self.get_clock().now().to_msg()
                self.phase.publish(message)
                done += 1
            goal.publish_feedback(RunJob.Feedback(status=JobStatus(current_step="insert")))
            if self.behaviour == "die" and since > 0.5 * JOB_S:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.behaviour != "hang" and since > JOB_S:
                break
            limit = 0.5 if self.behaviour in ("fail", "lie", "hang") else 1.0
            self.progress = min(limit, since / JOB_S)
            time.sleep(0.01)
        self.say(CellState.STATE_IDLE)
        if goal.is_cancel_requested:
            goal.canceled()
            return RunJob.Result(error_code=603, error_msg="cancelled", attempts=1)
        if self.behaviour == "fail":
            goal.abort()
            return RunJob.Result(error_code=401, error_msg="jammed at 12.0 mm", attempts=2)
        if self.behaviour != "lie":
            self.progress, self.seated_since = 1.0, time.monotonic()
        goal.succeed()
        return RunJob.Result(attempts=1)

    def measure(self) -> None:
        stamp = self.get_clock().now().to_msg()
        wrench = WrenchStamped()
        wrench.header.stamp, wrench.header.frame_id = stamp, "ft_frame"
        wrench.wrench.force.z = -9.0 - (PEAK_N if 0.7 < self.progress < 1.0 else 0.0)
        self.raw.publish(wrench)
        state = ControllerState()
        state.header.stamp = stamp
        state.tcp_pose.position.z = 0.2 * (1.0 - self.progress)
        state.tcp_velocity.linear.z = -0.2 / JOB_S if 0.0 < self.progress < 1.0 else 0.0
        self.controller.publish(state)

    def tell_truth(self) -> None:
        is_seated = self.seated_since is not None and time.monotonic() - self.seated_since > 1.0
        distance = 0.2 * (1.0 - self.progress)
        truth = {
            "stamp": self.get_clock().now().nanoseconds * 1e-9,
            "trial": self.trial,
            "seated": is_seated,
            "inserted": TARGETS[self.trial] if is_seated else None,
            "offlimit_contacts": 0,
            "depth_m": 0.0458 - distance,
            "lateral_m": 0.0,
            "tip_port_distance_m": distance,
        }
        self.truth.publish(String(data=json.dumps(truth)))

    def look(self) -> None:
        if self.image.get_subscription_count():
            image = Image(height=8, width=12, encoding="rgb8", step=36, data=bytes(range(240)) + bytes(48))
            image.header.stamp = self.get_clock().now().to_msg()
            self.image.publish(image)


def main() -> None:
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = FakeCell()
    executor = MultiThreadedExecutor(num_threads=4)
    executor.add_node(node)

    def stop(*_) -> None:
        node.is_running = False

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    while node.is_running:
        executor.spin_once(timeout_sec=0.1)
    sys.stdout.flush()
    os._exit(0)  # a stand-in ends at once; what it leaves is the kernel's


if __name__ == "__main__":
    main()
