"""Moving an arm from the page of teleoperation in a real browser: the console, `teleop` and an ideal arm."""

from __future__ import annotations

import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from cablecell.console.sessions import COOKIE, Role, load_tokens
from cablecell.ros import qos
from tests.support.arm_node import end, start_node
from tests.support.browser import find_chromium, open_page
from tests.support.console_hand import (
    CANVAS,
    MOVED_M,
    SeenArm,
    button_hand,
    drag_handle,
    free_port,
    go_to,
    key_hand,
    log_in,
    move,
    says,
    take_arm,
)
from tests.support.teleop_rig import TeleopRig

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="this machine has no chromium")

DRAGS = 7
AT_REST_S = 0.5
PATIENT = ("autostart:=true", "state_age_limit_s:=1.0", "command_age_limit_s:=1.0", "consent_limit_s:=5.0")
"""`teleop` on a machine that has much else to do; how soon it brakes is as always."""

GANTRY = """<robot name="gantry"><link name="world"/><link name="base_link"/><link name="x"/><link name="y"/>
<link name="z"/><link name="tcp"/>
<joint name="at" type="fixed"><parent link="world"/><child link="base_link"/><origin xyz="0.37 -0.09 1.07"/></joint>
<joint name="px" type="prismatic"><parent link="base_link"/><child link="x"/><axis xyz="1 0 0"/></joint>
<joint name="py" type="prismatic"><parent link="x"/><child link="y"/><axis xyz="0 1 0"/></joint>
<joint name="pz" type="prismatic"><parent link="y"/><child link="z"/><axis xyz="0 0 1"/></joint>
<joint name="tool" type="fixed"><parent link="z"/><child link="tcp"/><origin rpy="3.141592653589793 0 0"/></joint>
</robot>"""


@pytest.fixture(scope="module")
def rig():
    with TeleopRig() as rig, start_node("teleop", *PATIENT, "realtime_priority:=0") as teleop:
        rig.node.create_publisher(String, "robot_description", qos.STATE).publish(String(data=GANTRY))
        joints = rig.node.create_publisher(JointState, "joint_states", qos.MEASUREMENT)

        def say_joints():
            joints.publish(JointState(name=["px", "py", "pz"], position=rig.arm.X[:3, 3].tolist()))

        rig.node.create_timer(0.05, say_joints)
        rig.wait_until_ready()
        yield rig
        end(teleop)


@pytest.fixture(scope="module")
def console(rig, tmp_path_factory):
    tokens, port = tmp_path_factory.mktemp("console") / "tokens.json", free_port()
    with start_node("console", f"port:={port}", f"token_file:={tokens}") as process:
        process.wait_for_output("console: http://", 60.0)
        url, token = f"http://127.0.0.1:{port}", load_tokens(tokens).by_role[Role.OPERATOR]
        yield SimpleNamespace(url=url, token=token, arm=SeenArm(rig))
        process.send(signal.SIGINT)
        assert process.wait() == 0, process.output


@pytest.fixture(scope="module")
def page(console, tmp_path_factory):
    with open_page(tmp_path_factory.mktemp("browser"), 1000, 800) as page:
        page.go(f"{console.url}/")
        assert page.run("location.pathname") == "/login", "nobody sees anything before the login"
        log_in(page, console.url, console.token)
        assert COOKIE not in page.run("document.cookie"), "no script reads the cookie"
        yield page
        assert page.errors == []


def test_the_arm_moves_while_a_button_is_held(console, page):
    take_arm(console.arm, page, "25%")
    _, let_go = hand = button_hand(page, "Z-")
    before = move(console.arm, hand, 0.01)
    let_go()
    console.arm.wait_for_rest()
    way = console.arm.X[:3, 3] - before[:3, 3]
    assert way @ -before[:3, 2] > 0.99 * np.linalg.norm(way), "along the axis of the tool"


def test_the_arm_moves_while_a_key_is_held_and_while_somebody_looks(console, page):
    take_arm(console.arm, page, "25%")
    _, let_go = hand = key_hand(page, "q")
    before = move(console.arm, hand, 0.005)
    let_go()
    console.arm.wait_for_rest()
    assert console.arm.X[0, 3] == pytest.approx(before[0, 3], abs=MOVED_M)
    move(console.arm, hand, 0.005)
    page.run("dispatchEvent(new Event('blur')), 0")
    console.arm.wait_for_rest()
    let_go()


def test_the_arm_follows_the_handle(console, page, record_property):
    take_arm(console.arm, page, "100%")
    page.wait_for(f"{CANVAS}.clientWidth > 100")
    latencies = []
    for number in range(DRAGS):
        along, moved, latency_s = drag_handle(console.arm, page, 1.0 if number % 2 else -1.0)
        latencies.append(latency_s)
        assert abs(moved @ along) > 0.97 * np.linalg.norm(moved), "along the arrow"
        assert np.linalg.norm(moved) < 0.012, "as far as the mouse"
    record_property("drag_to_motion_s", latencies)


def test_a_browser_that_freezes_or_dies_leaves_the_arm_at_rest(console, page, tmp_path, record_property):
    arm = console.arm
    take_arm(arm, page, "100%")
    move(arm, button_hand(page, "Z-"), 0.005)
    gone_s = time.time()
    page.signal(signal.SIGSTOP)
    frozen_s = arm.rested_after(gone_s)
    at_rest = arm.X
    page.signal(signal.SIGCONT)
    page.wait_for(says("Hold to move"))
    assert arm.rested_after(time.time()) == 0.0, "nobody has pressed again"
    assert arm.distance_from(at_rest) < MOVED_M

    with open_page(tmp_path / "profile", 1000, 800) as other:
        log_in(other, console.url, console.token, "Ben")
        go_to(other, "Teleop")
        other.wait_for(says("ready"))
        move(arm, button_hand(other, "Z+"), 0.005)
        gone_s = time.time()
        other.signal(signal.SIGKILL)
        killed_s = arm.rested_after(gone_s)
    record_property("at_rest_after_s", [frozen_s, killed_s])
    assert 0.0 < frozen_s <= AT_REST_S
    assert killed_s <= AT_REST_S
