"""The fast part of the skill node: state and wrench of one control tick in, one setpoint out."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from cablecell.core.geometry import Array
from cablecell.core.insertion.contact_follower import Contact, ContactFollower
from cablecell.core.insertion.errors import LostEstimateError, SilentStreamError
from cablecell.core.insertion.handling import Handling
from cablecell.core.insertion.handling_outcome import HandlingStep
from cablecell.core.insertion.observation import Observation, PoseEstimate, SkillStep
from cablecell.core.insertion.skill import InsertionSkill
from cablecell.core.insertion.touch_first import TouchFirst
from cablecell.ros.conversions import pose_to_matrix, six
from cablecell.ros.goals import RunningGoal
from cablecell.ros.heartbeat_watch import StallGuard
from cablecell.ros.skill_messages import seconds, wrench_at_tcp

_POLL_S = 0.02

_Step = TypeVar("_Step", SkillStep, HandlingStep)


class Run(ABC, Generic[_Step]):
    """A procedure on a held plug while the stream drives it.

    Attributes:
        done: Set when it has ended, or failed.
        error: What a step raised, or ended it from outside; None otherwise.
        X_base_tip: Believed tip at the newest step.
        pairs: Steps so far.
        heard_s: Monotonic time of the newest step, s.
    """

    def __init__(self, port: PoseEstimate, tip: PoseEstimate) -> None:
        self.port, self.tip = port, tip
        self.done = threading.Event()
        self.error: Exception | None = None
        self.X_base_tip: Array = port.X
        self.pairs = 0
        self.heard_s = time.monotonic()

    @abstractmethod
    def cancel(self) -> None:
        """Have it come to a safe end soon."""

    @abstractmethod
    def withdraw(self, reason: str) -> None:
        """Have it come to a safe end because the port is not known any more."""

    @abstractmethod
    def _advance(self, observation: Observation, twist_base: Array) -> _Step:
        """Do one step of the procedure, with the twist of the tcp in `base_link`, shape (6,)."""

    @property
    def depth_m(self) -> float:
        """Depth of the believed tip below the believed entrance, m."""
        return float((self.X_base_tip[:3, 3] - self.port.X[:3, 3]) @ self.port.X[:3, 2])

    def end(self, error: Exception) -> None:
        """End the attempt from outside, where nothing that it could still do would be carried out."""
        if not self.done.is_set():
            self.error = error
            self.done.set()

    def step(self, time_s: float, X_base_tcp: Array, wrench_tcp: Array, twist_base: Array) -> _Step:
        """Advance by one observation, and the twist of the tcp in `base_link`, shape (6,)."""
        out = self._advance(Observation(time_s, X_base_tcp, wrench_tcp, self.port, self.tip), twist_base)
        self.X_base_tip = X_base_tcp @ self.tip.X
        self.pairs += 1
        self.heard_s = time.monotonic()
        return out


class SkillRun(Run[SkillStep]):
    """One attempt of the skill.

    Attributes:
        contacts: What the plug touches, and touched.
        contact: What it touches at the newest step; None between two samples.
    """

    def __init__(
        self, skill: InsertionSkill | TouchFirst, port: PoseEstimate, tip: PoseEstimate, contacts: ContactFollower
    ) -> None:
        super().__init__(port, tip)
        self.skill, self.contacts = skill, contacts
        self.contact: Contact | None = None

    def cancel(self) -> None:
        """Have the skill retreat."""
        self.skill.cancel()

    def withdraw(self, reason: str) -> None:
        """Have the skill end because the port is not known any more."""
        self.skill.withdraw(reason)

    def _advance(self, observation: Observation, twist_base: Array) -> SkillStep:
        skill = self.skill
        out = skill.step(observation, twist_base) if isinstance(skill, TouchFirst) else skill.step(observation)
        self.contact = self.contacts.step(observation.time_s, observation.X_base_tcp, observation.wrench_tcp, out.phase)
        return out


class HandlingRun(Run[HandlingStep]):
    """The unplugging, or the check, of a plug that is held in its port."""

    def __init__(self, procedure: Handling, port: PoseEstimate, tip: PoseEstimate) -> None:
        super().__init__(port, tip)
        self.procedure = procedure

    def cancel(self) -> None:
        """Have a plug that is still at its place pressed back there."""
        self.procedure.cancel()

    def withdraw(self, reason: str) -> None:
        """End: where the port is, the plug shows only while nothing else moves it."""
        self.end(LostEstimateError(reason))

    def _advance(self, observation: Observation, twist_base: Array) -> HandlingStep:
        return self.procedure.step(observation)


class SkillStream:
    """Pairs `controller_state` and `wrench` by their stamps and drives the procedure that is running."""

    def __init__(self, ft_height_m: float) -> None:
        """Start without one.

        Args:
            ft_height_m: Origin of `ft_frame` on the z axis of `tcp`, m.
        """
        self._ft_height_m = ft_height_m
        self._run: Run[Any] | None = None
        self._on_step: Callable[[Any, Any, Any], None] = lambda run, out, wrench: None
        self._state: Any = None
        self._wrench: Any = None

    def begin(self, run: Run[_Step], on_step: Callable[[Any, _Step, Any], None]) -> None:
        """Drive a procedure from the next pair on.

        Args:
            run: The procedure.
            on_step: Gets it, every step and the wrench message; publishes the setpoint.
        """
        run.heard_s = time.monotonic()
        self._on_step = on_step
        self._run = run

    def end(self) -> None:
        """Stop driving."""
        self._run = None

    def await_end(self, run: Run[Any], goal: RunningGoal, is_active: Callable[[], bool], limit_s: float) -> None:
        """Wait for the end of the procedure that is driven; pass a cancel on.

        Args:
            run: The procedure.
            goal: Whose cancel is passed on.
            is_active: Whether the node is; one that is not cancels too.
            limit_s: Longest silence of the stream, s.

        Raises:
            SilentStreamError: Nothing was heard for that long (code 422).
            Exception: What ended it from outside, or a step has raised.
        """
        guard = StallGuard(limit_s)
        while not run.done.wait(_POLL_S):
            now_ns, heard_ns = time.monotonic_ns(), round(run.heard_s * 1e9)
            if goal.is_cancelled or not is_active():
                run.cancel()
            if guard.may_judge(now_ns, heard_ns):
                silent_s = (now_ns - heard_ns) * 1e-9
                self.end()
                raise SilentStreamError(
                    f"no pair of controller_state and wrench for {silent_s:.2f} s; the limit is {limit_s} s",
                    quantity="silence",
                    value=silent_s,
                    limit=limit_s,
                    unit="s",
                )
        if run.error is not None:
            raise run.error

    def take_state(self, message: Any) -> None:
        """Take a `controller_state`."""
        self._state = message
        self._pair()

    def take_wrench(self, message: Any) -> None:
        """Take a `wrench`."""
        self._wrench = message
        self._pair()

    def _pair(self) -> None:
        run, state, wrench = self._run, self._state, self._wrench
        if run is None or state is None or wrench is None or state.header.stamp != wrench.header.stamp:
            return
        self._state = self._wrench = None
        try:
            out = run.step(
                seconds(state.header.stamp),
                pose_to_matrix("tcp_pose", state.tcp_pose),
                wrench_at_tcp(wrench.wrench, self._ft_height_m),
                six(state.tcp_velocity.linear, state.tcp_velocity.angular),
            )
        except Exception as error:
            # The thread that waits for this attempt reports it; the executor's goes on.
            self._run, run.error = None, error
            run.done.set()
            return
        self._on_step(run, out, wrench)
        if out.result is not None:
            self._run = None
            run.done.set()
