"""Node `aic_ground_truth`: true poses of ports and plug as transforms, under the challenge's names, for training.

It runs only where somebody asks for it (`ground_truth:=true`): what decides in the cell never has its help.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import Float64MultiArray, String
from tf2_ros.static_transform_broadcaster import StaticTransformBroadcaster
from tf2_ros.transform_broadcaster import TransformBroadcaster

from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_trials
from cablecell.core.errors import WorkcellError
from cablecell.ros import qos
from cablecell.ros.conversions import fill_time
from cablecell.simulation.rigid import Pose
from cablecell.simulation.scene_state import SceneState

WORLD = "aic_world"


def transform(parent: str, child: str, X: Pose, stamp_ns: int) -> Any:
    """Return a pose as `geometry_msgs/TransformStamped`."""
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    fill_time(message.header.stamp, stamp_ns)
    translation, rotation = message.transform.translation, message.transform.rotation
    translation.x, translation.y, translation.z = X.p
    rotation.x, rotation.y, rotation.z, rotation.w = X.q
    return message


class GroundTruth:
    """Publishes `task_board/<module>/<port>_link`, `…_link_entrance` and `<cable>/<plug>_link` below `aic_world`."""

    def __init__(self) -> None:
        self.node = rclpy.create_node("aic_ground_truth")
        self._connectors = load_connectors()
        self._fixed, self._moving = StaticTransformBroadcaster(self.node), TransformBroadcaster(self.node)
        self._plug = ""
        self._is_shown = ""
        self.node.create_subscription(String, "/sim/trial", self._take_trial, qos.STATE)
        self.node.create_subscription(Float64MultiArray, "/sim/scene_state", self._take_state, qos.SENSOR)

    def _take_trial(self, message: Any) -> None:
        if message.data == self._is_shown:
            return
        self._is_shown = message.data
        source = json.loads(message.data)
        try:
            trial = load_trials(Path(source["trials_file"])).trials[source["trial"]]
            frames = load_scene(trial, self._connectors).frames
        except WorkcellError as error:
            self.node.get_logger().error(f"/sim/trial cannot be read, code {error.code}: {error}")
            return
        task = trial.task
        self._plug = f"{task.cable_name}/{task.plug_name}_link"
        now_ns = self.node.get_clock().now().nanoseconds
        here = Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
        poses = [transform(WORLD, name, X, now_ns) for name, X in frames.items() if name.startswith("task_board/")]
        self._fixed.sendTransform([transform("world", WORLD, here, now_ns), *poses])

    def _take_state(self, message: Any) -> None:
        state = SceneState.from_list(list(message.data))
        if state.X_world_tip is not None and self._plug:
            self._moving.sendTransform(transform(WORLD, self._plug, state.X_world_tip, round(state.stamp_s * 1e9)))


def main() -> None:
    """Run the node until a signal."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    truth = GroundTruth()
    executor = SingleThreadedExecutor()
    executor.add_node(truth.node)
    while not ended.is_set():
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    truth.node.destroy_node()
    rclpy.try_shutdown()
    sys.exit(0)
