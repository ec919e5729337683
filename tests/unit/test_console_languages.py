"""The languages of the console: complete, with the same parts, and spoken to who wants them."""

from __future__ import annotations

import ast
import asyncio
import string
from pathlib import Path

import pytest
from nicegui import ui

import cablecell.console
from cablecell.console import texts
from cablecell.console.sessions import Role
from cablecell.console.texts import ENGLISH, LANGUAGE, LANGUAGES, choose_language, language, say, speaking, texts_of
from cablecell.core.supervision.packml import State
from tests.support.console_desk import Desk

OTHERS = sorted(set(LANGUAGES) - {"en"})


def _parts(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("code", OTHERS)
def test_a_language_has_every_text_and_no_other(code):
    assert set(texts_of(code)) == set(ENGLISH)
    assert all(isinstance(text, str) for text in texts_of(code).values())
    empty = {key for key, text in texts_of(code).items() if not text}
    assert empty == {key for key, text in ENGLISH.items() if not text}


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_is_filled_with_the_same_parts(code):
    other = {key: _parts(text) for key, text in texts_of(code).items()}
    assert other == {key: _parts(text) for key, text in ENGLISH.items()}


@pytest.mark.parametrize("code", OTHERS)
def test_a_language_is_not_english(code):
    same = [key for key, text in texts_of(code).items() if text and text == ENGLISH[key]]
    assert len(same) < 0.1 * len(ENGLISH), f"the same as in English: {same}"


def test_every_file_is_a_language():
    files = {path.stem for path in (Path(cablecell.console.__file__).parent / "languages").glob("*")}
    assert files == set(OTHERS)


def test_every_text_that_is_asked_for_is_there():
    asked = set()
    for path in Path(cablecell.console.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "say":
                asked |= {
                    one.value
                    for one in ast.walk(call.args[0])
                    if isinstance(one, ast.Constant) and isinstance(one.value, str) and "." in one.value[1:-1]
                }
    assert len(asked) > 100
    assert asked <= set(ENGLISH)


@pytest.mark.parametrize(
    ("told", "accepted", "code"),
    [
        ("", "", "en"),
        ("", "de-CH,de;q=0.9,en;q=0.8", "de"),
        ("", "fr,es;q=0.4,de;q=0.6", "de"),
        ("", "de;q=0,es", "es"),
        ("", "fr, it", "en"),
        ("", "de;q=x, ES-mx", "es"),
        ("es", "de", "es"),
        ("auto", "de", "de"),
        ("../../etc/passwd", "", "en"),
        ("", "../de", "en"),
    ],
)
def test_who_has_chosen_nothing_gets_what_the_browser_wants(told, accepted, code):
    assert choose_language(told, accepted) == code


def test_a_text_that_is_missing_is_said_in_english(monkeypatch):
    monkeypatch.setattr(texts, "texts_of", lambda code: {"page.jobs": "Aufträge"})
    with speaking("de"):
        assert (say("page.jobs"), say("page.alarms")) == ("Aufträge", "Alarms")


def test_what_threads_say_is_in_the_language_of_who_commands():
    async def ask():
        with speaking("es"):
            return await asyncio.to_thread(say, "done.mode", mode="x")

    assert asyncio.run(ask()) == "El modo es x."
    assert language() == "en"


@pytest.mark.parametrize(("code", "seen"), [("de", "Alarme"), ("es", "Alarmas"), ("xx", "Alarms")])
def test_pages_speak_what_was_chosen(code, seen):
    async def look():
        desk = Desk()
        desk.be(State.EXECUTE)
        desk.state.alarms.raise_alarm("cell", 312, "61 N, limit 60 N", 0.0)
        async with desk.at("/alarms", **{LANGUAGE: code}) as user:
            await user.should_see(seen)
            await user.should_see("61 N, limit 60 N")
            with user:
                assert language() == (code if code in LANGUAGES else "en")

    asyncio.run(look())


def test_what_a_timer_writes_later_is_in_the_same_language():
    async def look():
        desk = Desk()
        async with desk.at("/alarms", **{LANGUAGE: "de"}) as user:
            await user.should_see("Nichts verlangt Aufmerksamkeit")
            desk.state.alarms.raise_alarm("cell", 312, "61 N, limit 60 N", 0.0)
            await user.should_see("Zuerst: Schauen, was das Werkzeug", retries=50)

    asyncio.run(look())


def test_a_page_lets_choose():
    async def look():
        async with Desk().at("/settings", Role.VIEWER, **{LANGUAGE: "de"}) as user:
            toggle = next(iter(user.find(marker="language", kind=ui.toggle).elements))
            assert toggle.value == "de"
            assert list(toggle.options.values()) == ["wie der Browser", "English", "Deutsch", "Español"]

    asyncio.run(look())
