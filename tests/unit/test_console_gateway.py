"""Every command of the console goes through one place, which knows who may give it and keeps a row of each."""

from __future__ import annotations

import asyncio

import pytest

from cablecell.console.errors import RoleError, SessionEndedError, UnknownCommandError
from cablecell.console.gateway import RULES, AuditTrail, CommandGateway, Rule
from cablecell.console.sessions import Role, Sessions
from cablecell.core.supervision.packml import IllegalCommandError


class Cell:
    """Does every command, and remembers."""

    def __init__(self):
        self.done, self.kept, self.now_s = [], [], 1000.0
        self.refuses = None
        self.sessions = Sessions("k" * 40, 60.0)
        self.gateway = CommandGateway(
            self.sessions,
            {name: self._action(name) for name in RULES},
            AuditTrail(self.kept.append),
            lambda: self.now_s,
        )

    def _action(self, name):
        def act(who, **arguments):
            if self.refuses is not None:
                raise self.refuses
            self.done.append((name, who, arguments))
            return "done"

        return act

    def session(self, role):
        return self.sessions.begin("Anna", role, self.now_s)[0]

    def run(self, session, command, /, **arguments):
        return asyncio.run(self.gateway.run(session, command, **arguments))


@pytest.fixture
def cell():
    return Cell()


def _arguments(command):
    return dict.fromkeys(RULES[command].arguments, "1")


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("command", sorted(RULES))
def test_each_role_may_do_what_the_table_says_and_no_more(cell, role, command):
    session = cell.session(role)
    allowed = role >= RULES[command].role
    assert cell.gateway.may(session, command) is allowed
    if allowed:
        assert cell.run(session, command, **_arguments(command)) == "done"
        assert cell.done == [(command, session.requester, _arguments(command))]
    else:
        with pytest.raises(RoleError, match=RULES[command].role.name.lower()):
            cell.run(session, command, **_arguments(command))
        assert cell.done == []
        assert cell.kept[-1].error_code == 725, "a refusal for want of the role is kept, whatever the command"


def test_a_viewer_stops_the_arm_and_does_nothing_else(cell):
    viewer = cell.session(Role.VIEWER)
    assert [name for name in RULES if cell.gateway.may(viewer, name)] == ["stop_arm"]


def test_everybody_may_stop_the_arm():
    assert RULES["stop_arm"] == Rule(Role.VIEWER)


def test_who_is_logged_out_or_expired_commands_nothing(cell):
    session = cell.session(Role.ENGINEER)
    cell.sessions.end(session, cell.now_s)
    with pytest.raises(SessionEndedError):
        cell.run(session, "stop_arm")
    session = cell.session(Role.ENGINEER)
    cell.now_s += 61.0
    with pytest.raises(SessionEndedError):
        cell.run(session, "hold")
    assert cell.done == []
    assert [row.error_code for row in cell.kept] == [724, 724]


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("launch_missiles", {}),
        ("", {}),
        ("hold", {"self": "1"}),
        ("hold", {"who": "somebody else"}),
        ("start", {}),
        ("start", {"recipe": "x" * 201}),
        ("start", {"recipe": "a\nb"}),
        ("start", {"recipe": 3}),
        ("mode", {"mode": "manual", "command": "clear"}),
    ],
)
def test_what_it_does_not_know_is_refused(cell, command, arguments):
    with pytest.raises(UnknownCommandError):
        cell.run(cell.session(Role.ENGINEER), command, **arguments)
    assert cell.done == []


def test_a_row_for_every_command_once(cell):
    operator = cell.session(Role.OPERATOR)
    cell.run(operator, "start", recipe="aic_sample")
    cell.run(operator, "hold")  # the cell's own supervisor keeps the row of this one
    cell.refuses = IllegalCommandError("not while the cell is IDLE")
    with pytest.raises(IllegalCommandError):
        cell.run(operator, "acknowledge", alarm="3")
    rows = [(row.requester, row.command, row.error_code) for row in cell.kept]
    assert rows == [
        ("Anna (operator, console)", "console start recipe=aic_sample", 0),
        ("Anna (operator, console)", "console acknowledge alarm=3", 621),
    ]
    assert [row.command for row in cell.gateway.trail.rows] == [
        "console acknowledge alarm=3",
        "console hold",
        "console start recipe=aic_sample",
    ]


def test_an_action_without_a_rule_is_a_mistake():
    with pytest.raises(ValueError, match="dance"):
        CommandGateway(Sessions("k", 1.0), {"dance": lambda who: ""}, AuditTrail(lambda row: None))
