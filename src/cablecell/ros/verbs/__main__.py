"""Run one verb: `python -m cablecell.ros.verbs topic list`."""

from __future__ import annotations

import importlib
import sys

import typer

from cablecell.ros.verbs import groups


def main() -> None:
    """Hand the arguments to the group that the first one names; exit code 2 if there is none of that name."""
    known = groups()
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in known:
        typer.echo(f"usage: python -m cablecell.ros.verbs {{{','.join(known)}}} ...", err=True)
        raise SystemExit(2)
    module, attribute = known[name].split(":")
    getattr(importlib.import_module(module), attribute)(sys.argv[2:], prog_name=name)


if __name__ == "__main__":
    main()
