"""The kinds of files in `config/`: how each is told from the others, checked, and described by a JSON schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from cablecell.composition.launch_check import PARAMETERS_KEY, check_parameter_file
from cablecell.composition.scenario_files import load_scenario
from cablecell.configuration import (
    load_arm,
    load_connector,
    load_faults,
    load_fiducials,
    load_robot,
    load_simulation,
    load_trials,
    load_ur,
    load_zones,
    read_checked,
    read_document,
)
from cablecell.core.config.connector import Connector
from cablecell.core.config.nodes import NODES
from cablecell.core.config.perception import FiducialSet
from cablecell.core.config.robot import ArmSettings, RobotSettings
from cablecell.core.config.scenario import Scenario
from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.config.trial import TrialFile
from cablecell.core.config.ur import UrSettings
from cablecell.core.control.zones import ZoneTable
from cablecell.core.errors import ConfigurationError
from cablecell.core.supervision.faults import FaultTable
from cablecell.core.supervision.jobs import Recipe, parse_recipe


class UnknownKindError(ConfigurationError):
    """It cannot be told what kind of configuration a file is, or there is no such kind."""

    code = 917


@dataclass(frozen=True)
class ConfigKind:
    """One kind of configuration file.

    Attributes:
        name: What `--kind` takes.
        marks: Top-level keys of which a file of this kind has all, and which no earlier kind has all of.
        schema: What it must be.
        read: Reads and checks a file; raises `DocumentError` at its first mistake.
    """

    name: str
    marks: tuple[str, ...]
    schema: type[BaseModel]
    read: Callable[[Path], Any]


KINDS: tuple[ConfigKind, ...] = (
    ConfigKind("connector", ("plug", "port"), Connector, load_connector),
    ConfigKind("recipe", ("name", "steps"), Recipe, lambda path: read_checked(path, parse_recipe)),
    ConfigKind("trials", ("trials",), TrialFile, load_trials),
    ConfigKind("robot", ("joints", "topics"), RobotSettings, load_robot),
    ConfigKind("ur", ("joints", "servo"), UrSettings, load_ur),
    ConfigKind("arm", ("joints", "response"), ArmSettings, load_arm),
    ConfigKind("scenario", ("trial",), Scenario, load_scenario),
    ConfigKind("simulation", ("physics",), SimulationSettings, load_simulation),
    ConfigKind("fiducials", ("dictionary", "patches"), FiducialSet, load_fiducials),
    ConfigKind("zones", ("zones",), ZoneTable, load_zones),
    ConfigKind("faults", ("plans", "faults"), FaultTable, load_faults),
)
PARAMETERS = "parameters"
"""The kind of a ROS parameter file, which holds sections for several nodes and so has no schema of its own."""


def kind_names() -> tuple[str, ...]:
    """Return the names of all kinds of files."""
    return (*(kind.name for kind in KINDS), PARAMETERS)


def check_file(path: Path, kind: str = "") -> str:
    """Read a configuration file as the cell would, and return its kind.

    Args:
        path: The file.
        kind: What it is; told by its keys when empty.

    Raises:
        DocumentError: It cannot be read or has a mistake (code 910).
        UnknownKindError: There is no such kind, or it cannot be told (code 917).
    """
    name = kind or _tell(path)
    if name == PARAMETERS:
        check_parameter_file(path)
    else:
        _find(name).read(path)
    return name


def json_schema(name: str) -> dict[str, Any]:
    """Return the JSON schema of a kind of file, or of the parameters of a node.

    Raises:
        UnknownKindError: There is neither such a kind nor such a node (code 917).
    """
    schema = NODES.get(name) or _find(name).schema
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema.model_json_schema()}


def _find(name: str) -> ConfigKind:
    found = next((kind for kind in KINDS if kind.name == name), None)
    if found is None:
        valid = ", ".join([*(kind.name for kind in KINDS), *NODES])
        raise UnknownKindError(f"'{name}' is no kind of configuration; valid are {valid}", quantity="kind", value=name)
    return found


def _tell(path: Path) -> str:
    document = read_document(path)
    if isinstance(document, Mapping):
        if any(isinstance(section, Mapping) and _holds_parameters(section) for section in document.values()):
            return PARAMETERS
        for kind in KINDS:
            if all(mark in document for mark in kind.marks):
                return kind.name
    marks = "; ".join(f"{kind.name}: {', '.join(kind.marks)}" for kind in KINDS)
    raise UnknownKindError(
        f"{path.name}: what kind of configuration this is cannot be told by its keys; name it with --kind ({marks}; "
        f"{PARAMETERS}: {PARAMETERS_KEY} in a section)",
        quantity="kind",
        value=path.name,
    )


def _holds_parameters(section: Mapping[str, Any]) -> bool:
    inner = (value for value in section.values() if isinstance(value, Mapping))
    return PARAMETERS_KEY in section or any(_holds_parameters(value) for value in inner)
