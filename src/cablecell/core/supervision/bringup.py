"""The order in which managed nodes are configured and activated, and taken down again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cablecell.core.errors import SupervisionError

UNCONFIGURED, INACTIVE, ACTIVE, FINALIZED = 1, 2, 3, 4
"""Primary states, numbered as in lifecycle_msgs/State."""

PRIMARY_STATES = (UNCONFIGURED, INACTIVE, ACTIVE, FINALIZED)

CONFIGURE, CLEANUP, ACTIVATE, DEACTIVATE = 1, 2, 3, 4
"""Transitions, numbered as in lifecycle_msgs/Transition."""

TRANSITION_NAMES = {CONFIGURE: "configure", CLEANUP: "cleanup", ACTIVATE: "activate", DEACTIVATE: "deactivate"}

_GOALS = {CONFIGURE: INACTIVE, CLEANUP: UNCONFIGURED, ACTIVATE: ACTIVE, DEACTIVATE: INACTIVE}


class BringUpError(SupervisionError):
    """A node did not come up: it is not there, or it refused a transition."""

    code = 609


class RefusedTransitionError(BringUpError):
    """A node refused to be configured or activated; its own log says why."""

    code = 610


@dataclass(frozen=True)
class Move:
    """One transition of one node.

    Attributes:
        node: Its name.
        transition: Number of the transition.
    """

    node: str
    transition: int

    @property
    def name(self) -> str:
        """Name of the transition."""
        return TRANSITION_NAMES[self.transition]

    @property
    def goal(self) -> int:
        """Primary state after it."""
        return _GOALS[self.transition]


def moves_up(states: Sequence[tuple[str, int]]) -> list[Move]:
    """Return what brings nodes up: all are configured in their order before the first is activated.

    Args:
        states: Names and present states in the order of bring-up.

    Raises:
        BringUpError: A node is in a state it does not come back from (code 609).
    """
    for node, state in states:
        if state not in (UNCONFIGURED, INACTIVE, ACTIVE):
            raise BringUpError(
                f"node {node} is in state {state}; it can be brought up from unconfigured, inactive or active",
                quantity="state",
                value=state,
                limit="1, 2, 3",
            )
    configure = [Move(node, CONFIGURE) for node, state in states if state == UNCONFIGURED]
    return configure + [Move(node, ACTIVATE) for node, state in states if state != ACTIVE]


def moves_down(states: Sequence[tuple[str, int]]) -> list[Move]:
    """Return what takes nodes down, in the reverse order: all are deactivated before the first is cleaned up."""
    last_first = list(reversed(states))
    deactivate = [Move(node, DEACTIVATE) for node, state in last_first if state == ACTIVE]
    return deactivate + [Move(node, CLEANUP) for node, state in last_first if state in (ACTIVE, INACTIVE)]
