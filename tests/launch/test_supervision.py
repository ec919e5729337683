"""The launcher ends its processes in every way it can be ended itself, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.support.launch_corpus import launcher_environment
from tests.support.launch_process import Launch, guardian_of, is_running, wait_until

# Prints when it is ready for signals, so that no test interrupts a shell that is still starting.
READY_SLEEP = "sh -c 'echo ready; exec sleep 60'"
IGNORES_INT = "sh -c 'trap &quot;&quot; INT; echo ready; while true; do sleep 0.05; done'"
IGNORES_INT_AND_TERM = "sh -c 'trap &quot;&quot; INT TERM; echo ready; while true; do sleep 0.05; done'"
# The launched shell writes the pid of a process it leaves in the background; shells let those ignore SIGINT.
WITH_GRANDCHILD = "sh -c 'sleep 61 &amp; echo grandchild $!; echo ready; wait'"


@pytest.fixture
def launch(tmp_path):
    launches = []

    def start(elements, **options):
        launches.append(Launch(tmp_path, elements, **options))
        return launches[-1]

    yield start
    for started in launches:
        started.close()


def executable(command, **attributes):
    extra = "".join(f' {name}="{value}"' for name, value in {"output": "screen", **attributes}.items())
    return f'<executable cmd="{command}"{extra}/>'


def wait_ready(launch, count):
    pids = launch.wait_started(count)
    wait_until(lambda: launch.screen.count("] ready") == count, 15.0, f"{count} ready:\n{launch.screen}")
    return pids


def grandchild(launch, label="sh-1"):
    launch.wait_for(f"[{label}] grandchild ")
    return int(launch.screen.split(f"[{label}] grandchild ")[1].split()[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupt_ends_eight_processes_of_which_one_ignores_sigint(launch, number):
    elements = [executable(READY_SLEEP, name=f"node{i}") for i in range(7)]
    running = launch("\n".join([*elements, executable(IGNORES_INT, name="deaf", sigterm_timeout="0.6")]))
    pids = wait_ready(running, 8)

    began = time.monotonic()
    running.interrupt(number)

    assert running.wait() == 0
    assert time.monotonic() - began < 12.0
    assert not [label for label, pid in pids.items() if is_running(pid)]
    for label in pids:
        assert f"[INFO] [{label}]: sending signal 'SIGINT' to process[{label}]" in running.screen
    assert (
        "[ERROR] [deaf-8]: process[deaf-8] failed to terminate '0.6' seconds after receiving 'SIGINT',"
        " escalating to 'SIGTERM'" in running.screen
    )
    assert "exit code -15" in running.screen


def test_default_timeouts_hold_without_attributes(launch):
    running = launch(executable(IGNORES_INT))
    wait_ready(running, 1)

    began = time.monotonic()
    running.interrupt()

    assert running.wait() == 0
    assert 5.0 <= time.monotonic() - began < 10.0


def test_process_that_ignores_everything_is_killed(launch):
    running = launch(executable(IGNORES_INT_AND_TERM), arguments=["sigterm_timeout:=0.3", "sigkill_timeout:=0.4"])
    pids = wait_ready(running, 1)

    running.interrupt()

    assert running.wait() == 0
    assert "failed to terminate '0.7' seconds after receiving 'SIGTERM', escalating to 'SIGKILL'" in running.screen
    assert not is_running(pids["sh-1"])


def test_repeated_interrupts_escalate_at_once(launch):
    running = launch(executable(IGNORES_INT_AND_TERM, sigterm_timeout="30"))
    wait_ready(running, 1)

    began = time.monotonic()
    for word in ("shutting down", "sending SIGTERM at once", "sending SIGKILL at once"):
        running.interrupt()
        running.wait_for(word)

    assert running.wait() == 0
    assert time.monotonic() - began < 5.0


def test_signals_reach_what_a_process_has_started(launch):
    running = launch(executable(WITH_GRANDCHILD, sigterm_timeout="0.3"))
    wait_ready(running, 1)
    pid = grandchild(running)

    running.interrupt()

    assert running.wait() == 0
    assert not is_running(pid)


def test_nothing_is_left_of_a_process_that_ends_before_its_children(launch):
    running = launch(executable("sh -c 'sleep 61 &amp; echo grandchild $!'", sigterm_timeout="0.3"))

    assert running.wait() == 0
    assert not is_running(grandchild(running))


def test_killed_launcher_leaves_no_orphans(launch):
    deaf = executable(IGNORES_INT_AND_TERM, name="deaf")
    running = launch(executable(READY_SLEEP) + executable(WITH_GRANDCHILD, name="parent") + deaf)
    pids = [*wait_ready(running, 3).values(), grandchild(running, "parent-2")]

    running.process.kill()
    running.wait()

    wait_until(
        lambda: not any(is_running(pid) for pid in pids[:2] + pids[3:]),
        4.5,
        "the polite ones ended before the guardian kills",
    )
    wait_until(lambda: not is_running(pids[2]), 8.0, "the deaf one was killed")


def test_children_end_even_if_the_guardian_was_killed_first(launch):
    running = launch(executable(READY_SLEEP))
    pids = wait_ready(running, 1)

    os.kill(guardian_of(running.process.pid), signal.SIGKILL)
    running.process.kill()

    wait_until(lambda: not is_running(pids["sh-1"]), 4.5, "the child ended with its parent")


def test_guardian_ends_with_the_launch(launch):
    running = launch(executable(READY_SLEEP))
    wait_ready(running, 1)
    guardian = guardian_of(running.process.pid)

    running.interrupt()

    assert running.wait() == 0
    assert not is_running(guardian)


def test_process_that_dies_at_start_is_reported_and_the_others_go_on(launch):
    running = launch(executable("sh -c 'exit 7'", name="bad") + executable("sh -c 'sleep 0.3; echo done'", name="good"))

    assert running.wait() == 1
    assert "[ERROR] [bad-1]: process has died [pid" in running.screen
    assert "exit code 7, cmd 'sh -c exit 7']." in running.screen
    assert "[good-2] done" in running.screen
    assert running.screen.splitlines()[-1] == "[ERROR] [launch]: 1 process(es) died: bad-1 (exit code 7)"


def test_program_that_cannot_be_executed_is_reported(launch, tmp_path):
    program = tmp_path / "broken"
    program.write_bytes(b"\x7fELF and nothing else")
    program.chmod(0o755)

    running = launch(executable(program) + executable("true", name="good"))

    assert running.wait() == 1
    assert "[ERROR] [broken-1]: cannot be started: [Errno 8] Exec format error" in running.screen
    assert "[good-2]: process has finished cleanly" in running.screen


def test_death_of_a_required_process_ends_the_launch_with_an_exit_code(launch):
    running = launch(executable(READY_SLEEP) + executable("sh -c 'sleep 0.3; exit 3'", name="arm", on_exit="shutdown"))

    assert running.wait() == 1
    assert "[INFO] [launch]: process[arm-2] was required: shutting down launched system" in running.screen


def test_a_required_process_that_refuses_its_configuration_passes_its_exit_code_on(launch):
    running = launch(executable(READY_SLEEP) + executable("sh -c 'exit 2'", on_exit="shutdown"))
    assert running.wait() == 2
    assert "sh-2 (exit code 2)" in running.screen


def test_process_is_respawned_after_its_delay_until_the_interrupt(launch):
    running = launch(executable("sh -c 'echo run; exit 1'", respawn="true", respawn_delay="0.2"))
    wait_until(lambda: running.screen.count("[sh-1] run") >= 3, 15.0, "three runs")

    running.interrupt()

    assert running.wait() == 0
    assert running.screen.count("process started with pid") == running.screen.count("process has died")


def test_respawn_first_ends_what_the_last_run_left_behind(launch):
    command = "sh -c 'sleep 61 &amp; echo grandchild $!'"
    running = launch(executable(command, respawn="true", respawn_max_retries="1", sigterm_timeout="0.2"))

    assert running.wait() == 0
    pids = [int(line.split()[-1]) for line in running.screen.splitlines() if "] grandchild " in line]
    assert len(pids) == 2
    assert "sending signal 'SIGKILL' to process[sh-1]" in running.screen.split("process started with pid")[1]
    assert not any(is_running(pid) for pid in pids)


def test_interrupt_ends_the_wait_for_a_respawn_and_for_a_timer(launch):
    running = launch(
        executable("true", respawn="true", respawn_delay="60") + '<timer period="60"><log message="x"/></timer>'
    )
    running.wait_for("process has finished cleanly")

    running.interrupt()

    assert running.wait(5.0) == 0


def test_output_without_line_end_and_of_a_fast_writer_is_complete(launch):
    running = launch(executable("sh -c 'seq 1 20000; printf end'"))

    assert running.wait() == 0
    lines = [line for line in running.screen.splitlines() if line.startswith("[sh-1] ")]
    assert lines == [*(f"[sh-1] {number}" for number in range(1, 20001)), "[sh-1] end"]


def test_log_files_hold_events_and_output(launch, tmp_path):
    running = launch(
        executable("sh -c 'echo quiet'", name="a", output="log")
        + executable("sh -c 'echo one; echo two &gt;&amp;2'", name="b", output="own_log")
        + '<node exec="true" name="n"><param name="p" value="1"/></node>'
    )

    assert running.wait() == 0
    log = tmp_path / "log" / "latest"
    launch_log = (log / "launch.log").read_text()
    assert "[a-1] quiet" in launch_log
    assert "[INFO] [b-2]: process has finished cleanly" in launch_log
    assert "[a-1] quiet" not in running.screen
    assert (log / "b-2-stdout.log").read_text() == "[b-2] one\n"
    assert (log / "b-2-stderr.log").read_text() == "[b-2] two\n"
    assert sorted((log / "b-2.log").read_text().splitlines()) == ["[b-2] one", "[b-2] two"]
    assert (log / "launch_params_true-3_0.yaml").read_text() == "/**:\n  ros__parameters:\n    p: 1\n"


def test_python_output_is_not_held_back(launch):
    script = "import time; print('now'); time.sleep(60)"
    running = launch(executable(f"{sys.executable} -c &quot;{script}&quot;"))

    running.wait_for("] now")
    running.interrupt()

    assert running.wait() == 0


def test_closed_screen_ends_the_launch(tmp_path):
    file = tmp_path / "test.launch.xml"
    file.write_text(f"<launch>{executable('sh -c &quot;while true; do echo x; sleep 0.05; done&quot;')}</launch>")
    launcher = subprocess.Popen(
        [sys.executable, "-m", "cablecell.launcher", str(file)],
        env=launcher_environment(tmp_path, tmp_path / "log"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert launcher.stdout is not None
    for _ in range(5):
        launcher.stdout.readline()

    launcher.stdout.close()

    assert launcher.wait(15.0) == 0
