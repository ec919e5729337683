"""The action `identify_payload` over the graph: it finds the plug, and on any error nothing changes."""

import time

import numpy as np
import pytest
from cablecell_interfaces.action import IdentifyPayload
from lifecycle_msgs.msg import Transition

from cablecell.ros import conversions
from cablecell.ros.action_client import MutualActionClient
from tests.support.arm_node import ArmClient, end, start_node, turned
from tests.support.wait import wait_until

SUCCEEDED, CANCELED, ABORTED = 4, 5, 6
PLUG_KG, CABLE_KG = 0.08, 0.025
"""The plug of the first trial, and about what it lifts of its cable."""


class PayloadClient(ArmClient):
    """Also asks for identifications."""

    def __init__(self):
        super().__init__()
        self.identification = MutualActionClient(self.node, IdentifyPayload, "identify_payload")

    def close(self):
        self.run(self.identification.destroy)
        super().close()

    def identify(self, *, apply=False, tilt=0.0, **callbacks):
        return self.send(IdentifyPayload.Goal(apply=apply, tilt=tilt), self.identification, **callbacks)

    def is_moving(self):
        return np.abs(self.joints[-1].velocity[:6]).max() > 0.3

    def contact_n(self):
        """Return the mean contact force, which is zero in free air, N."""
        return np.mean([conversions.vector(m.wrench.force) for m in self.newer(self.wrenches, 60)], axis=0)


@pytest.fixture(scope="module")
def client():
    with PayloadClient() as graph:
        yield graph


@pytest.fixture(scope="module")
def process(client):
    with start_node("arm_controller", "autostart:=true", "seed:=1", "diagnostics_rate_hz:=10.0") as node:
        client.wait_until_ready()
        assert client.identification.wait_for_server(timeout_sec=60.0)
        yield node
        end(node)


@pytest.fixture
def arm(client, process):
    client.reset()
    client.newer(client.joints, 20)
    return client


def code(outcome):
    return outcome.status, outcome.result.error_code


def test_the_plug_is_found_and_its_weight_is_taken_away_at_any_orientation(arm):
    start = arm.q()
    feedback = []
    outcome = arm.result(arm.identify(apply=True, feedback_callback=lambda m: feedback.append(m.feedback)))
    found = outcome.result
    assert code(outcome) == (SUCCEEDED, 0), found.error_msg
    assert found.attempts == 1
    assert found.payload.header.frame_id == "tcp"
    assert found.payload.inertia.m == pytest.approx(PLUG_KG + CABLE_KG, abs=0.015)
    assert 0.0 < found.mass_std < 0.005
    assert 0.0 < found.com_std < 0.03
    assert found.force_residual < 0.3
    assert conversions.time_ns(found.duration) <= 5_000_000_000
    assert [f.progress for f in feedback] == sorted(f.progress for f in feedback)
    assert {f.phase for f in feedback} == {
        IdentifyPayload.Feedback.PHASE_MOVING,
        IdentifyPayload.Feedback.PHASE_READING,
    }
    assert np.abs(arm.q() - start).max() < 0.002, "it is back where it was"
    for wrist in (0.35, -0.35):
        assert arm.result(arm.send(arm.goal(turned(start, 0, 0, 0, wrist, wrist, 0.5), 1.0))).status == SUCCEEDED
        arm.newer(arm.wrenches, 100)
        assert np.linalg.norm(arm.contact_n()) < 0.35, "in free air nothing is felt"


def test_a_cancel_ends_in_rest_and_changes_nothing(arm):
    before = arm.states[-1].fts_tare_offset.wrench.force
    handle = arm.identify(apply=True)
    wait_until(arm.is_moving)
    arm.ask(handle.cancel_goal_async)
    outcome = arm.result(handle)
    assert code(outcome) == (CANCELED, 603), outcome.result.error_msg
    arm.newer(arm.joints, 10)
    held = np.array([m.position[:6] for m in arm.newer(arm.joints, 30)])
    assert np.ptp(held, axis=0).max() < 1e-3
    assert arm.newer(arm.states)[-1].fts_tare_offset.wrench.force == before


def test_a_stop_is_served_during_the_motion_and_is_the_answer(arm):
    handle = arm.identify(apply=True)
    wait_until(arm.is_moving)
    asked_s = time.monotonic()
    assert arm.trigger("stop").success
    assert time.monotonic() - asked_s < 1.0
    assert code(arm.result(handle)) == (ABORTED, 314)
    wait_until(lambda: np.abs(arm.joints[-1].velocity[:6]).max() < 0.01)
    assert code(arm.result(arm.identify())) == (ABORTED, 314), "a stopped arm does not begin"
    assert arm.trigger("clear_stop").success


def test_another_motion_takes_over_and_a_second_goal_is_rejected_meanwhile(arm):
    start = arm.q()
    handle = arm.identify()
    wait_until(arm.is_moving)
    second = arm.ask(lambda: arm.identification.send_goal_async(IdentifyPayload.Goal()))
    assert not second.accepted
    here = np.array(arm.joints[-1].position[:6])
    follow = arm.send(arm.goal(here, 0.5))
    assert code(arm.result(handle)) == (ABORTED, 318)
    arm.result(follow)
    assert arm.result(arm.send(arm.goal(start, 1.0))).status == SUCCEEDED


@pytest.mark.parametrize(("tilt", "error"), [(2.0, 330), (0.7, 330), (float("nan"), 330)])
def test_a_tilt_that_cannot_be_is_refused_and_nothing_moves(arm, tilt, error):
    q = arm.q()
    outcome = arm.result(arm.identify(tilt=tilt))
    assert code(outcome) == (ABORTED, error)
    assert outcome.result.attempts == 0
    assert np.abs(arm.q() - q).max() < 1e-3


def test_a_moving_arm_does_not_begin(arm):
    follow = arm.send(arm.goal(turned(arm.q(), 0.6), 1.5))
    wait_until(arm.is_moving)
    assert code(arm.result(arm.identify())) == (ABORTED, 330)
    assert arm.result(follow).status == SUCCEEDED, "the motion goes on"


def test_a_node_that_is_not_active_takes_no_goal_and_ends_a_running_one(arm):
    handle = arm.identify(apply=True)
    wait_until(arm.is_moving)
    assert arm.change_state("/arm_controller", Transition.TRANSITION_DEACTIVATE)
    assert code(arm.result(handle)) == (ABORTED, 604)
    refused = arm.ask(lambda: arm.identification.send_goal_async(IdentifyPayload.Goal()))
    assert not refused.accepted
    assert arm.change_state("/arm_controller", Transition.TRANSITION_ACTIVATE)
