"""The command line: finding launch files, arguments, and the modes that start nothing."""

from __future__ import annotations

import os
import re

import pytest

from cablecell.launcher.cli import main


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An ament prefix with a package `cablecell` that has two launch files, and `other` that has one twice."""
    index = tmp_path / "prefix/share/ament_index/resource_index/packages"
    index.mkdir(parents=True)
    for name in ("cablecell", "other"):
        (index / name).touch()
    share = tmp_path / "prefix/share/cablecell"
    (share / "launch/hardware").mkdir(parents=True)
    (share / "launch/cell.launch.xml").write_text(
        """<launch>
  <arg name="hardware" default="sim" description="the backend"><choice value="sim"/><choice value="mock"/></arg>
  <arg name="rate" default="$(eval '5 * 100')"/>
  <include file="$(dirname)/hardware/$(var hardware).launch.xml"><arg name="port" value="1"/></include>
</launch>
"""
    )
    (share / "launch/hardware/sim.launch.xml").write_text(
        '<launch><arg name="port" description="where"/>'
        '<group if="true"><arg name="gui" default="false"/></group></launch>'
    )
    for folder in ("a", "b"):
        (tmp_path / "prefix/share/other" / folder).mkdir(parents=True)
        (tmp_path / "prefix/share/other" / folder / "twice.launch.xml").write_text("<launch/>")
    (tmp_path / "prefix/share/other/once.launch.xml").write_text('<launch><log message="$(var x y)"/></launch>')
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path / "prefix"))
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    monkeypatch.chdir(tmp_path)
    return share


def test_show_args_lists_arguments_of_the_file_and_its_includes(package, capsys):
    assert main(["cell.launch.xml", "--show-args"]) == 0

    assert (
        capsys.readouterr().out
        == """Arguments (pass arguments as '<name>:=<value>'):

    'hardware':
        the backend. Valid choices are: ['sim', 'mock']
        (default: 'sim')

    'rate':
        no description given
        (default: '$(eval '5 * 100')')

    'port':
        where

    'gui':*
        no description given
        (default: 'false')

* argument(s) which are only used if specific conditions occur
"""
    )


def test_show_args_of_a_file_without_arguments(package, capsys):
    assert main(["-s", "other", "once.launch.xml"]) == 0
    assert "No arguments." in capsys.readouterr().out


def test_print_shows_the_elements_as_a_tree(package, capsys):
    assert main(["cablecell", "cell.launch.xml", "--print"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        str(package / "launch/cell.launch.xml"),
        "├── arg name=hardware default=sim description='the backend'  (line 2)",
        "│   ├── choice value=sim  (line 2)",
        "│   └── choice value=mock  (line 2)",
        "├── arg name=rate default='$(eval '\"'\"'5 * 100'\"'\"')'  (line 3)",
        "└── include file='$(dirname)/hardware/$(var hardware).launch.xml'  (line 4)",
        "    └── arg name=port value=1  (line 4)",
    ]


def test_dry_run_prints_what_would_be_executed_and_starts_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DRY_OLD", "x")
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    file = tmp_path / "dry.launch.xml"
    file.write_text(
        f"""<launch>
  <set_env name="DRY_NEW" value="1"/><unset_env name="DRY_OLD"/>
  <log message="hello"/>
  <node exec="touch" args="'{tmp_path}/to uch'" name="n" namespace="/" cwd="{tmp_path}">
    <param name="p" value="1"/>
  </node>
  <timer period="2.5"><executable cmd="echo $HOME &gt; x" shell="true"/><shutdown/></timer>
</launch>
"""
    )

    assert main([str(file), "--dry-run"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "log: hello",
        "process [touch-1]",
        f"  command: touch '{tmp_path}/to uch' --ros-args -r __node:=n -r __ns:=/ --params-file PARAMETERS_1",
        "  PARAMETERS_1:",
        "    /n:",
        "      ros__parameters:",
        "        p: 1",
        "  set DRY_NEW=1",
        "  set PYTHONUNBUFFERED=1",
        "  unset DRY_OLD",
        f"  directory: {tmp_path}",
        "after 2.5 s: process [echo-2]",
        "  command: echo $HOME > x (in a shell)",
        "  set DRY_NEW=1",
        "  set PYTHONUNBUFFERED=1",
        "  unset DRY_OLD",
        "after 2.5 s: shutdown: reason not given",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["dry.launch.xml"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["nowhere.launch.xml"],
            "'nowhere.launch.xml' is neither a file nor in .*; launch files there: cell.launch.xml",
        ),
        (["other", "twice.launch.xml"], "is found more than once in"),
        (["no_such_package", "cell.launch.xml"], "package 'no_such_package' is not installed, searched in"),
        (["cell.launch.xml", "rate=5"], "package 'cell.launch.xml' is not installed"),
        (["cell.launch.xml", "rate:=5", "gui=true"], "malformed launch argument 'gui=true', expected <name>:=<value>"),
        (["cell.launch.xml", "rate:="], "malformed launch argument 'rate:='"),
        (["rate:=5"], "no launch file given"),
        (["cell.launch.xml", "rat:=5"], "unknown argument rat:=5; declared: gui, hardware, port, rate"),
        (["cell.launch.xml", "hardware:=real"], "argument 'hardware' is 'real'; valid: sim, mock"),
        (["cell.launch.xml", "hardware:=mock"], "launch file not found: .*/launch/hardware/mock.launch.xml"),
        (["cell.launch.py"], "only XML launch files"),
    ],
)
def test_usage_error_is_one_clear_line(package, capfd, words, message):
    (package.parents[2] / "cell.launch.py").touch()

    assert main(words) == 2

    printed = capfd.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert printed.err.startswith("launch: ")
    assert re.search(message, printed.err), printed.err
    assert not (package.parents[2] / "log").exists()


def test_options_may_stand_between_the_words(package, capfd):
    assert main(["other", "once.launch.xml", "--dry-run", "x:=given"]) == 0
    assert capfd.readouterr().out == "log: given\n"


def test_argument_that_is_only_read_is_accepted(package, capfd):
    assert main(["other", "once.launch.xml", "x:=given"]) == 0
    assert "[INFO] [launch.user]: given" in capfd.readouterr().out


def test_environment_of_the_launcher_is_not_changed(package, tmp_path):
    file = tmp_path / "env.launch.xml"
    file.write_text('<launch><set_env name="LEAK" value="1"/><unset_env name="PATH"/></launch>')
    before = dict(os.environ)

    assert main([str(file), "--dry-run"]) == 0

    assert dict(os.environ) == before


def test_unwritable_log_folder_is_a_usage_error(package, tmp_path, monkeypatch, capfd):
    (tmp_path / "blocked").touch()
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "blocked"))

    assert main(["other", "once.launch.xml"]) == 2
    assert "cannot create the log folder" in capfd.readouterr().err


def test_python_prefix_is_searched_without_ament_prefix_path(package, tmp_path, monkeypatch, capfd):
    monkeypatch.delenv("AMENT_PREFIX_PATH")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "prefix"))

    assert main(["other", "once.launch.xml", "--dry-run"]) == 0
    assert "log: y" in capfd.readouterr().out
