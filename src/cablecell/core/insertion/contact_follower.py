"""What a plug touches in the course of an insertion: contact state of a sample, and the sequence that lasted.

The wrench is that beyond the tare of the skill's own rest in free space. Nothing here decides anything: the skill goes
by its phases, this tells others what it feels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from cablecell.core.fusion.contact_states import ContactErrors, ContactState, ContactStates
from cablecell.core.geometry import Array, cross, invert_pose, shift_wrench
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.outcome import Phase
from cablecell.core.insertion.profile import ConnectorProfile

_PERIOD_S = 0.0095
"""Shortest time between two samples: what the filter was made for is 100 a second."""

_LASTING_S = 0.05
"""A state that lasts so long is one of the sequence."""

_POINT_LIMIT_M = 0.004
"""A place that is known worse than this is not told (1 sigma)."""

_IGNORED = frozenset({Phase.IDLE, Phase.PREPARE, Phase.RETREAT, Phase.RECOVER, Phase.DONE})

_AT_ONE_PLACE = frozenset({ContactState.FACE, ContactState.CHAMFER, ContactState.ONE_POINT})


@dataclass(frozen=True)
class Contact:
    """What is touched at one moment; axes and origin are those of the believed entrance of the port.

    Attributes:
        time_s: Of the sample, or of the first one of a state, s.
        state: The most likely state.
        probabilities: Of every state in the order of `ContactState`, shape (8,).
        depth_m: Depth of the believed tip, m.
        force: On the plug, shape (3,), N.
        moment: About the tip, shape (3,), N·m.
        point_m: The place that is touched, shape (3,), m; None where there is more than one, or it is not known.
        point_sigma_m: Its standard deviation across the force, m; 0 without a place.
    """

    time_s: float
    state: ContactState
    probabilities: Array
    depth_m: float
    force: Array
    moment: Array
    point_m: Array | None = None
    point_sigma_m: float = 0.0


class ContactFollower:
    """Follows one insertion; a step object without a clock. About 0.1 ms a sample, 100 samples a second."""

    def __init__(self, profile: ConnectorProfile, port: PoseEstimate, tip: PoseEstimate) -> None:
        """Begin in free space.

        Args:
            profile: The connector.
            port: Entrance of the port in the base as believed, relative to the tip where that is taken as exact.
            tip: Tip of the plug in the tool as believed.
        """
        sigma_m = math.sqrt(float(port.covariance[2, 2] + tip.covariance[2, 2]))
        self._profile, self._errors = profile, ContactErrors(depth_m=sigma_m)
        self._states = ContactStates(profile, self._errors)
        self._X_port_base, self._X_tcp_tip = invert_pose(port.X), tip.X
        self._tare, self._tared = np.zeros(6), 0
        self._last_s = -math.inf
        self._begun: Contact | None = None
        self._sequence: list[Contact] = []

    @property
    def sequence(self) -> tuple[Contact, ...]:
        """The states that lasted, in the order of time, each at its begin."""
        return tuple(self._sequence)

    def step(self, time_s: float, X_base_tcp: Array, wrench_tcp: Array, phase: Phase) -> Contact | None:
        """Take in what was measured; return what is touched where that is a sample of its own.

        Args:
            time_s: The time, s.
            X_base_tcp: Measured tool, shape (4, 4).
            wrench_tcp: Environment on tool at the tcp in tcp axes, shape (6,), N, N·m.
            phase: Of the skill: it rests in free space in PREPARE, and what follows a decision is not followed.
        """
        if phase is Phase.PREPARE:
            self._tared += 1
            self._tare = self._tare + (wrench_tcp - self._tare) / self._tared
        if phase in _IGNORED or not self._tared or time_s - self._last_s < _PERIOD_S:
            return None
        X_port_tcp = self._X_port_base @ X_base_tcp
        p, R = (X_port_tcp @ self._X_tcp_tip)[:3, 3], X_port_tcp[:3, :3]
        felt = wrench_tcp - self._tare
        at_tip = shift_wrench(felt[:3], felt[3:], self._X_tcp_tip[:3, 3])
        force, moment, depth_m = R @ at_tip[:3], R @ at_tip[3:], float(p[2])
        self._last_s = time_s
        state = self._states.step(time_s, depth_m, force, moment)
        point, sigma_m = self._point(state, p, force, moment)
        contact = Contact(time_s, state, self._states.probabilities, depth_m, force, moment, point, sigma_m)
        self._keep(contact)
        return contact

    def _keep(self, contact: Contact) -> None:
        """Add a state to the sequence once it has lasted, as it was when it was surest."""
        begun = self._begun
        if begun is None or begun.state is not contact.state:
            self._begun = contact
            return
        if contact.probabilities[contact.state] > begun.probabilities[contact.state]:
            begun = self._begun = replace(contact, time_s=begun.time_s)
        if contact.time_s - begun.time_s < _LASTING_S:
            return
        last = self._sequence[-1] if self._sequence else None
        if last is None or last.state is not begun.state:
            self._sequence.append(begun)
        elif last.time_s == begun.time_s:
            self._sequence[-1] = begun

    def _point(self, state: ContactState, p: Array, force: Array, moment: Array) -> tuple[Array | None, float]:
        """Return where one place is touched and how surely: the line of the force meets the surface of the plug.

        With r from the tip to the place, moment = r × force: r is force × moment / |force|² and any share of the force.
        """
        size_n = float(np.linalg.norm(force))
        sigma_m = self._errors.tip_moment_nm / max(size_n, 1e-6)
        if state not in _AT_ONE_PLACE or sigma_m > _POINT_LIMIT_M:
            return None, 0.0
        r, along = cross(force, moment) / size_n**2, force / size_n
        # The front of the plug is pushed along the axis, its sides across; a place is where the force comes from.
        axis = int(np.argmax(np.abs(force[:2]))) if state is ContactState.ONE_POINT else 2
        at = -math.copysign(0.5 * self._profile.size_m[axis], force[axis]) if axis < 2 else 0.0
        return p + r + (at - r[axis]) / along[axis] * along, sigma_m
