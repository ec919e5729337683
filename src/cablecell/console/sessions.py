"""Who is at the console: tokens, roles, and the signed cookie a token is exchanged for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import stat
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from cablecell.console.errors import LoginRefusedError, TokenFileError

COOKIE = "cablecell_console"
"""Name of the cookie."""

_TOKEN_BYTES = 32
_NAME_LENGTH = 40


class Role(IntEnum):
    """What a person may do: each role may do all that the one before may."""

    VIEWER = 1
    OPERATOR = 2
    ENGINEER = 3


@dataclass(frozen=True)
class Tokens:
    """The secrets of one console.

    Attributes:
        by_role: The token that gives each role.
        cookie_key: Signs cookies, so that a login outlives a restart of the console.
        is_new: Whether they were made just now, and nobody has seen them yet.
    """

    by_role: dict[Role, str]
    cookie_key: str
    is_new: bool = False

    def role_of(self, token: str) -> Role:
        """Return the role that a token gives; every comparison takes the same time.

        Raises:
            LoginRefusedError: It is no token of this console (code 722).
        """
        given = token.encode()
        matches = [role for role, known in self.by_role.items() if secrets.compare_digest(given, known.encode())]
        if not matches:
            raise LoginRefusedError("this is no token of this console", quantity="token")
        return matches[0]


def load_tokens(path: Path) -> Tokens:
    """Return the tokens of a file; make it, readable by its owner only, where there is none.

    Raises:
        TokenFileError: It cannot be read or written, others may read it, or it has another content (code 721).
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise TokenFileError(f"token file {path}: {error.strerror}", quantity="token_file", value=path) from error
    made = {role.name.lower(): secrets.token_urlsafe(_TOKEN_BYTES) for role in Role}
    made["cookie_key"] = secrets.token_urlsafe(_TOKEN_BYTES)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(made, indent=1) + "\n")
    return Tokens({role: made[role.name.lower()] for role in Role}, made["cookie_key"], is_new=True)


def _read(path: Path) -> Tokens:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise TokenFileError(
                f"token file {path} has mode {mode:04o}, so that others may read it; it must have 0600",
                quantity="mode",
                value=f"{mode:04o}",
                limit="0600",
            )
        content = json.loads(path.read_text(encoding="utf-8"))
        by_role = {role: content[role.name.lower()] for role in Role}
        texts = [*by_role.values(), content["cookie_key"]]
        if any(not isinstance(text, str) or len(text) < _TOKEN_BYTES for text in texts) or len(set(texts)) < 4:
            raise ValueError("a token is too short, or is there twice")
    except OSError as error:
        raise TokenFileError(f"token file {path}: {error.strerror}", quantity="token_file", value=path) from error
    except (ValueError, KeyError, TypeError) as error:
        raise TokenFileError(
            f"token file {path} is none: {error}; delete it, and a new one is made", quantity="token_file", value=path
        ) from error
    return Tokens(by_role, content["cookie_key"])


@dataclass(frozen=True)
class Session:
    """One login.

    Attributes:
        name: Who it is, as the person says.
        role: What that person may do.
        number: Random, tells logins apart.
        end_s: Time at which it expires, s since the epoch.
    """

    name: str
    role: Role
    number: str
    end_s: float

    @property
    def requester(self) -> str:
        """The person as commands and ledger name them."""
        return f"{self.name} ({self.role.name.lower()}, console)"


class Sessions:
    """Signs sessions into cookies and reads them back; keeps nothing but those that were logged out."""

    def __init__(self, key: str, lifetime_s: float) -> None:
        """Begin.

        Args:
            key: Signs; the same key reads what an earlier console has signed.
            lifetime_s: How long a login is good for, s.
        """
        self._key = key.encode()
        self.lifetime_s = lifetime_s
        self._ended: dict[str, float] = {}

    def begin(self, name: str, role: Role, now_s: float) -> tuple[Session, str]:
        """Return a new session and its cookie.

        Raises:
            LoginRefusedError: The name is empty, too long or not printable (code 722).
        """
        name = name.strip()
        if not (name and len(name) <= _NAME_LENGTH and name.isprintable()):
            raise LoginRefusedError(
                f"a name has 1 to {_NAME_LENGTH} printable characters", quantity="name", value=name[:_NAME_LENGTH]
            )
        session = Session(name, role, secrets.token_hex(8), now_s + self.lifetime_s)
        body = json.dumps([session.name, int(session.role), session.number, session.end_s]).encode()
        payload = base64.urlsafe_b64encode(body).decode()
        return session, f"{payload}.{self._sign(payload)}"

    def read(self, cookie: str, now_s: float) -> Session | None:
        """Return the session of a cookie; None where it is forged, expired or logged out."""
        payload, _, signature = cookie.partition(".")
        if not secrets.compare_digest(signature.encode(), self._sign(payload).encode()):
            return None
        try:
            name, role, number, end_s = json.loads(base64.urlsafe_b64decode(payload))
            session = Session(str(name), Role(role), str(number), float(end_s))
        except (ValueError, TypeError, binascii.Error):
            return None
        return session if self.is_valid(session, now_s) else None

    def is_valid(self, session: Session, now_s: float) -> bool:
        """Return whether a session has neither expired nor ended."""
        return now_s < session.end_s and session.number not in self._ended

    def end(self, session: Session, now_s: float) -> None:
        """Log a session out; its cookie is worth nothing from now on."""
        self._ended = {number: end_s for number, end_s in self._ended.items() if end_s > now_s}
        self._ended[session.number] = session.end_s

    def _sign(self, payload: str) -> str:
        return hmac.new(self._key, payload.encode(), hashlib.sha256).hexdigest()
