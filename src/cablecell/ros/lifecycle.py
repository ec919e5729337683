"""Base of the cell's managed nodes, and the loop that runs one as a process."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.lifecycle import LifecycleNode, State, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from cablecell.core.config.parameters import ParameterSchema
from cablecell.core.errors import WorkcellError
from cablecell.ros.params import ParameterServer

S = TypeVar("S", bound=ParameterSchema)


class CellNode(LifecycleNode, Generic[S]):
    """A managed node with validated parameters.

    Subclasses override four hooks. `setup` creates publishers, services and actions, `start` begins the work (timers,
    motion), `stop` ends it, `teardown` takes away what `setup` created. A typed error in `setup` or `start` refuses
    the transition with its code in the log, and undoes what the hook had begun.
    """

    def __init__(self, name: str, schema: type[S]) -> None:
        """Declare the parameters.

        Args:
            name: Node name; a remapping may change it.
            schema: Parameters of the node.

        Raises:
            ParameterError: What was configured is not valid (code 901).
        """
        super().__init__(name)
        self._is_active = False
        self.parameters: ParameterServer[S] = ParameterServer(self, schema, is_locked=lambda: self._is_active)

    @property
    def is_active(self) -> bool:
        """Whether the node is in the active state."""
        return self._is_active

    def setup(self) -> None:
        """Create publishers, services and actions; called on configuration."""

    def start(self) -> None:
        """Begin the work of the node; called on activation."""

    def stop(self) -> None:
        """End the work of the node; called on deactivation, and on shutdown of an active node."""

    def teardown(self) -> None:
        """Destroy what `setup` created; called on cleanup, and on shutdown of a configured node."""

    def on_configure(self, state: State) -> TransitionCallbackReturn:
        """Create the node's interfaces."""
        return self._attempt("configuration", self.setup, self.teardown)

    def on_activate(self, state: State) -> TransitionCallbackReturn:
        """Start the work of the node."""
        super().on_activate(state)  # first, so that `start` may already publish
        outcome = self._attempt("activation", self.start, self.stop)
        self._is_active = outcome == TransitionCallbackReturn.SUCCESS
        if not self._is_active:
            super().on_deactivate(state)
        return outcome

    def on_deactivate(self, state: State) -> TransitionCallbackReturn:
        """Stop the work of the node."""
        self._is_active = False
        self.stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: State) -> TransitionCallbackReturn:
        """Destroy the node's interfaces."""
        self.teardown()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: State) -> TransitionCallbackReturn:
        """Stop the work and destroy the interfaces, from whichever state."""
        if self._is_active:
            self._is_active = False
            self.stop()
        if state.label in ("active", "inactive"):
            self.teardown()
        return TransitionCallbackReturn.SUCCESS

    def _attempt(self, what: str, hook: Callable[[], None], undo: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            hook()
        except WorkcellError as error:
            self.get_logger().error(f"{what} refused, code {error.code}: {error}")
            undo()
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS


def run_node(make: Callable[[], Any], *, blocking_actions: bool = False, autostart_parameter: str = "autostart") -> int:
    """Run one node until SIGINT or SIGTERM and return the exit code of the process.

    Args:
        make: Creates the node after `rclpy.init`.
        blocking_actions: True when the node serves an action whose execution blocks; it needs several threads.
        autostart_parameter: Name of the boolean that says whether to configure and activate at once.

    Returns:
        0 after a signal, 2 when the configuration was refused.
    """
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    # SIGTERM ends the process in the same orderly way as Ctrl-C; both raise here, in the thread that spins.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    node = None
    try:
        try:
            node = make()
        except WorkcellError as error:
            sys.stderr.write(f"code {error.code}: {error}\n")
            return 2
        executor = MultiThreadedExecutor(num_threads=4) if blocking_actions else EventsExecutor()
        executor.add_node(node)
        if getattr(node.parameters.values, autostart_parameter, False):
            node.trigger_configure()
            node.trigger_activate()
        # EventsExecutor.spin() does not return on a signal; a bounded spin_once does.
        while rclpy.ok():
            executor.spin_once(timeout_sec=0.2)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        # A second Ctrl-C must not interrupt the orderly end.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if node is not None:
            node.trigger_shutdown()
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
