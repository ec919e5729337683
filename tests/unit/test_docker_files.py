"""What the container files promise, read from the files; `tests/system/test_docker.py` builds and runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "docker"
FILES = ["Dockerfile", "ros.Dockerfile"]


def instructions(name: str) -> list[tuple[str, str]]:
    """Return (instruction, rest of the line) of a Dockerfile, continuation lines joined, comments left out."""
    lines = [line for line in (FOLDER / name).read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]  # type: ignore[misc]


@pytest.fixture(params=FILES)
def file(request: pytest.FixtureRequest) -> list[tuple[str, str]]:
    return instructions(request.param)


def test_runs_as_an_ordinary_user_whose_number_a_host_can_check(file) -> None:
    last = [rest for word, rest in file if word == "USER"][-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last)


def test_signals_reach_the_cell(file) -> None:
    """The exec form puts no shell between the engine and the process."""
    entry = [rest for word, rest in file if word == "ENTRYPOINT"]
    assert len(entry) == 1
    assert json.loads(entry[0])
    assert json.loads([rest for word, rest in file if word == "CMD"][-1])
    assert [rest for word, rest in file if word == "STOPSIGNAL"] == ["SIGINT"]


def test_health_is_what_the_running_graph_says(file) -> None:
    check = next(rest for word, rest in file if word == "HEALTHCHECK")
    assert json.loads(check[check.index("CMD") + 3 :])[-3:] == ["cablecell", "status", "--json"]


def test_nothing_outside_the_container_is_reached_unless_somebody_asks(file) -> None:
    """Also for a process that does not begin with the `cablecell` command, which would set it."""
    settings = [pair for word, rest in file if word == "ENV" for pair in rest.split()]
    assert "ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST" in settings


def test_nothing_is_installed_as_the_running_user(file) -> None:
    words = [word for word, _ in file]
    assert "RUN" not in words[words.index("USER") :]
    assert "COPY" not in words[words.index("USER") :]


def test_base_can_be_pinned_from_outside(file) -> None:
    assert file[0][0] == "ARG"
    assert {rest.split()[0] for word, rest in file if word == "FROM"} == {"${BASE}"}


@pytest.fixture
def services() -> dict[str, dict]:
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]


def test_services_cannot_change_their_program_or_gain_rights(services) -> None:
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert service["init"] is True


def test_shared_memory_is_large_enough_for_images(services) -> None:
    for service in services.values():
        assert service.get("shm_size") == "256m" or service.get("ipc") == "host"


def test_only_the_profile_for_it_reaches_the_hosts_network(services) -> None:
    on_host = {name for name, service in services.items() if service.get("network_mode") == "host"}
    assert {name for name, service in services.items() if "host-net" in service.get("profiles", [])} == on_host
    assert not [name for name, service in services.items() if service.get("ports")]


def test_commands_exist(services) -> None:
    from typer.testing import CliRunner

    from cablecell.cli import app

    for service in services.values():
        verb = service["command"][0]
        assert CliRunner().invoke(app, [verb, "--help"]).exit_code == 0
