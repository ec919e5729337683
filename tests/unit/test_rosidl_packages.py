"""Finding interface packages and their order."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from rosidl_pip.errors import DependencyError, InterfaceError, ManifestError
from rosidl_pip.packages import InterfacePackage, closure, dependency_order, find_packages

MANIFEST = """<?xml version="1.0"?>
<package format="3">
  <name>{name}</name>
  <version>1.0.0</version>
  <buildtool_depend>rosidl_default_generators</buildtool_depend>
  {depends}
  <exec_depend>only_at_run_time</exec_depend>
</package>
"""


def make_package(folder: Path, name: str, files: dict[str, str], depends: tuple[str, ...] = ()) -> Path:
    root = folder / name
    root.mkdir(parents=True)
    lines = "\n".join(f"<depend> {item} </depend>" for item in depends)
    (root / "package.xml").write_text(MANIFEST.format(name=name, depends=lines), encoding="utf-8")
    for relative, text in files.items():
        (root / relative).parent.mkdir(exist_ok=True)
        (root / relative).write_text(text, encoding="utf-8")
    return root


def test_manifest_gives_build_dependencies_only(tmp_path: Path) -> None:
    make_package(tmp_path, "a_msgs", {"msg/A.msg": "int8 x\n"}, ("std_msgs", "std_msgs", "rosidl_default_runtime"))
    (package,) = find_packages([tmp_path])
    assert package.dependencies == ("std_msgs",)
    assert package.version == "1.0.0"
    assert list(package.files) == ["msg/A.msg"]


def test_package_spread_over_two_folders_is_one(tmp_path: Path) -> None:
    make_package(tmp_path / "one", "a_msgs", {"msg/A.msg": "int8 x\n"})
    (tmp_path / "two" / "a_msgs" / "srv").mkdir(parents=True)
    (tmp_path / "two" / "a_msgs" / "srv" / "S.srv").write_text("---\n", encoding="utf-8")
    (package,) = find_packages([tmp_path / "one", tmp_path / "two"])
    assert list(package.files) == ["msg/A.msg", "srv/S.srv"]


def test_same_file_in_two_folders_is_an_error(tmp_path: Path) -> None:
    make_package(tmp_path / "one", "a_msgs", {"msg/A.msg": "int8 x\n"})
    (tmp_path / "two" / "a_msgs" / "msg").mkdir(parents=True)
    (tmp_path / "two" / "a_msgs" / "msg" / "A.msg").write_text("int16 x\n", encoding="utf-8")
    with pytest.raises(InterfaceError, match=r"msg/A\.msg of package 'a_msgs' exists twice"):
        find_packages([tmp_path / "one", tmp_path / "two"])


def test_faulty_packages_are_errors(tmp_path: Path) -> None:
    root = make_package(tmp_path, "a_msgs", {})
    with pytest.raises(InterfaceError, match="Package 'a_msgs' has no interface file"):
        find_packages([tmp_path])
    (root / "package.xml").write_text("<package", encoding="utf-8")
    with pytest.raises(ManifestError, match=r"a_msgs/package\.xml: "):
        find_packages([tmp_path])
    (root / "package.xml").write_text(
        "<package><name>b_msgs</name><version>1.0.0</version></package>", encoding="utf-8"
    )
    with pytest.raises(ManifestError, match="<name> is 'b_msgs', but the folder is called 'a_msgs'"):
        find_packages([tmp_path])
    (root / "package.xml").write_text("<package><name>a_msgs</name></package>", encoding="utf-8")
    with pytest.raises(ManifestError, match="non-empty <version>"):
        find_packages([tmp_path])
    (root / "package.xml").unlink()
    (root / "msg").mkdir()
    with pytest.raises(ManifestError, match=r"needs exactly one package\.xml, has 0"):
        find_packages([tmp_path])


def package(name: str, *depends: str) -> InterfacePackage:
    return InterfacePackage(name, "1.0.0", depends, Path("package.xml"), {"msg/A.msg": Path("A.msg")})


def test_order_respects_dependencies_for_any_input_order() -> None:
    names = [f"p{index}" for index in range(12)]
    generator = random.Random(4)
    for _ in range(50):
        packages = [package(n, *generator.sample(names[:i], min(i, 3)), "std_msgs") for i, n in enumerate(names)]
        expected = [item.name for item in dependency_order(packages)]
        generator.shuffle(packages)
        ordered = [item.name for item in dependency_order(packages)]
        assert ordered == expected
        for item in packages:
            own = [name for name in item.dependencies if name in names]
            assert all(ordered.index(name) < ordered.index(item.name) for name in own)


def test_circle_is_shown() -> None:
    with pytest.raises(DependencyError, match="in a circle: a -> b -> c -> a"):
        dependency_order([package("a", "b"), package("b", "c"), package("c", "a"), package("d", "a")])


def test_closure_follows_own_and_installed_packages(tmp_path: Path) -> None:
    for name in ("builtin_interfaces", "service_msgs", "unique_identifier_msgs", "action_msgs"):
        make_package(tmp_path, name, {"msg/M.msg": ""})
    make_package(tmp_path, "std_msgs", {"msg/M.msg": ""}, ("builtin_interfaces", "not_there_and_not_needed"))
    make_package(tmp_path, "geometry_msgs", {"msg/M.msg": ""}, ("std_msgs",))
    make_package(tmp_path, "no_interfaces", {})
    packages = [package("a", "geometry_msgs", "no_interfaces"), package("b", "a")]
    needed = closure(packages[1], packages, tmp_path)
    assert needed["a"] is True
    assert needed["std_msgs"] is needed["geometry_msgs"] is needed["action_msgs"] is False
    assert "no_interfaces" not in needed
    with pytest.raises(DependencyError, match=r"'c' depends on 'nowhere_msgs'.*pip install ros-nowhere-msgs"):
        closure(package("c", "nowhere_msgs"), packages, tmp_path)
