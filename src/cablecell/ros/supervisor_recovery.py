"""Does the actions of a recovery: with the planner, the arm and what the nodes say of their sensors."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from cablecell_interfaces.action import MoveTo
from cablecell_interfaces.msg import MotionTarget
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.duration import Duration
from std_srvs.srv import Trigger

from cablecell.core.errors import WorkcellError
from cablecell.core.fusion.wrench_health import WrenchDriftError
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.core.motion.errors import StartInCollisionError
from cablecell.core.supervision.faults import Action
from cablecell.core.supervision.recovery import ActionFailedError
from cablecell.core.supervision.self_watch import RecorderLostError
from cablecell.ros import qos
from cablecell.ros.goals import BusyError, NoAnswerError, RemoteError, call, run_action
from cablecell.ros.skill_messages import sensor_stop
from cablecell.ros.supervisor_back_out import BackOut

_HOME_S = 20.0
_PACE = 0.5
"""Of the limits: nobody knows what is in the way."""
_TARE_S = 5.0
_TRUSTED_S = 10.0
_RESPAWN_S = 20.0
_LOOK_AGAIN_S = 0.1
_BACK_OUTS = 2
"""How often the arm backs out where no way home can be planned from where it stands."""
_FORCE = "force sensor"
_LOOP = ": control loop"
_SENSORS = ("camera", _FORCE)
"""Ends of the names of what is waited for."""


class RecoveryHands:
    """Clients of the nodes that a recovery needs.

    Attributes:
        held: What is in the fingers; None for nothing.
    """

    def __init__(
        self, node: Any, interrupt: Callable[[WorkcellError], None], missing: Callable[[], str] = lambda: ""
    ) -> None:
        """Create the clients.

        Args:
            node: The supervisor.
            interrupt: Ends the attempt that is being made, because the force sensor cannot be trusted. A camera is left
                out by whoever looks.
            missing: Returns what is wrong with a node that launch starts again; empty where all are there.
        """
        self._node, self._interrupt, self._missing = node, interrupt, missing
        self._untrusted: dict[str, str] = {}
        self._codes: dict[str, str] = {}
        self._is_stopped_by_sensor = False
        self.held: HeldPlug | None = None
        self._back_out = BackOut(node)
        self._move = node.action_client(MoveTo, "move_to")
        self._tare = node.create_client(Trigger, "tare_force_torque_sensor")
        self._clear = node.create_client(Trigger, "clear_stop")
        self._hearing = node.create_subscription(DiagnosticArray, "diagnostics", self._hear, qos.DIAGNOSTICS)

    def destroy(self) -> None:
        """Take the clients away."""
        self._back_out.destroy()
        self._node.destroy_client(self._tare)
        self._node.destroy_client(self._clear)
        self._node.destroy_subscription(self._hearing)

    def do(self, action: Action, check: Callable[[], None]) -> None:
        """Do one action, in a thread that may wait.

        Looking is the beginning of the next attempt, and a quarantine is a row of the ledger: both need no hand.

        Args:
            action: No decision.
            check: Called while waiting; what it raises ends the action.

        Raises:
            ActionFailedError: It cannot be done (code 635).
        """
        try:
            if action is Action.WAIT:
                self._wait(check)
            elif action is Action.HOME:
                self._go_home(check)
            elif action is Action.TARE:
                answer = call(self._tare, Trigger.Request(), _TARE_S, check)
                if not answer.success:
                    raise ActionFailedError(f"tare was refused: {answer.message}")
            elif action is Action.RESPAWN:
                self._await_helpers(check)
            elif action is Action.SWAP:
                raise ActionFailedError(f"this cell cannot {action.value}: it has nothing to do that with")
        except (RemoteError, NoAnswerError, BusyError) as error:
            raise ActionFailedError(f"{action.value} failed, code {error.code}: {error}") from error

    def require_helpers(self) -> None:
        """Refuse to begin while a node is missing that launch starts again.

        Raises:
            RecorderLostError: One is (code 632).
        """
        missing = self._missing()
        if missing:
            raise RecorderLostError(missing)

    def _await_helpers(self, check: Callable[[], None]) -> None:
        end_s = time.monotonic() + _RESPAWN_S
        while missing := self._missing():
            check()
            if time.monotonic() > end_s:
                raise ActionFailedError(
                    f"not started again within {_RESPAWN_S} s: {missing}",
                    quantity="respawn_s",
                    limit=_RESPAWN_S,
                    unit="s",
                )
            time.sleep(_LOOK_AGAIN_S)

    def _go_home(self, check: Callable[[], None]) -> None:
        lasting = {code for name, code in self._codes.items() if name.endswith(_FORCE)}
        if self._is_stopped_by_sensor and lasting <= {str(WrenchDriftError.code)}:
            # The arm stopped itself because of its sensor: no person and no button did. The sensor is well again, or
            # drifts: only in free air is its reading known, and the way there needs no force.
            answer = call(self._clear, Trigger.Request(), _TARE_S, check)
            if not answer.success:
                raise ActionFailedError(f"the arm stays stopped: {answer.message}")
        target = MotionTarget(
            path=MotionTarget.PATH_AUTO,
            goal=MotionTarget.GOAL_NAMED,
            name="home",
            velocity_scale=_PACE,
            acceleration_scale=_PACE,
        )
        goal = MoveTo.Goal(target=target, time_limit=Duration(seconds=_HOME_S).to_msg(), preempt=True)
        for number in range(_BACK_OUTS + 1):
            try:
                run_action(self._node, self._move, "move_to", goal, _HOME_S + _TARE_S, check)
            except RemoteError as error:
                if error.code != StartInCollisionError.code or self.held is None or number == _BACK_OUTS:
                    raise
                self._back_out.go(self.held, check)
            else:
                return

    def _wait(self, check: Callable[[], None]) -> None:
        end_s = time.monotonic() + _TRUSTED_S
        while self._untrusted:
            check()
            if time.monotonic() > end_s:
                said = "; ".join(f"{name}: {why}" for name, why in self._untrusted.items())
                raise ActionFailedError(
                    f"after {_TRUSTED_S} s not trusted again: {said}", quantity="wait_s", limit=_TRUSTED_S, unit="s"
                )
            time.sleep(_LOOK_AGAIN_S)

    def _hear(self, message: Any) -> None:
        if any(status.name.endswith(_LOOP) for status in message.status):
            self._is_stopped_by_sensor = sensor_stop(message) is not None
        for status in message.status:
            if not status.name.endswith(_SENSORS):
                continue
            if status.level == DiagnosticStatus.ERROR:
                code = next((value.value for value in status.values if value.key == "code"), "")
                # The message has a number that changes all the time; what is wrong is told once.
                is_new = self._codes.get(status.name) != code
                self._untrusted[status.name], self._codes[status.name] = status.message, code
                if is_new and status.name.endswith(_FORCE) and code.isdigit():
                    self._interrupt(RemoteError.with_code(int(code), status.message))
            else:
                self._untrusted.pop(status.name, None)
                self._codes.pop(status.name, None)
