"""The contract of the driver that `cell new driver` writes, installed as a package and found by its name."""

from __future__ import annotations

import sys

import pytest

from cablecell.composition.config_kinds import check_file
from cablecell.composition.machines import MachineOptions, make_machine
from cablecell.scaffold.packages import new_driver
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
from tests.support.plugin_packages import install

NAME = "lab_arm"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("driver")
    written = new_driver(NAME, folder)
    for path in written:
        if path.suffix == ".yaml":
            assert check_file(path) == "arm"
    install(folder / NAME, folder / "site")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder / "site"))
        yield
    for module in [module for module in sys.modules if module.split(".")[0] == NAME]:
        del sys.modules[module]


@pytest.fixture
def rig(installed):
    made = make_machine(NAME, MachineOptions()).machine
    robot = made._link.transport.robot

    def link(is_linked: bool) -> None:
        robot.is_linked = is_linked

    names = {"joints": f"the joints of {NAME}", "wrench": f"the force sensor of {NAME}"}
    yield Rig(made, lambda part: link(False), lambda: link(True), names, close=made.disconnect)
    made.disconnect()


@pytest.fixture
def linked(rig):
    rig.machine.connect()
    return rig
