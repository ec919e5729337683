"""The first graph under the real launch engine and its pytest plugin; needs a ROS install (launch_pytest).

`tests/system/test_link_graph.py` makes the same assertions through the cell's own launcher.
"""

import pytest

launch_pytest = pytest.importorskip("launch_pytest", reason="needs a ROS install with launch_pytest")

from pathlib import Path  # noqa: E402

from ament_index_python.packages import get_package_share_directory  # noqa: E402
from launch import LaunchDescription  # noqa: E402
from launch.actions import IncludeLaunchDescription  # noqa: E402
from launch.launch_description_sources import AnyLaunchDescriptionSource  # noqa: E402

from tests.support.graph import GraphClient  # noqa: E402
from tests.support.link_assertions import assert_graph_works  # noqa: E402

NAMESPACE = "/real_engine"


@launch_pytest.fixture
def link_graph():
    """The launch file as it is installed."""
    path = Path(get_package_share_directory("cablecell")) / "launch" / "link.launch.xml"
    arguments = {"namespace": NAMESPACE, "exercise_count": "50"}.items()
    return LaunchDescription(
        [
            IncludeLaunchDescription(AnyLaunchDescriptionSource(str(path)), launch_arguments=arguments),
            launch_pytest.actions.ReadyToTest(),
        ]
    )


@pytest.mark.launch(fixture=link_graph)
def test_graph_works():
    with GraphClient() as client:
        assert_graph_works(client, NAMESPACE)
