"""Does one step of a job: sets the layout, looks, and has the skill insert, with a row of the ledger around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cablecell_interfaces.action import InsertConnector, Observe, RunJob
from cablecell_interfaces.srv import SetLayout
from rclpy.duration import Duration

from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.core.errors import WorkcellError
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.core.supervision.jobs import Job, Step
from cablecell.ros.error_codes import SUCCESS
from cablecell.ros.goals import RemoteError, call, run_action
from cablecell.ros.supervisor_drift import DriftGate
from cablecell.ros.supervisor_ledger import LedgerWriter

ANSWER_S = 10.0
"""Longest time another node takes for an answer, s."""

_STAGING_S = 60.0
"""Longest way to the staging pose: the limit of a recipe is for one attempt from there on, s."""


class StepDoer:
    """Clients of the estimator and the skill, and what they are asked for one step."""

    def __init__(
        self,
        node: Any,
        knowledge: TaskKnowledge,
        *,
        say_plug: Callable[[HeldPlug | None], None],
        ledger: LedgerWriter,
        require_helpers: Callable[[], None],
    ) -> None:
        """Create the clients.

        Args:
            node: The supervisor.
            knowledge: Layouts, and what is held in them.
            say_plug: Tells everybody which plug is held now.
            ledger: Where insertions are kept.
            require_helpers: Raises where a node is missing without which no insertion begins.
        """
        self._node, self._knowledge, self._drift = node, knowledge, DriftGate(node)
        self._say_plug, self._ledger, self._require_helpers = say_plug, ledger, require_helpers
        # Whoever uses the design of the board: the estimator, and the planner, for which it is an obstacle.
        self._set_layouts = [node.create_client(SetLayout, name) for name in ("set_layout", "set_planning_layout")]
        self._observe = node.action_client(Observe, "observe")
        self._insert = node.action_client(InsertConnector, "insert_connector")

    def destroy(self) -> None:
        """Take the clients away."""
        self._drift.destroy()
        for client in self._set_layouts:
            self._node.destroy_client(client)

    def do(
        self,
        job: Job,
        step: Step,
        *,
        after: WorkcellError | None,
        check: Callable[[], None],
        pause: Callable[[], bool],
        tell: Callable[[int], None],
    ) -> None:
        """Do one attempt of a step, and count what the skill tried whether or not it succeeds.

        Args:
            job: What has come of the job.
            step: What is to be done.
            after: Failure of the attempt before; None in the first.
            check: Called while waiting; what it raises ends the attempt.
            pause: Waits where a pause was asked for; returns whether it was.
            tell: Hears the phase of `run_job`.

        Raises:
            WorkcellError: It failed, or was ended.
        """
        tell(RunJob.Feedback.PHASE_PREPARING)
        self._drift.pass_to_look()
        task = self._knowledge.task(step.layout)
        port = f"{task.target_module_name}/{task.port_name}"
        self._say_plug(self._knowledge.held_plug(step.layout))
        for client in self._set_layouts:
            answer = call(client, SetLayout.Request(layout=step.layout), ANSWER_S, check)
            if answer.error_code != SUCCESS:
                raise RemoteError.of(answer)
        look = Observe.Goal(
            port_names=[port],
            look_for_all=_is_no_way(after),
            position_std=step.observe.position_std_m,
            orientation_std=step.observe.orientation_std_rad,
            max_views=step.observe.max_views,
            time_limit=Duration(seconds=step.observe.time_limit_s).to_msg(),
        )
        while True:
            seen = run_action(self._node, self._observe, "observe", look, step.observe.time_limit_s + ANSWER_S, check)
            # What was seen before a pause may have been moved in it.
            if not pause():
                break
            tell(RunJob.Feedback.PHASE_PREPARING)
        self._require_helpers()
        self._drift.pass_to_insert()
        tell(RunJob.Feedback.PHASE_EXECUTING)
        insert = InsertConnector.Goal(
            job_id=job.job_id,
            step=step.name,
            cable_name=task.cable_name,
            plug_name=task.plug_name,
            port_name=port,
            connector_type=task.port_type,
            force_limit=step.insert.force_limit_n,
            max_attempts=step.insert.attempts,
            time_limit=Duration(seconds=step.insert.time_limit_s).to_msg(),
            pull_test=step.insert.pull_test,
        )
        estimate = next((found for found in seen.ports.ports if found.port_name == port), None)
        self._have_inserted(job, step, insert, estimate, check)

    def _have_inserted(
        self, job: Job, step: Step, insert: Any, estimate: Any | None, check: Callable[[], None]
    ) -> None:
        """Have the skill insert; keep its begin and its end."""
        longest_s = (step.insert.time_limit_s + _STAGING_S) * max(step.insert.attempts, 1)
        number = insert.row = self._ledger.begin_insertion(job, step, insert, estimate)
        # From the feedback, because a step that is cancelled or loses its node has no result.
        begun: list[int] = [0]
        done, failure = None, None
        try:
            done = run_action(
                self._node,
                self._insert,
                "insert_connector",
                insert,
                longest_s,
                check,
                lambda feedback: begun.append(int(feedback.phase.attempt)),
            )
            begun.append(int(done.attempts))
        except WorkcellError as error:
            failure = error
            begun.append(int(getattr(error, "attempts", 0)))
            raise
        finally:
            job.count_attempts(max(begun))
            self._ledger.end_insertion(number, done, failure)


def _is_no_way(cause: WorkcellError | None) -> bool:
    """Return whether a planner found no way, perhaps because it keeps away from what it has not seen."""
    return cause is not None and 200 <= cause.code < 300
