"""Waiting for transforms, blocking and with futures, and the buffer under several threads.

Only upstream's public names are used, so the same file holds for the real ``tf2_ros``.
"""

from __future__ import annotations

import threading
import time

import pytest
from tf2_ros import Buffer, ExtrapolationException, LookupException

from tests.support.tf2_messages import LATEST, at, lasting, stamp_of, transform, xyz_of

LIMIT_S = 10.0


def later(delay_s: float, action) -> threading.Timer:
    timer = threading.Timer(delay_s, action)
    timer.start()
    return timer


def test_a_lookup_waits_for_its_data():
    buffer = Buffer()
    timer = later(0.1, lambda: buffer.set_transform(transform("w", "a", 1.0, (5.0, 0.0, 0.0)), "test"))
    started = time.monotonic()
    assert xyz_of(buffer.lookup_transform("w", "a", at(1.0), lasting(LIMIT_S)))[0] == 5.0
    assert 0.05 < time.monotonic() - started < 0.5 * LIMIT_S
    timer.join()


def test_a_full_lookup_waits_for_its_data():
    buffer = Buffer()
    buffer.set_transform(transform("w", "a", 1.0), "test")
    timer = later(0.1, lambda: buffer.set_transform(transform("w", "a", 2.0, (5.0, 0.0, 0.0)), "test"))
    answer = buffer.lookup_transform_full("w", at(1.0), "a", at(2.0), "w", lasting(LIMIT_S))
    assert xyz_of(answer)[0] == 5.0
    timer.join()


@pytest.mark.parametrize("known", [False, True])
def test_a_wait_ends_at_its_time_out_with_the_reason(known):
    buffer = Buffer()
    if known:
        buffer.set_transform(transform("w", "a", 1.0), "test")
    started = time.monotonic()
    with pytest.raises(ExtrapolationException if known else LookupException):
        buffer.lookup_transform("w", "a", at(2.0), lasting(0.2))
    assert 0.15 < time.monotonic() - started < 2.0


def test_a_wait_for_what_is_there_takes_no_time():
    buffer = Buffer()
    buffer.set_transform(transform("w", "a", 1.0), "test")
    started = time.monotonic()
    assert buffer.can_transform("w", "a", at(1.0), lasting(30.0))
    assert time.monotonic() - started < 5.0


def test_a_future_is_done_once_the_transform_is_possible():
    buffer = Buffer()
    heard = []
    future = buffer.wait_for_transform_async("w", "b", at(1.5))
    future.add_done_callback(lambda done: heard.append(done))
    for step in (transform("w", "a", 1.0), transform("w", "a", 2.0), transform("a", "b", 1.0)):
        buffer.set_transform(step, "test")
        assert not future.done()
    buffer.set_transform(transform("a", "b", 2.0, (2.0, 0.0, 0.0)), "test")
    assert future.done()
    assert xyz_of(future.result())[0] == pytest.approx(1.0)
    assert heard == [future]


def test_a_future_of_what_is_there_is_done_at_once():
    buffer = Buffer()
    buffer.set_transform_static(transform("w", "a", xyz=(3.0, 0.0, 0.0)), "test")
    assert xyz_of(buffer.wait_for_transform_async("w", "a", LATEST).result())[0] == 3.0
    assert buffer.wait_for_transform_full_async("w", LATEST, "a", LATEST, "w").done()


def test_a_done_callback_may_use_the_buffer():
    buffer = Buffer()
    found = []
    future = buffer.wait_for_transform_async("w", "a", at(1.0))
    future.add_done_callback(lambda _: found.append(buffer.lookup_transform("w", "a", at(1.0))))
    buffer.set_transform(transform("w", "a", 1.0, (4.0, 0.0, 0.0)), "test")
    assert [xyz_of(answer)[0] for answer in found] == [4.0]


def test_readers_never_see_a_half_written_tree():
    """Frames a and b move so that b is at three times its stamp; any mixture of stamps would show."""
    buffer = Buffer()
    steps, start_s = 1500, 10.0
    faults: list[str] = []
    is_writing = threading.Event()
    is_writing.set()

    def write(parent: str, child: str, speed: float) -> None:
        for step in range(steps):
            stamp = start_s + 0.001 * step
            buffer.set_transform(transform(parent, child, stamp, (speed * stamp, 0.0, 0.0)), "race")

    def read(times_per_check: int) -> int:
        answers = 0
        while is_writing.is_set() or answers == 0:
            for _ in range(times_per_check):
                try:
                    answer = buffer.lookup_transform("w", "b", LATEST)
                    buffer.all_frames_as_yaml()
                except (LookupException, ExtrapolationException):
                    continue  # before the first samples
                answers += 1
                if abs(xyz_of(answer)[0] - 3.0 * stamp_of(answer)) > 1e-9:
                    faults.append(f"{xyz_of(answer)[0]} at {stamp_of(answer)}")
        return answers

    counts: list[int] = []
    readers = [threading.Thread(target=lambda: counts.append(read(5))) for _ in range(3)]
    writers = [threading.Thread(target=write, args=args) for args in (("w", "a", 1.0), ("a", "b", 2.0))]
    buffer.set_transform(transform("w", "a", start_s, (start_s, 0.0, 0.0)), "race")
    buffer.set_transform(transform("a", "b", start_s, (2.0 * start_s, 0.0, 0.0)), "race")
    for thread in readers + writers:
        thread.start()
    for writer in writers:
        writer.join(LIMIT_S)
    is_writing.clear()
    for reader in readers:
        reader.join(LIMIT_S)
    assert not any(thread.is_alive() for thread in readers + writers)
    assert faults == []
    assert len(counts) == 3
    assert min(counts) > 0
    newest = start_s + 0.001 * (steps - 1)
    assert stamp_of(buffer.lookup_transform("w", "b", LATEST)) == pytest.approx(newest, abs=1e-6)
