"""What the cell says of its state when several threads move it: each step once, in order, and a loss stays a loss."""

import threading

import pytest
from cablecell_interfaces.msg import CellState

from cablecell.core.supervision.packml import Command, IllegalCommandError, IllegalModeError, Mode, State
from cablecell.ros.supervisor_state import CellStateTeller


class Listener:
    """Hears what is published; `meanwhile` is done by another thread in the middle of saying one state."""

    def __init__(self):
        self.heard, self.meanwhile, self.threads = [], {}, []
        self.is_manual = False
        self.teller = CellStateTeller(
            self._hear, CellState().header.stamp.__class__, lambda: self.is_manual, lambda _: None
        )

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
        self.teller.abort("a node died", 608)

    def go_to_execute(self):
        self.teller.command(Command.RESET, "up")
        self.teller.complete(State.RESETTING, "ready")
        self.teller.command(Command.START, "recipe")
        self.teller.complete(State.STARTING, "recipe")

    @property
    def states(self):
        return [State(message.state) for message in self.heard]


@pytest.fixture
def listener():
    return Listener()


def test_every_step_is_said_once_with_the_one_before(listener):
    listener.go_to_execute()
    assert listener.states == [State.STOPPED, State.RESETTING, State.IDLE, State.STARTING, State.EXECUTE]
    assert [message.previous_state for message in listener.heard] == [0, *listener.states[:-1]]
    assert listener.heard[-1].reason == listener.teller.reason == "recipe"


def test_what_is_refused_is_not_said(listener):
    count = len(listener.heard)
    with pytest.raises(IllegalCommandError):
        listener.teller.command(Command.HOLD, "by nobody")
    assert not listener.teller.complete(State.RESETTING, "too late")
    listener.teller.command(Command.RESET, "up")
    with pytest.raises(IllegalModeError):
        listener.teller.change_mode(Mode.MANUAL, "by nobody")
    assert len(listener.heard) == count + 1


@pytest.mark.parametrize("moment", [State.COMPLETING, State.COMPLETE])
def test_a_loss_while_a_job_ends_is_what_is_said_last(listener, moment):
    listener.go_to_execute()
    listener.meanwhile[moment] = listener.lose
    for state in (State.EXECUTE, State.COMPLETING):
        listener.teller.complete(state, "every step succeeded")
    for thread in listener.threads:
        thread.join()
    assert listener.states[-2:] == [State.ABORTING, State.ABORTED]
    assert [message.previous_state for message in listener.heard] == [0, *listener.states[:-1]]
    assert listener.heard[-1].cause_code == 608


def test_a_second_loss_and_who_gives_the_arm_back_do_not_hide_the_first(listener):
    listener.meanwhile[State.ABORTING] = lambda: listener.teller.stay("somebody gave the arm back")
    listener.lose()
    for thread in listener.threads:
        thread.join()
    listener.teller.stay("somebody gave the arm back")
    listener.teller.abort("another node died", 608)
    assert listener.states == [State.STOPPED, State.ABORTING, State.ABORTED]
    assert listener.heard[-1].reason == listener.teller.reason == "a node died"


def test_the_mode_is_manual_while_a_person_has_the_arm(listener):
    listener.teller.change_mode(Mode.MAINTENANCE, "by the technician")
    listener.is_manual = True
    listener.teller.stay("teleop has control of the arm")
    listener.is_manual = False
    listener.teller.stay("teleop gave the arm back")
    assert [message.mode for message in listener.heard] == [1, 2, 3, 2]


def test_waiting_ends_with_the_state_and_not_later(listener):
    listener.go_to_execute()
    threading.Timer(0.05, lambda: listener.teller.command(Command.HOLD, "by the operator")).start()
    listener.teller.wait_while(State.EXECUTE, 5.0)
    assert listener.teller.state is State.HOLDING
