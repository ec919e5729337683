"""The cache of finished builds: what changes the key, and what happens to damaged entries."""

from __future__ import annotations

from pathlib import Path

import pytest
from rosidl_pip.cache import cache_folder, cache_key, cached_tree
from rosidl_pip.packages import InterfacePackage

VERSIONS = {"ros-rclpy": "7.1.6", "numpy": "2.4.6"}


@pytest.fixture
def package(tmp_path: Path) -> InterfacePackage:
    (tmp_path / "package.xml").write_text("<package/>", encoding="utf-8")
    (tmp_path / "A.msg").write_text("int8 x\n", encoding="utf-8")
    files = {"msg/A.msg": tmp_path / "A.msg"}
    return InterfacePackage("a_msgs", "1.0.0", (), tmp_path / "package.xml", files)


def test_key_is_stable(package: InterfacePackage) -> None:
    assert cache_key([package], VERSIONS) == cache_key([package], dict(reversed(VERSIONS.items())))


def test_key_changes_with_everything_that_shapes_the_result(
    package: InterfacePackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [cache_key([package], VERSIONS)]
    keys.append(cache_key([package], {**VERSIONS, "ros-rclpy": "7.1.7"}))
    keys.append(cache_key([package], {**VERSIONS, "empy": "4.2"}))
    keys.append(cache_key([package, package], VERSIONS))
    monkeypatch.setenv("CXX", "clang++")
    keys.append(cache_key([package], VERSIONS))
    monkeypatch.delenv("CXX")
    (tmp_path / "A.msg").write_text("int8 y\n", encoding="utf-8")
    keys.append(cache_key([package], VERSIONS))
    (tmp_path / "package.xml").write_text("<package></package>", encoding="utf-8")
    keys.append(cache_key([package], VERSIONS))
    monkeypatch.setattr("sysconfig.get_config_var", lambda name: "cpython-399-other")
    keys.append(cache_key([package], VERSIONS))
    assert len(set(keys)) == len(keys)


def build_into(tree: Path) -> None:
    (tree / "python").mkdir()
    (tree / "python" / "a.so").write_bytes(b"library")


class Counter:
    """Builds a tree and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, tree: Path) -> None:
        self.count += 1
        build_into(tree)


def test_second_use_does_not_build(tmp_path: Path) -> None:
    build = Counter()
    first = cached_tree("key", build, tmp_path)
    assert cached_tree("key", build, tmp_path) == first == tmp_path / "key"
    assert build.count == 1
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize("damage", ["changed", "truncated", "missing", "extra", "manifest", "no manifest"])
def test_damaged_entry_is_built_again(tmp_path: Path, damage: str) -> None:
    build = Counter()
    entry = cached_tree("key", build, tmp_path)
    library, manifest = entry / "python" / "a.so", entry / "manifest.json"
    if damage == "changed":
        library.write_bytes(b"Library")
    elif damage == "truncated":
        library.write_bytes(b"")
    elif damage == "missing":
        library.unlink()
    elif damage == "extra":
        (entry / "python" / "b.so").write_bytes(b"")
    elif damage == "manifest":
        manifest.write_text("{", encoding="utf-8")
    else:
        manifest.unlink()
    entry = cached_tree("key", build, tmp_path)
    assert build.count == 2
    assert (entry / "python" / "a.so").read_bytes() == b"library"
    assert not (entry / "python" / "b.so").exists()


def test_failed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    def build(tree: Path) -> None:
        build_into(tree)
        raise RuntimeError("disk on fire")

    with pytest.raises(RuntimeError, match="disk on fire"):
        cached_tree("key", build, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_builds_of_the_same_key_at_once_end_with_one_entry(tmp_path: Path) -> None:
    def build(tree: Path) -> None:
        cached_tree("key", build_into, tmp_path)
        build_into(tree)

    entry = cached_tree("key", build, tmp_path)
    assert (entry / "python" / "a.so").read_bytes() == b"library"
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_old_entries_are_dropped(tmp_path: Path) -> None:
    for number in range(20):
        cached_tree(f"key{number}", build_into, tmp_path)
    assert len(list(tmp_path.iterdir())) == 12


def test_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    tree = cached_tree("key", build_into, tmp_path / "file" / "cache")
    assert (tree / "python" / "a.so").read_bytes() == b"library"


def test_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "cablecell" / "rosidl"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_folder() == Path.home() / ".cache" / "cablecell" / "rosidl"
