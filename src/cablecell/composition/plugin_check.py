"""Look at every installed plug-in as the cell would use it: `./cell plugins`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping

from cablecell.configuration import config_folder, load_connector_of, load_connectors, load_trials
from cablecell.core.errors import WorkcellError
from cablecell.plugins import Plugin, PluginKind, all_plugins, find_plugin


def check_plugin(plugin: Plugin) -> None:
    """Do with a plug-in what the cell does first: load its code, or read its file.

    Raises:
        WorkcellError: The cell cannot use it (codes 910 and 960 to 962).
    """
    plugin.require_version()
    find_plugin(plugin.kind, plugin.name)
    _CHECKS[plugin.kind](plugin)


def show_plugins(*, as_json: bool) -> int:
    """Print every plug-in with its package, and why it cannot be used; return 1 when one cannot, else 0."""
    rows = []
    for plugin in all_plugins():
        row = {
            "kind": plugin.kind.name.lower(),
            "name": plugin.name,
            "package": plugin.package,
            "version": plugin.version,
            "code": 0,
            "error": "",
        }
        try:
            check_plugin(plugin)
        except WorkcellError as error:
            row |= {"code": error.code, "error": str(error)}
        rows.append(row)
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        for row in rows:
            state = f"code {row['code']}: {row['error']}" if row["code"] else "good"
            sys.stdout.write(f"{row['kind']} {row['name']} ({row['package']}, interface {row['version']}): {state}\n")
        if not rows:
            sys.stdout.write("no plug-ins are installed\n")
    return int(any(row["code"] for row in rows))


def _load(plugin: Plugin) -> None:
    if not callable(made := plugin.load()):
        raise plugin.broken(f"'{plugin.target}' is a {type(made).__name__}, which cannot be called")


def _read_connector(plugin: Plugin) -> None:
    load_connector_of(plugin, load_connectors(config_folder() / "connectors"))


def _read_board(plugin: Plugin) -> None:
    load_trials(plugin.file())


_CHECKS: Mapping[PluginKind, Callable[[Plugin], None]] = {
    PluginKind.DRIVER: _load,
    PluginKind.SKILL: _load,
    PluginKind.CONNECTOR: _read_connector,
    PluginKind.BOARD: _read_board,
}
