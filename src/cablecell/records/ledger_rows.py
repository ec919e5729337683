"""What is written into the ledger."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class JobRecord:
    """A job as it begins.

    Attributes:
        job_id: Unique name.
        recipe: Name of its recipe.
        recipe_hash: Of the content of the recipe.
        recipe_text: The content.
        software: Version of the software.
        follows: Job that failed and whose steps that were done are not done again; empty for none.
    """

    job_id: str
    recipe: str
    recipe_hash: str
    recipe_text: str
    software: str
    follows: str = ""


@dataclass(frozen=True)
class InsertionBegin:
    """What is known when an insertion begins.

    Attributes:
        connector: Family.
        plug: Name of the plug.
        port: Name of the port.
        software: Version of the software.
        port_sigma_m: How well the port is known: largest standard deviation of its position.
        port_sigma_rad: Likewise of its orientation.
        serial: Of the plug; empty where nobody knows it.
    """

    connector: str
    plug: str
    port: str
    software: str
    port_sigma_m: float
    port_sigma_rad: float
    serial: str = ""


@dataclass(frozen=True)
class InsertionEnd:
    """How an insertion ended.

    Attributes:
        error_code: 0 for success.
        error_msg: Empty on success.
        outcome: Number of `InsertionResult`.
        attempts: How often it was tried.
        depth_m: Reached.
        peak_force_n: Largest force.
        pull_force_n: Held in the pull test.
        is_latched: Whether the latch was felt.
        duration_s: Of the last attempt.
        found: Who said so where it was found after a restart: `report` of the skill, or `operator`; else empty.
        energy_j: Mechanical energy that the joints gave, J; None where nobody measured it.
    """

    error_code: int
    error_msg: str = ""
    outcome: int = 0
    attempts: int = 0
    depth_m: float = 0.0
    peak_force_n: float = 0.0
    pull_force_n: float = 0.0
    is_latched: bool = False
    duration_s: float = 0.0
    found: str = ""
    energy_j: float | None = None
