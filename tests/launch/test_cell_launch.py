"""The whole cell under the real launch engine and its pytest plugin; needs a ROS install (launch_pytest).

`tests/system/test_cell_up_and_down.py` makes the same assertions through the cell's own launcher.
"""

import pytest

launch_pytest = pytest.importorskip("launch_pytest", reason="needs a ROS install with launch_pytest")

from pathlib import Path  # noqa: E402

from ament_index_python.packages import get_package_share_directory  # noqa: E402
from launch import LaunchDescription  # noqa: E402
from launch.actions import IncludeLaunchDescription  # noqa: E402
from launch.launch_description_sources import AnyLaunchDescriptionSource  # noqa: E402

from tests.support.cell_assertions import assert_cell_is_whole, assert_job_seats  # noqa: E402
from tests.support.cell_graph import CellWatch  # noqa: E402
from tests.support.graph import GraphClient  # noqa: E402


@launch_pytest.fixture
def cell():
    """The launch file as it is installed."""
    path = Path(get_package_share_directory("cablecell")) / "launch" / "cell.launch.xml"
    arguments = {"hardware": "sim", "seed": "3"}.items()
    return LaunchDescription(
        [
            IncludeLaunchDescription(AnyLaunchDescriptionSource(str(path)), launch_arguments=arguments),
            launch_pytest.actions.ReadyToTest(),
        ]
    )


@pytest.mark.launch(fixture=cell)
def test_the_cell_seats_a_connector():
    with GraphClient() as client:
        watch = CellWatch(client)
        watch.wait_idle()
        assert_cell_is_whole(client)
        assert_job_seats(watch, "trial_1", "nic_card_mount_0/sfp_port_0")
