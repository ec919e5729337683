"""The fault table: what is injected, what has to happen, and the plans of recovery, read from `config/faults.yaml`."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from cablecell.core.config.documents import DocumentSchema, validate_document

NO_PLAN = "none"


class Action(str, Enum):
    """What a recovery may do; each is done by a skill or by the supervisor, none in the force loop."""

    WAIT = "wait"
    HOME = "home"
    TARE = "tare"
    LOOK = "look"
    QUARANTINE = "quarantine"
    SWAP = "swap"
    RESPAWN = "respawn"
    RETRY = "retry"
    SKIP = "skip"
    HOLD = "hold"


DECISIONS = frozenset({Action.RETRY, Action.SKIP, Action.HOLD})
"""Actions that say how the job goes on; every rung ends with one."""


class Reaction(str, Enum):
    """What the cell does at once, before anything is repaired."""

    ABORT = "abort"
    END_STEP = "end_step"
    LEAVE_OUT = "leave_out"
    NO_NEW_STEP = "no_new_step"
    GO_ON = "go_on"


class _Loose(DocumentSchema):
    # Names of actions and reactions are texts in the file.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, allow_inf_nan=False)


class Rung(_Loose):
    """Actions that belong together.

    Attributes:
        do: In this order; the last one is a decision, and no other.
        times: How often it may be used for one step.
    """

    do: Annotated[tuple[Action, ...], Field(min_length=1)]
    times: Annotated[int, Field(ge=1, le=10)] = 1

    @model_validator(mode="after")
    def _ends_with_a_decision(self) -> Rung:
        if self.do[-1] not in DECISIONS or any(action in DECISIONS for action in self.do[:-1]):
            raise ValueError("the last action of a rung, and no other, is retry, skip or hold")
        return self


class Plan(_Loose):
    """What is done after a cause code.

    Attributes:
        codes: Of the causes.
        rungs: Tried first to last; the last one never sends the step round again, so that every plan ends.
        ask: Question for the operator, where a rung holds.
    """

    codes: Annotated[frozenset[int], Field(min_length=1)]
    rungs: Annotated[tuple[Rung, ...], Field(min_length=1)]
    ask: str = ""

    @model_validator(mode="after")
    def _ends(self) -> Plan:
        if self.rungs[-1].do[-1] is Action.RETRY:
            raise ValueError("the last rung of a plan skips or holds")
        if any(Action.HOLD in rung.do for rung in self.rungs) != bool(self.ask):
            raise ValueError("a plan that holds asks something, and no other does")
        return self


class Fault(_Loose):
    """One kind of fault.

    Attributes:
        name: Its name.
        what: What is done to the cell.
        monitor: Who notices it.
        codes: Cause codes that name it rightly; 0 where it has to be borne or was commanded.
        reaction: What happens at once.
        recoverable: Whether the work must go on without a person.
        plan: Name of the plan of its recovery, or `none`.
    """

    name: str
    what: str
    monitor: str
    codes: Annotated[frozenset[int], Field(min_length=1)]
    reaction: Reaction
    recoverable: bool
    plan: str


class FaultTable(_Loose):
    """All faults, and all plans.

    Attributes:
        notice_s: Longest time from the moment a fault can be seen until the cell acts.
        recoveries_per_step: Most recoveries of one step.
        plans: By name.
        faults: All kinds.
    """

    notice_s: Annotated[float, Field(gt=0.0, le=10.0)]
    recoveries_per_step: Annotated[int, Field(ge=1, le=100)]
    plans: dict[str, Plan]
    faults: tuple[Fault, ...]

    @model_validator(mode="after")
    def _fits(self) -> FaultTable:
        codes = [code for plan in self.plans.values() for code in plan.codes]
        twice = next((code for code in codes if codes.count(code) > 1), None)
        if twice is not None:
            raise ValueError(f"code {twice} has two plans")
        for fault in self.faults:
            if fault.plan == NO_PLAN:
                if fault.recoverable and fault.reaction is not Reaction.GO_ON:
                    raise ValueError(f"fault {fault.name} is recoverable and has no plan")
            elif fault.plan not in self.plans:
                raise ValueError(f"fault {fault.name}: there is no plan '{fault.plan}'")
            elif not fault.codes <= self.plans[fault.plan].codes:
                raise ValueError(f"fault {fault.name}: plan '{fault.plan}' is not for all of its codes")
        return self

    def plan_of(self, code: int) -> Plan | None:
        """Return what is done after a cause code; None where no plan may repair it."""
        return next((plan for plan in self.plans.values() if code in plan.codes), None)


def parse_faults(data: object, source: str) -> FaultTable:
    """Return a parsed YAML document as the fault table.

    Raises:
        DocumentError: Unknown key, wrong type, or value out of range (code 910).
    """
    return validate_document(FaultTable, data, source)
