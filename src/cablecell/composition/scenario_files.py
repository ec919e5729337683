"""Read scenario files: put what they name in its place, so that a scenario holds everything that decides a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cablecell.configuration import (
    config_folder,
    find_connector,
    load_connector,
    load_connectors,
    load_trials,
    read_checked,
    read_document,
)
from cablecell.core.config.connector import Connector
from cablecell.core.config.documents import DocumentError
from cablecell.core.config.scenario import Scenario, parse_scenario

BOARD_CONNECTORS = ("sc", "sfp")
"""Connectors of the ports that the task board has."""

_SCENARIO_OF = {"sfp": "trial_1", "sc": "trial_3"}
"""The shipped scenario whose target is a port of this connector; of any other it is `fixture`."""


def load_scenario(path: Path | None = None, connector: Path | None = None) -> Scenario:
    """Return the scenario of a file with everything it names put in place.

    In a scenario file `trial` may be `{file: …, name: …}`; an entry of `connectors` and a fixture's `connector` may be
    a file, or the name of one in `config/connectors`; `simulation` states only what differs from
    `config/simulation/default.yaml`. Files are looked for beside the scenario, then in `config/`.

    Args:
        path: The file; by default the one in `config/scenarios` whose target the connector fits: `trial_1.yaml`
            (also without a connector), `trial_3.yaml` for `sc`, `fixture.yaml` for what the board has no port for.
        connector: A connector file, or the name of one of the catalogue, that takes the place of the one of its name,
            or else is what the fixture holds.

    Raises:
        DocumentError: A file cannot be read or has a mistake (code 910).
    """
    given = None if connector is None else load_connector(find_connector(connector))
    if path is None:
        name = "trial_1" if given is None else _SCENARIO_OF.get(given.name, "fixture")
        path = config_folder() / "scenarios" / f"{name}.yaml"
    reader = _Reader(path, load_connectors())

    def parse(data: object, source: str) -> Scenario:
        return parse_scenario(reader.inline(_mapping(data, source), given), source)

    return read_checked(path, parse)


def load_fixture_scenario(connector: Path) -> Scenario:
    """Return the scenario `fixture` with the port of a connector in it, also of one that the board has ports for.

    Args:
        connector: A connector file, or the name of one of the catalogue.

    Raises:
        DocumentError: A file cannot be read or has a mistake (code 910).
    """
    path, given = config_folder() / "scenarios" / "fixture.yaml", load_connector(find_connector(connector))
    data = _mapping(read_document(path), path.name)
    data["fixture"] = {**data["fixture"], "connector": given.model_dump()}
    return parse_scenario(_Reader(path, load_connectors()).inline(data, None), path.name)


def _mapping(data: object, source: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise DocumentError(f"{source}: a mapping of keys is expected, not {type(data).__name__}", value=data)
    return dict(data)


class _Reader:
    """Puts contents in the place of references in one scenario file."""

    def __init__(self, path: Path, catalogue: Mapping[str, Connector]) -> None:
        self._path, self._catalogue = path, catalogue

    def inline(self, data: dict[str, Any], given: Connector | None) -> dict[str, Any]:
        """Return the document without references.

        Args:
            data: The document.
            given: A connector that replaces one of the document.
        """
        self._inline_trial(data)
        connectors = data.get("connectors", {})
        if not isinstance(connectors, Mapping):
            raise DocumentError(f"{self._path.name}: connectors must be a mapping of names", quantity="connectors")
        found = {name: self._connector(value, f"connectors.{name}") for name, value in connectors.items()}
        for name in BOARD_CONNECTORS:
            found.setdefault(name, self._catalogue_entry(name, f"connectors.{name}").model_dump())
        fixture = data.get("fixture")
        if isinstance(fixture, Mapping) and "connector" in fixture:
            fixture = {**fixture, "connector": self._connector(fixture["connector"], "fixture.connector")}
            data["fixture"] = fixture
        if given is not None:
            self._replace(data, found, given)
        data["connectors"] = found
        default = read_document(config_folder() / "simulation" / "default.yaml")
        data["simulation"] = _merged(default, data.get("simulation", {}))
        return data

    def _inline_trial(self, data: dict[str, Any]) -> None:
        trial = data.get("trial")
        if not isinstance(trial, Mapping) or "file" not in trial:
            return
        if set(trial) != {"file", "name"}:
            raise DocumentError(
                f"{self._path.name}: trial: a trial of another file is {{file: …, name: …}}, not {sorted(trial)}",
                quantity="trial",
            )
        path = self._find(str(trial["file"]), "trial.file")
        trials, name = load_trials(path), str(trial["name"])
        if name not in trials.trials:
            valid = ", ".join(trials.trials)
            raise DocumentError(
                f"{self._path.name}: trial.name = '{name}' is not in {path.name}; valid are {valid}",
                quantity="trial.name",
                value=name,
                limit=valid,
            )
        data["trial"] = trials.trials[name].model_dump()
        data.setdefault("home", trials.robot.home_joint_positions.model_dump())

    def _replace(self, data: dict[str, Any], connectors: dict[str, Any], given: Connector) -> None:
        if given.name in connectors:
            connectors[given.name] = given.model_dump()
        elif data.get("fixture") is not None:
            data["fixture"] = {**data["fixture"], "connector": given.model_dump()}
        else:
            valid = ", ".join(sorted(connectors))
            raise DocumentError(
                f"{self._path.name}: connector '{given.name}' has no place in this scenario: the board's ports are "
                f"{valid}, and there is no fixture",
                quantity="connector",
                value=given.name,
                limit=valid,
            )

    def _connector(self, value: object, key: str) -> object:
        """Return a connector's content for a name, a file, or the content itself."""
        if not isinstance(value, str):
            return value
        if not value.endswith((".yaml", ".yml")):
            return self._catalogue_entry(value, key).model_dump()
        return load_connector(self._find(value, key)).model_dump()

    def _catalogue_entry(self, name: str, key: str) -> Connector:
        if name not in self._catalogue:
            valid = ", ".join(sorted(self._catalogue))
            raise DocumentError(
                f"{self._path.name}: {key} = '{name}' is not in config/connectors; valid are {valid}",
                quantity=key,
                value=name,
                limit=valid,
            )
        return self._catalogue[name]

    def _find(self, name: str, key: str) -> Path:
        for folder in (self._path.parent, config_folder()):
            if (folder / name).is_file():
                return folder / name
        raise DocumentError(
            f"{self._path.name}: {key} = '{name}' is neither beside it nor in config/", quantity=key, value=name
        )


def _merged(base: object, changes: object) -> object:
    """Return a document with another laid over it, mapping by mapping."""
    if not isinstance(base, Mapping) or not isinstance(changes, Mapping):
        return changes
    return {**base, **{key: _merged(base.get(key), value) for key, value in changes.items()}}
