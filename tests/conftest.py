"""The environment of every test: the cell's own, in a ROS domain and a log folder that nobody else uses."""

from __future__ import annotations

import pytest

from cablecell.installation import environment
from tests.support.domains import private_domain

REAL_TIME = (
    "tests/ros/test_arm_",
    "tests/ros/test_cell_supervisor",
    "tests/ros/test_insertion_skill",
    "tests/ros/test_motion_planner",
    "tests/ros/test_port_estimator",
    "tests/ros/test_recorder",
    "tests/ros/test_sim_camera",
    "tests/system/test_aic",
    "tests/system/test_background.py",
    "tests/system/test_cell.py",
    "tests/system/test_cell_deaths.py",
    "tests/system/test_cell_health.py",
    "tests/system/test_cell_touch.py",
    "tests/system/test_cell_up_and_down.py",
    "tests/system/test_console",
    "tests/system/test_demo",
    "tests/system/test_kills.py",
    "tests/system/test_lookback.py",
    "tests/system/test_loopback.py",
    "tests/system/test_nexus_line.py",
)
"""Files whose tests run the cell's nodes in real time."""


def pytest_collection_modifyitems(items):
    """Mark the tests in real time, and put them last: what is quick and exact fails first."""
    for item in items:
        if item.nodeid.startswith(REAL_TIME):
            item.add_marker(pytest.mark.cell)
        if item.nodeid.startswith("tests/system/test_docker.py"):
            item.add_marker(pytest.mark.docker)
    items.sort(key=lambda item: item.get_closest_marker("cell") is not None)


@pytest.fixture(scope="session", autouse=True)
def _private_environment(tmp_path_factory):
    with private_domain() as domain, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", str(domain))
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        patch.setenv("ROS_LOG_DIR", str(tmp_path_factory.mktemp("ros_log")))
        environment.apply()
        yield
