"""Our skill as a policy of the challenge: what it does where nothing comes to it."""

import time
from types import SimpleNamespace

import pytest
from aic_control_interfaces.msg import ControllerState
from aic_task_interfaces.msg import Task
from rclpy.clock import Clock

from cablecell.core.geometry import make_pose
from cablecell.policies.InsertionSkill import InsertionSkill, SilentCellError


@pytest.fixture(scope="module")
def policy():
    subscribed = {}
    node = SimpleNamespace(
        get_clock=Clock,
        get_logger=lambda: None,
        create_subscription=lambda kind, topic, callback, depth: subscribed.update({topic: callback}),
    )
    policy = InsertionSkill(node)
    policy.sleep_for = time.sleep
    policy.subscribed = subscribed
    return policy


def test_it_listens_to_what_the_challenge_publishes_and_nothing_else(policy):
    assert sorted(policy.subscribed) == ["/aic_controller/controller_state", "/fts_broadcaster/wrench"]


def test_without_observations_it_says_so_and_has_not_succeeded(policy, monkeypatch):
    monkeypatch.setattr(InsertionSkill._observe, "__defaults__", (0.05,))
    told = []
    assert policy.insert_cable(Task(), lambda: None, lambda **_: True, told.append) is False
    assert told == ["code 862: no observation within 0.05 s"]


def test_a_silent_controller_ends_the_attempt(policy, monkeypatch):
    monkeypatch.setitem(InsertionSkill._tool.__globals__, "_SILENCE_S", 0.05)
    with pytest.raises(SilentCellError, match=r"silent for 0\.05 s"):
        policy._tool()


def test_a_way_is_smooth_and_ends_where_it_should(policy):
    sent = []

    def move(motion_update):
        sent.append(motion_update)
        state = ControllerState(tcp_pose=motion_update.pose, reference_tcp_pose=motion_update.pose)
        policy.subscribed["/aic_controller/controller_state"](state)

    policy._move = move
    start = ControllerState()
    start.reference_tcp_pose.orientation.w = start.tcp_pose.orientation.w = 1.0
    policy._next_state = lambda: policy._state
    policy.subscribed["/aic_controller/controller_state"](start)
    goal = make_pose([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [0.06, 0.0, 0.0])
    begun_s = time.monotonic()
    policy._go_to(goal)
    assert 0.9 < time.monotonic() - begun_s < 4.0
    x = [update.pose.position.x for update in sent]
    assert x == sorted(x)
    assert x[-1] == pytest.approx(0.06)
    assert x[1] < 0.002
    assert len(x) > 20
