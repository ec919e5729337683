"""What arm, gripper and sensor of a robot share: its reports, where a joint is in them, and when they are too old."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np

from cablecell.core.config.robot import ArmSettings
from cablecell.core.errors import ControlLostError, MachineMissingError, NotConnectedError, StaleStateError
from cablecell.hardware.transport import JointReport, RobotTransport, WrenchReport

_RATE_TOLERANCE = 0.1
"""How far the rate of joint states may be from that of the control loop, as a share of it."""

_RATE_REPORTS = 50
"""Joint states of which the rate is the median: a stall of either process is not the rate."""

_SILENCE_S = 1.0
"""Time without a joint state after which they have ceased."""


class RobotClock:
    """The clock of the transport, from when it was made."""

    def __init__(self, transport: RobotTransport) -> None:
        self._transport = transport
        self._start_s = transport.now_s()

    def now_s(self) -> float:
        """Return the time, s."""
        return self._transport.now_s() - self._start_s

    def of(self, received_s: float) -> float:
        """Return a time of the transport on this clock, s."""
        return received_s - self._start_s


R = TypeVar("R", JointReport, WrenchReport)


class RobotLink:
    """What arm, gripper and sensor share: the transport, whether it is connected, and what is too old."""

    def __init__(
        self, settings: ArmSettings, transport: RobotTransport, clock: RobotClock, joints_from: str, wrench_from: str
    ) -> None:
        """Be not connected.

        Args:
            settings: The robot.
            transport: The link to it.
            clock: The clock of all stamps.
            joints_from: What messages call the source of its joint states.
            wrench_from: What they call that of its wrench.
        """
        self.settings, self.transport, self.clock = settings, transport, clock
        self.joints_from, self.wrench_from = joints_from, wrench_from
        self.is_connected = False
        self._order: tuple[tuple[str, ...], list[int], int] | None = None

    def joints(self) -> JointReport:
        """Return the newest joint state.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: It is too old (code 803).
            ControlLostError: The robot takes no commands any more (code 806).
        """
        self.require_connected()
        if why := self.transport.control_lost():
            raise ControlLostError(
                f"robot '{self.settings.name}' takes no commands any more: {why}", quantity="control", value=why
            )
        return self._fresh(self.transport.joints, self.joints_from, self.settings.watch.state_age_limit_s)

    def wrench(self) -> WrenchReport:
        """Return the newest wrench.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: It is too old (code 803).
        """
        return self._fresh(self.transport.wrench, self.wrench_from, self.settings.watch.wrench_age_limit_s)

    def wait_for_joints(self, period_s: float) -> None:
        """Wait for the next joint state, at most for as long as one may stay out.

        Raises:
            NotConnectedError: Not connected (code 801).
        """
        self.require_connected()
        newest, now_s = self.transport.joints, self.transport.now_s()
        since_s = newest.received_s if newest is not None else now_s
        # A period longer than a state may be old, so that whoever reads next is refused if none has come.
        left_s = since_s + self.settings.watch.state_age_limit_s - now_s
        self.transport.wait_for_joints(since_s, max(left_s, 0.0) + period_s)

    def require_as_configured(self) -> None:
        """Refuse first reports that do not hold what they are configured to.

        Raises:
            MachineMissingError: A joint or the velocities are missing, or the wrench is in another frame (code 804).
        """
        joints, wrench = self.transport.joints, self.transport.wrench
        assert joints is not None
        assert wrench is not None
        self.order(joints)
        if len(joints.velocities) != len(joints.names):
            raise MachineMissingError(
                f"{self.joints_from} has {len(joints.velocities)} velocities for {len(joints.names)} joints",
                quantity="velocity",
                value=len(joints.velocities),
                limit=len(joints.names),
            )
        frame = self.settings.wrench.frame
        if wrench.frame != frame:
            raise MachineMissingError(
                f"{self.wrench_from} is in frame '{wrench.frame}'; '{frame}' is configured",
                quantity="frame_id",
                value=wrench.frame,
                limit=frame,
            )

    def require_rate(self, rate_hz: float, end_s: float) -> None:
        """Refuse a robot whose reports do not pace the loop as it expects: all of its motion would be slow or fast.

        Raises:
            MachineMissingError: The rate is another one until a time of the transport, s (code 804).
        """
        while abs((found_hz := self._report_rate_hz()) - rate_hz) > _RATE_TOLERANCE * rate_hz:
            if self.transport.now_s() > end_s:
                raise MachineMissingError(
                    f"{self.joints_from} comes at {found_hz:.0f} Hz; rate_hz of the controller is {rate_hz:.0f} Hz, "
                    f"and the two must agree within {100.0 * _RATE_TOLERANCE:.0f} %",
                    quantity="joint_states_rate",
                    value=found_hz,
                    limit=rate_hz,
                    unit="Hz",
                )

    def _report_rate_hz(self) -> float:
        """Return the rate of joint states; 0 when they cease."""
        stamps = []
        for _ in range(_RATE_REPORTS):
            report = self.transport.joints
            if report is None or not self.transport.wait_for_joints(report.received_s, _SILENCE_S):
                return 0.0
            stamps.append(report.received_s)
        return 1.0 / float(np.median(np.diff(stamps)))

    def require_connected(self) -> None:
        """Refuse to go on without a connection.

        Raises:
            NotConnectedError: Not connected (code 801).
        """
        if not self.is_connected:
            raise NotConnectedError(
                f"robot '{self.settings.name}' is not connected; call connect first", quantity="robot"
            )

    def order(self, report: JointReport) -> tuple[list[int], int]:
        """Return at which index of a report our joints are, and the gripper's.

        Raises:
            MachineMissingError: A joint is not in it (code 804).
        """
        if self._order is None or self._order[0] != report.names:
            for name in (*self.settings.joints, self.settings.gripper.joint):
                if name not in report.names:
                    found = ", ".join(report.names) or "no joints"
                    raise MachineMissingError(
                        f"{self.joints_from} has no joint '{name}'; it has {found}",
                        quantity="joint",
                        value=name,
                        limit=found,
                    )
            index = {name: i for i, name in enumerate(report.names)}
            self._order = (
                report.names,
                [index[name] for name in self.settings.joints],
                index[self.settings.gripper.joint],
            )
        return self._order[1], self._order[2]

    def _fresh(self, report: R | None, topic: str, limit_s: float) -> R:
        self.require_connected()
        age_s = math.inf if report is None else self.transport.now_s() - report.received_s
        if report is None or age_s > limit_s:
            raise StaleStateError(
                f"{topic} is stale: nothing came for {age_s:.3f} s; the limit is {limit_s} s",
                quantity=topic,
                value=age_s,
                limit=limit_s,
                unit="s",
            )
        return report
