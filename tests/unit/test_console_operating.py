"""A hand at the console: it moves the arm while it holds and its page is alive, and never otherwise."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from visualization_msgs.msg import InteractiveMarkerFeedback as Feedback

from cablecell.console.errors import UnknownCommandError
from cablecell.console.operating import BEAT_LIMIT_S, DIRECTIONS, Operating
from cablecell.console.state import ConsoleState, TeleopView
from cablecell.core.teleop.errors import TeleopDisabledError

ANNA, BEN = "1", "2"
DOWN, MOVE, KEEP, UP = Feedback.MOUSE_DOWN, Feedback.POSE_UPDATE, Feedback.KEEP_ALIVE, Feedback.MOUSE_UP


class Rig:
    """A node that only writes down, and a clock."""

    def __init__(self):
        self.now_s, self.sent = 100.0, {}
        self.state = ConsoleState(teleop=TeleopView(state=2))
        self.operating = Operating(self, self.state, lambda: self.now_s)

    def create_publisher(self, kind, topic, how):
        self.sent[topic] = []
        return SimpleNamespace(publish=self.sent[topic].append)

    def create_client(self, kind, name):
        return SimpleNamespace(srv_name=name)

    def get_clock(self):
        return SimpleNamespace(now=lambda: SimpleNamespace(to_msg=lambda: Time(sec=int(self.now_s))))

    @property
    def events(self):
        return [message.event_type for message in self.sent["teleop_marker/feedback"]]

    @property
    def twists(self):
        return self.sent["teleop/delta_twist_cmds"]

    def live(self, seconds, person=ANNA, beats=True):
        """Let time pass in steps of the thread, with or without a page that says it is there."""
        for _ in range(round(seconds / 0.04)):
            self.now_s += 0.04
            if beats:
                self.operating.beat(person)
            self.operating.step()


@pytest.fixture
def rig():
    rig = Rig()
    rig.operating.beat(ANNA)
    return rig


def _pose(x):
    X = np.eye(4)
    X[0, 3] = x
    return X


def _parts(message):
    twist = message.twist
    return [twist.linear.x, twist.linear.y, twist.linear.z, twist.angular.x, twist.angular.y, twist.angular.z]


def test_a_drag_is_what_a_mouse_does_in_rviz(rig):
    rig.operating.press(ANNA, "Anna", _pose(0.4))
    rig.operating.drag(ANNA, _pose(0.41))
    rig.live(0.3)
    rig.operating.release(ANNA)
    assert rig.events == [DOWN, MOVE, KEEP, KEEP, UP]
    messages = rig.sent["teleop_marker/feedback"]
    assert {message.client_id for message in messages} == {"console Anna"}
    assert {message.header.frame_id for message in messages} == {"base_link"}
    assert [message.pose.position.x for message in messages] == [0.4, 0.41, 0.41, 0.41, 0.41]
    rig.live(1.0)
    assert len(rig.events) == 5


def test_a_page_that_falls_silent_is_a_hand_that_is_gone(rig):
    rig.operating.press(ANNA, "Anna", _pose(0.4))
    rig.live(0.2)
    said = len(rig.events)
    rig.live(BEAT_LIMIT_S + 0.05, beats=False)
    assert not rig.operating.is_held
    kept_late = rig.events[said:]
    assert set(kept_late[:-1]) <= {KEEP}
    assert len(kept_late) <= 4
    assert kept_late[-1] == UP, "an arm brakes sooner when it is let go of than when nobody speaks to it"
    said = len(rig.events)
    rig.live(2.0)
    rig.operating.drag(ANNA, _pose(0.5))
    assert len(rig.events) == said, "also when it comes back: it has to be pressed again"


@pytest.mark.parametrize("direction", sorted(DIRECTIONS))
def test_a_held_button_is_a_joystick(rig, direction):
    rig.operating.jog(ANNA, "Anna", direction, "tool")
    rig.live(0.2)
    rig.operating.release(ANNA)
    count = len(rig.twists)
    assert count == 6
    assert _parts(rig.twists[-1]) == [0.0] * 6, "letting go is said, so that the arm does not wait for the next word"
    rig.live(1.0)
    assert len(rig.twists) == count
    twist = rig.twists[0].twist
    part = twist.angular if direction.startswith("r") else twist.linear
    axis, sign = direction.removeprefix("r")
    assert getattr(part, axis) == float(f"{sign}1")
    assert sum(abs(value) for value in _parts(rig.twists[0])) == 1.0
    assert rig.twists[0].header.frame_id == "tcp"


def test_a_jog_ends_with_the_page(rig):
    rig.operating.jog(ANNA, "Anna", "z-", "base")
    rig.live(0.4, beats=False)
    assert len(rig.twists) <= round(BEAT_LIMIT_S / 0.04) + 2
    assert _parts(rig.twists[-1]) == [0.0] * 6
    assert rig.twists[0].header.frame_id == "base_link"
    assert not rig.operating.is_held


def test_without_a_page_nothing_begins(rig):
    rig.operating.jog(BEN, "Ben", "x+", "tool")
    rig.live(0.5, person=ANNA)
    assert rig.twists == []


def test_one_hand_at_a_time_and_only_its_own_lets_go(rig):
    rig.operating.press(ANNA, "Anna", _pose(0.4))
    rig.operating.drag(BEN, _pose(0.9))
    rig.operating.release(BEN)
    assert rig.operating.is_held
    assert rig.events == [DOWN]
    rig.operating.beat(BEN)
    rig.operating.press(BEN, "Ben", _pose(0.4))
    assert rig.events == [DOWN, UP, DOWN]


def test_the_end_of_the_console_lets_go(rig):
    rig.operating.press(ANNA, "Anna", _pose(0.4))
    rig.operating.end()
    assert rig.events == [DOWN, UP]


@pytest.mark.parametrize("teleop", [None, TeleopView(state=0), TeleopView(state=1), TeleopView(state=4)])
def test_nobody_moves_what_is_not_enabled(rig, teleop):
    rig.state.teleop = teleop
    table = rig.operating.table()
    with pytest.raises(TeleopDisabledError):
        table["teleop_drag"]("Anna")
    with pytest.raises(TeleopDisabledError):
        table["teleop_jog"]("Anna", direction="x+", frame="tool")


@pytest.mark.parametrize(("direction", "frame"), [("x", "tool"), ("w+", "tool"), ("x+", "moon"), ("", "")])
def test_an_unknown_jog_is_refused(rig, direction, frame):
    with pytest.raises(UnknownCommandError):
        rig.operating.table()["teleop_jog"]("Anna", direction=direction, frame=frame)
