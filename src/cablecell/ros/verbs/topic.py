"""`topic`: list, info, type, find, echo, pub, hz, bw."""

from __future__ import annotations

from typing import Annotated

import typer

from cablecell.ros.message_data import Shortening, message_from_yaml
from cablecell.ros.message_data.interfaces import complete_name, find_interface
from cablecell.ros.verbs import qos
from cablecell.ros.verbs.command import (
    FromStdin,
    SimTime,
    SpinTime,
    ends_well,
    filter_function,
    make_group,
    require,
    yaml_text,
)

app = make_group("List, show, publish and measure topics.")

Hidden = Annotated[bool, typer.Option("--include-hidden-topics", help="Consider hidden topics as well.")]
TopicName = Annotated[str, typer.Argument(metavar="TOPIC", help="Name of the topic, for example /joint_states.")]


@app.command("list")
@ends_well
def list_topics(
    show_types: Annotated[bool, typer.Option("--show-types", "-t", help="Show the type, too.")] = False,
    count_topics: Annotated[bool, typer.Option("--count-topics", "-c", help="Show only how many there are.")] = False,
    include_hidden_topics: Hidden = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show how many publish and subscribe each.")] = False,
    spin_time: SpinTime = None,
) -> None:
    """List the topics."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        topics = session.topics(hidden=include_hidden_topics)
        counts = {name: (len(session.publishers(name)), len(session.subscriptions(name))) for name in topics}
    if count_topics:
        typer.echo(str(len(topics)))
    elif verbose:
        for index, (title, noun) in enumerate((("Published", "publisher"), ("Subscribed", "subscriber"))):
            typer.echo(f"{title} topics:")
            for name, types in topics.items():
                if number := counts[name][index]:
                    typer.echo(f" * {name} [{', '.join(types)}] {number} {noun}{'s' if number > 1 else ''}")
            typer.echo("")
    else:
        for name, types in topics.items():
            typer.echo(f"{name} [{', '.join(types)}]" if show_types else name)


@app.command()
@ends_well
def info(
    topic_name: TopicName,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show node, type hash and QoS of each end.")] = False,
    spin_time: SpinTime = None,
) -> None:
    """Show the type of a topic and who publishes and subscribes it."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        topics = session.topics(hidden=True)
        name = require(topic_name, list(topics), "Unknown topic")
        ends = (("Publisher", session.publishers(name)), ("Subscription", session.subscriptions(name)))
    types = topics[name]
    gap = "\n" if verbose else ""
    typer.echo(f"Type: {types[0] if len(types) == 1 else types}{gap}")
    for title, infos in ends:
        typer.echo(f"{title} count: {len(infos)}{gap}")
        if verbose:
            for endpoint in infos:
                typer.echo(f"{endpoint}\n")


@app.command("type")
@ends_well
def show_type(topic_name: TopicName, spin_time: SpinTime = None) -> None:
    """Show the type of a topic."""
    from cablecell.ros.verbs.session import open_session

    with open_session(spin_time) as session:
        topics = session.topics(hidden=True)
    for name in topics[require(topic_name, list(topics), "Unknown topic")]:
        typer.echo(name)


@app.command()
@ends_well
def find(
    topic_type: Annotated[str, typer.Argument(metavar="TYPE", help="Type, for example std_msgs/msg/String.")],
    count_topics: Annotated[bool, typer.Option("--count-topics", "-c", help="Show only how many there are.")] = False,
    include_hidden_topics: Hidden = False,
    spin_time: SpinTime = None,
) -> None:
    """List the topics of a type."""
    from cablecell.ros.verbs.session import open_session

    wanted = complete_name(topic_type, "msg")
    with open_session(spin_time) as session:
        topics = session.topics(hidden=include_hidden_topics)
    found = [name for name, types in topics.items() if wanted in types]
    typer.echo(str(len(found)) if count_topics else "\n".join(found), nl=bool(found) or count_topics)


@app.command()
@ends_well
def echo(
    topic_name: TopicName,
    message_type: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="Type, if nobody publishes yet.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Show one message and end.")] = False,
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="S", min=1e-3, help="End after S s.")] = None,
    field: Annotated[
        str | None, typer.Option("--field", help="Show one part, like pose.position or points[0].")
    ] = None,
    filter_expr: Annotated[
        str | None, typer.Option("--filter", help="Python: show messages m for which it holds.")
    ] = None,
    full_length: Annotated[bool, typer.Option("--full-length", "-f", help="Show long arrays and texts whole.")] = False,
    truncate_length: Annotated[int, typer.Option("--truncate-length", "-l", min=0, help="Longest part shown.")] = 128,
    no_arr: Annotated[bool, typer.Option("--no-arr", help="Show type and length of arrays only.")] = False,
    no_str: Annotated[bool, typer.Option("--no-str", help="Show length of texts only.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="One line a message, values separated by commas.")] = False,
    flow_style: Annotated[bool, typer.Option("--flow-style", help="One line of YAML a message.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Show the bytes on the wire.")] = False,
    include_message_info: Annotated[
        bool, typer.Option("--include-message-info", "-i", help="Show stamps, too.")
    ] = False,
    clear: Annotated[bool, typer.Option("--clear", "-c", help="Clear the screen before each message.")] = False,
    no_lost_messages: Annotated[bool, typer.Option("--no-lost-messages", help="Do not report lost messages.")] = False,
    node_name: Annotated[str | None, typer.Option("--node-name", "-n", help="Name of the listening node.")] = None,
    qos_profile: qos.Profile = None,
    qos_depth: qos.Depth = None,
    qos_history: qos.History = None,
    qos_reliability: qos.Reliability = None,
    qos_durability: qos.Durability = None,
    qos_liveliness: qos.Liveliness = None,
    qos_lease: qos.Lease = None,
    spin_time: SpinTime = None,
    use_sim_time: SimTime = False,
) -> None:
    """Show the messages of a topic."""
    from cablecell.ros.verbs.listening import EchoFormat, echo_topic, topic_class
    from cablecell.ros.verbs.session import open_session, valid_name

    form = EchoFormat(
        path=field,
        matches=filter_function(filter_expr),
        shorten=Shortening(None if full_length else truncate_length, arrays=not no_arr, strings=not no_str),
        csv=csv,
        flow=flow_style,
        raw=raw,
        with_info=include_message_info,
        clear=clear,
    )
    request = qos.QosRequest(
        qos_profile, qos_depth, qos_history, qos_reliability, qos_durability, qos_liveliness, qos_lease
    )
    cls = find_interface(message_type, "msg") if message_type else None
    name = valid_name(topic_name)
    with open_session(spin_time, node_name=node_name, use_sim_time=use_sim_time) as session:
        echo_topic(
            session,
            name,
            cls or topic_class(session, name),
            request,
            form,
            once=once,
            timeout_s=timeout,
            report_loss=not no_lost_messages,
        )


@app.command()
@ends_well
def pub(
    topic_name: TopicName,
    message_type: Annotated[str, typer.Argument(metavar="TYPE", help="Type, for example std_msgs/msg/String.")],
    values: Annotated[str | None, typer.Argument(metavar="[YAML]", help="Fields, for example '{data: hello}'.")] = None,
    stdin: FromStdin = False,
    rate: Annotated[float, typer.Option("--rate", "-r", metavar="HZ", min=1e-6, help="Rate, Hz.")] = 1.0,
    print_nth: Annotated[int, typer.Option("--print", "-p", metavar="N", min=0, help="Show every N-th message.")] = 1,
    once: Annotated[bool, typer.Option("--once", "-1", help="Publish one message and end.")] = False,
    times: Annotated[int, typer.Option("--times", "-t", metavar="N", min=0, help="Publish N messages and end.")] = 0,
    wait: Annotated[
        int | None,
        typer.Option(
            "--wait-matching-subscriptions",
            "-w",
            metavar="N",
            min=0,
            help="Wait for N subscriptions first. Default: 1 with --once or --times, otherwise 0.",
        ),
    ] = None,
    max_wait: Annotated[
        float | None, typer.Option("--max-wait-time-secs", metavar="S", min=1e-3, help="Longest wait for them, s.")
    ] = None,
    keep_alive: Annotated[
        float, typer.Option("--keep-alive", metavar="S", min=0.0, help="Stay S s after the last message.")
    ] = 0.1,
    node_name: Annotated[str | None, typer.Option("--node-name", "-n", help="Name of the publishing node.")] = None,
    qos_profile: qos.Profile = None,
    qos_depth: qos.Depth = None,
    qos_history: qos.History = None,
    qos_reliability: qos.Reliability = None,
    qos_durability: qos.Durability = None,
    qos_liveliness: qos.Liveliness = None,
    qos_lease: qos.Lease = None,
    spin_time: SpinTime = None,
    use_sim_time: SimTime = False,
) -> None:
    """Publish a message, once or at a rate; `now` and `auto` stand for the time of sending."""
    from cablecell.ros.verbs.publishing import publish
    from cablecell.ros.verbs.session import open_session, valid_name

    if once and times:
        raise typer.BadParameter("--once and --times exclude each other")
    count = 1 if once else times
    least = wait if wait is not None else int(count > 0)
    if max_wait is not None and least == 0:
        raise typer.BadParameter("--max-wait-time-secs needs --wait-matching-subscriptions, --once or --times")
    request = qos.QosRequest(
        qos_profile, qos_depth, qos_history, qos_reliability, qos_durability, qos_liveliness, qos_lease
    )
    cls = find_interface(message_type, "msg")
    message, stamps = message_from_yaml(cls, yaml_text(values, stdin), allow_now=True)
    name = valid_name(topic_name)
    with open_session(spin_time, node_name=node_name, use_sim_time=use_sim_time) as session:
        publish(
            session,
            name,
            message,
            stamps,
            request.to_profile("default"),
            period_s=1.0 / rate,
            count=count,
            print_nth=print_nth,
            subscriptions=least,
            max_wait_s=max_wait,
            keep_alive_s=keep_alive,
        )


Window = Annotated[int, typer.Option("--window", "-w", metavar="N", min=1, help="Messages to average over.")]


@app.command()
@ends_well
def hz(
    topic_names: Annotated[list[str], typer.Argument(metavar="TOPIC...", help="Names of the topics.")],
    window: Window = 10000,
    filter_expr: Annotated[
        str | None, typer.Option("--filter", help="Python: count messages m for which it holds.")
    ] = None,
    wall_time: Annotated[bool, typer.Option("--wall-time", help="Measure in wall time, whatever /clock says.")] = False,
    spin_time: SpinTime = None,
    use_sim_time: SimTime = False,
) -> None:
    """Show the rate of topics, once a second."""
    from cablecell.ros.verbs.listening import measure_rates
    from cablecell.ros.verbs.session import open_session, valid_name

    matches = filter_function(filter_expr) if filter_expr else None
    names = [valid_name(name) for name in topic_names]
    with open_session(spin_time, use_sim_time=use_sim_time) as session:
        measure_rates(session, names, window=window, matches=matches, wall_time=wall_time)


@app.command()
@ends_well
def bw(topic_name: TopicName, window: Window = 100, spin_time: SpinTime = None, use_sim_time: SimTime = False) -> None:
    """Show the bandwidth of a topic, once a second."""
    from cablecell.ros.verbs.listening import measure_bandwidth
    from cablecell.ros.verbs.session import open_session, valid_name

    name = valid_name(topic_name)
    with open_session(spin_time, use_sim_time=use_sim_time) as session:
        measure_bandwidth(session, name, window=window)
