"""From messages to requests: what is asked for, judged and resolved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from cablecell_interfaces.msg import MotionTarget
from numpy.typing import NDArray

from cablecell.core.config.trial import Robot
from cablecell.core.geometry import make_pose
from cablecell.core.motion.model import ARM_JOINT_NAMES, RobotModel
from cablecell.core.motion.sequence import JointGoal, LaterGoal, SequenceGoal, Tip, ToolGoal, about_goal
from cablecell.ros.conversions import pose_to_matrix
from cablecell.ros.planner_errors import MoveRequestError
from cablecell.ros.planner_scene import PlanningScene

Matrix = NDArray[np.float64]

_PATHS = {
    MotionTarget.PATH_CIRC: "PATH_CIRC",
    MotionTarget.PATH_AUTO: "PATH_AUTO",
    MotionTarget.PATH_PTP: "PATH_PTP",
    MotionTarget.PATH_LIN: "PATH_LIN",
    MotionTarget.PATH_SAMPLED: "PATH_SAMPLED",
}


@dataclass(frozen=True, eq=False)
class Displacement:
    """How far a tip goes from where it is.

    Attributes:
        X: Displacement and turn, shape (4, 4).
        R_base_axes: Axes it is given in; None for those of the tip itself.
    """

    X: Matrix
    R_base_axes: Matrix | None

    def from_pose(self, X_base_tip: Matrix) -> Matrix:
        """Return where the tip ends up that is at a pose now."""
        goal = X_base_tip @ self.X
        if self.R_base_axes is not None:
            R = self.R_base_axes
            rotation = R @ self.X[:3, :3] @ R.T @ X_base_tip[:3, :3]
            goal = make_pose(rotation, X_base_tip[:3, 3] + R @ self.X[:3, 3])
        return goal


@dataclass(frozen=True, eq=False)
class MoveRequest:
    """A target, judged and resolved.

    Attributes:
        path: One of the paths of `MotionTarget` that are planned here.
        joints: Wanted positions by joint name, rad; of no meaning when there is a pose.
        X_base_tip: Wanted pose of the tip, or None for a goal in joints or relative to where the tip is.
        tip: What is to be there.
        displacement: What a relative goal moves, or None.
        via_m: Point of an arc in `base_link`, or None.
        velocity_scale: In (0, 1].
        acceleration_scale: In (0, 1].
    """

    path: int
    joints: Mapping[str, float]
    X_base_tip: Matrix | None
    tip: Tip
    velocity_scale: float
    acceleration_scale: float
    displacement: Displacement | None = None
    via_m: Matrix | None = None

    @property
    def is_of_tip(self) -> bool:
        """Whether the goal is about a tip, not about joints."""
        return self.X_base_tip is not None or self.displacement is not None

    def goal_joints(self, model: RobotModel, q_start: Matrix) -> Matrix:
        """Return the joint positions of a goal in joints; those that are not named stay."""
        q = q_start.copy()
        for name, position in self.joints.items():
            q[model.joint_names.index(name)] = position
        return q

    def goal_pose(self, model: RobotModel, q_start: Matrix) -> Matrix | None:
        """Return the pose of the tip of a goal that is one, also relative to where the motion starts; else None."""
        if self.displacement is None:
            return self.X_base_tip
        X_base_frame = model.fk(model.check_joint_limits(q_start), self.tip.frame)
        return self.displacement.from_pose(self.tip.of_frame(X_base_frame))


@dataclass(frozen=True, eq=False)
class SequenceRequest:
    """Motions one after the other, judged and resolved.

    Attributes:
        items: At least one.
        radii_m: How far from each goal the tip may leave its way, as many as items, the last 0.
        tip: Of all poses.
    """

    items: Sequence[MoveRequest]
    radii_m: Sequence[float]
    tip: Tip

    def goals(self, model: RobotModel) -> list[LaterGoal]:
        """Return the goals, each for the joint positions it starts from."""

        def later(item: MoveRequest, radius_m: float) -> LaterGoal:
            return lambda q: self._goal(item, radius_m, model, q)

        return [later(*one) for one in zip(self.items, self.radii_m, strict=True)]

    def _goal(self, item: MoveRequest, radius_m: float, model: RobotModel, q_start: Matrix) -> SequenceGoal:
        X, q = item.goal_pose(model, q_start), item.goal_joints(model, q_start)
        pace = radius_m, item.velocity_scale, item.acceleration_scale
        if item.path == MotionTarget.PATH_PTP:
            return JointGoal([q], None, *pace) if X is None else JointGoal((), X, *pace)
        if X is None:
            X = self.tip.of_frame(model.fk(model.check_joint_limits(q), self.tip.frame))
        via = item.via_m
        return ToolGoal(X, None if via is None else (float(via[0]), float(via[1]), float(via[2])), *pace)


def read_target(
    target: Any, model: RobotModel, scene: PlanningScene, named: Mapping[str, Mapping[str, float]]
) -> MoveRequest:
    """Return a message as a request; `named` holds joint positions by name.

    Raises:
        MoveRequestError: A field has a value outside what is valid (code 941).
        UnknownFrameError: A frame does not exist (code 103).
        ExecutionError: The pose is not finite or no rotation (codes 301, 302).
    """
    if target.path not in _PATHS:
        valid = ", ".join(f"{number} ({name})" for number, name in _PATHS.items())
        raise _refused("path", target.path, valid)
    for name in ("velocity_scale", "acceleration_scale"):
        value = getattr(target, name)
        if not 0.0 < value <= 1.0:
            raise _refused(name, value, "above 0, at most 1")
    scales = (target.velocity_scale, target.acceleration_scale)
    via_m = _via(target, scene) if target.path == MotionTarget.PATH_CIRC else None
    if target.goal == MotionTarget.GOAL_JOINTS:
        return MoveRequest(target.path, _joints(target, model), None, Tip(), *scales, via_m=via_m)
    if target.goal == MotionTarget.GOAL_NAMED:
        if target.name not in named:
            raise _refused("name", f"'{target.name}'", ", ".join(sorted(named)))
        return MoveRequest(target.path, named[target.name], None, Tip(), *scales, via_m=via_m)
    if target.goal not in (MotionTarget.GOAL_POSE, MotionTarget.GOAL_RELATIVE):
        raise _refused("goal", target.goal, "0 (GOAL_JOINTS), 1 (GOAL_POSE), 2 (GOAL_NAMED), 3 (GOAL_RELATIVE)")
    tip, held = Tip(target.tip_frame or "tcp"), scene.held
    if held is not None and tip.frame == held.plug:
        tip = Tip("tcp", held.X_tcp_tip)  # the plug is no part of the model
    model.frame_id(tip.frame)
    X, frame = pose_to_matrix("pose", target.pose.pose), target.pose.header.frame_id
    if target.goal == MotionTarget.GOAL_RELATIVE:
        own = frame in ("", target.tip_frame or "tcp")
        displacement = Displacement(X, None if own else scene.frame(frame)[:3, :3])
        return MoveRequest(target.path, {}, None, tip, *scales, displacement, via_m)
    return MoveRequest(target.path, {}, scene.frame(frame) @ X, tip, *scales, via_m=via_m)


def _via(target: Any, scene: PlanningScene) -> Matrix:
    point = np.array([target.via.point.x, target.via.point.y, target.via.point.z, 1.0])
    if not np.all(np.isfinite(point)):
        raise _refused("via", point[:3].tolist(), "finite")
    via: Matrix = (scene.frame(target.via.header.frame_id) @ point)[:3]
    return via


def parse_named_targets(texts: Sequence[str], model: RobotModel) -> dict[str, dict[str, float]]:
    """Return the joint positions of named targets, each within the limits; the cell's arm has a `home` without asking.

    Args:
        texts: Each `name: q1, q2, …`, rad, in the order of the model's joints.
        model: Whose joints they are.

    Raises:
        MoveRequestError: A text is not of that form, or another arm has no `home` (code 941).
        JointLimitError: A position is outside its limits (code 102).
    """
    named: dict[str, dict[str, float]] = {}
    if model.joint_names == ARM_JOINT_NAMES:
        named["home"] = dict(zip(model.joint_names, Robot().home_joint_positions.in_order(), strict=True))
    for text in texts:
        name, _, values = text.partition(":")
        try:
            positions = [float(value) for value in values.split(",")]
        except ValueError:
            positions = []
        if not name.strip() or len(positions) != model.dof:
            raise _refused("named_targets", f"'{text}'", f"name: {model.dof} joint positions in rad, with commas")
        named[name.strip()] = dict(zip(model.joint_names, model.check_joint_limits(positions).tolist(), strict=True))
    if "home" not in named:
        raise _refused(
            "named_targets", ", ".join(named) or "nothing", f"home: {model.dof} joint positions, for this arm"
        )
    return named


def _joints(target: Any, model: RobotModel) -> dict[str, float]:
    names, positions = list(target.joint_names), list(target.joint_positions)
    if not names or len(names) != len(positions) or len(set(names)) != len(names):
        raise _refused("joint_names", f"{names} with {len(positions)} positions", "each joint once, with a position")
    for name, position in zip(names, positions, strict=True):
        if name not in model.joint_names:
            raise _refused("joint_names", name, ", ".join(model.joint_names))
        if not math.isfinite(position):
            raise _refused(f"joint_positions of {name}", position, "finite")
    return dict(zip(names, positions, strict=True))


def _refused(name: str, value: object, valid: str) -> MoveRequestError:
    return MoveRequestError(f"{name} = {value} is refused; valid: {valid}", quantity=name, value=value, limit=valid)


def read_sequence(
    items: Sequence[Any], model: RobotModel, scene: PlanningScene, named: Mapping[str, Mapping[str, float]]
) -> SequenceRequest:
    """Return the items of a sequence as a request; `named` holds joint positions by name.

    Raises:
        MoveRequestError: There is none, or one asks for what a sequence does not take (code 941).
        WorkcellError: As `read_target` raises it; the message says which item it is about.
    """
    if not items:
        raise _refused("items", "nothing", "at least one")
    requests: list[MoveRequest] = []
    tip: Tip | None = None
    frames: list[str] = []
    for number, item in enumerate(items, 1):
        with about_goal(number, len(items)):
            if item.target.path not in (MotionTarget.PATH_PTP, MotionTarget.PATH_LIN, MotionTarget.PATH_CIRC):
                path = _PATHS.get(item.target.path, item.target.path)
                raise _refused("path of a sequence", path, "PATH_PTP, PATH_LIN, PATH_CIRC")
            radius_m = float(item.blend_radius)
            is_last = number == len(items)
            if not (math.isfinite(radius_m) and radius_m >= 0.0) or (is_last and radius_m != 0.0):
                raise _refused("blend_radius", f"{radius_m} m", "0 m for the last item, else finite and at least 0 m")
            request = read_target(item.target, model, scene, named)
            if request.is_of_tip:
                frames.append(item.target.tip_frame or "tcp")
                if frames[-1] != frames[0]:
                    raise _refused("tip_frame", frames[-1], f"that of the poses before, {frames[0]}")
                tip = request.tip
            requests.append(request)
    return SequenceRequest(requests, [float(item.blend_radius) for item in items], tip or Tip())
