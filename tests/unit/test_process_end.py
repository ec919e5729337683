"""The bound on the end of a process holds where neither signals nor threads of the interpreter get a chance."""

import subprocess
import sys
import time

import pytest

_BEGIN = "import ctypes, sys, time; from cablecell.ros.process_end import end_within\n"
_HOLDS_THE_INTERPRETER = "ctypes.PyDLL(None).sleep(30)"
_HANGS_AT_EXIT = """
library = ctypes.CDLL(None)
library.__cxa_atexit(ctypes.cast(library.pause, ctypes.c_void_p), None, None)
sys.exit(4)
"""


def _run(program: str) -> tuple[int, float]:
    started_s = time.monotonic()
    code = subprocess.run([sys.executable, "-c", _BEGIN + program], timeout=25.0, check=False).returncode
    return code, time.monotonic() - started_s


@pytest.mark.parametrize("hang", [_HOLDS_THE_INTERPRETER, _HANGS_AT_EXIT])
@pytest.mark.parametrize("exit_code", [0, 7])
def test_a_process_that_hangs_ends_with_its_exit_code(hang, exit_code):
    assert _run(f"end_within(0.3, {exit_code}); {hang}") == (exit_code, pytest.approx(0.3, abs=15.0))


def test_a_process_that_ends_by_itself_keeps_its_own_exit_code():
    assert _run("end_within(20.0, 7); sys.exit(3)") == (3, pytest.approx(0.0, abs=15.0))


def test_the_process_goes_on_until_then():
    assert _run("end_within(1.5, 7); time.sleep(0.5); sys.exit(5)")[0] == 5
