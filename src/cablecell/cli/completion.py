"""`cablecell completion`: what bash has to know to complete verbs, options and names."""

from __future__ import annotations

import os

import typer

_VARIABLE = "_CABLECELL_COMPLETE"
"""Set by the script below when it asks for candidates; typer reads it."""

_SCRIPT = f"""_cell_completion() {{
    local IFS=$'\\n'
    COMPREPLY=( $( env COMP_WORDS="${{COMP_WORDS[*]}}" COMP_CWORD=$COMP_CWORD \\
        {_VARIABLE}=complete_bash "$1" 2>/dev/null ) )
}}
complete -o default -F _cell_completion cell cablecell
"""


def show() -> None:
    """Print the completion of bash: `source <(./cell completion)`, or into your ~/.bashrc."""
    typer.echo(_SCRIPT, nl=False)


def prepare() -> None:
    """Make ready to answer a shell that asks for candidates; does nothing otherwise."""
    if _VARIABLE in os.environ:
        from typer.completion import completion_init

        completion_init()


def bench_names(incomplete: str) -> list[str]:
    """Return the benchmarks that begin so."""
    from cablecell.evaluation.bench import BENCHMARKS

    return [name for name in ("list", *BENCHMARKS) if name.startswith(incomplete)]


def connector_names(incomplete: str) -> list[str]:
    """Return the connectors of the catalogue, and of plug-ins, that begin so."""
    from cablecell.configuration import config_folder
    from cablecell.plugins import PluginKind, plugin_names

    shipped = [path.stem for path in (config_folder() / "connectors").glob("*.yaml")]
    names = {*shipped, *plugin_names(PluginKind.CONNECTOR)}
    return sorted(name for name in names if name.startswith(incomplete))
