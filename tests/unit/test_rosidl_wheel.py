"""What is in a wheel and in a source distribution."""

from __future__ import annotations

import base64
import csv
import email
import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from rosidl_pip.configuration import Project, read_project
from rosidl_pip.wheel import wheel_tag, write_sdist, write_wheel

SETTINGS = """
[project]
name = "Some-Messages"
version = "1.2"
description = "Messages"
license = "Apache-2.0"
requires-python = ">=3.10"
dependencies = ["numpy>=1.26", "PyYAML"]
scripts = { speak = "talk:main" }

[tool.rosidl-pip]
interfaces = ["interfaces"]
python-packages = "src"
"""
PINS = ["ros-rclpy==7.1.6", "numpy>=1.26"]


def write(root: Path, files: dict[str, str]) -> Path:
    for relative, text in files.items():
        (root / relative).parent.mkdir(parents=True, exist_ok=True)
        (root / relative).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def project(tmp_path: Path) -> Project:
    files = {
        "project/pyproject.toml": SETTINGS,
        "project/interfaces/a_msgs/msg/A.msg": "int8 x\n",
        "project/src/talk/__init__.py": "x = 1\n",
        "project/src/talk/__pycache__/talk.pyc": "",
        "project/src/.gitkeep": "",
        "project/unrelated.txt": "",
    }
    return read_project(write(tmp_path, files) / "project")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "tree/python/a_msgs/__init__.py": "",
        "tree/python/a_msgs/liba.so": "library",
        "tree/share/ament_index/resource_index/packages/a_msgs": "",
        "tree/share/a_msgs/msg/A.msg": "int8 x\n",
        "tree/manifest.json": "{}",
    }
    return write(tmp_path, files) / "tree"


def test_wheel_has_everything_in_its_place(project: Project, tree: Path, tmp_path: Path) -> None:
    name = write_wheel(project, tree, PINS, tmp_path, editable=False)
    assert name == f"some_messages-1.2-{wheel_tag()}.whl"
    with zipfile.ZipFile(tmp_path / name) as wheel:
        assert sorted(wheel.namelist()) == [
            "a_msgs/__init__.py",
            "a_msgs/liba.so",
            "some_messages-1.2.data/data/share/a_msgs/msg/A.msg",
            "some_messages-1.2.data/data/share/ament_index/resource_index/packages/a_msgs",
            "some_messages-1.2.dist-info/METADATA",
            "some_messages-1.2.dist-info/RECORD",
            "some_messages-1.2.dist-info/WHEEL",
            "some_messages-1.2.dist-info/entry_points.txt",
            "talk/__init__.py",
        ]
        assert wheel.getinfo("a_msgs/liba.so").external_attr >> 16 == 0o100755
        assert wheel.read("some_messages-1.2.dist-info/entry_points.txt") == b"[console_scripts]\nspeak = talk:main\n"


def test_record_lists_every_file_with_its_checksum(project: Project, tree: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / write_wheel(project, tree, PINS, tmp_path, editable=False)) as wheel:
        rows = list(csv.reader(io.StringIO(wheel.read("some_messages-1.2.dist-info/RECORD").decode())))
        assert sorted(row[0] for row in rows) == sorted(wheel.namelist())
        for path, checksum, size in rows:
            if path.endswith("RECORD"):
                assert (checksum, size) == ("", "")
                continue
            data = wheel.read(path)
            expected = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert (checksum, int(size)) == (f"sha256={expected}", len(data))


def test_metadata_has_requirements_and_pins_once(project: Project, tree: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / write_wheel(project, tree, PINS, tmp_path, editable=False)) as wheel:
        metadata = email.message_from_bytes(wheel.read("some_messages-1.2.dist-info/METADATA"))
        tags = email.message_from_bytes(wheel.read("some_messages-1.2.dist-info/WHEEL"))
    assert (metadata["Name"], metadata["Version"], metadata["Summary"]) == ("Some-Messages", "1.2", "Messages")
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata.get_all("Requires-Dist") == ["numpy>=1.26", "PyYAML", "ros-rclpy==7.1.6"]
    assert tags["Root-Is-Purelib"] == "false"
    assert tags["Tag"] == wheel_tag()
    assert wheel_tag().startswith(f"cp3{sys.version_info.minor}-cp3{sys.version_info.minor}-linux_")


def test_same_tree_gives_the_same_bytes(project: Project, tree: Path, tmp_path: Path) -> None:
    names = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        names.append(tmp_path / folder / write_wheel(project, tree, PINS, tmp_path / folder, editable=False))
    assert names[0].read_bytes() == names[1].read_bytes()


def test_editable_wheel_refers_to_the_sources(project: Project, tree: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / write_wheel(project, tree, PINS, tmp_path, editable=True)) as wheel:
        assert "talk/__init__.py" not in wheel.namelist()
        assert "a_msgs/liba.so" in wheel.namelist()
        assert wheel.read("_some_messages-1.2.pth").decode() == f"{project.root.resolve() / 'src'}\n"


def test_sdist_has_what_a_build_reads(project: Project, tmp_path: Path) -> None:
    name = write_sdist(project, tmp_path)
    assert name == "some_messages-1.2.tar.gz"
    with tarfile.open(tmp_path / name) as archive:
        assert sorted(archive.getnames()) == [
            "some_messages-1.2/PKG-INFO",
            "some_messages-1.2/interfaces/a_msgs/msg/A.msg",
            "some_messages-1.2/pyproject.toml",
            "some_messages-1.2/src/talk/__init__.py",
        ]
        settings = archive.extractfile("some_messages-1.2/pyproject.toml")
        assert settings is not None
        assert settings.read().decode() == SETTINGS
