"""The arm in contact: a plug is pressed on a rigid plate, felt through a sensor with all its errors."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from cablecell.core.control.command import ComplianceCommand
from cablecell.core.control.errors import CollisionError, CommandTimeoutError
from cablecell.core.geometry import Array
from cablecell.evaluation.control_checks.check import Check, Row
from cablecell.evaluation.control_rig import DT_S, ControlRig, Push
from cablecell.ports import CommandMode

APPROACH = 0.01
"""Speed at which the plate is met, m/s."""
CLOSED = 0.9
"""Feedback gain where the loop of a torque-controlled arm is closed over the force sensor."""
_GAP_M = 0.002
_SECONDS = 4.0
_HELD_S = 1.5
_LEFT_S = 2.0


def _before_plate(rig: ControlRig) -> tuple[Array, Array]:
    """Tare, put the plate before the plug; return the tip in the tcp and where it is, shape (4, 4) each."""
    rig.tare()
    tip = rig.tip_nominal()
    X_target = rig.controller.report.X_base_tcp @ tip
    rig.put_plate(_GAP_M)
    return tip, X_target


def press(mode: CommandMode, seed: int, force_n: float, gain: float = 0.0) -> Row:
    """Approach a plate at 10 mm/s with a set-point of the force and hold it; return what the truth was."""
    rig = ControlRig(mode, seed)
    try:
        tip, X_target = _before_plate(rig)
        stiffness, damping = np.diag([2500.0, 2500.0, 0.0, 60.0, 60.0, 60.0]), np.zeros((6, 6))
        damping[2, 2] = force_n / APPROACH
        push, gains = np.zeros(6), np.zeros(6)
        push[2], gains[2] = force_n, gain
        contact, speeds = [], []
        for _ in range(round(_SECONDS / DT_S)):
            command = ComplianceCommand(
                rig.now_s, X_target, tip, stiffness, damping=damping, feedforward=push, feedback_gains=gains
            )
            rig.controller.command_compliance(command, rig.now_s)
            rig.tick()
            contact.append(rig.contact_n())
            speeds.append(rig.speed())
        fault = rig.controller.report.fault
    finally:
        rig.close()
    felt = np.array(contact)
    held = felt[-round(_HELD_S / DT_S) :]
    first = int(np.argmax(felt > 0.05))
    return {
        "mean_n": float(held.mean()),
        "error_n": abs(float(held.mean()) - force_n),
        "ripple_n": float(held.std()),
        "overshoot_n": float(felt.max()) - force_n,
        "met_after_s": first * DT_S if felt.max() > 0.05 else None,
        "met_with_m_per_s": speeds[max(first - 2, 0)],
        "fault": "" if fault is None else str(fault),
    }


def force_error(mode: CommandMode, seed: int, *, gain: float = 0.0) -> tuple[float, Row]:
    """Hold 1, 2, 5 and 10 N; return the largest error of the mean, N."""
    rows = {force: press(mode, seed, force, gain) for force in (1.0, 2.0, 5.0, 10.0)}
    notes: Row = {}
    for force, row in rows.items():
        notes |= {f"{key}_at_{force:.0f}n": value for key, value in row.items()}
    return max(row["error_n"] if row["met_after_s"] is not None else math.inf for row in rows.values()), notes


def overshoot(mode: CommandMode, seed: int, *, gain: float = 0.0) -> tuple[float, Row]:
    """Run into the plate with a set-point of 10 N at 10 mm/s; return how far the force goes beyond it, N."""
    row = press(mode, seed, 10.0, gain)
    return row["overshoot_n"] if row["met_after_s"] is not None else math.inf, row


def left_pressing(mode: CommandMode, seed: int, *, force_n: float) -> tuple[float, Row]:
    """Press on a plate and end the stream; return how far the tip moves in the next seconds, m."""
    rig = ControlRig(mode, seed)
    try:
        tip, X_target = _before_plate(rig)
        # As the insertion skill presses: nothing but the push along the axis, so nothing but the push holds it there.
        stiffness, damping = np.diag([800.0, 800.0, 0.0, 3.0, 3.0, 3.0]), np.zeros((6, 6))
        push = np.zeros(6)
        push[2], damping[2, 2] = force_n, force_n / APPROACH

        def stream(_: float) -> None:
            command = ComplianceCommand(rig.now_s, X_target, tip, stiffness, damping=damping, feedforward=push)
            rig.controller.command_compliance(command, rig.now_s)

        rig.run(1.5, stream)
        begun, pressed_n = rig.point_in_world(tip), rig.contact_n()
        way = 0.0
        for _ in range(round(_LEFT_S / DT_S)):
            rig.tick()
            if isinstance(rig.controller.report.fault, CommandTimeoutError):
                rig.controller.hold()  # as the node does
            way = max(way, float(np.linalg.norm(rig.point_in_world(tip) - begun)))
        left_n = rig.contact_n()
    finally:
        rig.close()
    return way, {"pressed_n": pressed_n, "left_n": left_n}


def hit(mode: CommandMode, seed: int, *, force_n: float) -> tuple[float, Row]:
    """Push the forearm with a force that rises within 20 ms; return the time to the stop, s, if it is named rightly."""
    rng = np.random.default_rng([seed, 6])
    rig = ControlRig(mode, seed)
    try:
        rig.tare()
        world = rig.machine.world
        direction = np.array([*rng.normal(size=2), 0.3 * rng.normal()])
        direction /= np.linalg.norm(direction)
        elbow, wrist = (np.array(world.frame(name).p) for name in ("forearm_link", "wrist_1_link"))
        push = Push("elbow_joint", np.zeros(3), elbow + 0.7 * (wrist - elbow))
        start_s, felt, rig.push = rig.now_s, 0.0, push
        while rig.now_s - start_s < 0.5 and rig.controller.report.fault is None:
            push.force = direction * force_n * min((rig.now_s - start_s) / 0.02, 1.0)
            rig.tick()
            felt = max(felt, float(np.linalg.norm(rig.wrench[:3])) if rig.wrench is not None else 0.0)
        fault, stop_s = rig.controller.report.fault, rig.now_s - start_s
    finally:
        rig.close()
    notes = {"wrist_felt_n": felt, "fault": "" if fault is None else str(fault)}
    return stop_s if isinstance(fault, CollisionError) else math.inf, notes


def contact_checks() -> list[Check]:
    """Return the checks of an arm in contact."""
    checks = [
        Check("torque_force_closed", "N", 0.4, partial(force_error, CommandMode.EFFORT, gain=CLOSED)),
        Check("torque_hit_forearm", "s", 0.1, partial(hit, CommandMode.EFFORT, force_n=60.0)),
        Check("torque_overshoot_closed", "N", 5.0, partial(overshoot, CommandMode.EFFORT, gain=CLOSED)),
    ]
    for mode, name in ((CommandMode.EFFORT, "torque"), (CommandMode.POSITION, "position")):
        checks += [
            Check(f"{name}_force", "N", 0.4, partial(force_error, mode)),
            Check(f"{name}_overshoot", "N", 5.0, partial(overshoot, mode)),
            Check(f"{name}_left_pressing", "m", 1.0e-4, partial(left_pressing, mode, force_n=10.0)),
        ]
    return checks
