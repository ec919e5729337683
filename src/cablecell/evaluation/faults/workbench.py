"""A stand-in of estimator and skill in a process of its own, with ports that know what was really pushed into them.

`python -m cablecell.evaluation.faults.workbench` serves what a supervisor needs for its jobs. Every step of a job has a
port of its own. What happens to it goes to a log the moment it happens, whoever is being killed then; what the skill
says goes through the reports of the real one. The log is the world: the skill does not read it, only its ports do.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cablecell_interfaces.action import InsertConnector, Observe
from cablecell_interfaces.msg import InsertionReport
from cablecell_interfaces.srv import SetLayout

from cablecell.core.config.parameters import ParameterSchema, parameter
from cablecell.core.errors import WorkcellError
from cablecell.core.insertion.errors import NotLatchedError
from cablecell.ros import qos
from cablecell.ros.goals import GoalRunner, RunningGoal
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.skill_order import order_from_connector
from cablecell.ros.skill_report import ReportTeller

FAILURES = 0.1
"""Share of the steps whose first insertion does not latch; the plug is drawn back clear of the port."""

_LOOK_S = (0.02, 0.1)
_STAGE_S = (0.02, 0.1)
_PUSH_S = (0.05, 0.2)
_VERIFY_S = (0.02, 0.2)
"""How long these take, s: an insertion of the cell in a fifteenth of its time."""

Entry = dict[str, Any]


class World:
    """What was pushed into which port, in a file that outlives every process."""

    def __init__(self, log: Path) -> None:
        """Go on with a log, made where there is none."""
        self._file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        entries = read_log(log)
        self._seated = {key(entry) for entry in entries if entry["what"] == "seated"}
        self._failed = {key(entry) for entry in entries if entry["what"] == "failed"}

    def note(self, what: str, goal: Any) -> None:
        """Write what happens now; the file has it when this returns, also when the process is killed then."""
        entry = {"what": what, "row": goal.row, "job": goal.job_id, "step": goal.step, "stamp_s": time.monotonic()}
        os.write(self._file, (json.dumps(entry) + "\n").encode())
        if what == "seated":
            self._seated.add(key(entry))
        if what == "failed":
            self._failed.add(key(entry))

    def is_filled(self, goal: Any) -> bool:
        """Return whether the port of a step has a plug in it."""
        return (goal.job_id, goal.step) in self._seated

    def has_failed(self, goal: Any) -> bool:
        """Return whether a plug did not latch in this port before."""
        return (goal.job_id, goal.step) in self._failed


def read_log(log: Path) -> list[Entry]:
    """Return what happened, oldest first."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def key(entry: Entry) -> tuple[str, str]:
    """Return which port an entry is about."""
    return entry["job"], entry["step"]


def seated(entries: Iterable[Entry]) -> list[tuple[str, str]]:
    """Return the ports that got a plug, once for every plug."""
    return [key(entry) for entry in entries if entry["what"] == "seated"]


class WorkbenchParameters(ParameterSchema):
    """Parameters of the stand-in."""

    log: str = parameter("", "File of what really happened.")
    ledger_file: str = parameter("", "Ledger beside which the report is kept.")
    seed: int = parameter(0, "Of durations and failures.")


class Workbench(CellNode[WorkbenchParameters]):
    """Serves `set_layout`, `set_planning_layout`, `observe` and `insert_connector`."""

    def __init__(self) -> None:
        super().__init__("workbench", WorkbenchParameters)
        self._busy, self._looking = threading.Lock(), threading.Lock()

    def setup(self) -> None:
        """Create the interfaces."""
        settings = self.parameters.values
        self._world = World(Path(settings.log))
        self._dice = random.Random(settings.seed)
        self._reports = self.create_publisher(InsertionReport, "insertion_report", qos.STATE)
        self._report = ReportTeller(
            self._reports.publish,
            lambda: self.get_clock().now().to_msg(),
            Path(settings.ledger_file + ".report"),
            self.get_logger().error,
        )
        self._report.repeat()
        self._layouts = [
            self.create_service(SetLayout, name, lambda _, response: response)
            for name in ("set_layout", "set_planning_layout")
        ]
        self._actions = [
            GoalRunner(self, Observe, "observe", self._look, self._looking),
            GoalRunner(self, InsertConnector, "insert_connector", self._insert, self._busy),
        ]

    def teardown(self) -> None:
        """Destroy the interfaces."""
        for action in self._actions:
            action.destroy()
        for service in self._layouts:
            self.destroy_service(service)
        self.destroy_publisher(self._reports)

    def _look(self, goal: RunningGoal) -> Any:
        self._pass(_LOOK_S)
        return goal.result

    def _insert(self, goal: RunningGoal) -> Any:
        request = goal.request
        self._report.begin(order_from_connector(request, 1, 30.0))
        self._world.note("begun", request)
        goal.result.attempts = 1
        try:
            self._pass(_STAGE_S)
            self._report.note_clear(is_clear=False)
            self._world.note("pushed_into_filled" if self._world.is_filled(request) else "pushed", request)
            self._pass(_PUSH_S)
            if random.Random(f"{request.job_id}/{request.step}").random() < FAILURES and not self._world.has_failed(
                request
            ):
                self._world.note("failed", request)
                self._report.note_clear(is_clear=True)
                raise NotLatchedError("moved 3.0 mm at a pull of 5.0 N")
            self._world.note("seated", request)
            self._pass(_VERIFY_S)
            goal.result.insertion.outcome = 1
        except WorkcellError as error:
            self._report.end(error, goal.result)
            raise
        self._report.end(None, goal.result)
        self._world.note("told", request)
        return goal.result

    def _pass(self, span_s: tuple[float, float]) -> None:
        time.sleep(self._dice.uniform(*span_s))


def main() -> None:
    """Run the stand-in."""
    sys.exit(run_node(Workbench))


if __name__ == "__main__":
    main()
