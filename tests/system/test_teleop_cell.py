"""The whole cell with teleoperation: a person moves the arm between jobs, and goes down with the cell."""

import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cablecell_interfaces.msg import CellState, TeleopStatus
from visualization_msgs.msg import Marker, MarkerArray

from cablecell.ros import qos
from tests.support.cell_graph import DECIDING, CellWatch, simulation_entities
from tests.support.graph import Process, processes_in_session
from tests.support.teleop_rig import MeasuredArm, TeleopRig, moved
from tests.support.wait import wait_until

pytestmark = pytest.mark.cell

CABLECELL = Path(sys.prefix) / "bin" / "cablecell"


def test_a_person_moves_the_arm_of_the_cell_and_gives_it_back():
    with (
        TeleopRig(arm=MeasuredArm) as rig,
        Process(CABLECELL, "launch", "teleop.launch.xml", "rviz:=false") as launch,
    ):
        watch = CellWatch(rig)
        plugs = rig.collect(MarkerArray, "held_plug_markers", qos.STATE)
        watch.wait_ready(launch)
        rig.wait_until_ready()
        wait_until(lambda: plugs, what="the held plug for RViz")
        assert any(marker.type == Marker.LINE_STRIP for marker in plugs[-1].markers), "the cable"

        rig.menu("Enable")
        rig.wait_for_status(lambda status: status.state == TeleopStatus.STATE_READY, "enabled by the menu")
        wait_until(lambda: watch.states[-1].mode == CellState.MODE_MANUAL, what="manual mode")
        start = rig.arm.X
        rig.press(start)
        rig.wait_for_status(lambda status: status.holder == "marker rviz", "control")
        goal = moved(0.02, 0.0, 0.0, start)
        rig.drag(goal, 1.5)
        rig.release()
        rig.wait_for_status(lambda status: not status.holder, "free control")
        assert np.linalg.norm(rig.arm.X[:3, 3] - goal[:3, 3]) < 0.002

        refused = watch.run_job("trial_1")
        assert refused.error_code == 620
        assert simulation_entities(rig, (*DECIDING, "teleop", "_teleop", "scene_markers")) == []

        rig.menu("Enable")
        wait_until(lambda: watch.states[-1].mode == CellState.MODE_PRODUCTION, what="production mode")
        result = watch.start_job("trial_1")
        wait_until(lambda: watch.states[-1].state == CellState.STATE_EXECUTE, what="a job that runs")
        answer = rig.set("enable", True)
        assert answer.message == "code 620: a job is running; stop it, or wait for its end"
        assert not result.done()

        began_s = time.monotonic()
        launch.send(signal.SIGINT)
        assert launch.wait() == 0, launch.output
        assert time.monotonic() - began_s < 8.0
        assert not list(processes_in_session(launch.pid))
        assert "Traceback" not in launch.output, launch.output
