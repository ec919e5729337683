"""`interface`: definitions as the files have them, nested types below their fields."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cablecell.ros.message_data.interfaces import all_interfaces, complete_name, definition_path
from cablecell.ros.verbs.interface import app, nested_type


def run(*arguments: str, stdin: str | None = None) -> str:
    done = CliRunner().invoke(app, list(arguments), input=stdin)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_show_indents_nested_types() -> None:
    assert run("show", "geometry_msgs/msg/TwistStamped", "--no-comments") == (
        "std_msgs/Header header\n"
        "\tbuiltin_interfaces/Time stamp\n"
        "\t\tint32 sec\n"
        "\t\tuint32 nanosec\n"
        "\tstring frame_id\n"
        "Twist twist\n"
        "\tVector3  linear\n"
        "\t\tfloat64 x\n\t\tfloat64 y\n\t\tfloat64 z\n"
        "\tVector3  angular\n"
        "\t\tfloat64 x\n\t\tfloat64 y\n\t\tfloat64 z\n"
    )


def test_show_keeps_comments_of_the_type_itself() -> None:
    shown = run("show", "std_srvs/srv/SetBool")
    assert shown.startswith("bool data # e.g. for hardware enabling / disabling\n---\n")
    nested = "# This contains the position of a point in free space"
    assert nested not in run("show", "geometry_msgs/msg/Pose")
    assert nested in run("show", "geometry_msgs/msg/Pose", "--all-comments")


def test_show_reads_the_name_from_a_pipe() -> None:
    assert run("show", "-", stdin="std_msgs/msg/Bool\n").endswith("bool data\n")


def test_every_installed_type_is_shown() -> None:
    for name in all_interfaces():
        lines = run("show", name, "--no-comments").splitlines()
        is_idl = definition_path(name).suffix == ".idl"
        assert is_idl or not any(line.lstrip().startswith("#") for line in lines), name


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Point[4] corners", "geometry_msgs/msg/Point"),
        ("std_msgs/Header header", "std_msgs/msg/Header"),
        ("builtin_interfaces/Time[<=3] stamps", "builtin_interfaces/msg/Time"),
        ("float64[] values", None),
        ("string<=5[<=2] names", None),
        ("uint8 LEVEL=3", None),
        ("---", None),
        ("", None),
    ],
)
def test_nested_type(line: str, expected: str | None) -> None:
    assert nested_type(line, "geometry_msgs") == expected


def test_lists() -> None:
    assert run("package", "std_srvs") == "std_srvs/srv/Empty\nstd_srvs/srv/SetBool\nstd_srvs/srv/Trigger\n"
    assert "std_srvs" in run("packages", "-s").split()
    assert "std_srvs" not in run("packages", "-m").split()
    assert run("list", "-s").startswith("Services:\n    ")
    assert all(complete_name(name.strip()) for name in run("list").splitlines() if name.startswith(" "))


def test_proto_is_yaml_to_start_from() -> None:
    assert run("proto", "geometry_msgs/msg/Point") == '"x: 0.0\ny: 0.0\nz: 0.0\n"\n'
    assert run("proto", "std_srvs/srv/SetBool", "--no-quotes") == "data: false\n\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "std_msgs/msg/Stringg"], 1, "Unknown message type 'std_msgs/msg/Stringg'; did you mean"),
        (["show", "String"], 1, "Invalid type name 'String'"),
        (["package", "std_srv"], 1, "Unknown package 'std_srv'; did you mean 'std_srvs'?"),
        (["show", "std_msgs/msg/Bool", "--all-comments", "--no-comments"], 2, "exclude each other"),
        (["show", "-"], 2, "no type name"),
    ],
)
def test_errors(arguments: list[str], code: int, message: str) -> None:
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert done.exit_code == code
    assert message in done.stderr
