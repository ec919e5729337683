"""Completion in a real bash, with the script that `cell completion` prints."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "cablecell"


def complete(tmp_path: Path, *words: str) -> list[str]:
    script = subprocess.run([PROGRAM, "completion"], capture_output=True, text=True, check=True).stdout
    (tmp_path / "cell").symlink_to(PROGRAM)
    asked = " ".join(f"'{word}'" for word in ("./cell", *words))
    asks = f"COMP_WORDS=({asked}); COMP_CWORD={len(words)}; _cell_completion ./cell"
    ask = f"{script}\n{asks}\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run([shutil.which("bash") or "bash", "-c", ask], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("stat",), ["status"]),
        (("config", ""), ["check", "show", "schema"]),
        (("bench", "per"), ["perception"]),
        (("bench", "insertion", "--connector", "rj"), ["rj45"]),
        (("config", "schema", "tri"), ["trials"]),
        (("topic", "ec"), ["echo"]),
        (("bench", "insertion", "--connector", "nothing_of_that_name"), []),
    ],
)
def test_bash_completes(tmp_path: Path, words: tuple[str, ...], expected: list[str]) -> None:
    assert complete(tmp_path, *words) == expected
