"""The services of ros2_control's controller manager: asked by the cell, and offered by the loop-back robot."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from controller_manager_msgs.msg import ControllerState
from controller_manager_msgs.srv import ListControllers, SwitchController

ACTIVE, INACTIVE = "active", "inactive"


class ControllerManagerClient:
    """Asks a controller manager, from a thread that is not the executor's."""

    def __init__(self, node: Any, manager: str) -> None:
        self._list = node.create_client(ListControllers, f"{manager}/list_controllers")
        self._switch = node.create_client(SwitchController, f"{manager}/switch_controller")

    def missing(self) -> list[str]:
        """Return the services that nobody serves."""
        return [client.srv_name for client in (self._list, self._switch) if not client.service_is_ready()]

    def states(self, executor: Any, timeout_s: float) -> dict[str, str] | None:
        """Return the state of every loaded controller by name; None without an answer in time."""
        answer = _ask(executor, self._list, ListControllers.Request(), timeout_s)
        return None if answer is None else {controller.name: controller.state for controller in answer.controller}

    def switch(self, executor: Any, start: Sequence[str], stop: Sequence[str], timeout_s: float) -> str | None:
        """Switch all or none; return why not, empty when done, None without an answer in time."""
        request = SwitchController.Request(
            activate_controllers=list(start),
            deactivate_controllers=list(stop),
            strictness=SwitchController.Request.STRICT,
            activate_asap=True,
        )
        request.timeout.sec = 2
        answer = _ask(executor, self._switch, request, timeout_s)
        if answer is None:
            return None
        return "" if answer.ok else answer.message or "no reason was given"


def _ask(executor: Any, client: Any, request: Any, timeout_s: float) -> Any:
    answered = threading.Event()
    answers: list[Any] = []

    def ask() -> None:
        def take(future: Any) -> None:
            answers.append(future.result())
            answered.set()

        client.call_async(request).add_done_callback(take)

    # Asked by the thread that receives the answer: rclpy loses one that comes before it has noted the question.
    executor.create_task(ask)
    return answers[0] if answered.wait(timeout_s) else None


class ControllerManagerServer:
    """Plays a controller manager with controllers of which those that share joints exclude each other."""

    def __init__(self, node: Any, manager: str, active: Sequence[str], inactive: Sequence[str]) -> None:
        """Offer the services.

        Args:
            node: The node.
            manager: Name of the manager.
            active: Controllers that run at the start.
            inactive: Controllers that are loaded and do not run; all claim the same joints.
        """
        self._node = node
        self._states = dict.fromkeys(active, ACTIVE) | dict.fromkeys(inactive, INACTIVE)
        self.on_switch: Callable[[], None] = lambda: None
        self._services = [
            node.create_service(ListControllers, f"{manager}/list_controllers", self._answer_list),
            node.create_service(SwitchController, f"{manager}/switch_controller", self._answer_switch),
        ]

    def destroy(self) -> None:
        """Take the services away."""
        for service in self._services:
            self._node.destroy_service(service)

    def is_active(self, name: str) -> bool:
        """Return whether a controller runs."""
        return self._states[name] == ACTIVE

    def _answer_list(self, _: Any, response: Any) -> Any:
        response.controller = [ControllerState(name=name, state=state) for name, state in self._states.items()]
        return response

    def _answer_switch(self, request: Any, response: Any) -> Any:
        wanted = dict(self._states)
        for names, before, after in (
            (request.deactivate_controllers, ACTIVE, INACTIVE),
            (request.activate_controllers, INACTIVE, ACTIVE),
        ):
            for name in names:
                if wanted.get(name) != before:
                    response.message = f"controller '{name}' is {wanted.get(name, 'not loaded')}, not {before}"
                    return response
                wanted[name] = after
        running = [name for name, state in wanted.items() if state == ACTIVE]
        if len(running) > 1:
            response.message = f"controllers {', '.join(running)} claim the same joints"
            return response
        self._states = wanted
        self.on_switch()
        response.ok = True
        return response
