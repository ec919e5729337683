"""The whole way: from interface files to messages of a real compiled package, through the hooks a front end calls."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import rosidl_pip
from rosidl_pip.distribution import find_installation
from rosidl_pip.errors import DistributionError, GeneratorsMissingError

SETTINGS = """
[project]
name = "tiny-messages"
version = "0.1"

[tool.rosidl-pip]
interfaces = ["."]
"""
MANIFEST = """
<package format="3">
  <name>tiny_msgs</name>
  <version>0.1.0</version>
  <depend>std_msgs</depend>
</package>
"""
HOOK = "import sys, rosidl_pip.backend as backend; print(getattr(backend, sys.argv[1])(sys.argv[2]))"
# Converts to C and back, which needs every library but those of the middleware.
USE = """
import sys, tiny_msgs
from tiny_msgs.msg import Tiny
from tiny_msgs.srv import Ask
assert tiny_msgs.__file__.startswith(sys.argv[1])
for kind in (Tiny, Ask):
    kind.__class__.__import_type_support__()
    assert kind.__class__._TYPE_SUPPORT is not None, kind
assert Tiny(values=[1, 2], kind=Tiny.SECOND).kind == 2
"""


def wheels_are_installed() -> bool:
    try:
        find_installation()
    except (DistributionError, GeneratorsMissingError):
        return False
    return True


pytestmark = pytest.mark.skipif(not wheels_are_installed(), reason="only where ROS 2 comes from wheels")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "pyproject.toml": SETTINGS,
        "tiny_msgs/package.xml": MANIFEST,
        "tiny_msgs/msg/Tiny.msg": "uint8 SECOND=2\nstd_msgs/Header header\nfloat64[] values\nuint8 kind\n",
        "tiny_msgs/srv/Ask.srv": "Tiny question\n---\nTiny[<=2] answers\n",
    }
    for relative, text in files.items():
        (tmp_path / "project" / relative).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / relative).write_text(text, encoding="utf-8")
    return tmp_path / "project"


def call(project: Path, hook: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Calls one hook as a front end does: in a new process, in the folder of the project."""
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", HOOK, hook, str(folder)],
        cwd=project,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(rosidl_pip.__file__).parents[1]),
            "XDG_CACHE_HOME": str(project.parent / "cache"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_package_is_compiled_cached_and_works(project: Path, tmp_path: Path) -> None:
    built = call(project, "build_wheel", tmp_path / "wheel")
    assert built.returncode == 0, built.stderr
    name = built.stdout.strip()
    assert built.stdout == f"{name}\n", "the generators must not write where a front end reads"
    with zipfile.ZipFile(tmp_path / "wheel" / name) as wheel:
        wheel.extractall(tmp_path / "site")
    # What pip does with the data folder of a wheel is not needed to import the package, so the folder is a site.
    command = [sys.executable, "-c", USE, str(tmp_path)]
    path = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])
    library_path = os.pathsep.join([str(Path(sys.prefix) / "lib"), os.environ.get("LD_LIBRARY_PATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "LD_LIBRARY_PATH": library_path}
    used = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert used.returncode == 0, used.stderr

    share = tmp_path / "site" / "tiny_messages-0.1.data" / "data" / "share"
    assert (share / "ament_index/resource_index/packages/tiny_msgs").is_file()
    assert {path.suffix for path in (share / "tiny_msgs/msg").iterdir()} == {".msg", ".idl", ".json"}
    assert (share / "tiny_msgs/package.xml").read_text(encoding="utf-8") == MANIFEST
    extensions = list((tmp_path / "site/tiny_msgs").glob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"))
    assert [path.name.split(".")[0] for path in extensions] == ["tiny_msgs_s__rosidl_typesupport_c"]

    # The second build must come from the cache: there is no compiler it could use.
    again = call(project, "build_wheel", tmp_path / "again", CC="/no/compiler", CXX="/no/compiler")
    assert "CC is '/no/compiler'" in again.stderr, "CC is part of the key"
    again = call(project, "build_wheel", tmp_path / "again", PATH="/no/such/folder")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "wheel" / name).read_bytes()


def test_metadata_needs_no_compiler(project: Path, tmp_path: Path) -> None:
    prepared = call(project, "prepare_metadata_for_build_wheel", tmp_path / "metadata", PATH="/no/such/folder")
    assert prepared.stdout == "tiny_messages-0.1.dist-info\n", prepared.stderr
    metadata = (tmp_path / "metadata" / "tiny_messages-0.1.dist-info" / "METADATA").read_text(encoding="utf-8")
    versions = find_installation().versions
    assert f"Requires-Dist: ros-rclpy=={versions['ros-rclpy']}\n" in metadata
    assert f"Requires-Dist: ros-std-msgs=={versions['ros-std-msgs']}\n" in metadata


def test_missing_compiler_is_one_line(project: Path, tmp_path: Path) -> None:
    failed = call(project, "build_wheel", tmp_path / "wheel", PATH="/no/such/folder", CC="", CXX="")
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert line.startswith("rosidl_pip.errors.CompilerError: No compiler found")
    assert "apt-get install g++ python3-dev" in line


def test_broken_interface_is_one_line_with_file_and_field(project: Path, tmp_path: Path) -> None:
    file = project / "tiny_msgs/msg/Tiny.msg"
    file.write_text("float64 x\nFloat46 y\n", encoding="utf-8")
    failed = call(project, "build_wheel", tmp_path / "wheel")
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert line.startswith(f"rosidl_pip.errors.InterfaceError: {file}:2: field 'y' is of type tiny_msgs/Float46")
