"""A loss stays a loss: nothing that ends after it makes the cell look ready again."""

import threading

import pytest
from cablecell_interfaces.msg import CellState

from cablecell.core.supervision.cell_states import ABORTED, ABORTING, CLEARING, may_follow
from cablecell.ros.supervisor_state import CellStateTeller

EVERY = [getattr(CellState, name) for name in dir(CellState) if name.startswith("STATE_")]


class Listener:
    """Hears what is published; `meanwhile` is done by another thread in the middle of saying one state."""

    def __init__(self):
        self.heard = []
        self.meanwhile = {}
        self.threads = []
        self.teller = CellStateTeller(self._hear, CellState().header.stamp.__class__, lambda: False, lambda _: None)

    def _hear(self, message):
        work = self.meanwhile.pop(message.state, None)
        if work is not None:
            done = threading.Event()
            thread = threading.Thread(target=lambda: (work(), done.set()))
            self.threads.append(thread)
            thread.start()
            done.wait(0.3)  # it cannot end while a lock keeps it out; without one it is done long before
        self.heard.append(message)

    def lose(self):
        self.teller.enter(CellState.STATE_ABORTING, "a node died", 608)
        self.teller.enter(CellState.STATE_ABORTED, "a node died", 608)

    @property
    def states(self):
        return [message.state for message in self.heard]


@pytest.fixture
def listener():
    return Listener()


def test_the_numbers_are_those_of_the_message():
    assert (CLEARING, ABORTING, ABORTED) == (
        CellState.STATE_CLEARING,
        CellState.STATE_ABORTING,
        CellState.STATE_ABORTED,
    )


def test_a_loss_is_left_by_clearing_only():
    assert [state for state in EVERY if may_follow(ABORTING, state)] == [ABORTED]
    assert [state for state in EVERY if may_follow(ABORTED, state)] == [CLEARING]
    assert all(may_follow(CellState.STATE_EXECUTE, state) for state in EVERY)


@pytest.mark.parametrize("moment", [CellState.STATE_COMPLETING, CellState.STATE_IDLE])
def test_a_loss_while_a_job_ends_is_what_is_said_last(listener, moment):
    listener.teller.enter(CellState.STATE_EXECUTE, "recipe")
    listener.meanwhile[moment] = listener.lose
    listener.teller.enter(CellState.STATE_COMPLETING, "every step succeeded")
    listener.teller.enter(CellState.STATE_IDLE, "job succeeded")
    for thread in listener.threads:
        thread.join()
    assert listener.states[-2:] == [CellState.STATE_ABORTING, CellState.STATE_ABORTED]
    assert [message.previous_state for message in listener.heard] == [0, *listener.states[:-1]]


def test_who_gives_the_arm_back_after_a_loss_does_not_hide_why(listener):
    listener.teller.enter(CellState.STATE_IDLE, "ready")
    listener.meanwhile[CellState.STATE_ABORTING] = lambda: listener.teller.stay("somebody gave the arm back")
    listener.lose()
    for thread in listener.threads:
        thread.join()
    listener.teller.stay("somebody gave the arm back")
    assert listener.states == [CellState.STATE_IDLE, CellState.STATE_ABORTING, CellState.STATE_ABORTED]
    assert listener.heard[-1].reason == listener.teller.reason == "a node died"
    assert listener.heard[-1].cause_code == 608
