"""What a plug touches, from wrench, depth and motion: a hidden Markov model over eight contact states.

How likely a sample is in a state is told by `contact_model`. Here is what changes into what: contact is made and lost
with its neighbours; a latch gives way with a drop of the push, close to the stop, and after it a pull moves the plug no
further than its play. The depth of the port is known to its covariance only: touching face or stop measures it.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from cablecell.core.fusion.contact_model import RAMP_M, ContactErrors, ContactModel, ContactSample, ContactState
from cablecell.core.geometry import Array
from cablecell.core.insertion.profile import ConnectorProfile

__all__ = ["ContactErrors", "ContactSample", "ContactState", "ContactStates"]


_N = len(ContactState)
_RATE = 6.0
"""Contacts change some times in a second; such rates decide only where the evidence is weak, 1/s."""
_RARE = 0.02
_SNAP_S = 0.4
_SNAP_RATE = 10.0
"""A drop of the push at the depth of the latch, or a pull that is held there, is its closing within a tenth of a s."""
_IN_OPENING = [
    ContactState.FREE,
    ContactState.ONE_POINT,
    ContactState.TWO_POINT,
    ContactState.JAMMED,
    ContactState.SEATED,
]
_NEIGHBOURS = {
    ContactState.FREE: (ContactState.FACE, ContactState.CHAMFER, ContactState.ONE_POINT),
    ContactState.FACE: (ContactState.FREE, ContactState.CHAMFER),
    ContactState.CHAMFER: (ContactState.FREE, ContactState.FACE, ContactState.ONE_POINT),
    ContactState.ONE_POINT: (
        ContactState.FREE,
        ContactState.CHAMFER,
        ContactState.TWO_POINT,
        ContactState.JAMMED,
        ContactState.SEATED,
    ),
    ContactState.TWO_POINT: (ContactState.ONE_POINT, ContactState.JAMMED, ContactState.SEATED),
    ContactState.JAMMED: (ContactState.ONE_POINT, ContactState.TWO_POINT),
    ContactState.SEATED: (ContactState.ONE_POINT, ContactState.TWO_POINT),
    ContactState.LATCHED: (ContactState.SEATED,),
}


class ContactStates:
    """Follows the probabilities of the contact states; a step object without a clock. About 60 µs a step."""

    def __init__(self, profile: ConnectorProfile, errors: ContactErrors | None = None) -> None:
        """Begin free.

        Args:
            profile: The connector.
            errors: Sizes of what is not known.
        """
        self._profile, self._errors = profile, errors or ContactErrors()
        self._p = np.zeros(_N)
        self._p[ContactState.FREE] = 1.0
        self._model = ContactModel(profile, self._errors)
        self._bias_m, self._bias_variance = 0.0, self._errors.depth_m**2
        self._last_s: float | None = None
        self._last_m = 0.0
        self._pushes: deque[tuple[float, float]] = deque()

    @property
    def probabilities(self) -> Array:
        """Of every state, in the order of `ContactState`, shape (8,)."""
        return self._p.copy()

    @property
    def state(self) -> ContactState:
        """The most likely state."""
        return ContactState(int(np.argmax(self._p)))

    @property
    def depth_offset(self) -> tuple[float, float]:
        """By how much the port is deeper than believed, as far as it was touched, and its standard deviation, m."""
        return self._bias_m, math.sqrt(self._bias_variance)

    def step(self, time_s: float, depth_m: float, force: Array, moment: Array) -> ContactState:
        """Take in one sample and return the most likely state.

        Args:
            time_s: The time, s.
            depth_m: Believed depth of the tip below the entrance, m.
            force: On the plug in axes of the port (z into it), shape (3,), N.
            moment: About the tip, likewise, shape (3,), N·m.
        """
        push = -float(force[2])
        # A plug that is pushed harder gives in the grasp, and does not move.
        depth_m -= self._errors.grasp_m_per_n * push
        dt_s = 0.01 if self._last_s is None else min(max(time_s - self._last_s, 1e-4), 0.1)
        speed = 0.0 if self._last_s is None else (depth_m - self._last_m) / dt_s
        self._last_s, self._last_m = time_s, depth_m
        if self._profile.depth_m - (depth_m - self._bias_m) < RAMP_M + 2.0 * math.sqrt(self._bias_variance):
            self._pushes.append((time_s, push))
        while self._pushes and self._pushes[0][0] < time_s - _SNAP_S:
            self._pushes.popleft()
        across = math.hypot(float(force[0]), float(force[1]))
        sigma_m = math.hypot(math.sqrt(self._bias_variance), self._errors.touch_m)
        turning = math.hypot(float(moment[0]), float(moment[1]))
        sample = ContactSample(depth_m - self._bias_m, sigma_m, speed, push, across, turning)
        evidence = self._model.log_likelihood(sample)
        # Samples of a filtered sensor are not independent: each counts for its share of the filter's time.
        share = min(1.0, dt_s / _INDEPENDENT_S)
        self._p = self._p @ self._transitions(dt_s, depth_m - self._bias_m, push)
        self._p = self._p * np.exp(share * (evidence - evidence.max()))
        self._p /= self._p.sum()
        # Nothing is ruled out for ever but a latch: that has to close.
        self._p[: ContactState.LATCHED] = np.maximum(self._p[: ContactState.LATCHED], 1e-6)
        self._p /= self._p.sum()
        self._touch(depth_m, speed, push, share)
        return self.state

    def _transitions(self, dt_s: float, depth_m: float, push: float) -> Array:
        T = np.full((_N, _N), _RARE * dt_s)
        for state, neighbours in _NEIGHBOURS.items():
            T[state, [int(one) for one in neighbours]] = _RATE * dt_s
        profile = self._profile
        T[:, ContactState.LATCHED] = 0.0
        if profile.has_latch:
            room = profile.seat_tolerance_m + profile.latch_play_m + 2.0 * math.sqrt(self._bias_variance)
            near = profile.depth_m - depth_m < room + self._errors.latch_m_per_n * max(-push, 0.0)
            strongest = max((one for _, one in self._pushes), default=0.0)
            has_snapped = strongest > 0.5 * profile.latch_force_n and strongest - push > 0.4 * profile.latch_force_n
            if near and (has_snapped or push < -4.0 * self._errors.force_n):
                T[_IN_OPENING, ContactState.LATCHED] = _SNAP_RATE * dt_s
            T[ContactState.LATCHED] = 0.0
            # A closed latch lets go only by more than it holds.
            T[ContactState.LATCHED, ContactState.SEATED] = _RARE * dt_s
        np.fill_diagonal(T, 0.0)
        T[np.arange(_N), np.arange(_N)] = 1.0 - T.sum(axis=1)
        return T

    def _touch(self, depth_m: float, speed: float, push: float, share: float) -> None:
        """Learn the depth of the port where face or stop is touched for sure."""
        if abs(speed) > 2.0 * self._errors.speed or push < 4.0 * self._errors.force_n:
            return
        state = self.state
        at = {ContactState.FACE: self._profile.rim_m, ContactState.SEATED: self._profile.depth_m}.get(state)
        if at is None or self._p[state] < 0.9:
            return
        # What a face is not known to is the same in every sample: a corner may stand on the chamfer, a seat be shallow.
        slack = self._profile.seat_tolerance_m if state is ContactState.SEATED else 0.5 * self._profile.chamfer_m
        lasting = self._errors.touch_m**2 + (0.5 * slack) ** 2
        if self._bias_variance <= lasting:
            return
        noise = lasting / max(share, 1e-3)
        gain = self._bias_variance / (self._bias_variance + noise)
        self._bias_m += gain * (depth_m - at - self._bias_m)
        self._bias_variance = max(self._bias_variance * (1.0 - gain), lasting)


_INDEPENDENT_S = 0.05
"""Time after which samples of sensor and tip are independent: filter of the wrench, lag of the arm, and what no density
here describes; with less the probabilities were too sure."""
