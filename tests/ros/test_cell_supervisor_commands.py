"""PackML commands to a supervisor that runs jobs: pause, stop, abort, clear, complete; and what is refused."""

import pytest
from cablecell_interfaces.msg import CellState, JobStatus
from cablecell_interfaces.srv import PackmlCommand
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.core.supervision.packml import Command, Mode, State
from cablecell.ros import qos
from tests.support.graph import GraphClient
from tests.support.supervised import Partners, SupervisedNodes, run_job, start_job
from tests.support.wait import wait_until


@pytest.fixture(scope="module")
def client():
    with GraphClient() as graph:
        yield graph


@pytest.fixture(scope="module")
def all_partners(client):
    made = Partners(client)
    yield made
    made.close()


@pytest.fixture(scope="module")
def running(client, all_partners):
    nodes = SupervisedNodes(client)
    try:
        nodes.wait_for(CellState.STATE_IDLE)
        yield nodes
    finally:
        nodes.close()


class Cell:
    """The supervisor, commanded."""

    def __init__(self, client, running, partners):
        self.client, self.running, self.partners = client, running, partners

    def ask(self, **fields):
        request = PackmlCommand.Request(requester="operator 7", **fields)
        return self.client.call(PackmlCommand, "/packml_command", request)

    def command(self, command):
        answer = self.ask(command=int(command), reason="shift ends")
        assert (answer.error_code, answer.error_msg) == (0, "")
        return State(answer.state)

    @property
    def state(self):
        return State(self.running.states[-1].state)

    def wait_for(self, state):
        wait_until(lambda: self.state is state, what=f"{state.name}: {self.running.supervisor.output}")

    def begin(self, recipe):
        """Start a job; it looks for the port until it is cancelled, or `waits_for_cancel` is taken away."""
        self.partners.waits_for_cancel = True
        handle = start_job(self.client, recipe)
        wait_until(lambda: "observe" in self.partners.begun, what="the job to look")
        return handle

    def result(self, handle):
        return self.client.wait_for(handle.get_result_async(), timeout_s=20.0).result

    def named(self, name):
        return [what for called, what in self.partners.calls if called == name]


@pytest.fixture
def cell(client, running, all_partners):
    all_partners.reset()
    made = Cell(client, running, all_partners)
    made.wait_for(State.IDLE)
    yield made
    all_partners.reset()
    if made.state is State.ABORTED:
        made.command(Command.CLEAR)
        made.wait_for(State.STOPPED)
    if made.state is State.STOPPED:
        assert made.ask(mode=int(Mode.PRODUCTION)).error_code == 0
        made.command(Command.RESET)


@pytest.mark.parametrize(
    ("pause", "paused", "back"),
    [(Command.HOLD, State.HELD, Command.UNHOLD), (Command.SUSPEND, State.SUSPENDED, Command.UNSUSPEND)],
)
def test_a_job_waits_at_the_next_rest_and_looks_again_before_it_goes_on(cell, pause, paused, back):
    handle = cell.begin("aic_sample")
    statuses = cell.client.collect(JobStatus, "job_status", qos.STATE)
    cell.command(pause)
    cell.partners.waits_for_cancel = False  # what it does, it finishes
    cell.wait_for(paused)
    assert not cell.named("insert_connector"), "it was looking, and has not gone on to insert"
    wait_until(lambda: statuses and statuses[-1].status == JobStatus.STATUS_HELD, what="the job to say that it waits")
    cell.command(back)
    result = cell.result(handle)
    assert result.error_code == 0
    assert result.status.steps_succeeded == 3
    assert len(cell.named("observe")) == 4, "what was seen before the pause is seen again"
    assert len(cell.named("insert_connector")) == 3
    cell.wait_for(State.IDLE)


def test_stop_cancels_what_runs_and_the_cell_takes_no_job_before_it_is_reset(cell):
    handle = cell.begin("trial_1")
    assert cell.command(Command.STOP) is State.STOPPING
    result = cell.result(handle)
    assert (result.error_code, result.status.status) == (623, JobStatus.STATUS_CANCELED)
    assert "stop by operator 7: shift ends" in result.error_msg
    cell.wait_for(State.STOPPED)
    assert run_job(cell.client, "trial_1").error_code == 621
    assert cell.partners.stops == 0, "the arm was led to rest by the skill, not stopped in the middle"
    assert cell.command(Command.RESET) is State.IDLE
    cell.partners.reset()
    assert run_job(cell.client, "trial_1").error_code == 0


def test_abort_stops_the_arm_at_once_and_clear_lets_it_go(cell):
    handle = cell.begin("trial_1")
    assert cell.command(Command.ABORT) is State.ABORTED
    wait_until(lambda: cell.partners.stops == 1, timeout_s=1.0, what="the arm to be stopped")
    assert cell.result(handle).error_code == 623
    assert run_job(cell.client, "trial_1").error_code == 621
    assert cell.ask(command=int(Command.RESET)).error_code == 621, "aborted is left by clear only"
    cell.command(Command.CLEAR)
    cell.wait_for(State.STOPPED)
    assert cell.partners.clears == 1


def test_where_the_arm_stays_stopped_the_cell_stays_aborted(cell):
    cell.command(Command.ABORT)
    cell.partners.stays_stopped = True
    cell.command(Command.CLEAR)
    wait_until(
        lambda: cell.state is State.ABORTED and "protective stop" in cell.running.states[-1].reason,
        what="the reason why it was not cleared",
    )


def test_complete_ends_a_job_after_its_step(cell):
    handle = cell.begin("aic_sample")
    assert cell.command(Command.COMPLETE) is State.COMPLETING
    cell.partners.waits_for_cancel = False
    result = cell.result(handle)
    assert (result.error_code, result.status.status) == (623, JobStatus.STATUS_CANCELED)
    assert "of 3 steps" in result.error_msg
    cell.wait_for(State.IDLE)


def test_a_job_that_waits_can_be_cancelled_by_who_asked_for_it(cell):
    handle = cell.begin("trial_1")
    cell.command(Command.HOLD)
    cell.partners.waits_for_cancel = False
    cell.wait_for(State.HELD)
    cell.client.wait_for(handle.cancel_goal_async())
    assert cell.result(handle).error_code == 603
    cell.wait_for(State.IDLE)


def test_no_job_runs_in_maintenance(cell):
    answer = cell.ask(mode=int(Mode.MAINTENANCE))
    assert (answer.error_code, answer.mode) == (0, Mode.MAINTENANCE)
    wait_until(lambda: cell.running.states[-1].mode == CellState.MODE_MAINTENANCE, what="the mode to be said")
    result = run_job(cell.client, "trial_1")
    assert result.error_code == 622
    assert not cell.partners.calls
    assert cell.ask(mode=int(Mode.PRODUCTION)).error_code == 0


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ({"command": 5}, 621, "unhold is not possible while the cell is IDLE; possible: start, stop, abort"),
        ({"command": 2}, 624, "no job is waiting"),
        ({}, 625, "neither a command nor a mode"),
        ({"command": 3, "mode": 1}, 625, "a command and a mode at once"),
        ({"command": 77}, 625, "77 is not a valid Command"),
        ({"mode": 9}, 625, "9 is not a valid Mode"),
    ],
)
def test_what_is_refused_changes_nothing(cell, fields, code, says):
    count = len(cell.running.states)
    answer = cell.ask(**fields)
    assert answer.error_code == code
    assert says in answer.error_msg
    assert (answer.state, answer.mode) == (State.IDLE, Mode.PRODUCTION)
    assert len(cell.running.states) == count


def test_the_same_from_a_terminal(cell):
    def run(*words):
        done = CliRunner().invoke(app, list(words))
        return done.exit_code, done.stdout, done.stderr

    refused = "refused, code 621: hold is not possible while the cell is IDLE; possible: start, stop, abort\n"
    assert run("command", "hold") == (1, "", refused)
    assert run("mode", "Maintenance") == (0, "IDLE, mode MAINTENANCE\n", "")
    assert run("mode", "production", "--reason", "repaired") == (0, "IDLE, mode PRODUCTION\n", "")
    wait_until(lambda: cell.running.states[-1].reason.endswith("(command line): repaired"), what="who asked, and why")
    assert run("command", "stop") == (0, "STOPPED, mode PRODUCTION\n", "")
    assert run("command", "reset") == (0, "IDLE, mode PRODUCTION\n", "")
    code, _, said = run("command", "halt")
    assert code == 1
    assert said.startswith("there is no command 'halt'; there are reset, start, stop")


def test_who_asks_has_to_say_its_name(cell):
    answer = cell.client.call(PackmlCommand, "/packml_command", PackmlCommand.Request(command=3))
    assert answer.error_code == 625
    assert cell.state is State.IDLE
