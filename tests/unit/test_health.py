"""Heartbeats: who counts as lost, when, and what is said of it."""

import pytest

from cablecell.core.supervision.health import ACTIVE, FINALIZED, Loss, NodeHealth

LIMIT_S = 0.4
BUSY_S = 5.0
NAMES = ("/arm_controller", "/insertion_skill")


@pytest.fixture
def health():
    watched = NodeHealth(NAMES, LIMIT_S, BUSY_S)
    watched.begin(0.0)
    return watched


def test_nobody_is_lost_while_all_beat(health):
    for k in range(100):
        now_s = 0.1 * k
        for name in NAMES:
            health.hear(name, ACTIVE, now_s)
        assert health.first_lost(now_s + 0.3) is None


def test_the_silent_one_is_named_after_the_limit_and_not_before(health):
    for k in range(10):
        health.hear("/arm_controller", ACTIVE, 0.1 * k)
    assert health.first_lost(LIMIT_S) is None
    lost = health.first_lost(LIMIT_S + 0.01)
    assert (lost.name, lost.loss) == ("/insertion_skill", Loss.SILENT)
    assert lost.reason == "node /insertion_skill fell silent: no heartbeat for 0.41 s; the limit is 0.4 s"


def test_of_two_lost_nodes_the_first_is_named(health):
    health.hear("/insertion_skill", ACTIVE, 0.1)
    assert health.first_lost(5.0).name == "/arm_controller"


def test_an_inactive_node_is_lost_although_it_beats(health):
    for k in range(10):
        health.hear("/arm_controller", ACTIVE, 0.1 * k)
        health.hear("/insertion_skill", 2, 0.1 * k)
    lost = health.first_lost(0.95)
    assert lost.loss is Loss.DEACTIVATED
    assert lost.reason == "node /insertion_skill is inactive, not active"


def test_an_orderly_end_is_a_loss_but_not_a_death(health):
    health.hear("/arm_controller", ACTIVE, 0.4)
    health.hear("/insertion_skill", FINALIZED, 0.1)
    lost = health.first_lost(0.45)
    assert lost.loss is Loss.ENDED
    assert lost.reason == "node /insertion_skill has ended"


def test_strangers_do_not_matter(health):
    health.hear("/link_monitor", FINALIZED, 0.1)
    assert health.first_lost(0.2) is None


def test_a_process_that_is_gone_is_lost_at_once(health):
    health.hear("/insertion_skill", ACTIVE, 0.1)
    health.note_process("/insertion_skill", False, 0.12)
    assert health.first_lost(0.15) is None, "its goodbye may still be on the way"
    lost = health.first_lost(0.23)
    assert (lost.name, lost.loss) == ("/insertion_skill", Loss.DIED)
    assert lost.reason == "node /insertion_skill died: its process is gone"


def test_a_process_that_said_goodbye_has_not_died(health):
    health.note_process("/insertion_skill", False, 0.1)
    health.hear("/insertion_skill", FINALIZED, 0.11)
    health.hear("/arm_controller", ACTIVE, 0.3)
    assert health.first_lost(0.3) is None
    assert health.first_lost(0.45).loss is Loss.ENDED


def test_a_busy_process_may_be_silent_for_longer_but_not_forever(health):
    for k in range(60):
        health.hear("/arm_controller", ACTIVE, 0.1 * k)
        health.note_process("/insertion_skill", True, 0.1 * k)
    assert health.first_lost(BUSY_S - 0.01) is None
    lost = health.first_lost(BUSY_S + 0.01)
    assert lost.reason == "node /insertion_skill fell silent: no heartbeat for 5.01 s; the limit is 5.0 s"


def test_at_the_end_only_who_was_gone_before_has_died(health):
    health.note_process("/arm_controller", False, 1.0)
    health.note_process("/insertion_skill", False, 2.0)
    assert health.died(0.9) is None
    assert health.died(1.5).name == "/arm_controller"


def test_nothing_is_watched_before_it_begins():
    assert NodeHealth(NAMES, LIMIT_S, BUSY_S).first_lost(100.0) is None


def test_a_silent_process_that_sleeps_hangs_unless_nobody_is_heard(health):
    def live(now_s, others):
        for other in others:
            health.hear(other, ACTIVE, now_s)
        for name in NAMES:
            health.note_process(name, True, now_s)
            if name not in others:
                health.note_sleep(name, True, now_s)
        return health.first_lost(now_s)

    times = [0.05 * k for k in range(1, 12)]
    lost = [live(now_s, ["/arm_controller"]) for now_s in times]
    assert next(round(now_s, 2) for now_s, found in zip(times, lost, strict=True) if found) == 0.45
    assert (lost[-1].name, lost[-1].limit_s) == ("/insertion_skill", LIMIT_S)
    health.begin(0.0)
    assert not any(live(now_s, []) for now_s in times), "it is the hearing that fails"


def test_a_silent_process_that_was_awake_in_between_computes(health):
    for k in range(60):
        health.hear("/arm_controller", ACTIVE, 0.05 * k)
        health.note_process("/insertion_skill", True, 0.05 * k)
        health.note_sleep("/insertion_skill", k % 4 != 0, 0.05 * k)
        assert health.first_lost(0.05 * k) is None
