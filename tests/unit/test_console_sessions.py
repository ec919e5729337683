"""Tokens, cookies and the rate of logins: what lets somebody into the console, and what does not."""

from __future__ import annotations

import base64
import json
import stat

import pytest

from cablecell.console.errors import LoginRateError, LoginRefusedError, TokenFileError
from cablecell.console.login_limit import LoginLimit
from cablecell.console.sessions import Role, Sessions, load_tokens

HOUR_S = 3600.0


@pytest.fixture
def sessions():
    return Sessions("k" * 40, 12 * HOUR_S)


class TestTokens:
    def test_are_made_for_their_owner_only_and_found_again(self, tmp_path):
        path = tmp_path / "state" / "console.json"
        made, found = load_tokens(path), load_tokens(path)
        assert made.is_new
        assert not found.is_new
        assert made.by_role == found.by_role
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert len({*made.by_role.values(), made.cookie_key}) == 4
        assert all(len(token) >= 43 for token in made.by_role.values()), "256 bits"

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
    def test_that_others_can_read_or_write_are_refused(self, tmp_path, mode):
        path = tmp_path / "console.json"
        load_tokens(path)
        path.chmod(mode)
        with pytest.raises(TokenFileError, match=f"{mode:04o}"):
            load_tokens(path)

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"viewer": 1}', "!!python/object:os.system"])
    def test_of_a_damaged_file_open_nothing(self, tmp_path, text):
        path = tmp_path / "console.json"
        path.touch(0o600)
        path.write_text(text)
        with pytest.raises(TokenFileError, match="is none"):
            load_tokens(path)

    def test_that_are_short_or_there_twice_are_refused(self, tmp_path):
        path = tmp_path / "console.json"
        path.touch(0o600)
        for viewer, operator in (("short", "o" * 43), ("o" * 43, "o" * 43)):
            content = {"viewer": viewer, "operator": operator, "engineer": "e" * 43, "cookie_key": "k" * 43}
            path.write_text(json.dumps(content))
            with pytest.raises(TokenFileError, match="too short, or is there twice"):
                load_tokens(path)

    def test_in_a_folder_that_cannot_be_made(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(TokenFileError):
            load_tokens(tmp_path / "file" / "console.json")

    def test_give_the_role_they_are_for_and_nothing_else_does(self, tmp_path):
        tokens = load_tokens(tmp_path / "console.json")
        for role in Role:
            assert tokens.role_of(tokens.by_role[role]) is role
        for wrong in ("", "viewer", tokens.cookie_key, tokens.by_role[Role.VIEWER][:-1], "ü"):
            with pytest.raises(LoginRefusedError):
                tokens.role_of(wrong)


class TestSessions:
    def test_a_cookie_is_read_back(self, sessions):
        session, cookie = sessions.begin(" Anna ", Role.OPERATOR, 100.0)
        assert sessions.read(cookie, 200.0) == session
        assert (session.name, session.role, session.end_s) == ("Anna", Role.OPERATOR, 100.0 + 12 * HOUR_S)
        assert session.requester == "Anna (operator, console)"
        assert Sessions("k" * 40, HOUR_S).read(cookie, 200.0) == session, "another console with the same key"

    def test_one_that_expired_or_was_logged_out_is_nobody(self, sessions):
        session, cookie = sessions.begin("Anna", Role.OPERATOR, 0.0)
        assert sessions.read(cookie, session.end_s - 1.0) == session
        assert sessions.read(cookie, session.end_s) is None
        sessions.end(session, 1.0)
        assert sessions.read(cookie, 2.0) is None

    def test_a_forged_cookie_is_nobody(self, sessions):
        _, cookie = sessions.begin("Anna", Role.VIEWER, 0.0)
        payload, _, signature = cookie.partition(".")
        better = base64.urlsafe_b64encode(
            base64.urlsafe_b64decode(payload).replace(b'"Anna", 1', b'"Anna", 3')
        ).decode()
        assert better != payload
        foreign = Sessions("x" * 40, HOUR_S).begin("Anna", Role.ENGINEER, 0.0)[1]
        for wrong in (f"{better}.{signature}", payload, f"{payload}.", f"{payload}.{signature}x", "", ".", foreign):
            assert sessions.read(wrong, 1.0) is None

    @pytest.mark.parametrize("content", [b"[]", b"{}", b'["a", 9, "n", 1e9]', b'["a", 1, "n", "x"]', b"\xff"])
    def test_a_signed_payload_that_means_nothing_is_nobody(self, sessions, content):
        payload = base64.urlsafe_b64encode(content).decode()
        assert sessions.read(f"{payload}.{sessions._sign(payload)}", 0.0) is None

    @pytest.mark.parametrize("name", ["", "   ", "x" * 41, "a\nb", "a\x00"])
    def test_a_name_has_to_fit_into_the_ledger(self, sessions, name):
        with pytest.raises(LoginRefusedError, match="printable"):
            sessions.begin(name, Role.VIEWER, 0.0)


class TestLoginLimit:
    def test_five_failures_of_an_address_close_it_for_a_while(self):
        limit = LoginLimit()
        for second in range(5):
            limit.require("a", float(second))
            limit.note_failure("a", float(second))
        with pytest.raises(LoginRateError, match="try again in 56 s"):
            limit.require("a", 4.0)
        limit.require("b", 4.0)
        limit.require("a", 61.0)

    def test_many_addresses_together_close_it_for_all(self):
        limit = LoginLimit()
        for number in range(50):
            limit.note_failure(f"address {number}", 0.0)
        with pytest.raises(LoginRateError):
            limit.require("another", 1.0)
        limit.require("another", 61.0)
