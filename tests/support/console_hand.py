"""A person at the pages of the console: logs in, and takes the handle of the live view with the mouse."""

from __future__ import annotations

import contextlib
import socket
import time

import numpy as np
from aic_control_interfaces.msg import ControllerState
from rclpy.qos import QoSProfile
from std_msgs.msg import String

from cablecell.console.camera_view import FrameChain
from cablecell.console.gizmo import SCALE_M
from cablecell.console.scene import EYE, FIELD_RAD, LOOKED_AT
from cablecell.ros import conversions, qos
from tests.support.wait import wait_until

MOVED_M = 0.0003
"""The arm counts as moving when it is this far from where it rested: ten times what it trembles at rest."""

_TRIES = 8

_TIP = 0.85
"""Where an arrow of the handle is taken: at this share of its length, on its head."""

VIEW = "document.querySelector('iframe')"
LIVES = "window.did_handshake && window.socket.connected"
"""What a page says whose clicks are heard."""

CANVAS = f"{VIEW}.contentDocument.querySelector('canvas')"


def log_in(page, url, token, name="Anna"):
    """Log in with a link that carries the token."""
    page.go(f"{url}/login#{token}")
    page.run(f"document.querySelector('[name=name]').value = '{name}'")
    page.run("document.querySelector('form').submit()")
    page.wait_for(f"location.pathname == '/' && document.querySelector('header') && {LIVES}")


def go_to(page, title):
    """Go to a page by its button in the header; nothing where one is there."""
    button = page.button(title)
    page.wait_for(button)
    if not page.run(f"({button}).classList.contains('current')"):
        page.click(button)
        page.wait_for(f"({button}).classList.contains('current') && {LIVES}")


def choose(page, select, item):
    """Choose an item of a select.

    On a busy machine the menu may close as soon as it opens, because the page only then gives the focus away that an
    earlier click asked for: then it is opened again, as a person would.
    """
    entry = f"[...document.querySelectorAll('.q-menu .q-item')].find(e => e.innerText.trim() == {item!r})"
    chosen = f"({select}).innerText.split('\\n').some(line => line.trim() == {item!r})"
    for _ in range(_TRIES):
        if not page.run(f"!!{entry}"):
            page.click(select)
        with contextlib.suppress(AssertionError):
            page.wait_for(entry, 1.0)
            page.click(entry, 1.0)
            page.wait_for(f"!document.querySelector('.q-menu') && {chosen}", 1.0)
            return
    raise AssertionError(f"{item} is not chosen; the page says: {page.text()[:800]}")


def press_until(page, button, script):
    """Press a button until an expression holds: where the page moved under the mouse it is pressed again."""
    for _ in range(_TRIES):
        if page.run(f"!!({script})"):
            return
        if page.run(f"!({button}).disabled"):  # else what was pressed is being done
            page.click(button)
        with contextlib.suppress(AssertionError):
            page.wait_for(script, 0.5)
            return
    page.wait_for(script)


def says(text):
    """Return the expression that a page shows a text."""
    return f"document.body.innerText.includes({text!r})"


def teleop_is(*states):
    """Return the expression that the page of teleoperation shows one of some states in its badge."""
    return f"[...document.querySelectorAll('.q-badge')].some(b => {list(states)}.includes(b.innerText.trim()))"


def enable(page):
    """Enable teleoperation at its page, where it is not."""
    page.wait_for(teleop_is("disabled", "ready", "moving"))
    press_until(page, page.button("Enable"), teleop_is("ready", "moving"))


def take_arm(arm, page, speed):
    """Be at the page of teleoperation, with the arm at rest and given to it, at a share of its speed: `25%`."""
    go_to(page, "Teleop")
    enable(page)
    page.click(page.button(speed))
    page.wait_for(f"({page.button(speed)}).classList.contains('text-primary')")
    arm.wait_for_rest()


def button_hand(page, title):
    """Return what presses the mouse on a button, and what lets go of it."""
    page.wait_for(f"({page.button(title)}).matches(':enabled')")
    x, y = page.middle(page.button(title))
    return lambda: page.mouse("mousePressed", x, y), lambda: page.mouse("mouseReleased", x, y)


def key_hand(page, key):
    """Return what presses a key, a letter, and what lets go of it."""
    return lambda: page.key("keyDown", key, f"Key{key.upper()}"), lambda: page.key("keyUp", key, f"Key{key.upper()}")


def move(arm, hand, distance_m):
    """Hold until the tool is that far from where it was; return where that was.

    A page of a busy machine may be silent for longer than the console allows, which is a hand that has let go: then it
    is pressed again, as a person would.
    """
    press, let_go = hand
    before = arm.X
    for _ in range(_TRIES):
        press()
        end_s = time.monotonic() + 3.0
        wait_until(lambda end_s=end_s: arm.distance_from(before) > distance_m or time.monotonic() > end_s, poll_s=0.002)
        if arm.distance_from(before) > distance_m:
            return before
        let_go()
    raise AssertionError("the arm does not follow")


def drag_handle(arm, page, sign):
    """Drag an arrow of the handle 10 mm to or fro, and let go; again where a busy machine made it a short one.

    Returns:
        The direction of the arrow, what the tool moved, shape (3,), m, and the time from the mouse to the arm, s.
    """
    for attempt in range(_TRIES):
        arm.wait_for_rest(1.0 if attempt else 0.3)  # what a slow page still had to say is said then
        before = arm.X
        along, head, further = arm.arrow(page)
        page.mouse("mouseMoved", *head)
        page.mouse("mousePressed", *head)
        there, sent_s = head, time.time()
        with contextlib.suppress(AssertionError):
            page.wait_for(says("held by"), 0.5)
            there, sent_s = head + sign * (further - head), time.time()
            page.mouse("mouseMoved", *there)
            wait_until(lambda before=before: arm.distance_from(before) > 0.008, timeout_s=0.8)
            arm.wait_for_rest()
        moved = arm.X[:3, 3] - before[:3, 3]
        page.mouse("mouseReleased", *there)
        page.wait_for(f"!{says('held by')}")
        if np.linalg.norm(moved) > 0.008:
            seen = arm.since(sent_s)
            first_s = next(stamp_s for stamp_s, X in seen if np.linalg.norm((X - before)[:3, 3]) > MOVED_M)
            return along, moved, first_s - sent_s
    raise AssertionError("the arm does not follow the handle")


def free_port():
    """Return a TCP port of this machine that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SeenArm:
    """The arm as it is measured, and as the live view shows it.

    Attributes:
        states: Time, s since the epoch, and pose of the tool in `base_link` of every measurement.
    """

    def __init__(self, client):
        self.states, self._X_world_base = [], None
        self._descriptions = client.collect(String, "robot_description", qos.STATE)
        client.node.create_subscription(ControllerState, "controller_state", self._take, QoSProfile(depth=1000))

    def _take(self, message):
        stamp_s = 1e-9 * conversions.time_ns(message.header.stamp)
        self.states.append((stamp_s, conversions.pose_to_matrix("tcp_pose", message.tcp_pose)))

    @property
    def X(self):  # noqa: N802 - frame notation (ADR 0001)
        return self.states[-1][1]

    def since(self, time_s):
        """Return the measurements from a time on."""
        first = len(self.states)
        while first and self.states[first - 1][0] >= time_s:
            first -= 1
        return self.states[first:]

    def distance_from(self, X):
        return float(np.linalg.norm(self.X[:3, 3] - X[:3, 3]))

    def wait_for_rest(self, still_s=0.3, within_m=0.0003):
        """Wait until the tool has not moved for a while."""

        def rests():
            now_s, X = self.states[-1]
            last = self.since(now_s - still_s)
            return len(last) > 10 and all(np.linalg.norm(one[:3, 3] - X[:3, 3]) < within_m for _, one in last)

        wait_until(rests, timeout_s=5.0, what="an arm at rest")

    def rested_after(self, time_s, seconds=1.5):
        """Return how long after a time the tool stood where it stood `seconds` after it."""
        wait_until(lambda: self.states[-1][0] > time_s + seconds, what="what the arm does")
        after = self.since(time_s)
        final = after[-1][1][:3, 3]
        moving = [stamp_s for stamp_s, X in after if np.linalg.norm(X[:3, 3] - final) > 0.0005]
        return (moving[-1] if moving else time_s) - time_s

    # The handle ----------------------------------------------------------------------------------------------

    def arrow(self, page):
        """Return the arrow that lies best: its direction in `base_link`, and the pixels of its head and 10 mm on."""
        ways = []
        for axis in range(3):
            p, along = self.X[:3, 3], self.X[:3, axis]
            head = p + _TIP * SCALE_M * along
            ways.append((along, self._pixel(page, head), self._pixel(page, head + 0.01 * along)))
        return max(ways, key=lambda way: np.linalg.norm(way[2] - way[1]))

    def _pixel(self, page, p_base):
        """Return where the page shows a point of `base_link`, px."""
        if self._X_world_base is None:
            wait_until(lambda: self._descriptions, what="the description of the robot")
            self._X_world_base = FrameChain(self._descriptions[-1].data, "world", "base_link").pose({})
        p = self._X_world_base[:3, :3] @ p_base + self._X_world_base[:3, 3]
        forward = np.subtract(LOOKED_AT, EYE) / np.linalg.norm(np.subtract(LOOKED_AT, EYE))
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        x, y, width, height = page.run(
            f"(() => {{ const r = {VIEW}.getBoundingClientRect(); return [r.x, r.y, r.width, r.height] }})()"
        )
        scale = 0.5 * height / np.tan(0.5 * FIELD_RAD) / (np.subtract(p, EYE) @ forward)
        across, up = np.subtract(p, EYE) @ right, np.subtract(p, EYE) @ np.cross(right, forward)
        return np.array([x + 0.5 * width + scale * across, y + 0.5 * height - scale * up])
