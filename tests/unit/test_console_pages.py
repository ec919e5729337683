"""The pages as a person uses them, without a browser: what they show, grey out and command."""

from __future__ import annotations

import asyncio
import time

import pytest
from nicegui import ui

from cablecell.console.pages.frame import NAVIGATION
from cablecell.console.pages.site import PAGES
from cablecell.console.sessions import Role
from cablecell.console.state import ComponentView, InsertionView, JobView, PhaseView, TeleopView
from cablecell.core.supervision.packml import IllegalCommandError, State
from cablecell.core.teleop.errors import StopUnconfirmedError
from tests.support.console_desk import Desk

PACKML = ("start", "hold", "unhold", "stop", "reset", "clear")


@pytest.fixture
def desk():
    return Desk()


def _button(user, marker):
    return next(iter(user.find(marker=marker, kind=ui.button).elements))


def _possible(user):
    return {name for name in PACKML if _button(user, name).enabled}


@pytest.mark.parametrize(
    ("state", "possible"),
    [
        (State.IDLE, {"start", "stop"}),
        (State.EXECUTE, {"hold", "stop"}),
        (State.HELD, {"unhold", "stop"}),
        (State.STOPPED, {"reset"}),
        (State.ABORTED, {"clear"}),
        (State.STOPPING, set()),
    ],
)
def test_the_header_greys_what_the_supervisor_would_refuse(desk, state, possible):
    async def look():
        desk.be(state, "said why")
        async with desk.at("/") as user:
            assert _possible(user) == possible
            await user.should_see(state.name)
            await user.should_see("said why")
            await user.should_see("SIM")
            assert _button(user, "stop_arm").enabled

    asyncio.run(look())


def test_a_viewer_has_nothing_but_the_stop(desk):
    async def look():
        desk.be(State.EXECUTE)
        async with desk.at("/", Role.VIEWER) as user:
            assert _possible(user) == set()
            user.find(marker="stop_arm").click()
            await user.should_see("stop_arm done")
        assert desk.given == [("stop_arm", {})]

    asyncio.run(look())


def test_without_a_cell_it_says_so_and_only_the_stop_is_left(desk):
    async def look():
        desk.be(State.EXECUTE)
        desk.state.cell_heard_s = 0.0
        async with desk.at("/") as user:
            await user.should_see("NO CELL")
            assert _possible(user) == set()
            assert _button(user, "stop_arm").enabled

    asyncio.run(look())


def test_a_stop_that_was_not_confirmed_is_told(desk):
    async def look():
        desk.refuses = StopUnconfirmedError("the arm may still move: no answer")
        async with desk.at("/alarms") as user:
            user.find(marker="stop_arm").click()
            await user.should_see("the arm may still move: no answer [711]")

    asyncio.run(look())


def test_a_refusal_is_told_with_its_code(desk):
    async def look():
        desk.be(State.EXECUTE)
        desk.refuses = IllegalCommandError("hold is not possible")
        async with desk.at("/") as user:
            user.find(marker="hold").click()
            await user.should_see("hold is not possible [621]")

    asyncio.run(look())


def test_start_asks_which_recipe(desk):
    async def look():
        desk.be(State.IDLE)
        async with desk.at("/") as user:
            user.find(marker="start").click()
            await user.should_see("Start a job")
            user.find(marker="start-yes").click()
            await user.should_see("start done")
        assert desk.given == [("start", {"recipe": "trial_1"})]

    asyncio.run(look())


@pytest.mark.parametrize(
    ("role", "offered"),
    [(Role.OPERATOR, {"Release a stop of the arm"}), (Role.ENGINEER, {"Mode: maintenance", "Tare"})],
)
def test_what_is_rarely_needed_is_offered_to_who_may(desk, role, offered):
    async def look():
        async with desk.at("/alarms", role) as user:
            user.find(marker="more").click()
            for text in offered:
                await user.should_see(text)
            if role is Role.OPERATOR:
                await user.should_not_see("Mode: maintenance")
            else:
                user.find(marker="mode.to_maintenance").click()
                await user.should_see("mode done")
                assert desk.given == [("mode", {"mode": "maintenance"})]

    asyncio.run(look())


def test_a_page_that_stays_open_after_the_logout_commands_nothing(desk):
    async def look():
        desk.be(State.EXECUTE)
        async with desk.at("/") as user:
            desk.sessions.end(desk.session, time.time())
            user.find(marker="stop_arm").click()
            await user.should_see("log in again")
        assert desk.given == []

    asyncio.run(look())


def test_overview_shows_job_phase_and_insertions(desk):
    async def look():
        desk.state.job = JobView("j1", "aic_sample", 2, 3, 1, 0, "sfp_into_card_1")
        desk.state.phase = PhaseView(6, "opening found at 0.4 mm", 1)
        desk.state.insertions.appendleft(InsertionView(0.0, "j1", "sfp_into_card_0", 0, "", 0.0458, 18.5, 9.2, 1))
        async with desk.at("/") as user:
            await user.should_see("aic_sample: running")
            await user.should_see("1 of 3 steps")
            await user.should_see("opening found at 0.4 mm")
            rows = next(iter(user.find(marker="insertions", kind=ui.table).elements)).rows
            assert [(row["step"], row["outcome"], row["depth"]) for row in rows] == [
                ("sfp_into_card_0", "seated", "45.8 mm")
            ]

    asyncio.run(look())


def test_an_alarm_says_what_to_do_first_and_is_acknowledged(desk):
    async def look():
        desk.state.alarms.raise_alarm("cell", 312, "61 N, limit 60 N", 0.0)
        async with desk.at("/alarms") as user:
            await user.should_see("61 N, limit 60 N")
            await user.should_see("First: Look what the tool touches")
            user.find(marker="acknowledge-1").click()
            await user.should_see("acknowledge done")
        assert desk.given == [("acknowledge", {"alarm": "1"})]

    asyncio.run(look())


def test_diagnostics_that_are_silent_are_stale(desk):
    async def look():
        now_s = time.monotonic()
        desk.state.take_component(ComponentView("arm: loop", 0, "well", (("mode", "idle"),), now_s))
        desk.state.take_component(ComponentView("camera: left", 0, "well", (), now_s - 6.0))
        async with desk.at("/diagnostics") as user:
            rows = next(iter(user.find(marker="components", kind=ui.table).elements)).rows
            assert [(row["component"], row["level"]) for row in rows] == [
                ("arm: loop", "OK"),
                ("camera: left", "STALE"),
            ]

    asyncio.run(look())


def test_jobs_without_a_ledger_say_how_to_have_one(desk):
    async def look():
        async with desk.at("/jobs") as user:
            await user.should_see("ledger:=FILE")

    asyncio.run(look())


def test_every_page_of_the_navigation_is_there():
    assert {path for path, _, _ in NAVIGATION} == set(PAGES)


def test_the_page_of_teleoperation_says_to_which_port_it_is_snapped_and_switches_the_assist(desk):
    async def look():
        desk.be(State.IDLE)
        desk.state.teleop = TeleopView(state=3, is_assist_on=True, assist_port="card_0/sfp_port_1")
        async with desk.at("/teleop") as user:
            await user.should_see("snapped to card_0/sfp_port_1")
            user.find(marker="teleop_assist").click()
            await user.should_see("teleop_assist done")
            desk.state.teleop = TeleopView(state=2, assist_reason="card_0/sfp_port_1: known to 2.10 mm")
            await user.should_see("known to 2.10 mm")
            user.find(marker="teleop_assist").click()
            user.find(marker="teleop_look").click()
            await user.should_see("teleop_look done")
        assert desk.given == [
            ("teleop_assist", {"what": "off"}),
            ("teleop_assist", {"what": "on"}),
            ("teleop_look", {}),
        ]

    asyncio.run(look())
