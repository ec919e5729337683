"""Node `cell_supervisor`: brings the cell up, watches it, runs its jobs, and says what state it is in."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from pathlib import Path
from typing import Any

from cablecell_interfaces.action import RunJob
from cablecell_interfaces.msg import CellState, JobStatus, LinkHeartbeat
from lifecycle_msgs.msg import State as LifecycleState
from rclpy.duration import Duration
from std_msgs.msg import String
from std_srvs.srv import Trigger

from cablecell.composition.recipe_book import RecipeBook
from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import recipes_folder
from cablecell.core.config.cell_supervisor import CellSupervisorParameters
from cablecell.core.errors import NotActiveError, WorkcellError
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.core.supervision.bringup import BringUpError, RefusedTransitionError
from cablecell.core.supervision.health import GOODBYE_S, LostNode, NodeHealth, NodeLostError
from cablecell.core.supervision.helpers import HelperWatch
from cablecell.core.supervision.packml import Command, IllegalCommandError, State
from cablecell.core.supervision.self_watch import RecorderLostError, SelfWatch, StarvedError
from cablecell.ros import qos
from cablecell.ros.arm_priority import set_realtime_priority
from cablecell.ros.goals import GoalRunner, RunningGoal
from cablecell.ros.heartbeat import TOPIC as NODE_HEARTBEATS
from cablecell.ros.heartbeat import Periodic, end_process, process_begun, process_exists, process_sleeps
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.skill_messages import held_plug_to_json
from cablecell.ros.supervisor_commands import CommandDesk
from cablecell.ros.supervisor_control import ControlDesk
from cablecell.ros.supervisor_energy import EnergyReader
from cablecell.ros.supervisor_jobs import JobRunner
from cablecell.ros.supervisor_ledger import LedgerWriter
from cablecell.ros.supervisor_lookback import LookBack
from cablecell.ros.supervisor_nodes import ManagedNodes
from cablecell.ros.supervisor_queue import QueueWorker
from cablecell.ros.supervisor_recovery import RecoveryHands
from cablecell.ros.supervisor_state import CellStateTeller
from cablecell.ros.supervisor_zones import ZoneWatch

_POLL_S = 0.01
_NOBODYS = (State.STOPPING, State.ABORTING, State.ABORTED, State.CLEARING)
"""States in which nobody gets the arm."""
_SILENT_S = 0.15
"""Silence after which it is looked whether a node sleeps, s."""
_LAST_WORDS_S = 0.5
"""Time for messages and results to leave before the process ends after a loss."""


class CellSupervisor(CellNode[CellSupervisorParameters]):
    """Publishes `cell_state`, `job_status`, `cell/heartbeat`, `cell/held_plug`; serves `run_job`, `packml_command`."""

    def __init__(self) -> None:
        super().__init__("cell_supervisor", CellSupervisorParameters)
        self._busy = threading.Lock()
        self._lost: LostNode | None = None
        self._missing = ""
        self._is_ready = False
        self._winding_down_s: float | None = None
        self._senders: dict[str, bytes] = {}
        self._begun: dict[bytes, int | None] = {}
        self._end_s: float | None = None
        self._end_code = 1
        self._sequence = 0

    # Lifecycle -----------------------------------------------------------------------------------------------

    def setup(self) -> None:
        """Read layouts and recipes and create the interfaces."""
        settings = self.parameters.values
        self._knowledge = TaskKnowledge(Path(settings.trials_file) if settings.trials_file else None)
        held = self._knowledge.held_plug(settings.layout)
        folder = recipes_folder(settings.recipes_folder)
        self._recipes = RecipeBook(folder, self._knowledge.layouts)
        prefix = self.get_namespace().rstrip("/")
        self._health = NodeHealth(
            [f"{prefix}/{name}" for name in settings.managed], settings.heartbeat_timeout_s, settings.busy_timeout_s
        )
        self._helpers = HelperWatch(f"{prefix}/{name}" for name in settings.respawned)
        self._states = self.create_publisher(CellState, "cell_state", qos.STATE)
        self._jobs = self.create_publisher(JobStatus, "job_status", qos.STATE)
        self._plugs = self.create_publisher(String, "cell/held_plug", qos.STATE)
        self._beats = self.create_publisher(LinkHeartbeat, "cell/heartbeat", qos.HEARTBEAT)
        self._hearing = self.create_subscription(LinkHeartbeat, NODE_HEARTBEATS, self._hear, qos.HEARTBEAT)
        self._nodes = ManagedNodes(self, settings.managed)
        self._stop_arm = self.create_client(Trigger, "stop")
        self._energy = EnergyReader(self)
        self._ledger = LedgerWriter(settings.ledger_file, self.get_logger().error, lambda: self._energy.energy_j)
        self._desk = ControlDesk(
            self,
            self._busy,
            lambda: self._is_ready and self._lost is None and self._cell.state not in _NOBODYS,
            lambda name: process_exists(self._senders[name]) if name in self._senders else None,
            lambda reason: self._cell.stay(reason),
        )
        self._cell = CellStateTeller(
            self._states.publish,
            lambda: self.get_clock().now().to_msg(),
            lambda: bool(self._desk.holder),
            self.get_logger().info,
            self._ledger.note_state,
        )
        self._zones = ZoneWatch(self, self._ledger.note_command, lambda error: self._runner.interrupt(error))
        self._lookback = LookBack(self, self._ledger)
        self._hands = RecoveryHands(
            self, lambda error: self._runner.interrupt(error), lambda: self._helpers.missing(time.monotonic())
        )
        self._runner = JobRunner(
            self,
            self._cell,
            self._knowledge,
            find_recipe=self._recipes.find,
            require_ready=self._require_ready,
            say_status=self._jobs.publish,
            say_plug=self._say_plug,
            ledger=self._ledger,
            lookback=self._lookback,
            hands=self._hands,
            asks_operator=settings.asks_operator,
        )
        self._run_job = GoalRunner(self, RunJob, "run_job", self._work, self._busy)
        self._commands = CommandDesk(
            self,
            self._cell,
            stop_arm=self._stop_now,
            is_up=lambda: self._is_ready,
            is_job_running=lambda: self._runner.is_running,
            lost=lambda: self._lost,
            holder=lambda: self._desk.holder,
            note=self._ledger.note_command,
        )
        self._say_plug(held)

    def teardown(self) -> None:
        """Destroy the interfaces."""
        self._commands.destroy()
        self._desk.destroy()
        self._run_job.destroy()
        self._runner.destroy()
        self._hands.destroy()
        self._lookback.destroy()
        self._zones.destroy()
        self._energy.destroy()
        self._ledger.close()
        # Who listens should hear the last state before its publisher is gone.
        self._states.wait_for_all_acked(Duration(seconds=_LAST_WORDS_S))
        self.destroy_client(self._stop_arm)
        self._nodes.destroy()
        self.destroy_subscription(self._hearing)
        for publisher in (self._beats, self._plugs, self._jobs, self._states):
            self.destroy_publisher(publisher)

    def start(self) -> None:
        """Bring the managed nodes up, in a thread; watch them from then on."""
        # Whoever activates a cell that had ended clears what was.
        self._cell.complete(State.STOPPING, "taken down")
        if self._cell.state is State.ABORTED:
            self._cell.command(Command.CLEAR, "activated again")
            self._cell.complete(State.CLEARING, "activated again")
        self._cell.command(Command.RESET, "bringing up " + ", ".join(self.parameters.values.managed))
        settings = self.parameters.values
        set_realtime_priority(settings.realtime_priority)
        self._self_watch = SelfWatch(jump_s=settings.clock_jump_limit_s, late_s=settings.late_limit_s)
        self._queue = None
        if settings.works_queue and self._ledger.file is not None:
            self._queue = QueueWorker(
                self._ledger.file,
                self._cell,
                self._busy,
                is_ready=lambda: self._is_ready and self._lost is None,
                require_free=self._desk.require_free,
                run=self._runner.run,
                log=self.get_logger().error,
            )
        self._watch = Periodic(1.0 / settings.heartbeat_rate_hz, self._tick, "watch", self.fail)
        threading.Thread(target=self._bring_up, name="bring-up", daemon=True).start()

    def stop(self) -> None:
        """End the heartbeat, and take the nodes down when the supervisor itself stays."""
        self._watch.end()
        if self._queue is not None:
            self._queue.end()
        set_realtime_priority(0)
        was_ready, self._is_ready = self._is_ready, False
        if not self.is_closing:
            self._rest("the nodes are taken down")
        if was_ready and self._winding_down_s is None:
            threading.Thread(target=self._take_down, name="take-down", daemon=True).start()

    def wind_down(self) -> bool:
        """Name the node whose death is the reason why everything is being ended, if there is one."""
        if self._winding_down_s is None:
            self._winding_down_s = time.monotonic()
            self._note_processes(self._winding_down_s)
        if not self._is_ready or self._lost is not None:
            return True
        if time.monotonic() < self._winding_down_s + GOODBYE_S:
            return False
        lost = self._health.died(self._winding_down_s)
        if lost is None:
            self._rest("the cell is ending")
            self._cell.complete(State.STOPPING, "the cell is ending")
        else:
            self._abort(lost)
            self.exit_code = 1
        return True

    def _bring_up(self) -> None:
        settings = self.parameters.values
        started_s = time.monotonic()
        try:
            self._nodes.bring_up(settings.appear_limit_s, settings.transition_limit_s, self._require_running)
            self._await_heartbeats(settings.appear_limit_s)
        except NotActiveError:
            return  # the supervisor itself is ending
        except WorkcellError as error:
            self.get_logger().fatal(f"bring-up failed, code {error.code}: {error}")
            self._cell.abort(str(error), error.code)
            self._end_soon(2 if isinstance(error, RefusedTransitionError) else 1)
            return
        self._is_ready = True
        self._cell.complete(State.RESETTING, f"ready after {time.monotonic() - started_s:.1f} s")

    def _await_heartbeats(self, limit_s: float) -> None:
        """Wait until every node is heard: a death that came before could only be told from the silence after it.

        Raises:
            BringUpError: A node is active but is not heard in time (code 609).
        """
        begun_s = time.monotonic()
        self._health.begin(begun_s)
        while unheard := self._health.unheard():
            self._require_running()
            if time.monotonic() - begun_s > limit_s:
                raise BringUpError(
                    f"node {unheard[0]} is active, but no heartbeat came within {limit_s} s",
                    quantity="appear_limit_s",
                    value=unheard[0],
                    limit=limit_s,
                    unit="s",
                )
            time.sleep(_POLL_S)

    def _take_down(self) -> None:
        for problem in self._nodes.take_down(self.parameters.values.transition_limit_s):
            self.get_logger().warning(problem)
        self._cell.complete(State.STOPPING, "taken down")

    def _require_running(self) -> None:
        if self._winding_down_s is not None or self.exit_code is not None:
            raise NotActiveError("the supervisor is ending")

    # Watching ------------------------------------------------------------------------------------------------

    def _hear(self, message: Any) -> None:
        if message.node_name not in self._senders:
            self.get_logger().info(f"{message.node_name} is heard")
        now_s, sender = time.monotonic(), bytes(message.payload)
        if self._senders.get(message.node_name) != sender:
            self._senders[message.node_name], self._begun[sender] = sender, process_begun(sender)
        self._health.hear(message.node_name, message.lifecycle_state, now_s)
        self._helpers.hear(message.node_name, message.lifecycle_state, now_s)

    def _note_processes(self, now_s: float) -> None:
        for name, sender in tuple(self._senders.items()):
            is_there = process_exists(sender)
            if is_there is not None:
                self._health.note_process(name, is_there, now_s)
                self._helpers.note_process(name, is_there)

    def _tick(self) -> None:
        """Beat while all is well; notice who died; end the process when last words are said."""
        now_s = time.monotonic()
        if self._end_s is not None and now_s > self._end_s:
            self.exit_code = self._end_code
        if not self._is_ready or self._winding_down_s is not None or self._lost is not None:
            return
        self._look_at_itself(now_s)
        self._note_processes(now_s)
        self._note_helpers(now_s)
        for health in (self._health, self._helpers):
            for name in health.silent(now_s, _SILENT_S):
                is_asleep = process_sleeps(self._senders[name]) if name in self._senders else None
                if is_asleep is not None:
                    health.note_sleep(name, is_asleep, now_s)
        lost = self._health.first_lost(now_s)
        if lost is not None:
            self._abort(lost)
            return
        message = LinkHeartbeat(
            node_name=self.get_fully_qualified_name(),
            lifecycle_state=LifecycleState.PRIMARY_STATE_ACTIVE,
            sequence=self._sequence,
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._sequence += 1
        self._beats.publish(message)

    def _note_helpers(self, now_s: float) -> None:
        missing = self._helpers.missing(now_s)
        if missing and not self._missing:
            self.get_logger().error(f"code {RecorderLostError.code}: {missing}; no insertion begins without it")
        elif self._missing and not missing:
            self.get_logger().info("all nodes that are started again by themselves are there again")
        self._missing = missing
        managed = self.parameters.values.managed
        is_hearing = len(self._health.silent(now_s, _SILENT_S)) < len(managed)
        for name in self._helpers.hung(now_s, is_hearing=is_hearing):
            sender = self._senders[name]
            if end_process(sender, self._begun[sender]):
                self.get_logger().error(f"code {RecorderLostError.code}: node {name} hangs; its process was ended")

    def _look_at_itself(self, now_s: float) -> None:
        wrong = self._self_watch.look(now_s, time.time())
        if wrong is None or not self._runner.is_running:
            return
        self.get_logger().error(f"code {wrong.code}: {wrong}")
        if isinstance(wrong, StarvedError):  # the arm has missed our heartbeat, and is stopped or about to be
            self._stop_now()
            self._cell.abort(str(wrong), wrong.code)
        else:
            self._runner.interrupt(wrong)

    def _abort(self, lost: LostNode) -> None:
        """Stop the arm, say why, and end soon. The heartbeat is silent from here on, which stops the arm as well."""
        self._lost = lost
        self.get_logger().fatal(f"aborting, code {NodeLostError.code}: {lost.reason}")
        self._stop_now()
        self._cell.abort(lost.reason, NodeLostError.code)
        self._end_soon(1)

    def _stop_now(self) -> None:
        """Tell the arm to stop, without waiting for its answer."""
        if self._stop_arm.service_is_ready():
            self._stop_arm.call_async(Trigger.Request())

    def _rest(self, reason: str) -> None:
        """Lead the cell towards stopped, from wherever a stop may be commanded."""
        with contextlib.suppress(IllegalCommandError):
            self._cell.command(Command.STOP, reason)

    def _end_soon(self, exit_code: int) -> None:
        self._end_code = exit_code
        self._end_s = time.monotonic() + _LAST_WORDS_S

    # Jobs ----------------------------------------------------------------------------------------------------

    def _work(self, goal: RunningGoal) -> Any:
        """Run a job; in a thread of its own."""
        self._desk.require_free()
        return self._runner.run(goal)

    def _require_ready(self) -> None:
        """Refuse work while the cell is not up.

        Raises:
            NodeLostError: A node was lost (code 608).
            NotActiveError: It is not up yet, or not any more (code 604).
        """
        if self._lost is not None:
            raise NodeLostError(self._lost.reason)
        if not self._is_ready:
            raise NotActiveError(f"no job can run: {self._cell.reason}")

    def _say_plug(self, held: HeldPlug | None) -> None:
        self._hands.held = held
        self._plugs.publish(String(data=held_plug_to_json(held)))


def main() -> None:
    """Run the node."""
    sys.exit(run_node(CellSupervisor))
