"""Observations of a policy: three images taken at once, and the newest state that is not younger than they are."""

from __future__ import annotations

from collections import deque
from typing import Any

from aic_model_interfaces.msg import Observation
from geometry_msgs.msg import WrenchStamped
from sensor_msgs.msg import JointState

from cablecell.core.config.trial import JOINT_NAMES
from cablecell.ros.conversions import time_ns

SIDES = ("left", "center", "right")
FINGER_JOINT = "left_finger_joint"
GRIPPER_JOINT = "gripper"
SENSOR_FRAME = "ati/tool_link"

SAME_MOMENT_NS = 1_000_000
"""Stamps of images that belong together differ by no more, ns."""

_RING = 512
"""Samples kept of every state: at 250 Hz two seconds, as an image may be on its way for long on a small machine."""


class ObservationMaker:
    """Takes messages as they come and makes an observation of every complete set of images.

    Times are those of the stamps. Messages that were taken belong to the maker: it renames their frames to the
    challenge's.
    """

    def __init__(self) -> None:
        self._images: dict[str, Any] = {}
        self._infos: dict[str, Any] = {}
        self._wrenches: deque[Any] = deque(maxlen=_RING)
        self._joints: deque[Any] = deque(maxlen=_RING)
        self._states: deque[Any] = deque(maxlen=_RING)
        self._made_ns = -1

    def take_info(self, side: str, message: Any) -> None:
        """Take a `sensor_msgs/CameraInfo` of a camera; one is enough, as intrinsics stay."""
        message.header.frame_id = f"{side}_camera/optical"
        self._infos[side] = message

    def take_wrench(self, message: Any) -> None:
        """Take a `geometry_msgs/WrenchStamped` of the force sensor, not tared."""
        message.header.frame_id = SENSOR_FRAME
        self._wrenches.append(message)

    def take_joints(self, message: Any) -> None:
        """Take a `sensor_msgs/JointState`; joints may be in any order."""
        self._joints.append(message)

    def take_state(self, message: Any) -> None:
        """Take a `ControllerState`."""
        self._states.append(message)

    def take_image(self, side: str, message: Any) -> Any:
        """Take a `sensor_msgs/Image`; return the observation that it completes, or None."""
        message.header.frame_id = f"{side}_camera/optical"
        self._images[side] = message
        if len(self._images) < len(SIDES) or len(self._infos) < len(SIDES):
            return None
        left_ns = time_ns(self._images["left"].header.stamp)
        is_one_moment = all(
            abs(time_ns(image.header.stamp) - left_ns) <= SAME_MOMENT_NS for image in self._images.values()
        )
        if not is_one_moment or left_ns == self._made_ns:
            return None
        self._made_ns = left_ns
        return self._make(left_ns)

    def _make(self, left_ns: int) -> Any:
        observation = Observation()
        for name in SIDES:
            image, info = self._images[name], self._infos[name]
            info.header.stamp = image.header.stamp
            setattr(observation, f"{name}_image", image)
            setattr(observation, f"{name}_camera_info", info)
        observation.wrist_wrench = _newest(self._wrenches, left_ns) or WrenchStamped()
        state = _newest(self._states, left_ns)
        if state is not None:
            observation.controller_state = state
        joints = _newest(self._joints, left_ns)
        if joints is not None:
            observation.joint_states = in_policy_order(joints)
        return observation


def _newest(ring: deque[Any], until_ns: int) -> Any:
    """Return the newest message that is not later than a stamp; None when there is none."""
    return next((message for message in reversed(ring) if time_ns(message.header.stamp) <= until_ns), None)


def in_policy_order(message: Any) -> Any:
    """Return a `JointState` as policies get it: six joints of the arm, and the gripper.

    The gripper has half the position, velocity and effort of the left finger, as the challenge's adapter sends it.
    Where a joint or a number is missing the arrays stay empty.
    """
    ordered = JointState(header=message.header)
    names = [name.removeprefix("gripper/") for name in message.name]
    columns = (message.position, message.velocity, message.effort)
    wanted = (*JOINT_NAMES, FINGER_JOINT)
    if sorted(names) != sorted(wanted) or any(len(column) != len(wanted) for column in columns):
        return ordered
    order = [names.index(name) for name in wanted]
    ordered.name = [*JOINT_NAMES, GRIPPER_JOINT]
    ordered.position, ordered.velocity, ordered.effort = (
        [*(column[i] for i in order[:-1]), 0.5 * column[order[-1]]] for column in columns
    )
    return ordered
