"""Discovery of many processes at once, and how verbs end when they are told to."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.verbs import VerbRunner, finish, read_until, wait_until_gone

ACTION = "cablecell_interfaces/action/ExerciseLink"
TRACE = "Traceback"


@pytest.fixture(scope="module")
def verbs() -> Iterator[VerbRunner]:
    runner = VerbRunner()
    with runner.graph():
        yield runner


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    ("arguments", "sign"),
    [
        (["topic", "echo", "/cell/chatter"], "data: hello"),
        (["topic", "pub", "/x", "std_msgs/msg/String"], "publishing #1"),
        (["service", "call", "/nobody", "std_srvs/srv/Trigger"], "waiting for service"),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else None,
)
def test_signals_end_a_verb_quietly(
    verbs: VerbRunner, arguments: list[str], sign: str, by: signal.Signals, code: int
) -> None:
    process = verbs.start(*arguments)
    assert read_until(process, sign) is not None
    _, errors = finish(process, by)
    assert (process.returncode, errors) == (code, "")


def test_a_reader_that_has_enough_ends_a_verb_quietly(verbs: VerbRunner) -> None:
    process = verbs.start("topic", "echo", "/cell/chatter")
    assert read_until(process, "data: hello") is not None
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(10.0), errors) == (0, "")


def test_ctrl_c_cancels_the_goal(verbs: VerbRunner) -> None:
    process = verbs.start("action", "send_goal", "-f", "/cell/exercise", ACTION, "{count: 600}")
    assert read_until(process, "Feedback:") is not None
    output, errors = finish(process, signal.SIGINT)
    assert process.returncode == 130
    assert errors == ""
    assert output.endswith("Canceling goal...\nGoal canceled.\n")


def test_all_of_many_processes_are_found_at_once() -> None:
    runner = VerbRunner()
    names = [f"/{letter}" for letter in "abc"]
    with ExitStack() as graphs:
        for name in names:
            graphs.enter_context(runner.graph(name))
        expected = "".join(f"{name}/{node}\n" for name in names for node in ("managed", "talker", "worker"))
        for _ in range(3):
            assert runner.output("node", "list") == expected
    wait_until_gone(runner)
    start = time.monotonic()
    assert runner.output("node", "list") == ""
    # Nobody is there: nothing to wait for.
    assert time.monotonic() - start < 5.0


def test_groups_are_known_without_the_client_library(verbs: VerbRunner) -> None:
    script = (
        "import sys; from cablecell.ros.verbs import groups; names = groups(); "
        "assert set(names) == {'topic','node','service','action','param','lifecycle','interface'}, names; "
        "loaded = {'rclpy', 'typer', 'numpy', 'yaml'} & set(sys.modules); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script], env=verbs.environment, check=True, timeout=20.0)


def test_unknown_verb_ends_with_2(verbs: VerbRunner) -> None:
    process = verbs.start("topik", "list")
    output, errors = process.communicate(timeout=20.0)
    assert (process.returncode, output) == (2, "")
    assert "{topic,node,service," in errors


def test_a_verb_is_a_process(verbs: VerbRunner) -> None:
    process = verbs.start("node", "list")
    output, errors = process.communicate(timeout=20.0)
    assert (process.returncode, output, errors) == (0, "/cell/managed\n/cell/talker\n/cell/worker\n", "")


def test_help_of_every_command_says_what_it_does(verbs: VerbRunner) -> None:
    from importlib import import_module

    from cablecell.ros.verbs import groups

    for target in groups().values():
        module, attribute = target.split(":")
        app = getattr(import_module(module), attribute)
        assert app.info.help.endswith(".")
        for command in app.registered_commands:
            assert (command.callback.__doc__ or "").strip().endswith(".")
