"""Whatever a message holds survives the way to YAML and back."""

from __future__ import annotations

import array
import importlib
import math
import random
import string
from typing import Any

import numpy as np
import pytest
from rosidl_parser.definition import (
    AbstractNestedType,
    AbstractString,
    AbstractWString,
    Array,
    BoundedSequence,
    NamespacedType,
)

from cablecell.ros.message_data import fill_message, message_from_yaml, message_to_data, message_to_yaml
from cablecell.ros.message_data.field_types import FLOAT32_MAX, INTEGER_LIMITS, fields, message_class, string_bound

# Bell, quotes, colons, line ends and other things that YAML has opinions on.
CHARACTERS = string.printable + "äß€\x07\x85\u2028" + "😀"
FLOATS = (0.0, -0.0, 1.0, -1e300, 5e-324, math.inf, -math.inf, math.nan, 0.1)
MESSAGES_PER_TYPE = 5


def message_types() -> list[type[Any]]:
    found = []
    for package in ("std_msgs", "geometry_msgs", "sensor_msgs", "trajectory_msgs", "builtin_interfaces"):
        module = importlib.import_module(f"{package}.msg")
        found += [cls for cls in vars(module).values() if hasattr(cls, "get_fields_and_field_types")]
    return found


def random_value(field_type: Any, rng: random.Random, current: Any) -> Any:
    if isinstance(field_type, AbstractNestedType):
        if isinstance(field_type, Array):
            count = field_type.size
        else:
            most = field_type.maximum_size if isinstance(field_type, BoundedSequence) else 5
            count = rng.randint(0, most)
        items = [random_value(field_type.value_type, rng, None) for _ in range(count)]
        if isinstance(current, np.ndarray):
            return np.array(items, dtype=current.dtype)
        return array.array(current.typecode, items) if isinstance(current, array.array) else items
    if isinstance(field_type, NamespacedType):
        return random_message(message_class(field_type), rng)
    if isinstance(field_type, AbstractString | AbstractWString):
        longest = string_bound(field_type) or 12
        return "".join(rng.choices(CHARACTERS, k=rng.randint(0, longest)))
    name = field_type.typename
    if name == "boolean":
        return rng.random() < 0.5
    if name in INTEGER_LIMITS:
        low, high = INTEGER_LIMITS[name]
        number = rng.choice((low, high, rng.randint(low, high)))
        return bytes([number]) if name == "octet" else number
    if name == "float":
        # Only what 32 bits hold exactly comes back unchanged.
        value = rng.choice((*FLOATS, FLOAT32_MAX, rng.uniform(-1e3, 1e3)))
        return float(np.float32(value)) if abs(value) <= FLOAT32_MAX or not math.isfinite(value) else 1.0
    return rng.choice((*FLOATS, rng.uniform(-1e3, 1e3)))


def random_message(cls: type[Any], rng: random.Random) -> Any:
    message = cls()
    for name, field_type in fields(message):
        setattr(message, name, random_value(field_type, rng, getattr(message, name)))
    return message


def same(first: Any, second: Any) -> bool:
    """Equal, with not-a-number equal to itself and the sign of zero minded."""
    if isinstance(first, float) and isinstance(second, float):
        if math.isnan(first) or math.isnan(second):
            return math.isnan(first) and math.isnan(second)
        return first == second and math.copysign(1.0, first) == math.copysign(1.0, second)
    if isinstance(first, dict):
        return list(first) == list(second) and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    return type(first) is type(second) and first == second


@pytest.mark.parametrize("cls", message_types(), ids=lambda cls: f"{cls.__module__.split('.')[0]}/{cls.__name__}")
def test_yaml_and_back(cls: type[Any]) -> None:
    rng = random.Random(f"round trip {cls.__module__}")
    for _ in range(MESSAGES_PER_TYPE):
        message = random_message(cls, rng)
        text = message_to_yaml(message)
        again, stamps = message_from_yaml(cls, text)
        assert stamps == []
        assert same(message_to_data(message), message_to_data(again)), text
        assert message_to_yaml(again) == text


def test_flow_style_is_one_line_and_reads_back() -> None:
    cls = importlib.import_module("geometry_msgs.msg").PoseWithCovarianceStamped
    message = random_message(cls, random.Random(3))
    text = message_to_yaml(message, flow=True)
    assert text.count("\n") == 1
    assert same(message_to_data(message_from_yaml(cls, text)[0]), message_to_data(message))


def test_the_comparison_sees_a_changed_element() -> None:
    cls = importlib.import_module("sensor_msgs.msg").Imu
    message = random_message(cls, random.Random(1))
    other = message_from_yaml(cls, message_to_yaml(message))[0]
    other.orientation_covariance[4] += 1.0 if math.isfinite(other.orientation_covariance[4]) else 0.0
    other.linear_acceleration.z = 12.25
    assert not same(message_to_data(message), message_to_data(other))


def test_filling_twice_changes_only_what_is_named() -> None:
    cls = importlib.import_module("geometry_msgs.msg").PoseStamped
    message = cls()
    fill_message(message, {"pose": {"position": {"x": 1.0, "y": 2.0}}})
    fill_message(message, {"pose": {"position": {"y": 3.0}}})
    assert (message.pose.position.x, message.pose.position.y, message.pose.orientation.w) == (1.0, 3.0, 1.0)
