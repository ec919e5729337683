"""One hidden node for the time of one verb: discovery, spinning, calls, shutdown."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from rclpy.exceptions import InvalidNodeNameException, InvalidServiceNameException, InvalidTopicNameException
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from rclpy.validate_full_topic_name import validate_full_topic_name

from cablecell.ros.verbs import discovery
from cablecell.ros.verbs.command import TerminatedError, VerbError, full_name

HIDDEN_PREFIX = "_"
UNKNOWN_NODE = "_NODE_NAME_UNKNOWN_"

_POLL_S = 0.03
_QUIET_S = 0.15
# A lost part of the discovery traffic is repeated after 1 s.
_QUIET_AFTER_LOSS_S = 1.2
_REMOTE_MINIMUM_S = 0.8
_DISCOVERY_LIMIT_S = 4.0
# Every participant of the client library publishes this topic, without the prefix of ROS topics.
_PARTICIPANT_TOPIC = "ros_discovery_info"


class Session:
    """A node that has discovered its surroundings, and the executor that runs it.

    Attributes:
        node: The node; hidden, without parameters services and without a log topic.
    """

    def __init__(self, node: Any, executor: SingleThreadedExecutor) -> None:
        self.node = node
        self._executor = executor

    def spin_once(self, timeout_s: float) -> None:
        """Run what is ready, wait up to `timeout_s` for something to be."""
        self._executor.spin_once(timeout_sec=timeout_s)

    def spin_until(self, condition: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Spin until the condition holds; return False if it does not within `timeout_s` (None: no limit)."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not condition():
            left = _POLL_S if deadline is None else min(_POLL_S, deadline - time.monotonic())
            if left <= 0.0:
                return False
            self.spin_once(left)
        return True

    def result(self, future: Any, what: str, timeout_s: float | None = None) -> Any:
        """Wait for a future and return its result.

        Args:
            future: What a client of the client library returned.
            what: What is waited for, for the error.
            timeout_s: Longest wait; None waits for ever.

        Returns:
            The result.

        Raises:
            VerbError: It failed or took too long.
        """
        if not self.spin_until(future.done, timeout_s):
            raise VerbError(f"{what} did not answer within {timeout_s:g} s")
        if future.exception() is not None:
            raise VerbError(f"{what} failed: {future.exception()}")
        return future.result()

    def call(self, service_type: type[Any], name: str, request: Any, timeout_s: float | None = 5.0) -> Any:
        """Call a service that is known to exist.

        Args:
            service_type: Class of the service.
            name: Its full name.
            request: What to send.
            timeout_s: Longest wait, for the service to be reachable and for its answer; None waits for ever.

        Returns:
            The response.

        Raises:
            VerbError: There is no answer in that time.
        """
        client = self.node.create_client(service_type, name)
        try:
            if not self.spin_until(client.service_is_ready, timeout_s):
                raise VerbError(f"Service '{name}' is not available after {timeout_s:g} s")
            return self.result(client.call_async(request), f"Service '{name}'", timeout_s)
        finally:
            self.node.destroy_client(client)

    def nodes(self, *, hidden: bool = False) -> list[str]:
        """Return the sorted full names of all other nodes; names in use twice appear twice."""
        own = self.node.get_fully_qualified_name()
        names = (
            f"{namespace.rstrip('/')}/{name}" for name, namespace in self.node.get_node_names_and_namespaces() if name
        )
        return sorted(name for name in names if name != own and (hidden or not is_hidden(name)))

    def topics(self, *, hidden: bool = False) -> dict[str, list[str]]:
        """Return the types of every topic that another node publishes or subscribes, sorted by name."""
        own = {name for name, _ in self.node.get_publisher_names_and_types_by_node(*self._own_name())}
        return {
            name: types
            for name, types in sorted(self.node.get_topic_names_and_types())
            if (hidden or not is_hidden(name))
            and (name not in own or self.publishers(name) or self.subscriptions(name))
        }

    def services(self, *, hidden: bool = False) -> dict[str, list[str]]:
        """Return the types of every service, sorted by name."""
        found = sorted(self.node.get_service_names_and_types())
        return {name: types for name, types in found if hidden or not is_hidden(name)}

    def publishers(self, topic: str) -> list[Any]:
        """Return what is known about the publishers of a topic that belong to other nodes."""
        return self._foreign(self.node.get_publishers_info_by_topic(topic))

    def subscriptions(self, topic: str) -> list[Any]:
        """Return what is known about the subscriptions of a topic that belong to other nodes."""
        return self._foreign(self.node.get_subscriptions_info_by_topic(topic))

    def discover(self, spin_time_s: float | None) -> None:
        """Wait until the graph is known; for exactly `spin_time_s` if that is given."""
        domain = discovery.domain_id()
        own_inode = discovery.hasten(domain)
        start = time.monotonic()
        if spin_time_s is not None:
            self.spin_until(lambda: False, spin_time_s)
            return
        least = 0.0 if discovery.is_localhost_only() and own_inode else _REMOTE_MINIMUM_S
        last: tuple[Any, ...] = ()
        changed_at = start
        while (now := time.monotonic()) - start < _DISCOVERY_LIMIT_S:
            ports = discovery.discovery_ports(domain) or []
            participants = len(self.node.get_publishers_info_by_topic(_PARTICIPANT_TOPIC, no_mangle=True))
            graph = (participants, *self._graph())
            if graph != last:
                last, changed_at = graph, now
            is_lossy = any(port.dropped for port in ports if port.inode == own_inode)
            quiet = _QUIET_AFTER_LOSS_S if is_lossy else _QUIET_S
            is_quiet = now - changed_at >= quiet and now - start >= least
            if is_quiet and participants >= len(ports) and not self._has_unknown_nodes():
                return
            self.spin_once(_POLL_S)

    def _graph(self) -> tuple[Any, ...]:
        """Return all names known now, to compare."""
        return (
            sorted(self.node.get_node_names_and_namespaces()),
            self.node.get_topic_names_and_types(),
            self.node.get_service_names_and_types(),
        )

    def _has_unknown_nodes(self) -> bool:
        """Tell whether there is an endpoint of a node that has not introduced itself yet."""
        names = [name for name, _ in self.node.get_topic_names_and_types()]
        return any(
            info.node_name == UNKNOWN_NODE
            for name in names
            for info in (*self.publishers(name), *self.subscriptions(name))
        )

    def _own_name(self) -> tuple[str, str]:
        return self.node.get_name(), self.node.get_namespace()

    def _foreign(self, infos: list[Any]) -> list[Any]:
        return [info for info in infos if (info.node_name, info.node_namespace) != self._own_name()]


@contextmanager
def open_session(
    spin_time_s: float | None = None, *, node_name: str | None = None, use_sim_time: bool = False
) -> Iterator[Session]:
    """Start a hidden node, discover the graph, and shut everything down at the end.

    Args:
        spin_time_s: Discover for exactly this time; None discovers until all is known.
        node_name: Name of the node; None makes a hidden one.
        use_sim_time: Take the node's time from /clock.

    Yields:
        The session.

    Raises:
        TerminatedError: SIGTERM arrived.
        VerbError: `node_name` is not a valid name.
    """
    # The handlers of the client library shut the context down at once, and then no goal can be cancelled any more.
    # No wait here is longer than a few hundredths of a second, so Python's own handlers are quick enough.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    previous = signal.signal(signal.SIGTERM, _terminate)
    executor = None
    node = None
    try:
        node = rclpy.create_node(
            node_name or f"{HIDDEN_PREFIX}ros2cli_{os.getpid()}",
            enable_rosout=False,
            start_parameter_services=False,
            automatically_declare_parameters_from_overrides=True,
            parameter_overrides=[
                Parameter("use_sim_time", value=use_sim_time),
                Parameter("start_type_description_service", value=False),
            ],
        )
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        session = Session(node, executor)
        session.discover(spin_time_s)
        yield session
    except InvalidNodeNameException as error:
        raise VerbError(f"Invalid node name '{node_name}': {' '.join(str(error).split())}") from error
    finally:
        signal.signal(signal.SIGTERM, previous)
        if executor is not None:
            executor.shutdown()
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()


def _terminate(signal_number: int, frame: object) -> None:
    raise TerminatedError


def valid_name(name: str, *, is_service: bool = False) -> str:
    """Return a topic or service name with its leading slash.

    Raises:
        VerbError: It is not a valid name.
    """
    full = full_name(name)
    try:
        validate_full_topic_name(full, is_service=is_service)
    except (InvalidTopicNameException, InvalidServiceNameException) as error:
        reason = str(error).splitlines()[0].rstrip(":").split(": ", 1)[-1]
        raise VerbError(f"Invalid name '{full}': {reason}") from error
    return full


def is_hidden(name: str) -> bool:
    """Tell whether any part of a name starts with an underscore."""
    return any(part.startswith(HIDDEN_PREFIX) for part in name.split("/"))
