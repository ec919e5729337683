"""`topic pub` once its arguments are understood."""

from __future__ import annotations

import time
from typing import Any

import typer

from cablecell.ros.message_data import stamp_now
from cablecell.ros.message_data.field_types import message_name
from cablecell.ros.verbs.command import VerbError
from cablecell.ros.verbs.session import Session

_REMINDER_S = 1.0


def publish(
    session: Session,
    topic: str,
    message: Any,
    stamps: list[Any],
    profile: Any,
    *,
    period_s: float,
    count: int,
    print_nth: int,
    subscriptions: int,
    max_wait_s: float | None,
    keep_alive_s: float,
) -> None:
    """Publish one message again and again.

    Args:
        session: Open session.
        topic: Full name.
        message: What to publish.
        stamps: Times inside `message` to set before each sending.
        profile: Quality of service.
        period_s: Time from one message to the next, s.
        count: How many to publish; 0 publishes until the process is ended.
        print_nth: Print every n-th message; 0 prints none.
        subscriptions: Wait for this many matching subscriptions first.
        max_wait_s: Longest wait for them, s; None waits for ever.
        keep_alive_s: Stay this long after the last message, s, for it to reach the wire.

    Raises:
        VerbError: There were not enough subscriptions in time.
    """
    _warn_of_other_type(session, topic, message)
    publisher = session.node.create_publisher(type(message), topic, profile)
    _wait_for_subscriptions(session, publisher, subscriptions, max_wait_s)
    typer.echo("publisher: beginning loop")
    start = time.monotonic()
    sent = 0
    while True:
        stamp_now(stamps, session.node.get_clock().now().to_msg())
        sent += 1
        if print_nth and sent % print_nth == 0:
            typer.echo(f"publishing #{sent}: {message!r}\n")
        publisher.publish(message)
        if sent == count:
            break
        # Counting from the start keeps the mean rate, however long one turn takes.
        session.spin_until(lambda: False, max(0.0, start + sent * period_s - time.monotonic()))
    session.spin_until(lambda: False, keep_alive_s)


def _warn_of_other_type(session: Session, topic: str, message: Any) -> None:
    types = session.topics(hidden=True).get(topic, [])
    if types and message_name(message) not in types:
        typer.echo(
            f"warning: '{topic}' has type {', '.join(types)}; its subscribers will not receive {message_name(message)}",
            err=True,
        )


def _wait_for_subscriptions(session: Session, publisher: Any, wanted: int, max_wait_s: float | None) -> None:
    deadline = None if max_wait_s is None else time.monotonic() + max_wait_s

    def is_matched() -> bool:
        return int(publisher.get_subscription_count()) >= wanted

    while not is_matched():
        typer.echo(f"Waiting for at least {wanted} matching subscription(s)...")
        left = _REMINDER_S if deadline is None else min(_REMINDER_S, deadline - time.monotonic())
        if not session.spin_until(is_matched, left) and deadline is not None and time.monotonic() >= deadline:
            raise VerbError(
                f"Timed out waiting for subscribers: expected {wanted} but there are only "
                f"{publisher.get_subscription_count()} after {max_wait_s:g} s"
            )
