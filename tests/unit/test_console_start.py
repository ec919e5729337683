"""What the console does before it serves anybody: it stays on this machine, and tells its tokens once."""

from __future__ import annotations

import pytest

from cablecell.console.errors import ExposedError
from cablecell.console.node import announce, require_private, state_folder
from cablecell.console.sessions import load_tokens
from cablecell.core.config.console import ConsoleParameters


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_needs_no_permission(host):
    require_private(ConsoleParameters(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", ""])
def test_an_address_that_others_reach_is_refused_unless_somebody_said_so(host):
    with pytest.raises(ExposedError, match="is_exposed"):
        require_private(ConsoleParameters(host=host))
    require_private(ConsoleParameters(host=host, is_exposed=True))


def test_default_is_loopback():
    require_private(ConsoleParameters())


def test_tokens_are_told_once_behind_the_hash_which_browsers_send_to_nobody(tmp_path):
    path = tmp_path / "console.json"
    tokens = load_tokens(path)
    told = "\n".join(announce(tokens, path, "http://127.0.0.1:8080"))
    assert all(f"/login#{token}" in told for token in tokens.by_role.values())
    assert tokens.cookie_key not in told
    again = "\n".join(announce(load_tokens(path), path, "http://127.0.0.1:8080"))
    assert not any(token in again for token in tokens.by_role.values())
    assert str(path) in again


def test_state_is_kept_where_the_user_has_it(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder() == tmp_path / "cablecell"
