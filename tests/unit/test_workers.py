"""Jobs over processes: none is lost, whatever becomes of the process it ran in."""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from cablecell.evaluation.workers import work_off


def odd_job(context, job):
    what, number = job
    if what == "raise":
        raise ValueError(f"job {number} is not for me")
    if what == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "exit":
        os._exit(7)
    if what == "hang":
        time.sleep(60.0)
    return context * number


def test_every_job_has_one_answer_and_faults_are_named():
    jobs = [("do", 0), ("raise", 1), ("die", 2), ("do", 3), ("exit", 4), ("do", 5), ("hang", 6)]
    answers = {a.index: a for a in work_off(odd_job, 10, jobs, 2, time_limit_s=5.0)}
    assert sorted(answers) == list(range(7))
    assert {i: a.value for i, a in answers.items() if not a.fault} == {0: 0, 3: 30, 5: 50}
    assert answers[1].fault == "ValueError: job 1 is not for me"
    assert not answers[1].is_crash
    assert answers[2].fault == "its process ended with signal SIGSEGV"
    assert answers[4].fault == "its process ended with exit code 7"
    assert answers[6].fault == "took longer than 5 s and was ended"
    assert all(answers[i].is_crash for i in (2, 4, 6))


def test_leaving_early_ends_the_processes():
    with closing(work_off(odd_job, 1, [("do", 1), ("hang", 2)], 2)) as answers:
        next(answers)
        children = _children()
        assert children
    assert not [pid for pid in children if _is_running(pid)]


class _Swallows:
    """Interrupts this process while a finaliser of it runs, in which the interpreter loses exceptions."""

    def __del__(self):
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)


def test_an_interrupt_that_a_finaliser_swallows_ends_the_work_all_the_same():
    before = signal.getsignal(signal.SIGINT)
    with closing(work_off(odd_job, 1, [("do", i) for i in range(50)], 1)) as answers:
        next(answers)
        swallowed = _Swallows()
        del swallowed
        with pytest.raises(KeyboardInterrupt):
            list(answers)
    assert signal.getsignal(signal.SIGINT) is before


def _children() -> list[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="utf-8")
    return [int(pid) for pid in listed.split() if b"spawn_main" in _command(int(pid))]


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _is_running(pid: int) -> bool:
    try:
        return b"spawn_main" in _command(pid)
    except FileNotFoundError:
        return False
