"""The contract on a recording, as far as it applies to a machine that does nothing."""

from __future__ import annotations

import pytest

from tests.contract.backends import Rig
from tests.contract.test_contract import (  # noqa: F401 - collected here with the fixtures of this file
    machine,
    test_a_bad_command_is_refused_and_changes_nothing,
    test_a_mode_that_it_has_not_is_refused,
    test_a_silent_part_is_noticed_in_time_and_named,
    test_everything_is_readable_once_connected,
    test_it_stands_still_without_a_command,
    test_nothing_works_before_connecting_and_the_message_says_what_to_do,
    test_stopping_and_leaving_are_always_allowed,
    test_time_goes_on_with_every_cycle,
    test_what_it_is_is_known_before_connecting,
)
from tests.support import recorded


@pytest.fixture
def rig():
    return Rig(recorded.machine(1.0))


@pytest.fixture
def linked():
    """A recording that ends as the tests of a lost link cut theirs."""
    short = recorded.machine(0.15)
    name = "recording made.mcap"
    short.connect()
    return Rig(short, lambda part: None, lambda: None, {"joints": name, "wrench": name})
