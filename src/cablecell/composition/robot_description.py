"""Expand the descriptions in `urdf/` to URDF text, with or without a ROS install.

The core takes URDF as text, because reading files is not its business; nodes, simulation and tests get that text here.
"""

from __future__ import annotations

import math
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path

import xacro  # type: ignore[import-untyped]

from cablecell.core.errors import ConfigurationError, ParameterError

CELL_FILE = "cell.urdf.xacro"
ENCLOSURE_FILE = "enclosure.urdf.xacro"
TASK_BOARD_FILE = "task_board.urdf.xacro"

XacroValue = bool | int | float | str | Sequence[float]
"""What a description argument may be: a flag, a number in SI, a text, or a vector such as an xyz."""

_XACRO_ARG = "{http://wiki.ros.org/xacro}arg"


def description_folder() -> Path:
    """Return the folder `urdf/`: of the installed package, or of the checkout this module is in.

    Raises:
        ConfigurationError: There is no such folder; the message lists where it was looked for.
    """
    prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    candidates = [Path(__file__).resolve().parents[3] / "urdf", *(p / "share" / "cablecell" / "urdf" for p in prefixes)]
    for folder in candidates:
        if (folder / CELL_FILE).is_file():
            return folder
    looked = ", ".join(str(folder) for folder in candidates)
    raise ConfigurationError(
        f"no folder holds {CELL_FILE}; looked in {looked}", quantity="urdf", value=CELL_FILE, limit=looked
    )


def load_robot_description(**xacro_args: XacroValue) -> str:
    """Return the URDF of the arm with its tool in the cell; root link `world`.

    Args:
        xacro_args: `robot_xyz` (m), `robot_rpy` (rad): pose of `base_link` in `world`; `with_enclosure`: False where
            the enclosure is a body of its own.

    Raises:
        ParameterError: An argument has an unknown name or is not a finite number.
    """
    return _expand(CELL_FILE, xacro_args)


def load_enclosure_description() -> str:
    """Return the URDF of the enclosure alone; root link `world`."""
    return _expand(ENCLOSURE_FILE, {})


def load_task_board_description(**xacro_args: XacroValue) -> str:
    """Return the URDF of a task board; root link `task_board`.

    Args:
        xacro_args: For every mounted slot `<slot>_present`, `<slot>_translation` (m), `<slot>_roll`, `<slot>_pitch`,
            `<slot>_yaw` (rad); slots are `nic_card_mount_0..4`, `sc_port_0..1`, `lc_mount_rail_0..1`,
            `sfp_mount_rail_0..1` and `sc_mount_rail_0..1`. Of the last three kinds also `<slot>_part`: whether a spare
            connector is in the fixture.

    Raises:
        ParameterError: An argument has an unknown name or is not a finite number.
    """
    return _expand(TASK_BOARD_FILE, xacro_args)


def _expand(name: str, xacro_args: Mapping[str, XacroValue]) -> str:
    path = description_folder() / name
    # xacro itself ignores an argument it does not know, which would hide a misspelt slot.
    valid = sorted(element.attrib["name"] for element in ElementTree.parse(path).getroot().iter(_XACRO_ARG))
    for key in xacro_args:
        if key not in valid:
            raise ParameterError(
                f"{name} has no argument '{key}'; valid are {', '.join(valid) or 'none'}",
                quantity="argument",
                value=key,
                limit=", ".join(valid),
            )
    mappings = {key: _argument_text(name, key, value) for key, value in xacro_args.items()}
    # Parsing drops the comments: xacro writes the path of its source into one, which would differ between machines.
    # The indentation is for PyBullet, which cannot read a long line.
    robot = ElementTree.fromstring(xacro.process_file(str(path), mappings=mappings).toxml())
    ElementTree.indent(robot)
    return ElementTree.tostring(robot, encoding="unicode") + "\n"


def _argument_text(name: str, key: str, value: XacroValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    numbers = [float(value)] if isinstance(value, int | float) else [float(number) for number in value]
    if not all(math.isfinite(number) for number in numbers):
        raise ParameterError(
            f"argument '{key}' of {name} is {value}; every number must be finite",
            quantity=key,
            value=value,
            limit="finite",
        )
    return " ".join(repr(number) for number in numbers)
