"""Node `aic_engine`: runs the trials of a file with whatever policy is there, and scores them by the AIC rubric.

Scores come from the truth of the simulation, so this is evaluation: nothing that decides in the cell hears of it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rclpy
from action_msgs.msg import GoalStatus
from aic_control_interfaces.msg import ControllerState
from aic_task_interfaces.msg import Task as TaskMessage
from cablecell_interfaces.srv import LoadTrial
from geometry_msgs.msg import WrenchStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from cablecell.configuration import config_folder, load_trials
from cablecell.core.config.aic import AicEngineParameters
from cablecell.core.config.trial import Task
from cablecell.core.errors import SupervisionError, WorkcellError
from cablecell.evaluation.aic_model_client import ModelClient
from cablecell.evaluation.aic_scores import Heard, failed_entry, score_run, total, write_scores
from cablecell.evaluation.demo_trial import TrialRun, TruthSample, parse_truth
from cablecell.ros import qos
from cablecell.ros.conversions import time_ns, vector
from cablecell.ros.params import ParameterServer

_TRIES = 5
"""How often each step of setting a scene up is tried."""
_REST_RAD_PER_S = 0.01
_DEEP = qos.HEARTBEAT


class AicSceneError(SupervisionError):
    """The simulation does not set up the scene of a trial, or the arm does not come to rest in it."""

    code = 861


class _InterruptedError(Exception):
    """The process was asked to end."""


class AicEngine:
    """One run over the trials of a file.

    Args:
        is_interrupted: Asked all the time; when it says so the run ends.

    Raises:
        WorkcellError: Parameters or trials are not valid (family 900).
    """

    def __init__(self, is_interrupted: Callable[[], bool]) -> None:
        self._node = rclpy.create_node("aic_engine")
        self._is_interrupted = is_interrupted
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._settings = ParameterServer(self._node, AicEngineParameters).values
        path = self._settings.config_file_path
        self._trials = load_trials(Path(path) if path else config_folder() / "trials" / "aic_sample.yaml").trials
        self._heard, self._truth = Heard(), list[TruthSample]()
        self._joint_speed: float | None = None
        self._seen_s = -1.0
        self._model = ModelClient(self._node, self._spin_until, self._settings)
        self._load = self._node.create_client(LoadTrial, "/sim/load_trial")
        self._tare = self._node.create_client(Trigger, "/aic_controller/tare_force_torque_sensor")
        for message_type, topic, hear in (
            (ControllerState, "/aic_controller/controller_state", self._hear_state),
            (WrenchStamped, "/fts_broadcaster/wrench", self._hear_wrench),
            (JointState, "/joint_states", self._hear_joints),
            (String, "/sim/truth", self._hear_truth),
            (CameraInfo, "/right_camera/camera_info", self._hear_camera),
        ):
            self._node.create_subscription(message_type, topic, hear, _DEEP)

    def run(self) -> bool:
        """Run all trials and write the scores; return whether the run was completed."""
        log = self._node.get_logger()
        entries: dict[str, Any] = {}
        is_completed = True
        try:
            for name in self._trials:
                log.info(f"{name}: {len(entries) + 1} of {len(self._trials)}")
                entries[name] = self._run_trial(name, is_first=not entries)
                tiers = ", ".join(
                    f"{tier} {entries[name][tier]['score']:.2f}" for tier in ("tier_1", "tier_2", "tier_3")
                )
                log.info(f"{name}: {total(entries[name]):.2f} ({tiers}): {entries[name]['tier_3']['message']}")
            left = self._model.finish()
            if left:
                log.warning(f"after its shutdown something still publishes to {', '.join(left)}")
        except WorkcellError as error:
            log.error(f"the engine ends, code {error.code}: {error}")
            is_completed = False
            for name in self._trials:
                entries.setdefault(name, failed_entry(str(error)))
        except _InterruptedError:
            log.info("interrupted: no scores are written")
            return False
        path = write_scores(self._results_folder(), entries)
        log.info(f"total {sum(map(total, entries.values())):.2f} by the AIC rubric, our PyBullet cell: {path}")
        return is_completed

    def close(self) -> None:
        """Leave the graph."""
        self._model.destroy()
        self._executor.shutdown()
        self._node.destroy_node()

    # One trial -------------------------------------------------------------------------------------------------

    def _run_trial(self, name: str, *, is_first: bool) -> dict[str, Any]:
        trial = self._trials[name]
        task_id = next(iter(trial.tasks))
        message = task_message(task_id, trial.task)
        self._model.find()
        if is_first:
            self._model.prepare(message)
        self._set_up(name)
        self._model.activate()
        target = f"{trial.task.target_module_name}/{trial.task.port_name}"
        run = TrialRun(trial=name, target=target, seed=self._settings.seed)
        self._heard, self._truth = Heard(), []
        log = self._node.get_logger()
        handle = self._model.insert(message, lambda text: log.info(f"{name}: {text}"))
        run.start_s = time.time()
        answer = self._model.result(handle, float(trial.task.time_limit))
        run.end_s = time.time()
        run.error_code, run.error_msg = judge(answer, trial.task.time_limit)
        end_s = run.end_s
        self._spin_until(lambda: self._truth and self._truth[-1].time_s >= end_s, 1.0)
        run.truth, heard = list(self._truth), self._heard
        self._model.deactivate()
        return score_run(run, heard)

    def _set_up(self, name: str) -> None:
        """Show the scene of a trial, with the arm at home and at rest, and tare the force sensor."""
        limit_s = self._settings.endpoint_ready_timeout_seconds
        adapter = self._settings.adapter_node_name
        if not self._spin_until(lambda: adapter in self._node.get_node_names(), limit_s):
            raise AicSceneError(f"no node {adapter} within {limit_s:g} s", quantity="adapter", value=adapter)
        for client in (self._load, self._tare):
            if not self._spin_until(client.service_is_ready, limit_s):
                raise AicSceneError(f"service {client.srv_name} is not there after {limit_s:g} s", limit=limit_s)
        request = LoadTrial.Request(trial=name, seed=self._settings.seed)
        self._try(lambda: self._ask(self._load, request), lambda a: a.error_code == 0, lambda a: a.error_msg, name)
        self._truth = []
        if not self._spin_until(lambda: self._truth and self._truth[-1].trial == name, limit_s):
            raise AicSceneError(f"the simulation does not show {name} after {limit_s:g} s", value=name, limit=limit_s)
        shown_s = self._truth[-1].time_s
        if not self._spin_until(lambda: self._seen_s >= shown_s, limit_s):
            raise AicSceneError(f"no camera sees {name} after {limit_s:g} s", value=name, limit=limit_s)
        self._joint_speed = None
        if not self._spin_until(self._is_at_rest, 10.0):
            raise AicSceneError(f"the arm is not at rest 10 s after {name} was set up", quantity="joint_speed")
        self._try(
            lambda: self._ask(self._tare, Trigger.Request()), lambda a: a.success, lambda a: a.message, "the tare"
        )

    def _try(
        self, ask: Callable[[], Any], is_good: Callable[[Any], bool], why: Callable[[Any], str], what: str
    ) -> None:
        reason = "no answer"
        for _ in range(_TRIES):
            answer = ask()
            if answer is not None and is_good(answer):
                return
            reason = reason if answer is None else why(answer)
            self._spin_until(lambda: False, 0.5)
        raise AicSceneError(f"{what} failed {_TRIES} times: {reason}", quantity=what, limit=_TRIES)

    def _ask(self, client: Any, request: Any) -> Any:
        future = client.call_async(request)
        return future.result() if self._spin_until(future.done, 30.0) else None

    def _is_at_rest(self) -> bool:
        return self._joint_speed is not None and self._joint_speed < _REST_RAD_PER_S

    def _results_folder(self) -> Path:
        chosen = self._settings.results_dir or os.environ.get("AIC_RESULTS_DIR", "")
        return Path(chosen).expanduser() if chosen else Path.home() / "aic_results"

    # Messages --------------------------------------------------------------------------------------------------

    def _spin_until(self, condition: Callable[[], Any], timeout_s: float) -> bool:
        end_s = time.monotonic() + timeout_s
        while not condition():
            if self._is_interrupted():
                raise _InterruptedError
            if time.monotonic() > end_s:
                return False
            self._executor.spin_once(timeout_sec=0.02)
        return True

    def _hear_state(self, message: Any) -> None:
        stamp_s = time_ns(message.header.stamp) * 1e-9
        where, how = vector(message.tcp_pose.position), vector(message.tcp_velocity.linear)
        self._heard.states.append((stamp_s, *where, *how))
        self._heard.tares.append((stamp_s, *vector(message.fts_tare_offset.wrench.force)))

    def _hear_wrench(self, message: Any) -> None:
        self._heard.forces.append((time_ns(message.header.stamp) * 1e-9, *vector(message.wrench.force)))

    def _hear_joints(self, message: Any) -> None:
        self._joint_speed = max(abs(speed) for speed in message.velocity)

    def _hear_camera(self, message: Any) -> None:
        self._seen_s = time_ns(message.header.stamp) * 1e-9

    def _hear_truth(self, message: Any) -> None:
        self._truth.append(parse_truth(message.data))


def task_message(task_id: str, task: Task) -> Any:
    """Return a task of a trial as `aic_task_interfaces/Task`."""
    return TaskMessage(id=task_id, **task.model_dump())


def judge(answer: Any, limit_s: float) -> tuple[int, str]:
    """Return code and text of how a goal ended: 0 only where the policy said in time that it succeeded."""
    if answer is None:
        return 1, f"no result within the {limit_s:g} s of the task"
    if answer.status == GoalStatus.STATUS_SUCCEEDED and answer.result.success:
        return 0, ""
    return 1, f"the policy did not succeed: {answer.result.message}"


def main() -> None:
    """Run the node; exit code 0 only when all trials were run."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    interrupted: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: interrupted.append(number))
    try:
        engine = AicEngine(lambda: bool(interrupted))
    except WorkcellError as error:
        sys.stderr.write(f"code {error.code}: {error}\n")
        rclpy.try_shutdown()
        sys.exit(2)
    try:
        is_completed = engine.run()
    finally:
        engine.close()
        rclpy.try_shutdown()
    sys.exit(0 if is_completed or interrupted else 1)


if __name__ == "__main__":
    main()
