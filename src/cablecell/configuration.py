"""Read the files of `config/`: trials, connectors, fiducials and settings of the simulation."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import yaml

from cablecell.core.config.connector import Connector, parse_connector
from cablecell.core.config.documents import DocumentError
from cablecell.core.config.perception import FiducialSet
from cablecell.core.config.robot import ArmSettings, RobotSettings, parse_arm, parse_robot
from cablecell.core.config.simulation import SimulationSettings, parse_simulation
from cablecell.core.config.trial import TrialFile, parse_trials
from cablecell.core.config.ur import UrSettings, parse_ur
from cablecell.core.control.zones import ZoneTable, parse_zones
from cablecell.core.errors import ConfigurationError, WorkcellError
from cablecell.core.perception.fiducials import parse as parse_fiducials
from cablecell.core.supervision.faults import FaultTable, parse_faults
from cablecell.plugins import Plugin, PluginKind, PluginNameError, all_plugins, find_plugin, leave_out, plugin_file

T = TypeVar("T")

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe loader in C where there is one: every node reads the whole catalogue when it starts."""


def config_folder() -> Path:
    """Return the folder `config/`: of the checkout this module is in, or of the installed package.

    Raises:
        ConfigurationError: There is no such folder; the message lists where it was looked for.
    """
    prefixes = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    candidates = [
        Path(__file__).resolve().parents[2] / "config",
        *(p / "share" / "cablecell" / "config" for p in prefixes),
    ]
    for folder in candidates:
        if (folder / "connectors").is_dir():
            return folder
    looked = ", ".join(str(folder) for folder in candidates)
    raise ConfigurationError(f"no folder holds connectors/; looked in {looked}", quantity="config", limit=looked)


def recipes_folder(given: str = "") -> Path:
    """Return the folder of recipes: the one that is given, or where that is empty the package's."""
    return Path(given) if given else config_folder() / "recipes"


def load_trials(path: Path | None = None) -> TrialFile:
    """Return the trials of a file, as `find_trials` finds it.

    Raises:
        DocumentError: The file cannot be read or has a mistake (code 910).
        ConfigurationError: The board of that name cannot be used (codes 960 to 962).
    """
    return read_checked(find_trials(path), parse_trials)


def find_trials(path: Path | None) -> Path:
    """Return a trials file, for what is none that of an installed board by its name, for None the sample of the cell.

    Raises:
        ConfigurationError: The board of that name cannot be used (codes 960 to 962).
    """
    path = path or config_folder() / "trials" / "aic_sample.yaml"
    return path if path.exists() else plugin_file(PluginKind.BOARD, str(path)) or path


def find_connector(path: Path) -> Path:
    """Return a connector file, or for what is none the one of the catalogue or of a plug-in by its name, such as `sfp`.

    Raises:
        ConfigurationError: The plug-in of that name cannot be used (codes 960 to 962).
    """
    if path.exists():
        return path
    shipped = config_folder() / "connectors" / f"{path}.yaml"
    return shipped if shipped.exists() else plugin_file(PluginKind.CONNECTOR, str(path)) or path


def load_connector(path: Path) -> Connector:
    """Return the connector of a file.

    Raises:
        DocumentError: The file cannot be read or has a mistake (code 910).
    """
    return read_checked(path, parse_connector)


def load_connectors(folder: Path | None = None) -> dict[str, Connector]:
    """Return all connectors of a folder by name; by default of `config/connectors` and of plug-ins.

    A plug-in that cannot be used is left out, with a warning.

    Raises:
        DocumentError: A file has a mistake, or two files have the same name (code 910).
    """
    found: dict[str, Connector] = {}
    for path in sorted((folder or config_folder() / "connectors").glob("*.yaml")):
        connector = load_connector(path)
        if connector.name in found:
            raise DocumentError(f"{path.name}: connector '{connector.name}' exists already", quantity="name")
        found[connector.name] = connector
    return found if folder else found | _connectors_of_plugins(found)


def _connectors_of_plugins(known: Mapping[str, Connector]) -> dict[str, Connector]:
    found: dict[str, Connector] = {}
    for plugin in all_plugins():
        if plugin.kind is not PluginKind.CONNECTOR:
            continue
        try:
            plugin.require_version()
            find_plugin(plugin.kind, plugin.name)  # is it the only one of its name
            found[plugin.name] = load_connector_of(plugin, known)
        except WorkcellError as error:
            leave_out(plugin, error)
    return found


def load_connector_of(plugin: Plugin, known: Mapping[str, Connector]) -> Connector:
    """Return the connector of a plug-in.

    Args:
        plugin: The plug-in.
        known: The cell's own connectors, by name.

    Raises:
        PluginNameError: Its file has another name, or that of one of the cell's own (code 962).
        ConfigurationError: It cannot be used, or its file has a mistake (codes 910, 960 and 961).
    """
    connector = load_connector(plugin.file())
    if connector.name != plugin.name or connector.name in known:
        raise PluginNameError(
            f"{plugin}: its file is named '{connector.name}'"
            + (", as one of the cell's own" if connector.name in known else ""),
            quantity="name",
            value=connector.name,
            limit=plugin.name,
        )
    return connector


def load_robot(path: Path) -> RobotSettings:
    """Return the robot of a file.

    Raises:
        DocumentError: The file cannot be read or has a mistake (code 910).
    """
    return read_checked(path, parse_robot)


def load_ur(path: Path) -> UrSettings:
    """Return the UR arm of a file.

    Raises:
        DocumentError: The file cannot be read or has a mistake (code 910).
    """
    return read_checked(path, parse_ur)


def load_arm(path: Path) -> ArmSettings:
    """Return the robot of a file, of whatever kind it is.

    Raises:
        DocumentError: The file cannot be read or has a mistake (code 910).
    """
    document = read_document(path)
    keys = document if isinstance(document, dict) else {}
    if "servo" in keys:
        return load_ur(path)
    return load_robot(path) if "topics" in keys else read_checked(path, parse_arm)


def load_simulation(path: Path | None = None) -> SimulationSettings:
    """Return the settings of a file; of `config/simulation/default.yaml` by default.

    Raises:
        DocumentError: The file cannot be read or has a mistake (code 910).
    """
    path = path or config_folder() / "simulation" / "default.yaml"
    return read_checked(path, parse_simulation)


def load_fiducials(path: Path | None = None) -> FiducialSet:
    """Return the fiducials of a file; of `config/perception/fiducials.yaml` by default.

    Raises:
        DocumentError: The file cannot be read or has a mistake (code 910).
    """
    path = path or config_folder() / "perception" / "fiducials.yaml"
    return read_checked(path, parse_fiducials)


def load_zones(path: Path) -> ZoneTable:
    """Return the zones of a file.

    Raises:
        DocumentError: The file cannot be read or has a mistake (code 910).
    """
    return read_checked(path, parse_zones)


def load_faults(path: Path | None = None) -> FaultTable:
    """Return the fault table of a file; `config/faults.yaml` by default.

    Raises:
        DocumentError: The file cannot be read or has a mistake (code 910).
    """
    path = path or config_folder() / "faults.yaml"
    return read_checked(path, parse_faults)


def read_checked(path: Path, parse: Callable[[object, str], T]) -> T:
    """Return a YAML file as what `parse(document, name)` makes of it; a mistake is told with its line.

    Raises:
        DocumentError: The file cannot be read or has a mistake (code 910), as "file:line: key = value …limit".
    """
    document = read_document(path)
    try:
        return parse(document, path.name)
    except DocumentError as error:
        if not str(error).startswith(f"{path.name}: "):
            raise  # about another file that this one names
        line = find_line(path.read_text(encoding="utf-8"), error.quantity)
        raise DocumentError(
            f"{path.name}:{line}: {str(error).removeprefix(f'{path.name}: ')}",
            quantity=error.quantity,
            value=error.value,
            limit=error.limit,
            unit=error.unit,
        ) from error


def find_line(text: str, key: str) -> int:
    """Return the line, from 1, where a dotted key stands in YAML; where it is missing, what it is missing in."""
    node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    line = 1
    for part in key.split(".") if key else ():
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next(((name, value) for name, value in node.value if str(name.value) == part), None)
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            found = (node.value[int(part)], node.value[int(part)])
        if found is None:
            break
        line = found[0].start_mark.line + 1
        node = found[1]
    return line


def read_document(path: Path) -> object:
    """Return a parsed YAML file.

    Raises:
        DocumentError: It cannot be read or is no YAML (code 910).
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DocumentError(f"{path} cannot be read: {error.strerror}", quantity="file", value=path) from error
    return parse_document(text, path.name)


def parse_document(text: str, source: str) -> object:
    """Return parsed YAML.

    Raises:
        DocumentError: It is not YAML (code 910).
    """
    try:
        return yaml.load(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        line = " ".join(str(error).split())
        raise DocumentError(f"{source} is not YAML: {line}", quantity="file", value=source) from error
