"""Brings the managed nodes of the cell up and down through their lifecycle services."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from lifecycle_msgs.srv import ChangeState, GetState

from cablecell.core.supervision.bringup import (
    PRIMARY_STATES,
    BringUpError,
    Move,
    RefusedTransitionError,
    moves_down,
    moves_up,
)
from cablecell.ros.goals import NoAnswerError, await_future, call

_LOOK_S = 5.0
"""Time of a transition without an answer after which the node is asked for its state."""


class ManagedNodes:
    """Lifecycle clients of the managed nodes; every call waits, so use it from a thread of its own."""

    def __init__(self, node: Any, names: Sequence[str]) -> None:
        """Create the clients.

        Args:
            node: Their owner.
            names: The managed nodes, in the order of bring-up, relative to the namespace of `node`.
        """
        self._node, self._names = node, tuple(names)
        self._states = {name: node.create_client(GetState, f"{name}/get_state") for name in names}
        self._changes = {name: node.create_client(ChangeState, f"{name}/change_state") for name in names}

    def destroy(self) -> None:
        """Destroy the clients."""
        for client in (*self._states.values(), *self._changes.values()):
            self._node.destroy_client(client)

    def bring_up(self, appear_s: float, transition_s: float, check: Callable[[], None]) -> None:
        """Configure all in their order, then activate all in their order.

        Args:
            appear_s: Longest time until a node answers, s.
            transition_s: Longest time of one transition, s.
            check: Called while waiting; what it raises ends the bring-up.

        Raises:
            BringUpError: A node is not there or did not finish a transition in time (code 609).
            RefusedTransitionError: A node refused a transition (code 610).
        """
        for move in moves_up([(name, self._state(name, appear_s, check)) for name in self._names]):
            if not self._change(move, transition_s, check):
                raise RefusedTransitionError(
                    f"node {move.node} refused to {move.name}; its log says why",
                    quantity="transition",
                    value=f"{move.node}: {move.name}",
                )

    def take_down(self, transition_s: float) -> list[str]:
        """Deactivate and clean up all in the reverse order; return what did not work, a sentence each."""
        problems, states = [], []
        for name in self._names:
            try:
                states.append((name, self._state(name, transition_s, _nothing)))
            except BringUpError as error:
                problems.append(str(error))
        for move in moves_down(states):
            try:
                if not self._change(move, transition_s, _nothing):
                    problems.append(f"node {move.node} refused to {move.name}")
            except BringUpError as error:
                problems.append(str(error))
        return problems

    def _state(self, name: str, limit_s: float, check: Callable[[], None]) -> int:
        try:
            return int(call(self._states[name], GetState.Request(), limit_s, check).current_state.id)
        except NoAnswerError as error:
            raise BringUpError(
                f"node {name} is not there: no answer within {limit_s} s",
                quantity="appear_limit_s",
                value=name,
                limit=limit_s,
                unit="s",
            ) from error

    def _change(self, move: Move, limit_s: float, check: Callable[[], None]) -> bool:
        """Carry out one transition; return whether the node is where it leads."""
        request = ChangeState.Request()
        request.transition.id = move.transition
        client, end_s = self._changes[move.node], time.monotonic() + limit_s
        answer: Any = None
        while time.monotonic() < end_s:
            check()
            if answer is None and not client.wait_for_service(timeout_sec=0.1):
                continue
            answer = client.call_async(request) if answer is None else answer
            try:
                is_done = bool(await_future(answer, _LOOK_S, move.name, check).success)
            except NoAnswerError:
                # The node may be at it, or its answer got lost: asked for its state it says so.
                state = self._state(move.node, limit_s, check)
                if state == move.goal:
                    return True
                if state in PRIMARY_STATES:
                    answer = None  # it is not at it
                continue
            return is_done or self._state(move.node, limit_s, check) == move.goal
        raise BringUpError(
            f"node {move.node} did not {move.name} within {limit_s} s",
            quantity="transition_limit_s",
            value=f"{move.node}: {move.name}",
            limit=limit_s,
            unit="s",
        )


def _nothing() -> None:
    """Go on waiting."""
