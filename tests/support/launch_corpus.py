"""Runs the launch files of the corpus with one engine or the other and compares what happened with what is expected.

A case is `NAME.launch.xml` with `NAME.yaml` beside it in `tests/data/launch`. The executables of a case are the program
`probe`, which writes down how it was started, so that both engines are judged by their effects alone. Paths in an
expectation are written `{data}` (that folder), `{prefix}` (the ament prefix of the probe) and `{log}` (log folder).

Keys of an expectation, all optional except `about`:
    about: What the case shows.
    arguments: Mapping of `name:=value`.
    environment: Variables that the launcher is started with.
    processes: In any order: `label`, `argv` (without the executable), and where they matter `runs` (default 1),
        `exit` (default 0), `env` (null: not set), `cwd`, `program`. The value after `--params-file` is the parsed
        content for a file made by the engine, else the path.
    log: Texts of `<log>` elements, in order.
    died: Exit codes by label of processes that are not probes.
    screen: Lines of process output on the screen, in any order.
    warning: Regular expressions that the screen of our engine has to match.
    exit_code: Of our engine (default 0).
    error: Regular expression of the one line on stderr, with exit code 2 and no process started.
    ros2: How `ros2 launch` differs on purpose: `same: no` with a `why`, and the keys above for what it does instead
        (`exit_code` 0 or 1, `processes`, `log`). For a case with `error`, `accepts: yes` says that it starts.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import cablecell

DATA = Path(__file__).parents[1] / "data" / "launch"
ENGINE = os.environ.get("CABLECELL_LAUNCH_ENGINE", "cablecell")
TIMEOUT_S = 60.0
KEYS = {
    "about",
    "arguments",
    "environment",
    "processes",
    "log",
    "screen",
    "warning",
    "died",
    "exit_code",
    "error",
    "ros2",
    "needs",
}
_STARTED = re.compile(r"\[INFO\] \[(?P<label>\S+)\]: process started with pid \[(?P<pid>\d+)\]")
_DIED = re.compile(r"\[ERROR\] \[(?P<label>\S+)\]: process has died \[pid \d+, exit code (?P<code>-?\d+), cmd")
_LOG = re.compile(r"\[INFO\] \[launch\.user\]: (.*)")
_OUTPUT = re.compile(r"\[\S+-\d+\] .*")

_PROBE = """\
import json, os, sys, time
argv = sys.argv[1:]
files = {}
for flag, path in zip(argv, argv[1:]):
    if flag == "--params-file" and "launch_params_" in os.path.basename(path):
        files[path] = open(path).read()
record = {"program": sys.argv[0], "argv": argv, "files": files, "cwd": os.getcwd(), "pid": os.getpid(),
          "env": dict(os.environ)}
with open(os.path.join(os.environ["PROBE_OUT"], f"{os.getpid()}.json"), "w") as out:
    json.dump(record, out)
def option(name, default=None):
    return argv[argv.index(name) + 1] if name in argv else default
if "--say" in argv:
    print(option("--say"), flush=True)
if "--complain" in argv:
    print(option("--complain"), file=sys.stderr, flush=True)
if "--tty" in argv:
    print("tty" if sys.stdout.isatty() else "pipe", flush=True)
time.sleep(float(option("--sleep", "0")))
sys.exit(int(option("--exit", "0")))
"""


@dataclass
class Outcome:
    """What a run did.

    Attributes:
        exit_code: Of the launcher.
        stdout: Its screen.
        stderr: Its errors.
        records: What the probes wrote, each with the `label` the launcher gave to its pid.
        log_directory: Where the launcher was told to log.
    """

    exit_code: int
    stdout: str
    stderr: str
    records: list[dict[str, Any]]
    log_directory: Path

    @property
    def log(self) -> list[str]:
        return _LOG.findall(self.stdout)

    @property
    def died(self) -> dict[str, int]:
        return {match["label"]: int(match["code"]) for match in _DIED.finditer(self.stdout)}

    @property
    def screen(self) -> list[str]:
        return sorted(line for line in self.stdout.splitlines() if _OUTPUT.fullmatch(line))


@dataclass
class Corpus:
    """An ament prefix with the package `launch_corpus`, whose only executable (under two names) is the probe."""

    folder: Path
    prefix: Path = field(init=False)

    def __post_init__(self) -> None:
        self.prefix = self.folder / "prefix"
        (self.prefix / "share/ament_index/resource_index/packages").mkdir(parents=True)
        (self.prefix / "share/ament_index/resource_index/packages/launch_corpus").touch()
        (self.prefix / "share/launch_corpus").mkdir()
        (self.prefix / "lib/launch_corpus").mkdir(parents=True)
        for name in ("probe", "other_probe"):
            program = self.prefix / "lib/launch_corpus" / name
            program.write_text(f"#!{sys.executable} -IS\n{_PROBE}")
            program.chmod(0o755)

    def run(self, file: Path, arguments: dict[str, str], environment: dict[str, str]) -> Outcome:
        """Run a launch file with the chosen engine and return what happened."""
        run = self.folder / f"run_{len(list(self.folder.iterdir()))}"
        out, log = run / "out", run / "log"
        out.mkdir(parents=True)
        completed = subprocess.run(
            [*engine_command(), str(file), *(f"{name}:={value}" for name, value in arguments.items())],
            env={**launcher_environment(self.prefix, log), "PROBE_OUT": str(out), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        labels = {int(match["pid"]): match["label"] for match in _STARTED.finditer(completed.stdout)}
        records = [json.loads(path.read_text()) for path in sorted(out.iterdir())]
        for record in records:
            record["label"] = labels.get(record["pid"])
        return Outcome(completed.returncode, completed.stdout, completed.stderr, records, log)


def engine_command() -> list[str]:
    """Return the command of the engine under test."""
    if ENGINE == "ros2":
        ros2 = shutil.which("ros2")
        assert ros2 is not None, "CABLECELL_LAUNCH_ENGINE=ros2 needs ros2 on the PATH"
        return [ros2, "launch"]
    return [sys.executable, "-m", "cablecell.launcher"]


def launcher_environment(prefix: Path, log: Path) -> dict[str, str]:
    """Return the environment of a launcher that knows the ament prefix and logs below `log`."""
    dropped = ("PYTHONUNBUFFERED", "OVERRIDE_LAUNCH_PROCESS_OUTPUT")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    prefixes = [str(prefix), environment.get("AMENT_PREFIX_PATH", "")]
    source = Path(cablecell.__file__).parents[1]
    paths = [str(source), environment.get("PYTHONPATH", "")]
    return {
        **environment,
        "AMENT_PREFIX_PATH": os.pathsep.join(entry for entry in prefixes if entry),
        "PYTHONPATH": os.pathsep.join(entry for entry in paths if entry),
        "ROS_LOG_DIR": str(log),
    }


def case_names() -> list[str]:
    """Return the names of the cases."""
    return sorted(path.name.removesuffix(".yaml") for path in DATA.glob("*.yaml"))


def load_expectation(name: str) -> dict[str, Any]:
    """Return the expectation of a case as it is written."""
    return dict(yaml.safe_load((DATA / f"{name}.yaml").read_text()))


def has_pseudo_terminals() -> bool:
    """Return whether this machine can open a pseudo terminal; minimal containers often cannot."""
    try:
        ends = pty.openpty()
    except OSError:
        return False
    for end in ends:
        os.close(end)
    return True


def run_case(corpus: Corpus, name: str) -> tuple[dict[str, Any], Outcome]:
    """Run a case; return its expectation, with the paths filled in, and the outcome."""
    text = (DATA / f"{name}.yaml").read_text()
    expected = yaml.safe_load(text.replace("{data}", str(DATA)).replace("{prefix}", str(corpus.prefix)))
    unknown = set(expected) - KEYS
    assert not unknown, f"{name}.yaml: unknown keys {unknown}"
    arguments = {key: str(value) for key, value in expected.get("arguments", {}).items()}
    environment = {key: str(value) for key, value in expected.get("environment", {}).items()}
    return expected, corpus.run(DATA / f"{name}.launch.xml", arguments, environment)


def assert_case(expected: dict[str, Any], outcome: Outcome) -> None:
    """Compare an outcome with its expectation, by the rules for the engine under test."""
    if ENGINE == "ros2":
        _assert_ros2(expected, outcome)
        return
    report = f"{outcome.stdout}\n{outcome.stderr}"
    if "error" in expected:
        assert outcome.exit_code == 2, report
        assert len(outcome.stderr.splitlines()) == 1, report
        assert re.search(expected["error"], outcome.stderr), f"{expected['error']!r} not in: {outcome.stderr}"
        assert not outcome.stdout, report
        assert not outcome.records, report
        return
    assert outcome.exit_code == expected.get("exit_code", 0), report
    for pattern in expected.get("warning", []):
        assert re.search(rf"\[WARNING\] \[launch\]: .*{pattern}", outcome.stdout), report
    _assert_effects(expected, outcome)


def _assert_ros2(expected: dict[str, Any], outcome: Outcome) -> None:
    report = f"{outcome.stdout}\n{outcome.stderr}"
    differs = expected.get("ros2", {})
    if "error" in expected and not differs.get("accepts"):
        assert outcome.exit_code != 0, f"ros2 launch accepts this: {report}"
        return
    # A node that dies does not change the exit code of ros2 launch.
    assert outcome.exit_code == differs.get("exit_code", 0), report
    _assert_effects({**expected, **differs}, outcome)


def _assert_effects(expected: dict[str, Any], outcome: Outcome) -> None:
    report = f"{outcome.stdout}\n{outcome.stderr}"
    wanted = expected.get("processes", [])
    assert [_describe(record) for record in _grouped(outcome.records)] == sorted(
        ({key: process.get(key) for key in ("label", "argv")} | {"runs": process.get("runs", 1)} for process in wanted),
        key=lambda process: process["label"],
    ), report
    for process in wanted:
        record = next(record for record in outcome.records if record["label"] == process["label"])
        for variable, value in process.get("env", {}).items():
            assert record["env"].get(variable) == value, f"{variable} of {process['label']}"
        for key in ("cwd", "program"):
            assert key not in process or record[key] == process[key], f"{key} of {process['label']}: {record[key]}"
    died = {process["label"]: process["exit"] for process in wanted if process.get("exit")}
    assert outcome.died == died | expected.get("died", {}), report
    assert outcome.log == expected.get("log", []), report
    if "screen" in expected:
        assert outcome.screen == sorted(expected["screen"]), report


def _grouped(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Merge the runs of each label, in the order of the labels."""
    grouped: dict[str, dict[str, Any]] = {}
    for record in records:
        merged = grouped.setdefault(str(record["label"]), {**record, "runs": 0})
        merged["runs"] += 1
    return [grouped[label] for label in sorted(grouped)]


def _describe(record: dict[str, Any]) -> dict[str, Any]:
    argv = [yaml.safe_load(record["files"][part]) if part in record["files"] else part for part in record["argv"]]
    return {"label": record["label"], "argv": argv, "runs": record["runs"]}
