"""What follows an insertion in a rollout: the seated plug is checked, or unplugged, and the truth is asked."""

from __future__ import annotations

from typing import Any

from cablecell.core.insertion.handling import Handling
from cablecell.core.insertion.handling_outcome import HandlingOutcome
from cablecell.core.insertion.unplug import Unplug
from cablecell.core.insertion.verify_seat import VerifySeat
from cablecell.evaluation.rollout import Rollout

Row = dict[str, Any]

PROCEDURES: dict[str, type[Handling]] = {"unplug": Unplug, "verify": VerifySeat}
"""What may follow an insertion, by the name of the task."""

_OUT_M = 5.0e-3
"""Distance of a plug in front of its entrance from which it is out in truth."""

_STAYED_M = 2.0e-4
"""How far a check may leave a seated plug from where it was, in truth."""


def handle_seated(rollout: Rollout, task: str) -> Row:
    """Do what a task asks of the plug that a rollout has just seated.

    Returns:
        outcome and reason of the procedure, success and false_success by the truth, handling_s, handling_force_n,
        handling_moved_m (of the plug, in truth).
    """
    procedure = PROCEDURES[task](rollout.profile, rollout.insertion_settings)
    truth = rollout.machine.truth
    before = truth.plug_in_port().depth_m
    while (out := procedure.step(rollout.observe())).result is None:
        rollout.act(out.command)
    result, after = out.result, truth.plug_in_port().depth_m
    if task == "unplug":
        is_claimed, is_true = result.outcome is HandlingOutcome.UNPLUGGED, after < -_OUT_M
    else:
        is_seated = truth.is_at_stop(rollout.machine.world.scene.target)
        is_claimed, is_true = result.outcome is HandlingOutcome.SEATED, is_seated and abs(after - before) < _STAYED_M
    return {
        "outcome": result.outcome.name,
        "reason": result.reason,
        "success": is_claimed and is_true,
        "false_success": is_claimed and not is_true,
        "handling_s": result.duration_s,
        "handling_force_n": result.peak_force_n,
        "handling_moved_m": before - after,
        "cable_faults": sorted(fault.value for fault in truth.cable_faults),
    }
