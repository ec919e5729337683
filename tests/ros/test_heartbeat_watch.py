"""Laws of judging a silence: the sender is blamed for its own, never for a stall of who listens."""

import pytest

from cablecell.ros.heartbeat_watch import GRACE_NS, HeartbeatWatch

LIMIT_S = 0.4
CYCLE_NS = 2_000_000
EPOCH_NS = 1_700_000_000_000_000_000
S = 1_000_000_000


class Listener:
    """A loop that looks every 2 ms, and the messages that wait for it."""

    def __init__(self, limit_s=LIMIT_S):
        self.waiting = []
        self.watch = HeartbeatWatch(limit_s, self._take)
        self.now_ns = 5 * S
        self.watch.hear(self.now_ns)

    def _take(self):
        waiting, self.waiting = self.waiting, []
        return max(waiting, default=0)

    def send_unheard(self):
        """Let a message arrive that no executor hands over."""
        self.waiting.append(EPOCH_NS + self.now_ns)

    def stall(self, seconds):
        self.now_ns += round(seconds * S)

    def look(self):
        self.now_ns += CYCLE_NS
        return self.watch.overdue_s(self.now_ns, EPOCH_NS + self.now_ns)

    def look_for(self, seconds):
        """Look until something is said; return how long that took and what was said, s."""
        start_ns = self.now_ns
        while self.now_ns - start_ns < seconds * S:
            silent_s = self.look()
            if silent_s is not None:
                return (self.now_ns - start_ns) / S, silent_s
        return None


def test_a_silent_sender_is_named_at_the_limit_and_once():
    listener = Listener()
    after_s, silent_s = listener.look_for(1.0)
    assert after_s == silent_s == pytest.approx(LIMIT_S, abs=0.005)
    assert listener.look_for(2.0) is None


def test_a_sender_that_beats_is_never_named():
    listener = Listener()
    for _ in range(100):
        assert listener.look_for(0.05) is None
        listener.watch.hear(listener.now_ns)


def test_an_own_stall_is_no_fault_of_the_sender():
    listener = Listener()
    assert listener.look_for(0.1) is None
    listener.stall(3.0)
    assert listener.look_for(0.05) is None, "its executor has not had its turn yet"
    listener.watch.hear(listener.now_ns)
    assert listener.look_for(0.3) is None


def test_a_sender_that_died_during_a_stall_is_named_right_after_it():
    listener = Listener()
    listener.look()
    listener.stall(0.39)
    after_s, _ = listener.look_for(1.0)
    assert after_s == pytest.approx(GRACE_NS / S, abs=0.005)
    assert 0.39 + after_s < 0.5


@pytest.mark.parametrize(("stall_s", "every_s"), [(0.052, 0.132), (0.09, 0.11), (0.3, 0.31)])
def test_stalls_that_come_again_and_again_do_not_hide_a_death(stall_s, every_s):
    listener = Listener()
    dead_ns = listener.now_ns
    said = None
    while said is None and listener.now_ns - dead_ns < 30 * S:
        said = listener.look_for(every_s - stall_s)
        if said is None:
            listener.stall(stall_s)
    assert said is not None, "a dead sender was never named"
    silent_s = said[1]
    assert silent_s == pytest.approx((listener.now_ns - dead_ns) / S)
    if stall_s < 0.1:  # it cannot be seen sooner than at the end of the stall in which the time runs out
        assert LIMIT_S < silent_s <= 0.5 + stall_s
    else:
        assert silent_s <= LIMIT_S + stall_s + GRACE_NS / S + stall_s


def test_stalls_that_come_again_and_again_do_not_blame_a_sender_whose_messages_wait():
    listener = Listener()
    for _ in range(100):
        listener.stall(0.09)
        listener.send_unheard()
        assert listener.look_for(0.02) is None


def test_what_waits_in_the_middleware_is_heard_before_anybody_is_blamed():
    listener = Listener()
    for _ in range(40):
        listener.send_unheard()  # the executor of this process is busy with something long
        assert listener.look_for(0.05) is None


def test_what_waited_counts_from_when_it_was_sent():
    listener = Listener()
    listener.look_for(0.2)
    listener.send_unheard()
    after_s, silent_s = listener.look_for(1.0)
    assert after_s == silent_s == pytest.approx(LIMIT_S, abs=0.01)


def test_without_a_limit_or_a_first_heartbeat_nothing_is_watched():
    assert Listener(limit_s=0.0).look_for(2.0) is None
    listener = Listener()
    listener.watch.forget()
    assert listener.look_for(2.0) is None
