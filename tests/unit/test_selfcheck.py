"""What `./cell test` says at its end, and with which exit code."""

import pytest

from cablecell.installation import selfcheck
from cablecell.installation.selfcheck import GateResult

FILES = ["tests/ros/test_a.py", "tests/system/test_b.py"]


@pytest.fixture
def check(monkeypatch):
    """Run the check with the given exit codes of pytest, by the last word of its command, and failing gates."""
    monkeypatch.setattr(selfcheck, "_real_time_files", lambda: FILES)

    def run(codes, gates=()):
        monkeypatch.setattr(selfcheck, "_run_pytest", lambda words: codes.get(words[-1] if words else "", 0))
        monkeypatch.setattr(selfcheck, "run_gates", lambda: [GateResult(name, False, "", 0.0) for name in gates])
        return selfcheck.run([])

    return run


def test_all_well_says_nothing(check, capsys):
    assert check({}) == 0
    assert capsys.readouterr().err == ""


def test_the_end_names_every_file_that_failed(check, capsys):
    assert check({FILES[0]: 1, "": 2}) == 2
    assert capsys.readouterr().err == f"tests failed: the suite without the running cell, {FILES[0]}\n"


def test_a_failed_gate_fails_the_check_though_all_tests_pass(check, capsys):
    assert check({}, gates=["lint", "types"]) == 1
    assert capsys.readouterr().err == "gates failed: lint, types\n"


def test_arguments_go_to_one_pytest_without_gates(monkeypatch):
    seen = []
    monkeypatch.setattr(selfcheck, "_run_pytest", lambda words: seen.append(words) or 0)
    monkeypatch.setattr(selfcheck, "run_gates", lambda: pytest.fail("gates ran"))
    assert selfcheck.run(["--docker", "-x"]) == 0
    assert seen == [["-m", "docker", "-x"]]
