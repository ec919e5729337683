"""Look at everything a launch is going to give to our nodes, before anything is started.

A mistake in a parameter file would otherwise show in the log of one of many processes that have already begun.
"""

from __future__ import annotations

import difflib
import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import yaml

from cablecell.composition.machines import require_kind
from cablecell.composition.recipe_book import RecipeBook
from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import (
    load_fiducials,
    load_simulation,
    parse_document,
    read_checked,
    read_document,
    recipes_folder,
)
from cablecell.core.config.arm_controller import ArmControllerParameters
from cablecell.core.config.cell_supervisor import CellSupervisorParameters
from cablecell.core.config.documents import DocumentError
from cablecell.core.config.nexus_workcell import NexusWorkcellParameters
from cablecell.core.config.nodes import NODES
from cablecell.core.config.parameters import FieldInfo, ParameterSchema, describe, validate
from cablecell.core.errors import ConfigurationError, ParameterError
from cablecell.core.supervision.line import LineSettingsError
from cablecell.launcher.parameters import ParameterText
from cablecell.launcher.plan import LaunchPlan, ProcessPlan
from cablecell.plugins import PluginKind, find_plugin

PARAMETERS_KEY = "ros__parameters"
"""Key under which a parameter file holds the parameters of a section."""

_SKIPPED = "Parameter file path is not a file"
"""What the launcher, like ros2 launch, only warns of; for the cell it is a mistake."""

_POLICY_NODE = "aic_model"
"""The node that runs a policy; its parameters are the challenge's."""

_COMMON = ("use_sim_time", "qos_overrides.", "start_type_description_service")
"""Parameters every node has."""


class OccupiedError(ConfigurationError):
    """A cell already runs in this ROS domain and namespace: each would take commands meant for the other."""

    code = 913


@dataclass(frozen=True)
class _Given:
    """One parameter as it was given.

    Attributes:
        value: Its value.
        source: File, or what stands for one.
    """

    value: object
    source: str


def check_plan(plan: LaunchPlan) -> list[TextIO]:
    """Check the parameters of all our nodes in a plan, and what those of a supervisor lead to.

    Returns:
        Locks of the domains in which a cell is going to run; they are free again when they are closed.

    Raises:
        DocumentError: A file has an unknown section or key, a wrong type or a value out of range (code 910).
        ConfigurationError: A layout does not exist, or there is a cell in this domain already (code 913).
        LineSettingsError: The cell is to be in a line, and keeps no ledger (code 760).
        MachineKindError: There is no such machine (code 902).
        PluginBrokenError: Driver or policy is of another package and cannot be used (codes 960 to 962).
    """
    ours = [process for process in plan.processes if _program(process) in NODES]
    names = {_node_name(process) for process in plan.processes} | set(NODES)
    for warning in plan.warnings if ours else ():
        if _SKIPPED in warning:
            raise DocumentError(warning.removesuffix(" (skipped)"), quantity="file")
    for process in plan.processes:
        if _program(process) == _POLICY_NODE:
            _check_policy(process, {*names, _node_name(process)})
    locks = []
    for process in ours:
        values = _validated(process, _given_to(process, names))
        if isinstance(values, NexusWorkcellParameters) and not values.ledger_file:
            raise LineSettingsError(
                "a workcell of a line needs the ledger of the cell: launch with ledger:=FILE", quantity="ledger_file"
            )
        if isinstance(values, ArmControllerParameters):
            require_kind(values.hardware)
        if isinstance(values, CellSupervisorParameters):
            _check_cell(values)
            locks.append(_occupy(process))
    return locks


def check_parameter_file(path: Path) -> None:
    """Check a parameter file by itself: each section against the schema of its node, where the rest has its defaults.

    A section for all nodes (`/**`) may hold what any node knows. Mistakes are told with their line.

    Raises:
        DocumentError: An unknown section or key, a wrong type or a value out of range (code 910).
    """
    read_checked(path, _check_sections)


def _check_sections(document: object, source: str) -> None:
    for keys, values in _sections(document, source):
        section = _pattern(keys)
        owner = section.rsplit("/", 1)[-1]
        is_for_all = owner in ("*", "**")
        if not is_for_all and owner not in NODES:
            raise _at(keys, _unknown(source, "section", section, NODES))
        given = {key: item for key, item in _flat(values, source).items() if not key.startswith(_COMMON)}
        schemas = NODES if is_for_all else {owner: NODES[owner]}
        known = {key for schema in schemas.values() for key in schema.model_fields}
        for key in given:
            if key not in known:
                raise _at(
                    (*keys, PARAMETERS_KEY), _unknown(source, "key", key, known, "" if is_for_all else f" of {owner}")
                )
        # What is for all nodes is meant for those that know all of it, where there are such.
        whole = {name: schema for name, schema in schemas.items() if set(given) <= set(schema.model_fields)}
        refused = []
        for name, schema in (whole or schemas).items():
            try:
                validate(schema, {key: value for key, value in given.items() if key in schema.model_fields})
            except ParameterError as error:
                refused.append(DocumentError(f"{source}: {name}: {error}", quantity=error.quantity))
        if refused and len(refused) == len(whole or refused):
            raise _at((*keys, PARAMETERS_KEY), refused[0])


def _at(keys: tuple[str, ...], error: DocumentError) -> DocumentError:
    """Return an error whose quantity is the whole way through the document, by which its line is found."""
    last = () if error.quantity == _pattern(keys) else (error.quantity,)
    return DocumentError(str(error), quantity=".".join((*keys, *last)), value=error.value, limit=error.limit)


def effective_parameters(plan: LaunchPlan) -> dict[str, dict[str, tuple[FieldInfo, object, str]]]:
    """Return what a plan gives to our nodes: by node and parameter its description, value and source.

    The source is the file that says it, or `default`.

    Raises:
        DocumentError: A file has an unknown section or key, a wrong type or a value out of range (code 910).
        MachineKindError: There is no such machine (code 902).
    """
    names = {_node_name(process) for process in plan.processes} | set(NODES)
    found: dict[str, dict[str, tuple[FieldInfo, object, str]]] = {}
    for process in plan.processes:
        if _program(process) not in NODES:
            continue
        given = _given_to(process, names)
        values = _validated(process, given)
        if isinstance(values, ArmControllerParameters):
            require_kind(values.hardware)
        found[_node_name(process)] = {
            info.name: (info, getattr(values, info.name), given[info.name].source if info.name in given else "default")
            for info in describe(NODES[_program(process)])
        }
    return found


def _validated(process: ProcessPlan, given: Mapping[str, _Given]) -> ParameterSchema:
    name = _node_name(process)
    schema = NODES[_program(process)]
    ours = {key: item for key, item in given.items() if not key.startswith(_COMMON)}
    for key, item in ours.items():
        if key not in schema.model_fields:
            raise _unknown(item.source, "key", key, schema.model_fields, f" of {name}")
    try:
        return validate(schema, {key: item.value for key, item in ours.items()})
    except ParameterError as error:
        source = ours[error.quantity].source if error.quantity in ours else "parameters"
        raise DocumentError(
            f"{source}: {name}: {error}",
            quantity=error.quantity,
            value=error.value,
            limit=error.limit,
            unit=error.unit,
        ) from error


def _given_to(process: ProcessPlan, names: Iterable[str]) -> dict[str, _Given]:
    """Return the parameters that are given to a process; of several for one name the last counts."""
    name = _node_name(process)
    given: dict[str, _Given] = {}
    for source, document in _documents(process):
        for keys, values in _sections(document, source):
            section = _pattern(keys)
            owner = section.rsplit("/", 1)[-1]
            if owner not in ("*", "**") and owner not in names:
                raise _unknown(source, "section", section, names)
            if owner in ("*", "**", name):
                later = {key: _Given(value, source) for key, value in _flat(values, source).items()}
                _require_kept(name, given, later)
                given |= later
    return given


def _require_kept(name: str, given: Mapping[str, _Given], later: Mapping[str, _Given]) -> None:
    """Refuse an empty text that takes away what a parameter file says: a launch argument that was not given."""
    for key, item in later.items():
        lost = given.get(key)
        if item.value == "" and lost is not None and isinstance(lost.value, str) and lost.value:
            raise DocumentError(
                f"{lost.source}: {name}: {key} = '{lost.value}' would be lost: {item.source} sets it to '', the "
                "default of a launch argument; give it as that argument",
                quantity=key,
                value=lost.value,
            )


def _unknown(source: str, what: str, name: str, valid: Iterable[str], where: str = "") -> DocumentError:
    valid = sorted(valid)
    close = difflib.get_close_matches(name.rsplit("/", 1)[-1], valid, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    listed = ", ".join(valid)
    message = f"{source}: unknown {what} '{name}'{where}; {hint}valid are {listed}"
    return DocumentError(message.replace("? valid", "? Valid"), quantity=name, limit=listed)


def _check_policy(process: ProcessPlan, names: Iterable[str]) -> None:
    """Refuse a policy that is the name of an installed skill which cannot be used."""
    given = _given_to(process, names).get("policy")
    skill = None if given is None else find_plugin(PluginKind.SKILL, str(given.value))
    if skill is not None:
        skill.load()


def _check_cell(values: CellSupervisorParameters) -> None:
    """Read what a supervisor will read, and what the simulation will."""
    knowledge = TaskKnowledge(Path(values.trials_file) if values.trials_file else None)
    knowledge.held_plug(values.layout)
    folder = recipes_folder(values.recipes_folder)
    RecipeBook(folder, knowledge.layouts)
    load_simulation()
    load_fiducials()


def _occupy(process: ProcessPlan) -> TextIO:
    """Take the place of a cell in a domain and namespace."""
    domain = process.environment.get("ROS_DOMAIN_ID", "0")
    namespace = _remapped(process, "__ns") or "/"
    name = f"cablecell-{os.getuid()}-domain-{domain}{namespace.rstrip('/').replace('/', '_')}.lock"
    stream = (Path(tempfile.gettempdir()) / name).open("a+", encoding="utf-8")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        stream.seek(0)
        holder = stream.read().strip()
        stream.close()
        raise OccupiedError(
            f"a cell already runs in ROS domain {domain}, namespace {namespace} (process {holder}); "
            "end it, or set another ROS_DOMAIN_ID",
            quantity="ROS_DOMAIN_ID",
            value=domain,
        ) from error
    stream.truncate(0)
    stream.write(str(os.getpid()))
    stream.flush()
    return stream


def _program(process: ProcessPlan) -> str:
    first = process.command[0]
    return Path(first).name if isinstance(first, str) else ""


def _node_name(process: ProcessPlan) -> str:
    return _remapped(process, "__node") or _program(process)


def _remapped(process: ProcessPlan, key: str) -> str:
    """Return what `-r key:=value` says; empty where it is not given."""
    words = [word for word in process.command if isinstance(word, str)]
    return next((word.partition(":=")[2] for word in reversed(words) if word.startswith(f"{key}:=")), "")


def _documents(process: ProcessPlan) -> Iterator[tuple[str, object]]:
    """Yield the parameter files of a process as source and document; a single parameter is a document as well."""
    for flag, word in zip(process.command, process.command[1:], strict=False):
        if flag == "--params-file" and isinstance(word, ParameterText):
            yield process.where.file.name, yaml.safe_load(word.text)
        elif flag == "--params-file":
            yield Path(str(word)).name, read_document(Path(str(word)))
        elif flag == "-p" and isinstance(word, str):
            name, _, text = word.partition(":=")
            source = process.where.file.name
            yield source, {"/**": {PARAMETERS_KEY: {name.rsplit(":", 1)[-1]: parse_document(text, source)}}}


def _sections(
    document: object, source: str, above: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield the sections of a parameter file, each with the keys that lead to it."""
    if document is None:
        return
    if not isinstance(document, Mapping):
        place = _pattern(above) or "the document"
        raise DocumentError(f"{source}: {place} must hold sections with the key '{PARAMETERS_KEY}'")
    for key, inner in document.items():
        if key == PARAMETERS_KEY:
            yield above, inner or {}
        else:
            yield from _sections(inner, source, (*above, str(key)))


def _pattern(keys: tuple[str, ...]) -> str:
    """Return the pattern of node names that keys of a parameter file, one in the other, make."""
    return "".join(f"/{key.strip('/')}" for key in keys)


def _flat(values: object, source: str, prefix: str = "") -> dict[str, object]:
    if not isinstance(values, Mapping):
        raise DocumentError(f"{source}: {PARAMETERS_KEY} must hold parameters, not {values!r}")
    flat: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, source, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
