"""What every verb shares: its group, its options, and how it ends."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from cablecell.ros.message_data.errors import MessageDataError, UnknownInterfaceError, suggestion

_Function = TypeVar("_Function", bound=Callable[..., None])

SpinTime = Annotated[
    float | None,
    typer.Option(
        "--spin-time",
        min=0.0,
        metavar="SECONDS",
        help="Discover for exactly this time. Default: until everything on this machine is known and nothing changes.",
    ),
]
SimTime = Annotated[bool, typer.Option("--use-sim-time", "-s", help="Take the time from /clock.")]
FromStdin = Annotated[bool, typer.Option("--stdin", help="Read the values from standard input.")]


class VerbError(Exception):
    """A verb cannot do what was asked; the text is the one line the user sees, the exit code is 1."""


class TerminatedError(Exception):
    """The process was told to end while a verb was at work."""


def make_group(summary: str) -> typer.Typer:
    """Make the command group of one verb, with this line of help."""
    return typer.Typer(
        help=summary,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def ends_well(function: _Function) -> _Function:
    """Wrap a command so that it ends with one line and a proper exit code instead of a stack of calls.

    Exit codes: 0 done, 1 it cannot be done (one line on stderr), 2 wrong usage, 130 after Ctrl-C, 143 after SIGTERM. A
    reader that closes the pipe (`| head -1`) has got what it wanted: 0.
    """

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            function(*args, **kwargs)
            sys.stdout.flush()
        except (VerbError, MessageDataError, UnknownInterfaceError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            raise typer.Exit(128 + signal.SIGINT) from None
        except TerminatedError:
            raise typer.Exit(128 + signal.SIGTERM) from None
        except BrokenPipeError:
            # Python flushes stdout once more at exit; give it somewhere to flush to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None

    return run  # type: ignore[return-value]


def full_name(name: str) -> str:
    """Return a topic, service, action or node name with its leading slash."""
    return name if name.startswith("/") else f"/{name}"


def require(name: str, known: list[str], message: str) -> str:
    """Return `name` with its leading slash if it is known.

    Args:
        name: What the user typed.
        known: What exists.
        message: Start of the error, for example `Unknown topic`.

    Returns:
        The full name.

    Raises:
        VerbError: It is not known; the text names what looks like it.
    """
    full = full_name(name)
    if full not in known:
        raise VerbError(f"{message} '{full}'{suggestion(full, known)}")
    return full


def yaml_text(values: str | None, stdin: bool) -> str:
    """Return the YAML a verb was given, as argument or on standard input.

    Raises:
        typer.BadParameter: Both were given.
    """
    if stdin and values is not None:
        raise typer.BadParameter("give the values as an argument or with --stdin, not both")
    if stdin:
        return sys.stdin.read()
    return values if values is not None else "{}"


def filter_function(expression: str | None) -> Callable[[Any], bool]:
    """Return a predicate on a message `m` for the Python expression of `--filter`.

    Raises:
        typer.BadParameter: The expression is not Python.
    """
    if expression is None:
        return lambda message: True
    try:
        code = compile(expression, "--filter", "eval")
    except SyntaxError as error:
        raise typer.BadParameter(f"--filter {expression!r} is not a Python expression: {error.msg}") from None

    def matches(message: Any) -> bool:
        try:
            return bool(eval(code, {"m": message}))
        except Exception as error:
            raise VerbError(f"--filter {expression!r} failed on a message: {error}") from error

    return matches
