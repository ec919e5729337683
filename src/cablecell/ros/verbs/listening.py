"""`topic echo`, `hz` and `bw` once their arguments are understood."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import typer

from cablecell.ros.message_data import Shortening, message_to_csv, message_to_yaml
from cablecell.ros.message_data.errors import suggestion
from cablecell.ros.message_data.field_types import message_name
from cablecell.ros.message_data.interfaces import find_interface
from cablecell.ros.message_data.writing import data_to_yaml, value_to_data
from cablecell.ros.verbs.command import VerbError
from cablecell.ros.verbs.qos import QosRequest, matching_profile
from cablecell.ros.verbs.rates import BandwidthWindow, RateWindow, rate_table
from cablecell.ros.verbs.session import Session

_REPORT_S = 1.0
_CLEAR_SCREEN = "\x1b[H\x1b[2J"


@dataclass(frozen=True)
class EchoFormat:
    """How `topic echo` shows a message; the fields are its options."""

    path: str | None
    matches: Callable[[Any], bool]
    shorten: Shortening
    csv: bool
    flow: bool
    raw: bool
    with_info: bool
    clear: bool

    def text(self, message: Any, info: Any) -> str | None:
        """Return what to print for a message, without the last newline; None if it is filtered out."""
        value = message if self.path is None else select(message, self.path)
        if not self.matches(value):
            return None
        head = _CLEAR_SCREEN + "\n" if self.clear else ""
        is_message = hasattr(value, "get_fields_and_field_types")
        if self.csv and is_message:
            stamps = "".join(f"{part}," for part in info.values()) if self.with_info else ""
            return head + stamps + message_to_csv(value, self.shorten)
        if self.with_info:
            head += data_to_yaml(dict(sorted(info.items()))) + "---\n"
        if is_message:
            return head + message_to_yaml(value, self.shorten, flow=self.flow) + "---"
        if isinstance(value, str | bytes | int | float):
            return f"{head}{value!s}\n---"
        return head + data_to_yaml(value_to_data(value, self.shorten), flow=True) + "---"


def select(message: Any, path: str) -> Any:
    """Return the part of a message at `path`, like `pose.position.x` or `points[0].time_from_start`.

    Raises:
        VerbError: There is no such part.
    """
    value = message
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        if name:
            names = list(getattr(value, "get_fields_and_field_types", dict)())
            if name not in names:
                where = message_name(value) if names else type(value).__name__
                hint = suggestion(name, names) or ";"
                valid = f"{hint} valid fields: {', '.join(names)}" if names else ", which has no fields"
                raise VerbError(f"Invalid field '{path}': no '{name}' in {where}{valid}")
            value = getattr(value, name)
        else:
            try:
                value = value[int(index)]
            except (TypeError, IndexError, KeyError):
                raise VerbError(f"Invalid field '{path}': no element [{index}]") from None
    return value


def topic_class(session: Session, topic: str) -> type[Any]:
    """Return the class of the messages on a topic.

    Raises:
        VerbError: The topic is unknown or has more than one type.
    """
    topics = session.topics(hidden=True)
    types = topics.get(topic)
    if not types:
        hint = suggestion(topic, topics) or "; give its type to wait for it"
        raise VerbError(f"Unknown topic '{topic}'{hint}")
    if len(types) > 1:
        raise VerbError(f"Topic '{topic}' has more than one type: {', '.join(types)}; name the one to use")
    return find_interface(types[0], "msg")


def echo_topic(
    session: Session,
    topic: str,
    cls: type[Any],
    request: QosRequest,
    form: EchoFormat,
    *,
    once: bool,
    timeout_s: float | None,
    report_loss: bool,
) -> None:
    """Print the messages of a topic.

    Args:
        session: Open session.
        topic: Full name.
        cls: Class of its messages.
        request: Quality of service the user asked for.
        form: How to print.
        once: End after the first message printed.
        timeout_s: End after this time, s; None goes on.
        report_loss: Say when the middleware lost messages.

    Raises:
        VerbError: Nothing was received within `timeout_s`.
    """
    from rclpy.event_handler import SubscriptionEventCallbacks

    profile, remarks = matching_profile(request, session.publishers(topic))
    for remark in remarks:
        typer.echo(remark, err=True)
    printed = 0

    def show(message: Any, info: Any) -> None:
        nonlocal printed
        if once and printed:
            return
        text = form.text(message, info)
        if text is not None:
            printed += 1
            typer.echo(text)

    def lost(status: Any) -> None:
        change, total = status.total_count_change, status.total_count
        typer.echo(f"A message was lost!!!\n\ttotal count change:{change}\n\ttotal count: {total}---", err=True)

    events = SubscriptionEventCallbacks(message_lost=lost) if report_loss else None
    session.node.create_subscription(cls, topic, show, profile, event_callbacks=events, raw=form.raw)
    session.spin_until(lambda: once and printed > 0, timeout_s)
    if not printed:
        raise VerbError(f"No message on '{topic}' within {timeout_s:g} s")


def measure_rates(
    session: Session,
    topics: list[str],
    *,
    window: int,
    matches: Callable[[Any], bool] | None,
    wall_time: bool,
) -> None:
    """Print the rates of topics once a second, until the process is ended."""
    from rclpy.clock import Clock, ClockType

    clock = Clock(clock_type=ClockType.SYSTEM_TIME) if wall_time else session.node.get_clock()
    windows = {topic: RateWindow(window) for topic in topics}

    def arrived(message: Any, topic: str) -> None:
        if matches is None or matches(message):
            windows[topic].add(clock.now().nanoseconds)

    for topic in topics:
        # Without a filter nobody looks into the messages: leave them as bytes, which is much cheaper for images.
        callback = functools.partial(arrived, topic=topic)
        cls = _wait_for_class(session, topic)
        session.node.create_subscription(cls, topic, callback, _sensor_profile(), raw=matches is None)
        if len(topics) > 1:
            typer.echo(f"Subscribed to [{topic}]")
    while True:
        _spin_for(session, _REPORT_S)
        reports = {topic: report for topic, kept in windows.items() if (report := kept.report()) is not None}
        if reports and len(topics) == 1:
            typer.echo(str(reports[topics[0]]))
        elif reports:
            typer.echo(rate_table(reports))


def measure_bandwidth(session: Session, topic: str, *, window: int) -> None:
    """Print the bandwidth of a topic once a second, until the process is ended."""
    kept = BandwidthWindow(window)
    clock = session.node.get_clock()
    cls = _wait_for_class(session, topic)

    def arrived(data: bytes) -> None:
        kept.add(clock.now().nanoseconds, len(data))

    session.node.create_subscription(cls, topic, arrived, _sensor_profile(), raw=True)
    typer.echo(f"Subscribed to [{topic}]")
    while True:
        _spin_for(session, _REPORT_S)
        report = kept.report(clock.now().nanoseconds)
        if report is not None:
            typer.echo(report)


def _wait_for_class(session: Session, topic: str) -> type[Any]:
    """Return the class of a topic, after waiting for it to be published if it is not."""
    if topic not in session.topics(hidden=True):
        hint = suggestion(topic, session.topics())
        typer.echo(f"WARNING: topic [{topic}] does not appear to be published yet{hint}", err=True)
        session.spin_until(lambda: topic in session.topics(hidden=True))
    return topic_class(session, topic)


def _sensor_profile() -> Any:
    return QosRequest().to_profile("sensor_data")


def _spin_for(session: Session, duration_s: float) -> None:
    deadline = time.monotonic() + duration_s
    session.spin_until(lambda: time.monotonic() >= deadline, duration_s)
