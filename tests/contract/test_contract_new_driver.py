"""The contract of the driver that `cell new driver` writes, installed as a package and found by its name."""

from __future__ import annotations

import sys

import pytest

from cablecell.composition.config_kinds import check_file
from cablecell.composition.machines import MachineOptions, make_machine
from cablecell.scaffold.packages import new_driver
from tests.contract.backends import Rig
from tests.contract.test_contract import *  # noqa: F403 - all of it, with the fixtures of this file
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
