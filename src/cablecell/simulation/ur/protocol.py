"""The wire of RTDE protocol version 2: framing, types and names, big-endian everywhere."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

REQUEST_VERSION, CONTROL_VERSION = ord("V"), ord("v")
SETUP_OUTPUTS, SETUP_INPUTS = ord("O"), ord("I")
START, PAUSE, DATA, TEXT = ord("S"), ord("P"), ord("U"), ord("M")

_FORMATS = {
    "BOOL": "?",
    "UINT8": "B",
    "INT32": "i",
    "UINT32": "I",
    "UINT64": "Q",
    "DOUBLE": "d",
    "VECTOR3D": "3d",
    "VECTOR6D": "6d",
    "VECTOR6INT32": "6i",
}
_OUTPUTS_BY_TYPE = {
    "DOUBLE": "timestamp actual_execution_time speed_scaling target_speed_fraction actual_momentum actual_main_voltage "
    "actual_robot_voltage actual_robot_current standard_analog_input0 standard_analog_input1 standard_analog_output0 "
    "standard_analog_output1 payload",
    "VECTOR3D": "actual_tool_accelerometer payload_cog",
    "VECTOR6D": "target_q target_qd target_qdd target_current target_moment actual_q actual_qd actual_current "
    "joint_control_output actual_TCP_pose actual_TCP_speed actual_TCP_force target_TCP_pose target_TCP_speed "
    "joint_temperatures actual_joint_voltage ft_raw_wrench payload_inertia tcp_offset",
    "UINT64": "actual_digital_input_bits actual_digital_output_bits",
    "INT32": "robot_mode safety_mode safety_status",
    "UINT32": "runtime_state robot_status_bits safety_status_bits",
    "VECTOR6INT32": "joint_mode",
}
_INPUTS_BY_TYPE = {
    "UINT32": "speed_slider_mask",
    "UINT8": "standard_digital_output_mask standard_digital_output tool_digital_output_mask tool_digital_output "
    "configurable_digital_output_mask configurable_digital_output standard_analog_output_mask "
    "standard_analog_output_type",
    "DOUBLE": "speed_slider_fraction standard_analog_output_0 standard_analog_output_1",
    "VECTOR6D": "external_force_torque",
}


def _table(by_type: dict[str, str], registers: str) -> dict[str, str]:
    table = {name: kind for kind, names in by_type.items() for name in names.split()}
    for i in range(48):
        table[f"{registers}_int_register_{i}"] = "INT32"
        table[f"{registers}_double_register_{i}"] = "DOUBLE"
    return table


OUTPUTS = _table(_OUTPUTS_BY_TYPE, "output")
INPUTS = _table(_INPUTS_BY_TYPE, "input")


@dataclass(frozen=True)
class Recipe:
    """Names of the values of a data package and how they are packed behind its recipe id."""

    names: tuple[str, ...]
    types: tuple[str, ...]

    @cached_property
    def layout(self) -> struct.Struct:
        """How the values are packed."""
        return struct.Struct(">" + "".join(_FORMATS[kind] for kind in self.types))

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """How many numbers each value has."""
        return tuple(int(_FORMATS[kind][:-1] or 1) for kind in self.types)


def frame(kind: int, payload: bytes = b"") -> bytes:
    """Return a package of a kind."""
    return struct.pack(">HB", 3 + len(payload), kind) + payload


def text_message(text: str, level: int = 3) -> bytes:
    """Return a package that says something."""
    said, source = text.encode()[:255], b"cell"
    return frame(TEXT, bytes([len(said)]) + said + bytes([len(source)]) + source + bytes([level]))


def split_frames(buffer: bytearray) -> list[tuple[int, bytes]]:
    """Take every complete frame out of a buffer."""
    frames = []
    while len(buffer) >= 3:
        size, kind = struct.unpack_from(">HB", buffer)
        if size < 3 or len(buffer) < size:
            break
        frames.append((kind, bytes(buffer[3:size])))
        del buffer[:size]
    return frames


def names_of(text: bytes) -> tuple[str, ...]:
    """Split a list of names; `ur-rtde` ends it with a comma."""
    return tuple(name for name in text.decode("ascii").split(",") if name)


def pack_values(recipe: Recipe, values: Mapping[str, object]) -> bytes:
    """Return the values of a recipe as they are packed; what is not among them is zero."""
    flat: list[object] = []
    for name, count in zip(recipe.names, recipe.counts, strict=True):
        value = values.get(name)
        if isinstance(value, list):
            flat.extend(value)
        else:
            flat.extend((value or 0,) * count)
    return recipe.layout.pack(*flat)
