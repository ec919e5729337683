"""What arm, gripper and sensor of a robot share: its reports, where a joint is in them, and when they are too old."""

from __future__ import annotations

import math
from typing import TypeVar

from cablecell.core.config.robot import RobotSettings
from cablecell.core.errors import MachineMissingError, NotConnectedError, StaleStateError
from cablecell.hardware.transport import JointReport, RobotTransport, WrenchReport


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

    def __init__(self, settings: RobotSettings, transport: RobotTransport, clock: RobotClock) -> None:
        self.settings, self.transport, self.clock = settings, transport, clock
        self.is_connected = False
        self._order: tuple[tuple[str, ...], list[int], int] | None = None

    def joints(self) -> JointReport:
        """Return the newest joint state.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: It is too old (code 803).
        """
        settings = self.settings
        return self._fresh(self.transport.joints, settings.topics.joint_states, settings.watch.state_age_limit_s)

    def wrench(self) -> WrenchReport:
        """Return the newest wrench.

        Raises:
            NotConnectedError: Not connected (code 801).
            StaleStateError: It is too old (code 803).
        """
        settings = self.settings
        return self._fresh(self.transport.wrench, settings.topics.wrench, settings.watch.wrench_age_limit_s)

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
                        f"{self.settings.topics.joint_states} has no joint '{name}'; it has {found}",
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
