"""The environment of every test: the cell's own, in a ROS domain and a log folder that nobody else uses."""

from __future__ import annotations

import pytest

from cablecell.installation import environment
from tests.support.domains import private_domain


@pytest.fixture(scope="session", autouse=True)
def _private_environment(tmp_path_factory):
    with private_domain() as domain, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_DOMAIN_ID", str(domain))
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        patch.setenv("ROS_LOG_DIR", str(tmp_path_factory.mktemp("ros_log")))
        environment.apply()
        yield
