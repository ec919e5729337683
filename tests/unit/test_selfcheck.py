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
        monkeypatch.setattr(selfcheck, "_run_pytest", lambda words, **_: codes.get(words[-1], 0))
        monkeypatch.setattr(selfcheck, "run_gates", lambda: [GateResult(name, False, "", 0.0) for name in gates])
        return selfcheck.run([])

    return run


def test_all_well_says_nothing(check, capsys):
    assert check({}) == 0
    assert capsys.readouterr().err == ""


def test_the_end_names_every_file_that_failed(check, capsys):
    assert check({FILES[0]: 1, "tests/sim": 2}) == 2
    assert capsys.readouterr().err == f"tests failed: simulation, {FILES[0]}\n"


def test_a_failed_gate_fails_the_check_though_all_tests_pass(check, capsys):
    assert check({}, gates=["lint", "types"]) == 1
    assert capsys.readouterr().err == "gates failed: lint, types\n"


def test_arguments_go_to_one_pytest_without_gates(monkeypatch):
    seen = []
    monkeypatch.setattr(selfcheck, "_run_pytest", lambda words: seen.append(words) or 0)
    monkeypatch.setattr(selfcheck, "run_gates", lambda: pytest.fail("gates ran"))
    assert selfcheck.run(["--docker", "-x"]) == 0
    assert seen == [["-m", "docker", "-x"]]


def test_every_folder_with_tests_is_in_one_suite():
    folders = {f"tests/{path.parent.name}" for path in (selfcheck.ROOT / "tests").glob("*/test_*.py")}
    listed = [folder for suite in selfcheck.SUITES.values() for folder in suite]
    assert sorted(listed) == sorted(folders)


def test_suites_beside_each_other_have_their_own_codes_and_outputs(tmp_path, capfd):
    good, bad = tmp_path / "test_good.py", tmp_path / "test_bad.py"
    good.write_text("def test_good():\n    pass\n")
    bad.write_text("def test_bad():\n    assert 'the reason' == ''\n")
    codes = selfcheck._run_beside(
        {"a": (str(good), "-p", "no:cacheprovider"), "b": (str(bad), "-p", "no:cacheprovider")}
    )
    assert codes == {"a": 0, "b": 1}
    printed = capfd.readouterr().out
    assert "1 passed" in printed
    assert "the reason" in printed
