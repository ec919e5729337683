"""Lets a person move the arm through the node `teleop`, by its own protocol and inside its limits.

A hand on a gizmo is the mouse on the marker of RViz, a held button a joystick on the topic of MoveIt Servo. Both only
speak while the browser does: its page says ten times a second that it is there. Silence is what a deadman is made of,
so everything here ends in saying nothing: `teleop` then brakes within a third of a second. A hand that lets go, and one
whose page is silent, is said to have let go; then it brakes at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from geometry_msgs.msg import TwistStamped
from visualization_msgs.msg import InteractiveMarkerFeedback
from visualization_msgs.srv import GetInteractiveMarkers

from cablecell.console.errors import UnknownCommandError
from cablecell.console.gateway import Action
from cablecell.console.state import ConsoleState
from cablecell.console.texts import say
from cablecell.core.geometry import Array
from cablecell.core.teleop.errors import TeleopDisabledError
from cablecell.ros import qos
from cablecell.ros.conversions import BASE_FRAME, TCP_FRAME, fill_pose
from cablecell.ros.goals import call
from cablecell.ros.heartbeat import Periodic

BEAT_LIMIT_S = 0.25
"""Silence of a page after which nothing is said for its person any more, s."""

_PERIOD_S = 0.04
_KEEP_S = 0.1
_MARKER, _CONTROL = "tcp", "menu"
_READY = (2, 3)
"""States of `TeleopStatus` in which commands are taken."""

MENU = ("5%", "25%", "100%", "Snap to TCP")
"""Entries of the marker's menu that the console offers."""

DIRECTIONS = {
    f"{kind}{axis}{sign}": (kind, number, factor)
    for kind in ("", "r")
    for number, axis in enumerate("xyz")
    for sign, factor in (("+", 1.0), ("-", -1.0))
}
"""Names of the directions of a jog: `x+`, `rz-` …"""

FRAMES = {"tool": TCP_FRAME, "base": BASE_FRAME}


@dataclass
class _Hold:
    """Somebody holds something."""

    person: str
    who: str
    X: Array | None = None
    direction: str = ""
    frame: str = ""
    kept_s: float = 0.0
    has_spoken: bool = False


class Operating:
    """Speaks to `teleop` for one person at a time, while that person's page is alive."""

    def __init__(self, node: Any, state: ConsoleState, clock: Callable[[], float] = time.monotonic) -> None:
        """Create the publishers.

        Args:
            node: Owner.
            state: Knows what teleoperation does.
            clock: Monotonic time, s.
        """
        self._node, self._state, self._clock = node, state, clock
        self._feedback = node.create_publisher(InteractiveMarkerFeedback, "teleop_marker/feedback", qos.COMMAND)
        self._twists = node.create_publisher(TwistStamped, "teleop/delta_twist_cmds", qos.COMMAND)
        self._markers = node.create_client(GetInteractiveMarkers, "teleop_marker/get_interactive_markers")
        self._beats: dict[str, float] = {}
        self._hold: _Hold | None = None
        self._lock = threading.RLock()
        self._periodic: Periodic | None = None

    def begin(self) -> None:
        """Speak, in a thread of its own, while somebody holds something."""
        self._periodic = Periodic(_PERIOD_S, self.step, "operating", self._fail)

    def end(self) -> None:
        """Fall silent."""
        if self._periodic is not None:
            self._periodic.end()
        with self._lock:
            self._let_go()

    def table(self) -> Mapping[str, Action]:
        """Return what does each command of the gateway."""
        return {"teleop_drag": self.allow, "teleop_jog": self._allow_jog, "teleop_menu": self.choose}

    def beat(self, person: str) -> None:
        """Note that the page of a person is alive."""
        self._beats[person] = self._clock()

    def is_alive(self, person: str) -> bool:
        """Return whether the page of a person spoke lately."""
        return self._clock() - self._beats.get(person, float("-inf")) < BEAT_LIMIT_S

    def allow(self, who: str) -> str:
        """Do nothing where somebody may begin to move the arm.

        Raises:
            TeleopDisabledError: Teleoperation is not enabled, or not there (code 701).
        """
        teleop = self._state.teleop
        if teleop is None or teleop.state not in _READY:
            raise TeleopDisabledError("teleoperation is not enabled", quantity="state")
        return ""

    def _allow_jog(self, who: str, direction: str, frame: str) -> str:
        if direction not in DIRECTIONS or frame not in FRAMES:
            raise UnknownCommandError(f"there is no jog '{direction}' in '{frame}'", quantity="direction")
        return self.allow(who)

    def choose(self, who: str, entry: str) -> str:
        """Choose an entry of the marker's menu.

        Raises:
            UnknownCommandError: There is none of that title (code 726).
            NoAnswerError: Nobody serves the marker (code 605).
        """
        answer = call(self._markers, GetInteractiveMarkers.Request(), 3.0)
        entries = {
            one.title.removeprefix("[x] ").removeprefix("[ ] "): one.id
            for marker in answer.markers
            for one in marker.menu_entries
        }
        if entry not in MENU or entry not in entries:
            raise UnknownCommandError(f"the marker has no menu entry '{entry}'", quantity="entry", value=entry)
        self._say(InteractiveMarkerFeedback.MENU_SELECT, who, None, menu_entry_id=entries[entry])
        return say("done.teleop_menu", entry=entry)

    # Holding -------------------------------------------------------------------------------------------------

    def press(self, person: str, who: str, X_base_marker: Array) -> None:
        """Take hold of the marker; whoever held something before is let go."""
        with self._lock:
            self._let_go()
            self._hold = _Hold(person, who, X_base_marker, kept_s=self._clock())
            self._say(InteractiveMarkerFeedback.MOUSE_DOWN, who, X_base_marker)

    def drag(self, person: str, X_base_marker: Array) -> None:
        """Move the marker that a person holds; nothing where that person holds none."""
        with self._lock:
            if self._hold is not None and self._hold.person == person and self._hold.X is not None:
                self._hold.X = X_base_marker
                self._say(InteractiveMarkerFeedback.POSE_UPDATE, self._hold.who, X_base_marker)

    def jog(self, person: str, who: str, direction: str, frame: str) -> None:
        """Move in a direction until `release`."""
        with self._lock:
            self._let_go()
            self._hold = _Hold(person, who, direction=direction, frame=frame)

    def release(self, person: str) -> None:
        """Let go of what a person holds."""
        with self._lock:
            if self._hold is not None and self._hold.person == person:
                self._let_go()

    @property
    def is_held(self) -> bool:
        """Whether anybody holds anything."""
        return self._hold is not None

    def step(self) -> None:
        """Speak for whoever holds something, or drop it where the page of that person is silent."""
        with self._lock:
            hold = self._hold
            if hold is None:
                return
            if not self.is_alive(hold.person):
                self._let_go()
                return
            if hold.X is None:
                hold.has_spoken = True
                self._send_twist(hold)
            elif self._clock() - hold.kept_s >= _KEEP_S:
                hold.kept_s = self._clock()
                self._say(InteractiveMarkerFeedback.KEEP_ALIVE, hold.who, hold.X)

    def _let_go(self) -> None:
        hold, self._hold = self._hold, None
        if hold is None:
            return
        if hold.X is not None:
            self._say(InteractiveMarkerFeedback.MOUSE_UP, hold.who, hold.X)
        elif hold.has_spoken:
            self._send_twist(hold, 0.0)

    def _send_twist(self, hold: _Hold, share: float = 1.0) -> None:
        message = TwistStamped()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.header.frame_id = FRAMES[hold.frame]
        kind, number, factor = DIRECTIONS[hold.direction]
        part = message.twist.angular if kind else message.twist.linear
        setattr(part, "xyz"[number], share * factor)
        self._twists.publish(message)

    def _say(self, event: int, who: str, X: Array | None, menu_entry_id: int = 0) -> None:
        message = InteractiveMarkerFeedback(
            client_id=f"console {who}",
            marker_name=_MARKER,
            control_name=_CONTROL,
            event_type=event,
            menu_entry_id=menu_entry_id,
        )
        message.header.frame_id = BASE_FRAME
        message.pose.orientation.w = 1.0
        if X is not None:
            fill_pose(message.pose, X)
        self._feedback.publish(message)

    def _fail(self, name: str, error: Exception) -> None:
        self._node.get_logger().error(f"thread {name} has ended, nobody can move the arm from here: {error!r}")
