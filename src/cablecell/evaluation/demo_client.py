"""The demo's place in the ROS graph: it asks for jobs and watches. It runs in the caller's thread."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import rclpy
from cablecell_interfaces.action import RunJob
from cablecell_interfaces.msg import CellState, InsertionPhase
from cablecell_interfaces.srv import LoadTrial
from rclpy.executors import SingleThreadedExecutor
from rclpy.time import Time
from sensor_msgs.msg import Image
from std_msgs.msg import String

from cablecell.core.errors import SupervisionError
from cablecell.evaluation.demo_cell import CellLostError
from cablecell.evaluation.demo_pictures import CAMERA_TOPIC, make_picture
from cablecell.evaluation.demo_trial import PhaseEntry, Picture, TruthSample, parse_truth
from cablecell.ros import qos
from cablecell.ros.action_client import MutualActionClient

_SPIN_S = 0.05


class NoAnswerError(SupervisionError):
    """A service or an action of the cell did not answer in time."""

    code = 612


def _names(message_type: Any, prefix: str) -> dict[int, str]:
    """Return the names of the numbered constants of a message type."""
    found = (name for name in dir(type(message_type)) if name.startswith(prefix))
    return {int(getattr(message_type, name)): name.removeprefix(prefix) for name in found}


PHASES = _names(InsertionPhase, "PHASE_")
STATES = _names(CellState, "STATE_")
JOB_PHASES = _names(RunJob.Feedback, "PHASE_")


class DemoClient:
    """Client of a running cell.

    Args:
        check: Called while waiting; raises when waiting has become pointless.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context)
        self._node = rclpy.create_node("demo", context=self._context, start_parameter_services=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self.truth: list[TruthSample] = []
        self.phases: list[PhaseEntry] = []
        self.cell_state: Any = None
        self.job_phase = ""
        self._image: Any = None
        self._image_subscription: Any = None
        node = self._node
        node.create_subscription(String, "/sim/truth", self._hear_truth, qos.SENSOR)
        node.create_subscription(InsertionPhase, "/insertion_phase", self._hear_phase, qos.STATE)
        node.create_subscription(CellState, "/cell_state", self._hear_state, qos.STATE)
        self._load = node.create_client(LoadTrial, "/sim/load_trial")
        self._jobs = MutualActionClient(node, RunJob, "/run_job")

    def close(self) -> None:
        """Leave the graph."""
        self._jobs.destroy()
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)

    @property
    def state_name(self) -> str:
        """The cell's state by name; UNKNOWN before the first message."""
        return "UNKNOWN" if self.cell_state is None else STATES.get(self.cell_state.state, str(self.cell_state.state))

    def spin_until(self, condition: Callable[[], Any], timeout_s: float) -> bool:
        """Handle messages until the condition holds; return False when it does not within the time."""
        end_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > end_s:
                return False
            self._check_all()
            self._executor.spin_once(timeout_sec=_SPIN_S)
        return True

    def is_ready(self) -> bool:
        """Return whether the cell is idle and its services are there."""
        return self.state_name == "IDLE" and self._load.service_is_ready() and self._jobs.server_is_ready()

    def load_trial(self, trial: str, seed: int, timeout_s: float = 20.0) -> None:
        """Put a trial's scene into the simulation.

        Raises:
            NoAnswerError: There is no answer (code 612).
            SupervisionError: The simulation refuses (code 600); the message has its code and reason.
        """
        answer = self._result(self._load.call_async(LoadTrial.Request(trial=trial, seed=seed)), "load_trial", timeout_s)
        if answer.error_code:
            raise SupervisionError(f"trial '{trial}' was not loaded, code {answer.error_code}: {answer.error_msg}")

    def start_job(self, recipe: str, timeout_s: float = 10.0) -> tuple[Any, float]:
        """Ask for a job until it is accepted; return the goal and when the accepted request was sent, s.

        Raises:
            NoAnswerError: It is not accepted in time (code 612).
        """
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            goal = RunJob.Goal(recipe=recipe)
            sent_s = time.time()
            sending = self._jobs.send_goal_async(goal, feedback_callback=self._hear_feedback)
            handle = self._result(sending, "run_job", timeout_s)
            if handle.accepted:
                return handle, sent_s
            self.spin_until(lambda: False, 0.2)
        raise NoAnswerError(f"the cell, {self.state_name}, accepts no job within {timeout_s:g} s")

    def cancel(self, handle: Any) -> None:
        """Ask for the end of a job, and wait a moment for the answer."""
        with contextlib.suppress(NoAnswerError):
            self._result(handle.cancel_goal_async(), "cancelling the job", 5.0)

    def look(self) -> None:
        """Subscribe to the camera, if not yet."""
        if self._image_subscription is None:
            self._image = None
            self._image_subscription = self._node.create_subscription(Image, CAMERA_TOPIC, self._hear_image, qos.IMAGE)

    def take_picture(self, caption: str, after_s: float = 0.0) -> Picture | None:
        """Return a picture of the camera if one has come since `look`; then the camera is left alone again.

        Args:
            caption: What it shows.
            after_s: Oldest acceptable stamp, s.
        """
        image = self._image
        if image is None or _seconds(image.header.stamp) < after_s:
            return None
        self._node.destroy_subscription(self._image_subscription)
        self._image_subscription = self._image = None
        return make_picture(image, caption)

    def look_away(self) -> None:
        """Leave the camera alone."""
        if self._image_subscription is not None:
            self._node.destroy_subscription(self._image_subscription)
            self._image_subscription = self._image = None

    @property
    def is_looking(self) -> bool:
        """Whether the demo is subscribed to the camera."""
        return self._image_subscription is not None

    def _check_all(self) -> None:
        self._check()
        if self.state_name in ("ABORTING", "ABORTED"):
            raise CellLostError(f"the cell aborted: {self.cell_state.reason}")

    def _result(self, future: Any, what: str, timeout_s: float) -> Any:
        if not self.spin_until(future.done, timeout_s):
            raise NoAnswerError(f"{what} did not answer within {timeout_s:g} s")
        return future.result()

    def _hear_truth(self, message: Any) -> None:
        self.truth.append(parse_truth(message.data))

    def _hear_phase(self, message: Any) -> None:
        name = PHASES.get(message.phase, str(message.phase))
        self.phases.append(PhaseEntry(_seconds(message.header.stamp), name, message.reason, message.attempt))

    def _hear_state(self, message: Any) -> None:
        self.cell_state = message

    def _hear_feedback(self, message: Any) -> None:
        self.job_phase = JOB_PHASES.get(message.feedback.phase, "")

    def _hear_image(self, message: Any) -> None:
        self._image = message


def _seconds(stamp: Any) -> float:
    return float(Time.from_msg(stamp).nanoseconds) * 1e-9
