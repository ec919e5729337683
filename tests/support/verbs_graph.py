"""A small graph for the verbs to look at: `python -m tests.support.verbs_graph /cell` runs until told to end.

The argument is the namespace. All interfaces are standard ones, but for the action, which is one of ours.
"""

from __future__ import annotations

import signal
import sys
import time

import rclpy
from cablecell_interfaces.action import ExerciseLink
from geometry_msgs.msg import PoseStamped
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Int32, String
from std_srvs.srv import SetBool, Trigger

CHATTER_PERIOD_S = 0.05
FEEDBACK_PERIOD_S = 0.15


class Talker(Node):
    """Publishes, serves, and has parameters with limits."""

    def __init__(self, namespace: str) -> None:
        super().__init__("talker", namespace=namespace)
        latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
        self.chatter = self.create_publisher(String, "chatter", 10)
        self.joints = self.create_publisher(JointState, "joint_states", 10)
        self.pose = self.create_publisher(PoseStamped, "pose", latched)
        self.image = self.create_publisher(Image, "image", latched)
        self.hidden = self.create_publisher(String, "_internal", 10)
        self.received = self.create_publisher(Int32, "received", latched)
        self.create_subscription(Int32, "number", self.received.publish, 10)
        self.count = 0
        self.create_timer(CHATTER_PERIOD_S, self.say)
        pose = PoseStamped()
        pose.header.frame_id = "base_link"
        pose.pose.position.x = 1.5
        self.pose.publish(pose)
        self.image.publish(Image(height=10, width=20, encoding="mono8", step=20, data=bytes(range(200))))
        self.create_service(SetBool, "set_bool", self.set_bool)
        self.create_service(Trigger, "trigger", lambda request, response: response)
        self.declare_parameter(
            "gain",
            0.5,
            ParameterDescriptor(
                description="Proportional gain, 1/s",
                floating_point_range=[FloatingPointRange(from_value=0.0, to_value=10.0)],
            ),
        )
        self.declare_parameter(
            "limits.retries",
            3,
            ParameterDescriptor(integer_range=[IntegerRange(from_value=0, to_value=9, step=3)]),
        )
        self.declare_parameter("limits.joints", [1.0, 2.5])
        self.declare_parameter("name", "ur5e", ParameterDescriptor(read_only=True))
        self.declare_parameter("enabled", True)
        self.declare_parameter("tags", ["a", "b"])
        self.add_on_set_parameters_callback(self.check)

    def say(self) -> None:
        self.count += 1
        self.chatter.publish(String(data=f"hello {self.count}"))
        joints = JointState(name=["a", "b"], position=[0.5, float("nan")])
        joints.header.stamp = self.get_clock().now().to_msg()
        self.joints.publish(joints)

    def set_bool(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        response.success = request.data
        response.message = "on" if request.data else "off"
        return response

    def check(self, parameters: list) -> SetParametersResult:
        refused = [each.name for each in parameters if each.name == "enabled" and each.value is False]
        return SetParametersResult(successful=not refused, reason="it has to stay enabled" if refused else "")


class Worker(Node):
    """Serves one action: counts to a number, refuses zero, can be cancelled."""

    def __init__(self, namespace: str) -> None:
        super().__init__("worker", namespace=namespace)
        self.server = ActionServer(
            self,
            ExerciseLink,
            "exercise",
            self.execute,
            goal_callback=lambda goal: GoalResponse.ACCEPT if goal.count else GoalResponse.REJECT,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
            callback_group=ReentrantCallbackGroup(),
        )

    def execute(self, handle: object) -> ExerciseLink.Result:
        for number in range(1, handle.request.count + 1):
            if handle.is_cancel_requested:
                handle.canceled()
                return ExerciseLink.Result(sent=number)
            # Feedback before the client knows that its goal was accepted would be lost.
            time.sleep(FEEDBACK_PERIOD_S)
            handle.publish_feedback(ExerciseLink.Feedback(sent=number))
        if number == 7:
            handle.abort()
        else:
            handle.succeed()
        return ExerciseLink.Result(sent=number)


class Managed(LifecycleNode):
    """A managed node that cannot be activated."""

    def __init__(self, namespace: str) -> None:
        super().__init__("managed", namespace=namespace)

    def on_activate(self, state: object) -> TransitionCallbackReturn:
        return TransitionCallbackReturn.FAILURE


def main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rclpy.init()
    executor = MultiThreadedExecutor(4)
    nodes = [node(sys.argv[1]) for node in (Talker, Worker, Managed)]
    for node in nodes:
        executor.add_node(node)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        executor.shutdown()
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
