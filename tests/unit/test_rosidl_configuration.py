"""Reading the settings of a project that is built by the interface backend."""

from __future__ import annotations

from pathlib import Path

import pytest
from rosidl_pip.configuration import read_project
from rosidl_pip.errors import ConfigurationError

MINIMAL = """
[project]
name = "some.Messages"
version = "1.2"

[tool.rosidl-pip]
interfaces = ["."]
"""


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    return tmp_path


def test_minimal_project(tmp_path: Path) -> None:
    project = read_project(write(tmp_path, MINIMAL))
    assert project.file_stem == "some_messages-1.2"
    assert project.folders("jazzy") == (tmp_path.resolve(),)
    assert project.python_packages is None


def test_folder_of_one_distribution_is_used_for_that_one_only(tmp_path: Path) -> None:
    (tmp_path / "jazzy").mkdir()
    text = MINIMAL + '[tool.rosidl-pip.distributions.jazzy]\ninterfaces = ["jazzy"]\n'
    project = read_project(write(tmp_path, text))
    assert project.folders("jazzy") == (tmp_path.resolve(), (tmp_path / "jazzy").resolve())
    assert project.folders("kilted") == (tmp_path.resolve(),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINIMAL + 'python_packages = "src"\n', r"unknown key\(s\) \['python_packages'\].*'python-packages'"),
        (MINIMAL.replace('["."]', '["nowhere"]'), "names folder 'nowhere'.*does not exist"),
        (MINIMAL.replace('["."]', '"."'), r"needs `interfaces`, a list of at least one folder; got '\.'"),
        (MINIMAL.replace('version = "1.2"', ""), r"\[project\] needs `version` as text"),
        (MINIMAL.replace('version = "1.2"', 'dynamic = ["version"]'), r"unknown key\(s\) \['dynamic'\]"),
        (MINIMAL.replace("[tool.rosidl-pip]", "[tool.other]"), "rosidl-pip.* is missing"),
        (MINIMAL + "][", "pyproject.toml: "),
    ],
)
def test_wrong_settings_name_file_table_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_project(write(tmp_path, text))
