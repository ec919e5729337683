"""`service`: list, type, info, find, call."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cablecell.ros.message_data import message_from_yaml
from cablecell.ros.message_data.errors import suggestion
from cablecell.ros.message_data.interfaces import complete_name, find_interface
from cablecell.ros.verbs.command import (
    FromStdin,
    SpinTime,
    VerbError,
    ends_well,
    make_group,
    require,
    yaml_text,
)

app = make_group("List, describe and call services.")

Hidden = Annotated[bool, typer.Option("--include-hidden-services", help="Consider hidden services as well.")]
Count = Annotated[bool, typer.Option("--count-services", "-c", help="Show only how many there are.")]
ServiceName = Annotated[str, typer.Argument(metavar="SERVICE", help="Name of the service, for example /reset.")]


@app.command("list")
@ends_well
def list_services(
    show_types: Annotated[bool, typer.Option("--show-types", "-t", help="Show the type, too.")] = False,
    count_services: Count = False,
    include_hidden_services: Hidden = False,
    spin_time: SpinTime = None,
) -> None:
    """List the services."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        services = session.services(hidden=include_hidden_services)
    if count_services:
        typer.echo(str(len(services)))
        return
    for name, types in services.items():
        typer.echo(f"{name} [{', '.join(types)}]" if show_types else name)


@app.command("type")
@ends_well
def show_type(service_name: ServiceName, spin_time: SpinTime = None) -> None:
    """Show the type of a service."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        services = session.services(hidden=True)
    for name in services[require(service_name, list(services), "Unknown service")]:
        typer.echo(name)


@app.command()
@ends_well
def info(service_name: ServiceName, spin_time: SpinTime = None) -> None:
    """Show the type of a service and how many serve and call it."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        services = session.services(hidden=True)
        name = require(service_name, list(services), "Unknown service")
        clients, servers = session.node.count_clients(name), session.node.count_services(name)
    types = services[name]
    typer.echo(f"Type: {types[0] if len(types) == 1 else types}")
    typer.echo(f"Clients count: {clients}")
    typer.echo(f"Services count: {servers}")


@app.command()
@ends_well
def find(
    service_type: Annotated[str, typer.Argument(metavar="TYPE", help="Type, for example std_srvs/srv/Trigger.")],
    count_services: Count = False,
    include_hidden_services: Hidden = False,
    spin_time: SpinTime = None,
) -> None:
    """List the services of a type."""
    from cablecell.ros.verbs.session import open_session

    wanted = complete_name(service_type, "srv")
    with open_session(spin_time) as session:
        services = session.services(hidden=include_hidden_services)
    found = [name for name, types in services.items() if wanted in types]
    typer.echo(str(len(found)) if count_services else "\n".join(found), nl=bool(found) or count_services)


@app.command()
@ends_well
def call(
    service_name: ServiceName,
    service_type: Annotated[str, typer.Argument(metavar="TYPE", help="Type, for example std_srvs/srv/SetBool.")],
    values: Annotated[str | None, typer.Argument(metavar="[YAML]", help="Fields of the request.")] = None,
    stdin: FromStdin = False,
    rate: Annotated[float | None, typer.Option("--rate", "-r", metavar="HZ", min=1e-6, help="Call again, Hz.")] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", metavar="S", min=1e-3, help="Longest wait for service and answer. Default: for ever."
        ),
    ] = None,
    spin_time: SpinTime = None,
) -> None:
    """Call a service and show the response."""
    from cablecell.ros.verbs.session import open_session, valid_name

    cls = find_interface(service_type, "srv")
    wanted = complete_name(service_type, "srv")
    request, _ = message_from_yaml(cls.Request, yaml_text(values, stdin))
    name = valid_name(service_name, is_service=True)
    with open_session(spin_time) as session:
        services = session.services(hidden=True)
        types = services.get(name, [])
        if types and wanted not in types:
            raise VerbError(f"Service '{name}' has type {', '.join(types)}, not {wanted}")
        client = session.node.create_client(cls, name)
        if not client.service_is_ready():
            typer.echo("waiting for service to become available...")
            if not types and (hint := suggestion(name, services)):
                typer.echo(f"There is no service '{name}' yet{hint}", err=True)
            if not session.spin_until(client.service_is_ready, timeout):
                raise VerbError(f"Service '{name}' is not available after {timeout:g} s")
        while True:
            typer.echo(f"requester: making request: {request!r}\n")
            called_at = time.monotonic()
            response = session.result(client.call_async(request), f"Service '{name}'", timeout)
            typer.echo(f"response:\n{response!r}\n")
            if rate is None:
                break
            session.spin_until(lambda: False, max(0.0, called_at + 1.0 / rate - time.monotonic()))
