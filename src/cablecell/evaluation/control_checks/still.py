"""The arm at rest: its stiffness, and that nothing moves by enabling, by a change of mode or by a tare."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from cablecell.core.control.command import JointMotionUpdate, MotionUpdate, TargetMode, TrajectoryMode
from cablecell.core.geometry import Array, exp_so3, log_so3, make_pose, quat_from_rotation
from cablecell.evaluation.control_checks.check import Check, Row, gains, hold_command
from cablecell.evaluation.control_rig import DT_S, ControlRig, Push
from cablecell.ports import CommandMode

_MEAN_S = 0.3
_HAND = "gripper_base_link_joint"


def _push_until_rest(
    rig: ControlRig, K: Array, X_target: Array, X_tcp_comp: Array, push: Push, seconds: float
) -> Array:
    """Push at the compliance frame; return its mean true pose at the end against the target: (m, rad), shape (6,)."""
    rows = []

    def hold(_: float) -> None:
        push.point = rig.point_in_world(X_tcp_comp)
        rig.controller.command_compliance(hold_command(rig.now_s, X_target, K, X_tcp_comp), rig.now_s)
        X = rig.X_base_tcp() @ X_tcp_comp
        R = X_target[:3, :3].T
        rows.append(np.concatenate((R @ (X[:3, 3] - X_target[:3, 3]), log_so3(R @ X[:3, :3]))))

    rig.push = push
    rig.run(seconds, hold)
    rig.push = None
    mean: Array = np.mean(rows[-round(_MEAN_S / DT_S) :], axis=0)
    return mean


def stiffness(mode: CommandMode, seed: int, *, part: int, is_exact: bool = False) -> tuple[float, Row]:
    """Push with a force (`part` 0) or a moment (1): |K x - F| / |F|, %, at random gains, frames and directions."""
    rng = np.random.default_rng([seed, part, 1])
    rig = ControlRig(mode, seed, is_exact=is_exact)
    # Behind a delay the law cannot be less damped than the grasp asks for: a soft arm then takes seconds to settle.
    low, seconds = (500.0, 1.5) if mode is CommandMode.EFFORT else (1500.0, 5.0)
    try:
        rig.tare()
        K = np.diag([*rng.uniform(low, 4000.0, 3), *rng.uniform(20.0, 100.0, 3)])
        X_tcp_comp = make_pose(exp_so3(rng.uniform(-0.4, 0.4, 3)), [*rng.uniform(-0.05, 0.05, 2), rng.uniform(0, 0.08)])
        X_target = rig.controller.report.X_base_tcp @ X_tcp_comp
        load = rng.normal(size=3)
        load *= (8.0 if part == 0 else 0.8) / np.linalg.norm(load)
        at_target = X_target[:3, :3].T @ load
        force, torque = (load, np.zeros(3)) if part == 0 else (np.zeros(3), load)
        nothing = Push(_HAND, np.zeros(3), np.zeros(3))
        before = _push_until_rest(rig, K, X_target, X_tcp_comp, nothing, 1.0)
        push = Push(_HAND, rig.to_world(force), np.zeros(3), rig.to_world(torque))
        moved = _push_until_rest(rig, K, X_target, X_tcp_comp, push, seconds) - before
    finally:
        rig.close()
    rows = slice(3 * part, 3 * part + 3)
    error = float(np.linalg.norm(np.diag(K)[rows] * moved[rows] - at_target) / np.linalg.norm(at_target))
    other = slice(3 - 3 * part, 6 - 3 * part)
    return 100.0 * error, {"stiffness": np.diag(K).tolist(), "moved": moved.tolist(), "coupled": moved[other].tolist()}


def _moved(rig: ControlRig, seconds: float, before: Callable[[float], None] | None = None) -> float:
    """Return how far the tool goes from where it is within a time, µm."""
    start, furthest = rig.X_base_tcp()[:3, 3], [0.0]

    def watch(t: float) -> None:
        furthest.append(float(np.linalg.norm(rig.X_base_tcp()[:3, 3] - start)))
        if before is not None:
            before(t)

    rig.run(seconds, watch)
    return 1e6 * max(furthest)


def transitions(mode: CommandMode, seed: int, *, identifies: bool = False) -> tuple[float, Row]:
    """Enable, take over by every kind of command and back, tare: the largest motion that any of these causes, µm.

    With `identifies` the payload is identified by the motion for that first, and what was found is used.
    """
    rig = ControlRig(mode, seed)
    controller, moved = rig.controller, {}
    try:
        if identifies:
            rig.run(0.4)
            rig.identify(apply=True)
        moved["enable"] = _moved(rig, 0.4)
        moved["first_tare"] = _tare(rig)
        X = controller.report.X_base_tcp.copy()
        K = gains(2000.0, 60.0)

        def comply(_: float) -> None:
            controller.command_compliance(hold_command(rig.now_s, X, K), rig.now_s)

        def move(_: float) -> None:
            update = MotionUpdate(
                stamp_s=rig.now_s,
                frame_id="base_link",
                position=X[:3, 3],
                quat_xyzw=quat_from_rotation(X[:3, :3]),
                velocity=np.zeros(6),
                stiffness=K.ravel(),
                damping=gains(60.0, 2.0).ravel(),
                feedforward_at_tip=np.zeros(6),
                feedback_gains_at_tip=np.zeros(6),
                mode=TrajectoryMode.POSITION,
            )
            controller.command_motion(update, rig.now_s)

        moved["compliance"] = _moved(rig, 0.4, comply)
        rig.tare(settle=False)
        moved["tare"] = _moved(rig, 0.3, comply)
        controller.hold()
        moved["hold"] = _moved(rig, 0.3)
        X = controller.report.X_base_tcp.copy()
        moved["motion_update"] = _moved(rig, 0.4, move)
        controller.change_target_mode(TargetMode.JOINT)
        moved["joint_mode"] = _moved(rig, 0.3)
        q = rig.state().q.copy()

        def move_joints(_: float) -> None:
            stiff, damp = np.full(6, 400.0), np.full(6, 15.0)
            update = JointMotionUpdate(rig.now_s, q, np.zeros(6), stiff, damp, np.zeros(0), TrajectoryMode.POSITION)
            controller.command_joints(update, rig.now_s, rig.state().q)

        moved["joint_update"] = _moved(rig, 0.4, move_joints)
        controller.change_target_mode(TargetMode.CARTESIAN)
        moved["cartesian_mode"] = _moved(rig, 0.3)
    finally:
        rig.close()
    return max(moved.values()), {f"{name}_um": value for name, value in moved.items()}


def _tare(rig: ControlRig) -> float:
    rig.tare()
    return _moved(rig, 0.3)


def still_checks() -> list[Check]:
    """Return the checks of an arm at rest, for arms that are told torques and for those that are told positions."""
    torque, position = CommandMode.EFFORT, CommandMode.POSITION
    # An admittance is as stiff as its force sensor is right: with the gain error of that the law cannot be judged.
    checks = [
        Check("torque_stiffness", "%", 1.0, partial(stiffness, torque, part=0)),
        Check("torque_stiffness_rot", "%", 1.0, partial(stiffness, torque, part=1)),
        Check("position_stiffness", "%", 1.0, partial(stiffness, position, part=0, is_exact=True)),
        Check("position_stiffness_rot", "%", 1.0, partial(stiffness, position, part=1, is_exact=True)),
        Check("position_stiffness_with_errors", "%", math.inf, partial(stiffness, position, part=0)),
        Check("position_stiffness_rot_with_errors", "%", math.inf, partial(stiffness, position, part=1)),
    ]
    for mode, name in ((torque, "torque"), (position, "position")):
        checks.append(Check(f"{name}_no_motion", "um", 100.0, partial(transitions, mode)))
        identified = partial(transitions, mode, identifies=True)
        checks.append(Check(f"{name}_no_motion_identified", "um", 100.0, identified))
    return checks
