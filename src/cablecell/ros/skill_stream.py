"""The fast part of the skill node: state and wrench of one control tick in, one setpoint out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from cablecell.core.geometry import Array
from cablecell.core.insertion.contact_follower import Contact, ContactFollower
from cablecell.core.insertion.observation import Observation, PoseEstimate, SkillStep
from cablecell.core.insertion.skill import InsertionSkill
from cablecell.core.insertion.touch_first import TouchFirst
from cablecell.ros.conversions import pose_to_matrix, six
from cablecell.ros.skill_messages import seconds, wrench_at_tcp


class SkillRun:
    """One attempt of the skill while the stream drives it.

    Attributes:
        done: Set when the skill has ended, or failed.
        error: What a step raised; None otherwise.
        last_step: Newest output; None before the first.
        X_base_tip: Believed tip at the newest step.
        depth_m: Its depth below the believed entrance, m.
        pairs: Steps so far.
        heard_s: Monotonic time of the newest step, s.
        contacts: What the plug touches, and touched.
        contact: What it touches at the newest step; None between two samples.
    """

    def __init__(
        self, skill: InsertionSkill | TouchFirst, port: PoseEstimate, tip: PoseEstimate, contacts: ContactFollower
    ) -> None:
        self.skill, self.port, self.tip, self.contacts = skill, port, tip, contacts
        self.contact: Contact | None = None
        self.done = threading.Event()
        self.error: Exception | None = None
        self.last_step: SkillStep | None = None
        self.X_base_tip: Array = port.X
        self.pairs = 0
        self.heard_s = time.monotonic()

    @property
    def depth_m(self) -> float:
        """Depth of the believed tip below the believed entrance, m."""
        return float((self.X_base_tip[:3, 3] - self.port.X[:3, 3]) @ self.port.X[:3, 2])

    def end(self, error: Exception) -> None:
        """End the attempt from outside, where nothing that it could still do would be carried out."""
        if not self.done.is_set():
            self.error = error
            self.done.set()

    def step(self, time_s: float, X_base_tcp: Array, wrench_tcp: Array, twist_base: Array) -> SkillStep:
        """Advance the skill by one observation, and the twist of the tcp in `base_link`, shape (6,)."""
        observation, skill = Observation(time_s, X_base_tcp, wrench_tcp, self.port, self.tip), self.skill
        out = skill.step(observation, twist_base) if isinstance(skill, TouchFirst) else skill.step(observation)
        self.X_base_tip = X_base_tcp @ self.tip.X
        self.contact = self.contacts.step(time_s, X_base_tcp, wrench_tcp, out.phase)
        self.last_step = out
        self.pairs += 1
        self.heard_s = time.monotonic()
        return out


class SkillStream:
    """Pairs `controller_state` and `wrench` by their stamps and drives the attempt that is running."""

    def __init__(self, ft_height_m: float, on_step: Callable[[SkillRun, SkillStep, Any], None]) -> None:
        """Start without an attempt.

        Args:
            ft_height_m: Origin of `ft_frame` on the z axis of `tcp`, m.
            on_step: Gets every step with the wrench message; publishes the setpoint.
        """
        self._ft_height_m, self._on_step = ft_height_m, on_step
        self._run: SkillRun | None = None
        self._state: Any = None
        self._wrench: Any = None

    def begin(self, run: SkillRun) -> None:
        """Drive an attempt from the next pair on."""
        run.heard_s = time.monotonic()
        self._run = run

    def end(self) -> None:
        """Stop driving."""
        self._run = None

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
