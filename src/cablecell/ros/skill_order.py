"""What a client of the skill asks for, the same for both actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.config.insertion_skill import InsertionSkillParameters
from cablecell.core.config.parameters import validate
from cablecell.ros.skill_messages import seconds

_SPEEDS = ("approach_speed", "approach_acceleration", "contact_speed", "search_speed", "seat_speed")
"""Settings of the skill that depend on the machine: a slow link needs slow contact."""


@dataclass(frozen=True)
class Order:
    """One insertion that was asked for.

    Attributes:
        port: `<module>/<port>`.
        plug: Name of the plug; empty is whatever is held.
        connector: Connector family; empty is that of the held plug.
        force_limit_n: Largest contact force, N; 0 is the skill's own.
        attempts: Most attempts.
        time_limit_s: Longest time of one attempt, s.
        pull_test: Whether to prove the latch.
        job_id: Job it belongs to; empty for none.
        step: Its step.
        row: Its number in the ledger; 0 for none.
    """

    port: str
    plug: str
    connector: str
    force_limit_n: float
    attempts: int
    time_limit_s: float
    pull_test: bool
    job_id: str = ""
    step: str = ""
    row: int = 0


def order_from_connector(goal: Any, attempts: int, time_limit_s: float) -> Order:
    """Return a goal of `insert_connector` with the defaults filled in."""
    return Order(
        port=goal.port_name,
        plug=goal.plug_name,
        connector=goal.connector_type,
        force_limit_n=goal.force_limit,
        attempts=goal.max_attempts or attempts,
        time_limit_s=seconds(goal.time_limit) or time_limit_s,
        pull_test=goal.pull_test,
        job_id=goal.job_id,
        step=goal.step,
        row=goal.row,
    )


def order_from_handling(goal: Any, time_limit_s: float) -> Order:
    """Return a goal of `handle_connector` with the defaults filled in."""
    return Order(
        port=goal.port_name,
        plug=goal.plug_name,
        connector=goal.connector_type,
        force_limit_n=0.0,
        attempts=1,
        time_limit_s=seconds(goal.time_limit) or time_limit_s,
        pull_test=True,
    )


def order_from_cable_task(task: Any, attempts: int, time_limit_s: float) -> Order:
    """Return AIC's task: its module and port name together are the port, its plug type is the connector."""
    return Order(
        port=f"{task.target_module_name}/{task.port_name}",
        plug=task.plug_name,
        connector=task.plug_type,
        force_limit_n=0.0,
        attempts=attempts,
        time_limit_s=min(float(task.time_limit) or time_limit_s, time_limit_s),
        pull_test=True,
    )


def settings_of(order: Order, ours: InsertionSkillParameters) -> InsertionSettings:
    """Return the settings of the skill for an order.

    Args:
        order: What was asked for.
        ours: Parameters of the node.

    Raises:
        ConfigurationError: What was asked for is out of range (code 901).
    """
    values: dict[str, object] = {
        **{name: getattr(ours, name) for name in _SPEEDS},
        "time_limit_s": order.time_limit_s,
        # Staging takes its time after the age was checked.
        "estimate_age_limit_s": ours.estimate_age_limit_s + ours.staging_time_limit_s,
    }
    if order.force_limit_n > 0.0:
        values["force_abort_n"] = order.force_limit_n
    return validate(InsertionSettings, values)
