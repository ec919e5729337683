"""The parameters that the nodes of the cell really have, asked of the nodes themselves."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.srv import GetParameters
from rclpy.parameter import parameter_value_to_python

from cablecell.console.errors import UnknownCommandError
from cablecell.core.config.nodes import NODES
from cablecell.core.config.parameters import describe
from cablecell.ros.goals import call


@dataclass(frozen=True)
class ParameterView:
    """One parameter of a node.

    Attributes:
        name: Its name.
        value: What it is, as text.
        unit: Of the value; empty for none.
        meaning: What it does.
        is_changed: Whether it differs from the default.
    """

    name: str
    value: str
    unit: str
    meaning: str
    is_changed: bool


class NodeParameters:
    """Asks nodes for their parameters; never from the thread that spins, which has to hear the answer."""

    def __init__(self, node: Any, limit_s: float) -> None:
        """Begin.

        Args:
            node: Owner of the clients.
            limit_s: Longest time for a node to answer, s.
        """
        self._node, self._limit_s = node, limit_s
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def nodes(self) -> list[str]:
        """Return the nodes of the cell that are there now, sorted."""
        here = self._node.get_namespace()
        found = {name for name, space in self._node.get_node_names_and_namespaces() if space == here}
        return sorted(found & set(NODES))

    def ask(self, name: str) -> Sequence[ParameterView]:
        """Return the parameters of a node.

        Raises:
            UnknownCommandError: No node of a cell has that name (code 726).
            NoAnswerError: It is not there, or silent (code 605).
        """
        if name not in NODES:
            raise UnknownCommandError(f"no node of a cell is called '{name[:40]}'", quantity="node")
        infos = list(describe(NODES[name]))
        with self._lock:
            client = self._clients.get(name) or self._node.create_client(GetParameters, f"{name}/get_parameters")
            self._clients[name] = client
        answer = call(client, GetParameters.Request(names=[info.name for info in infos]), self._limit_s)
        return [
            ParameterView(info.name, _text(value), info.unit, info.description, value != info.default)
            for info, value in zip(infos, map(_value, answer.values), strict=False)
        ]


def _value(message: Any) -> Any:
    value = parameter_value_to_python(message)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
