"""What a client of the skill asks for, the same for both actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cablecell.ros.skill_messages import seconds


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
