"""Base of the cell's managed nodes, and the loop that runs one as a process."""

from __future__ import annotations

import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import rclpy
from lifecycle_msgs.msg import State as StateNumber
from rclpy.executors import MultiThreadedExecutor
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.lifecycle import LifecycleNode, State, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from cablecell.core.config.parameters import ParameterSchema
from cablecell.core.errors import WorkcellError
from cablecell.ros.action_client import MutualActionClient
from cablecell.ros.heartbeat import NodeHeartbeat
from cablecell.ros.params import ParameterServer
from cablecell.ros.process_end import end_within
from cablecell.ros.prompt_transports import use_prompt_transports

S = TypeVar("S", bound=ParameterSchema)

_LAST_MOMENTS_S = 2.0
"""Time for the middleware to leave the graph, where nothing is left to do; usually it takes a tenth of a second."""


class CellNode(LifecycleNode, Generic[S]):
    """A managed node with validated parameters.

    Subclasses override four hooks. `setup` creates publishers, services and actions, `start` begins the work (timers,
    motion), `stop` ends it, `teardown` takes away what `setup` created. A typed error in `setup` or `start` refuses
    the transition with its code in the log, and undoes what the hook had begun. From its configuration to its end the
    node sends a heartbeat, and its parameters do not change.

    Attributes:
        parameters: The validated parameters.
        exit_code: Set it to end the process with this code; None while it runs on.
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
        self._is_configured = False
        self._is_ending = False
        self._is_closing = False
        self._heartbeat_sender: NodeHeartbeat | None = None
        self._action_clients: dict[str, MutualActionClient] = {}
        self.exit_code: int | None = None
        self._refuse_illegal_transitions()
        # What `setup` built keeps the values it was built with: from then on none may change.
        self.parameters: ParameterServer[S] = ParameterServer(self, schema, is_locked=lambda: self._is_configured)

    @property
    def is_active(self) -> bool:
        """Whether the node is in the active state and not about to end; long callbacks watch this."""
        return self._is_active and not self._is_ending

    @property
    def is_finalized(self) -> bool:
        """Whether the node was shut down; only the end of its process is left."""
        return int(self._state_machine.current_state[0]) == StateNumber.PRIMARY_STATE_FINALIZED

    @property
    def is_closing(self) -> bool:
        """Whether the node is being shut down, or was: it is never configured again."""
        return self._is_closing

    def announce_end(self) -> None:
        """Tell running callbacks that the process is about to end."""
        self._is_ending = True

    def fail(self, what: str, error: Exception) -> None:
        """End the process with code 1, because a thread that the node needs has ended; the arm stops by the silence."""
        trace = "".join(traceback.format_exception(error))
        self.get_logger().fatal(f"{what} has failed, the node ends: {error!r}\n{trace}")
        self.exit_code = 1

    def wind_down(self) -> bool:
        """Return whether the node is ready to end; asked again for up to two seconds while it still spins."""
        return True

    def action_client(self, action_type: Any, name: str) -> MutualActionClient:
        """Return the client of an action; it is made once and stays for the life of the node.

        The events executor of this client library crashes when an action client is taken away while something for it
        arrives, so a cleaned-up node keeps its clients and uses them again.
        """
        if name not in self._action_clients:
            self._action_clients[name] = MutualActionClient(self, action_type, name)
        return self._action_clients[name]

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
        self._is_configured = True  # first: `setup` reads the parameters
        outcome = self._attempt("configuration", self.setup, self.teardown)
        self._is_configured = outcome == TransitionCallbackReturn.SUCCESS
        if self._is_configured and self._heartbeat_sender is None:
            self._heartbeat_sender = NodeHeartbeat(self, lambda: int(self._state_machine.current_state[0]))
        return outcome

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
        self._end_heartbeat()
        self.teardown()
        self._is_configured = False
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: State) -> TransitionCallbackReturn:
        """Stop the work and destroy the interfaces, from whichever state."""
        self._is_closing = True
        if self._is_active:
            self._is_active = False
            self.stop()
        if state.label in ("active", "inactive"):
            self.teardown()
        self._end_heartbeat()
        return TransitionCallbackReturn.SUCCESS

    def _end_heartbeat(self) -> None:
        if self._heartbeat_sender is not None:
            self._heartbeat_sender.end()
            self._heartbeat_sender = None

    def _refuse_illegal_transitions(self) -> None:
        """Answer an illegal transition request with `success: false`.

        rclpy lets the error of its state machine escape from the service callback: the client never gets an answer,
        and with some executors the node ends. A client's mistake must not do that.
        """
        service = self._service_change_state
        change_state = service.callback

        def guarded(request: Any, response: Any) -> Any:
            available = {transition[1] if request.transition.label else transition[0] for transition in self._legal()}
            if (request.transition.label or request.transition.id) not in available:
                wanted = request.transition.label or request.transition.id
                here = self._state_machine.current_state[1]
                legal = ", ".join(f"{name} ({number})" for number, name in self._legal())
                self.get_logger().warning(f"transition {wanted} refused in state {here}; legal are {legal}")
                response.success = False
                return response
            return change_state(request, response)

        service.callback = guarded

    def _legal(self) -> list[tuple[int, str]]:
        return [(number, label) for number, label, *_ in self._state_machine.available_transitions]

    def _attempt(self, what: str, hook: Callable[[], None], undo: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            hook()
        except WorkcellError as error:
            self.get_logger().error(f"{what} refused, code {error.code}: {error}")
            undo()
            return TransitionCallbackReturn.FAILURE
        self.get_logger().info(f"{what} done")
        return TransitionCallbackReturn.SUCCESS


def run_node(make: Callable[[], Any], *, blocking_actions: bool = False, carries_images: bool = False) -> int:
    """Run one node until SIGINT or SIGTERM and return the exit code of the process.

    Args:
        make: Creates the node after `rclpy.init`.
        blocking_actions: True when the node serves an action whose execution blocks; it needs several threads.
        carries_images: True when it sends or takes images; then shared memory is worth that it may hold the node up.

    Returns:
        0 after a signal, 2 when the configuration was refused, otherwise the code the node has set. The process must
        end with it: it is ended if that takes longer than 2 s.
    """
    if not carries_images:
        use_prompt_transports()
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    # A flag, not an exception: a signal must not tear a callback apart. Ctrl-C and SIGTERM end the node alike.
    stop_requested = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop_requested.set())
    try:
        node = make()
    except WorkcellError as error:
        sys.stderr.write(f"code {error.code}: {error}\n")
        rclpy.try_shutdown()
        return 2
    try:
        executor = MultiThreadedExecutor(num_threads=4) if blocking_actions else EventsExecutor()
        executor.add_node(node)
        if getattr(node.parameters.values, "autostart", False):
            is_configured = node.trigger_configure() == TransitionCallbackReturn.SUCCESS
            if not is_configured or node.trigger_activate() != TransitionCallbackReturn.SUCCESS:
                node.exit_code = 2
        # EventsExecutor.spin() does not return on a signal; a bounded spin_once does.
        while rclpy.ok() and not stop_requested.is_set() and node.exit_code is None:
            executor.spin_once(timeout_sec=0.1)
        end_s = time.monotonic() + 2.0
        while not node.wind_down() and time.monotonic() < end_s:
            executor.spin_once(timeout_sec=0.05)
        # First let running callbacks end, then take away what they use. `Executor.shutdown` would destroy the
        # guard conditions that callbacks in other threads are about to trigger, so it is left to the very end.
        node.announce_end()
        executor.remove_node(node)
        _wait_for_idle(executor)
        if not node.is_finalized:  # somebody may have asked for the shutdown already
            node.trigger_shutdown()
    finally:
        end_within(_LAST_MOMENTS_S, 1 if sys.exc_info()[0] is not None else node.exit_code or 0)
        node.destroy_node()
        rclpy.try_shutdown()
        # The interpreter takes its handlers away before it ends; a second signal must not replace the exit code then.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    return node.exit_code or 0


def _wait_for_idle(executor: Any, deadline_s: float = 2.0) -> None:
    """Let the callbacks that are running in other threads come to their end."""
    end_s = time.monotonic() + deadline_s
    while time.monotonic() < end_s and any(not future.done() for future in getattr(executor, "_futures", ())):
        time.sleep(0.01)
