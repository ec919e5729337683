"""The driver of UR arms and the controller of the tests, on one loopback address."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from cablecell.composition.ur_backend import make_backend
from cablecell.configuration import config_folder, read_document
from cablecell.core.config.ur import UrSettings, parse_ur
from cablecell.hardware.ur_rtde import UrMachine
from tests.support.rtde.process import RtdeProcess

RATE_HZ = 500.0
_PRIORITY = 10


@contextlib.contextmanager
def urgent_robot() -> Iterator[RtdeProcess]:
    """Start a controller, and be as urgent as the process that controls an arm, where the machine allows it."""
    with RtdeProcess() as process:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))  # threads that are started inherit it
        try:
            yield process
        finally:
            with contextlib.suppress(PermissionError):
                os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def settings(**changes) -> UrSettings:
    """Return the shipped UR at full speed, which a busy machine may leave silent for longer than a real one."""
    document = read_document(config_folder() / "robots/ur5e_rtde.yaml")
    document["limits"] |= {"velocity_rad_per_s": [3.14] * 6, "acceleration_rad_per_s2": 100.0}
    document["watch"] |= {"state_age_limit_s": 0.12, "wrench_age_limit_s": 0.12}
    document["servo"] |= {"watchdog_hz": 6.0}
    for name, values in changes.items():
        document[name] |= values
    return parse_ur(document, "ur.yaml")


def make_machine(robot: RtdeProcess, **changes) -> UrMachine:
    """Return the machine at a controller, not yet connected."""
    machine = make_backend(settings(**changes), robot.address, RATE_HZ).machine
    assert isinstance(machine, UrMachine)
    return machine
