"""The contract over RTDE: the driver of UR arms, the real client library, and the controller of the tests."""

from __future__ import annotations

import pytest

from tests.contract.backends import Rig
from tests.contract.test_contract import (  # noqa: F401 - collected here with the fixtures of this file
    machine,
    test_a_bad_command_is_refused_and_changes_nothing,
    test_a_link_that_comes_back_is_good_again_after_a_new_connection,
    test_a_mode_that_it_has_not_is_refused,
    test_a_position_beyond_the_range_ends_at_the_range,
    test_a_silent_part_is_noticed_in_time_and_named,
    test_everything_is_readable_once_connected,
    test_it_comes_back_without_a_jump_and_without_old_commands,
    test_it_stands_still_without_a_command,
    test_nothing_works_before_connecting_and_the_message_says_what_to_do,
    test_stop_comes_to_rest_and_stays,
    test_stop_is_allowed_and_short_without_a_link,
    test_stopping_and_leaving_are_always_allowed,
    test_the_arm_goes_where_it_is_sent,
    test_the_gripper_refuses_what_it_cannot_do_and_does_what_it_can,
    test_time_goes_on_with_every_cycle,
    test_what_is_sent_is_what_it_says_was_sent,
    test_what_it_is_is_known_before_connecting,
)
from tests.support.rtde.rig import make_machine, urgent_robot

pytest.importorskip("rtde_control", reason="ur-rtde has no wheel for this machine")

pytestmark = pytest.mark.cell


@pytest.fixture(scope="module")
def process():
    with urgent_robot() as process:
        yield process


@pytest.fixture
def rig(process):
    process.reset()
    ur = make_machine(process)
    # Joints and wrench come in one package: neither can fall silent alone.
    name = f"RTDE of {process.address}"
    yield Rig(
        ur,
        lambda part: process.weather(is_stalled=True),
        lambda: process.weather(is_stalled=False),
        {"joints": name, "wrench": name},
        age_limit_s=0.12,
    )
    process.weather(is_stalled=False)
    ur.disconnect()


@pytest.fixture
def linked(rig):
    rig.machine.connect()
    return rig
