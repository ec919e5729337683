"""PackML as data: every state with every command, the published library as oracle, and laws of the whole graph."""

import asyncio
import itertools

import pytest
from cablecell_interfaces.msg import CellState
from cablecell_interfaces.srv import PackmlCommand
from hypothesis import given
from hypothesis import strategies as st

from cablecell.core.supervision.packml import (
    COMMANDS,
    COMPLETES,
    MODE_CHANGES,
    Command,
    IllegalCommandError,
    IllegalModeError,
    Mode,
    PackmlMachine,
    State,
)

TABLE = """
IDLE START STARTING
STARTING - EXECUTE
EXECUTE - COMPLETING
EXECUTE COMPLETE COMPLETING
COMPLETING - COMPLETE
COMPLETE RESET RESETTING
STOPPED RESET RESETTING
RESETTING - IDLE
EXECUTE HOLD HOLDING
HOLDING - HELD
HELD UNHOLD UNHOLDING
UNHOLDING - EXECUTE
EXECUTE SUSPEND SUSPENDING
SUSPENDING - SUSPENDED
SUSPENDED UNSUSPEND UNSUSPENDING
UNSUSPENDING - EXECUTE
STOPPING - STOPPED
ABORTING - ABORTED
ABORTED CLEAR CLEARING
CLEARING - STOPPED
"""
"""The report's table, written once more by hand; stop and abort are below."""

NO_STOP = {"STOPPED", "STOPPING", "CLEARING", "ABORTING", "ABORTED"}
NO_ABORT = {"ABORTING", "ABORTED"}
EVERY = list(itertools.product(State, Command))
WAY = {
    State.STOPPED: "",
    State.RESETTING: "RESET",
    State.IDLE: "RESET -",
    State.STARTING: "RESET - START",
    State.EXECUTE: "RESET - START -",
    State.COMPLETING: "RESET - START - -",
    State.COMPLETE: "RESET - START - - -",
    State.HOLDING: "RESET - START - HOLD",
    State.HELD: "RESET - START - HOLD -",
    State.UNHOLDING: "RESET - START - HOLD - UNHOLD",
    State.SUSPENDING: "RESET - START - SUSPEND",
    State.SUSPENDED: "RESET - START - SUSPEND -",
    State.UNSUSPENDING: "RESET - START - SUSPEND - UNSUSPEND",
    State.STOPPING: "RESET STOP",
    State.ABORTING: "ABORT",
    State.ABORTED: "ABORT -",
    State.CLEARING: "ABORT - CLEAR",
}


def machine_in(state):
    machine = PackmlMachine()
    for word in WAY[state].split():
        if word == "-":
            assert machine.complete(machine.state)
        else:
            machine.command(Command[word])
    assert machine.state is state
    return machine


def stated(state, word):
    """Return where the table leads; None where it leads nowhere."""
    if word == "STOP":
        return None if state in NO_STOP else "STOPPING"
    if word == "ABORT":
        return None if state in NO_ABORT else "ABORTING"
    rows = [row.split() for row in TABLE.strip().splitlines()]
    return next((goal for source, cause, goal in rows if (source, cause) == (state, word)), None)


@pytest.mark.parametrize(("state", "command"), EVERY, ids=lambda value: value.name)
def test_every_command_in_every_state(state, command):
    machine, goal = machine_in(state), stated(state.name, command.name)
    if goal is not None:
        assert machine.command(command) is State[goal]
        return
    with pytest.raises(
        IllegalCommandError, match=f"{command.name.lower()} is not possible while the cell is {state.name}"
    ) as refused:
        machine.command(command)
    assert machine.state is state
    assert refused.value.limit == ", ".join(other.name.lower() for other in Command if stated(state.name, other.name))


@pytest.mark.parametrize("state", State)
def test_what_is_done_leads_on_and_what_waits_does_not(state):
    machine, goal = machine_in(state), stated(state.name, "-")
    if goal is None:
        with pytest.raises(ValueError, match="waits for a command"):
            machine.complete(state)
    else:
        assert machine.complete(state)
    assert machine.state.name == (goal or state.name)


@pytest.mark.parametrize(("state", "other"), [(a, b) for a in State for b in COMPLETES if a is not b])
def test_work_that_ends_after_the_cell_went_elsewhere_changes_nothing(state, other):
    machine = machine_in(state)
    assert not machine.complete(other)
    assert machine.state is state


@pytest.mark.parametrize("state", State)
def test_the_mode_changes_only_where_nothing_moves(state):
    machine = machine_in(state)
    if state.name in ("STOPPED", "IDLE", "ABORTED"):
        machine.change_mode(Mode.MAINTENANCE)
        assert machine.mode is Mode.MAINTENANCE
    else:
        with pytest.raises(IllegalModeError, match=state.name):
            machine.change_mode(Mode.MAINTENANCE)
        assert machine.mode is Mode.PRODUCTION
    assert machine.state is state
    assert {other.name for other in MODE_CHANGES} == {"STOPPED", "IDLE", "ABORTED"}


def test_the_numbers_are_those_of_the_messages():
    for state in State:
        assert getattr(CellState, f"STATE_{state.name}") == state
    for command in Command:
        assert getattr(PackmlCommand.Request, f"COMMAND_{command.name}") == command
    for mode in Mode:
        assert getattr(CellState, f"MODE_{mode.name}") == mode


@pytest.mark.parametrize(("state", "command"), EVERY, ids=lambda value: value.name)
def test_the_published_library_agrees(state, command):
    packml = pytest.importorskip("packmlpy.statemachine.definitions", reason="packmlpy needs Python 3.11")
    rows = {(row["trigger"], row["source"].name.upper()): row["dest"].name.upper() for row in packml.transitions}
    # It has no command Complete, which came with the report of 2022.
    if command is not Command.COMPLETE:
        assert stated(state.name, command.name) == rows.get((command.name.lower(), state.name))
    done = next(
        (goal for (trigger, source), goal in rows.items() if trigger.endswith("_sc") and source == state.name), None
    )
    assert stated(state.name, "-") == done


def test_the_published_machine_walks_the_same_way():
    pytest.importorskip("packmlpy", reason="packmlpy needs Python 3.11")
    from packmlpy.statemachine.definitions import StateNames
    from packmlpy.statemachine.PackMlStateMachine import PackMlStateMachine

    async def walk(words):
        theirs = PackMlStateMachine(StateNames.Stopped)
        for word in words:
            await theirs.trigger(word)  # it completes acting states, execute among them, by itself
        return theirs.state.name.upper()

    for words in (["reset"], ["reset", "start"], ["reset", "start", "reset"], ["abort", "clear"], ["reset", "stop"]):
        ours = PackmlMachine()
        for word in words:
            ours.command(Command[word.upper()])
            while ours.state in COMPLETES:
                ours.complete(ours.state)
        assert ours.state.name == asyncio.run(walk(words))


@given(st.lists(st.sampled_from([*Command, None]), max_size=40))
def test_from_anywhere_abort_and_clear_and_reset_lead_to_idle(words):
    machine = PackmlMachine()
    for word in words:
        try:
            if word is not None:
                machine.command(word)
            elif machine.state in COMPLETES:
                machine.complete(machine.state)
        except IllegalCommandError:
            assert word not in machine.allowed
    if Command.ABORT in machine.allowed:
        machine.command(Command.ABORT)
    machine.complete(State.ABORTING)
    assert machine.state is State.ABORTED
    for command, acting in ((Command.CLEAR, State.CLEARING), (Command.RESET, State.RESETTING)):
        machine.command(command)
        assert machine.complete(acting)
    assert machine.state is State.IDLE
    assert all(goal in State for goals in COMMANDS.values() for goal in goals.values())
