"""Declare a `ParameterSchema` on a node and keep an immutable, validated snapshot of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.parameter import Parameter

from cablecell.core.config.parameters import FieldInfo, ParameterSchema, describe, validate
from cablecell.core.errors import ParameterError

S = TypeVar("S", bound=ParameterSchema)

_COMMON = ("use_sim_time", "qos_overrides.", "start_type_description_service")
"""Parameters rclpy itself declares on every node."""


class ParameterServer(Generic[S]):
    """The parameters of one node.

    Every field is declared with description, unit, range and read-only flag. A change is checked as a whole
    candidate, so that fields that depend on each other cannot cross; a refused change leaves the snapshot as it was.
    """

    def __init__(self, node: Any, schema: type[S], is_locked: Callable[[], bool] = lambda: False) -> None:
        """Declare the schema on `node` and read what was configured.

        Args:
            node: An rclpy node without these parameters.
            schema: What to declare.
            is_locked: Asked at every change; while it is true every change of this schema is refused.

        Raises:
            ParameterError: What was configured is not valid (code 901).
        """
        self._schema = schema
        self._names = [info.name for info in describe(schema)]
        self._is_locked = is_locked
        # What was configured is checked before anything is declared: our message names unit and limit, rclpy's does
        # not. The attribute is private to rclpy, but the only place that knows names that are never declared.
        configured = {name: parameter.value for name, parameter in getattr(node, "_parameter_overrides", {}).items()}
        foreign = [name for name in configured if name.startswith(_COMMON) or node.has_parameter(name)]
        self._values = validate(schema, {name: value for name, value in configured.items() if name not in foreign})
        for info in describe(schema):
            node.declare_parameter(info.name, getattr(self._values, info.name), _descriptor(info))
        node.add_on_set_parameters_callback(self._check)

    @property
    def values(self) -> S:
        """The snapshot in force; a new object after every accepted change."""
        return self._values

    def _check(self, changes: list[Parameter]) -> SetParametersResult:
        ours = {change.name: change.value for change in changes if change.name in self._names}
        if not ours:
            return SetParametersResult(successful=True)
        if self._is_locked():
            return SetParametersResult(
                successful=False,
                reason=f"{', '.join(ours)} cannot change while the node is configured; clean it up first",
            )
        try:
            self._values = validate(self._schema, {**self._values.model_dump(), **ours})
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)


def _descriptor(info: FieldInfo) -> ParameterDescriptor:
    unit = f" [{info.unit}]" if info.unit else ""
    descriptor = ParameterDescriptor(description=f"{info.description}{unit}", read_only=info.read_only)
    if info.minimum is not None and info.maximum is not None:
        if isinstance(info.default, int) and not isinstance(info.default, bool):
            span = IntegerRange(from_value=int(info.minimum), to_value=int(info.maximum), step=0)
            descriptor.integer_range = [span]
        elif isinstance(info.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=info.minimum, to_value=info.maximum, step=0.0)
            ]
    return descriptor
