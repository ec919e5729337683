"""The contract over RTDE: the driver of UR arms, the real client library, and the controller of the tests."""

from __future__ import annotations

import pytest

from tests.contract.backends import Rig
from tests.contract.test_contract import *  # noqa: F403 - all of it, with the fixtures of this file
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
