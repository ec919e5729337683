"""Errors in interface files, found before anything is generated."""

from __future__ import annotations

from pathlib import Path

import pytest
from rosidl_pip.errors import InterfaceError
from rosidl_pip.interface_check import check_interfaces
from rosidl_pip.packages import InterfacePackage

pytest.importorskip("rosidl_adapter", reason="needs the rosidl generators")


@pytest.fixture
def share(tmp_path: Path) -> Path:
    for relative in ("std_msgs/msg/Header.msg", "builtin_interfaces/msg/Time.msg"):
        (tmp_path / "share" / relative).parent.mkdir(parents=True)
        (tmp_path / "share" / relative).write_text("", encoding="utf-8")
    return tmp_path / "share"


def package(tmp_path: Path, files: dict[str, str], depends: tuple[str, ...] = ()) -> InterfacePackage:
    paths = {}
    for relative, text in files.items():
        paths[relative] = tmp_path / relative
        paths[relative].parent.mkdir(exist_ok=True)
        paths[relative].write_text(text, encoding="utf-8")
    return InterfacePackage("a_msgs", "1.0.0", depends, tmp_path / "package.xml", paths)


def test_valid_files_pass(tmp_path: Path, share: Path) -> None:
    files = {
        "msg/A.msg": "# a comment\nuint8 ONE=1  # one\nuint8 kind\nstring<=5[<=3] names\nfloat64 x 1.5\n",
        "msg/B.msg": "A[] list\nA[3] three\na_msgs/A same\nbuiltin_interfaces/Time stamp\n",
        "srv/S.srv": "std_msgs/Header x\n---\nstd_msgs/Header x\n",
        "action/D.action": "---\n---\nbool done\n",
    }
    check_interfaces([package(tmp_path, files, ("std_msgs",))], share)


@pytest.mark.parametrize(
    ("relative", "text", "message"),
    [
        ("msg/A.msg", "int8 a\nflot64 b\n", r"A\.msg:2: 'flot64 b': .*'flot64' is an invalid message name"),
        ("msg/A.msg", "int8 a\nFloat b\n", r"A\.msg:2: field 'b' is of type a_msgs/Float.*a_msgs has A"),
        ("msg/A.msg", "\n\nint8 9lives\n", r"A\.msg:3: 'int8 9lives': "),
        ("msg/A.msg", "int8\n", r"A\.msg:1: 'int8': "),
        ("msg/A.msg", "int8 x 300\n", r"A\.msg:1: 'int8 x 300': .*300"),
        ("msg/A.msg", "int8 lower=1\n", r"A\.msg:1: 'int8 lower=1': .*lower"),
        ("msg/A.msg", "int8 a\nint8 b\nint16 a\n", r"A\.msg:3: name 'a' is already used in line 1"),
        ("msg/A.msg", "std_msgs/Headr h\n", r"A\.msg:1: field 'h' is of type std_msgs/Headr.*std_msgs has Header"),
        ("msg/A.msg", "nowhere/Thing t\n", "package nowhere is neither in this project nor installed"),
        ("msg/A.msg", "int8 a\n---\n", r"A\.msg: has 2 section\(s\).*\.msg file has 1"),
        ("srv/S.srv", "int8 a\n", r"S\.srv: has 1 section\(s\).*\.srv file has 2"),
        ("action/D.action", "---\nint8 x\n---\nWhat y\n", r"D\.action:4: field 'y'"),
        ("msg/bad_name.msg", "int8 a\n", r"bad_name\.msg:1: .*bad_name"),
    ],
)
def test_fault_names_file_line_and_field(tmp_path: Path, share: Path, relative: str, text: str, message: str) -> None:
    with pytest.raises(InterfaceError, match=message):
        check_interfaces([package(tmp_path, {relative: text}, ("std_msgs",))], share)


def test_type_of_undeclared_package_asks_for_the_dependency(tmp_path: Path, share: Path) -> None:
    with pytest.raises(InterfaceError, match=r"A\.msg:1: field 'h'.*add <depend>std_msgs</depend>"):
        check_interfaces([package(tmp_path, {"msg/A.msg": "std_msgs/Header h\n"})], share)


def test_file_that_is_not_text_is_named(tmp_path: Path, share: Path) -> None:
    faulty = package(tmp_path, {"msg/A.msg": ""})
    faulty.files["msg/A.msg"].write_bytes(b"int8 \xff\xfe\n")
    with pytest.raises(InterfaceError, match=r"A\.msg: .*utf-8"):
        check_interfaces([faulty], share)
