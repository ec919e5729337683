"""What is said when there is no compiler that works."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
from rosidl_pip.compilation import Toolchain, compile_unit, find_toolchain
from rosidl_pip.errors import CompilerError
from rosidl_pip.generation import Workspace

ADVICE = r"apt-get install g\+\+ python3-dev"


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def no_compilers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("CXX", raising=False)
    (tmp_path / "bin").mkdir()
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "Python.h").write_text("", encoding="utf-8")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "include"))


def test_no_compiler(tmp_path: Path) -> None:
    with pytest.raises(CompilerError, match=f"none of gcc, cc, clang is on PATH.*{ADVICE}"):
        find_toolchain()
    script(tmp_path / "bin" / "gcc", "exit 0")
    with pytest.raises(CompilerError, match=rf"none of g\+\+, c\+\+, clang\+\+ is on PATH.*{ADVICE}"):
        find_toolchain()


def test_no_python_headers(tmp_path: Path) -> None:
    script(tmp_path / "bin" / "gcc", "exit 0")
    script(tmp_path / "bin" / "g++", "exit 0")
    (tmp_path / "include" / "Python.h").unlink()
    with pytest.raises(CompilerError, match=rf"no Python\.h in .*include.*{ADVICE}"):
        find_toolchain()


def test_compiler_that_does_not_work_is_quoted(tmp_path: Path) -> None:
    script(tmp_path / "bin" / "gcc", "exit 0")
    script(tmp_path / "bin" / "g++", 'echo "x.cpp:1: fatal error: string: No such file or directory" >&2; exit 1')
    with pytest.raises(CompilerError, match=rf"`g\+\+` does not work: .*string: No such file.*{ADVICE}"):
        find_toolchain()


def test_variables_choose_the_compilers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = script(tmp_path / "other", "exit 0")
    monkeypatch.setenv("CC", f"{compiler} -m32")
    monkeypatch.setenv("CXX", str(compiler))
    tools = find_toolchain()
    assert tools.c == (str(compiler), "-m32")
    assert tools.cxx == (str(compiler),)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(CompilerError, match="CXX is 'no-such-compiler', which is not an executable on PATH"):
        find_toolchain()


def test_a_message_and_an_action_of_one_name_get_an_object_each(tmp_path: Path) -> None:
    """A workcell's task is both in a NEXUS line; the objects of its descriptions used to overwrite each other."""
    work = Workspace(tmp_path / "work", tmp_path / "prefix")
    (work.prefix / "include").mkdir(parents=True)
    for kind in ("action", "msg"):
        source = work.generated("c") / "pkg" / kind / "detail" / "workcell_task__description.c"
        source.parent.mkdir(parents=True)
        source.write_text(f"// {kind}\n", encoding="utf-8")
    keeps_names = 'for word do case "$word" in *.c) file="${word##*/}"; echo "$word" > "${file%.c}.o";; esac; done'
    compiler = str(script(tmp_path / "compiler", keeps_names))
    compile_unit(work, Toolchain((compiler,), (compiler,), ()), "pkg", "description", 0, 1)
    objects = sorted(path.read_text(encoding="utf-8") for path in work.objects("pkg").rglob("*.o"))
    assert [Path(text.strip()).parents[1].name for text in objects] == ["action", "msg"]
