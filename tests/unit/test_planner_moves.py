"""The planner keeps to the joint speeds of the machine, whatever its own parameters allow."""

from __future__ import annotations

import numpy as np
import pytest
from cablecell_interfaces.msg import MotionTarget

from cablecell.core.config.motion_planner import MotionPlannerParameters
from cablecell.core.motion.scene import Scene
from cablecell.ros.planner_moves import MoveMaker
from cablecell.ros.planner_targets import MoveRequest
from tests.support.motion import model

HOME = np.array([-0.16, -1.354, -1.665, -1.693, 1.571, 1.411])


@pytest.mark.parametrize(("slow_joint", "speed"), [(0, 0.3), (5, 0.1)])
def test_a_slow_joint_is_not_driven_faster(slow_joint, speed):
    limits = np.full(6, 9.0)
    limits[slow_joint] = speed
    arm = model()
    maker = MoveMaker(arm, MotionPlannerParameters(), limits)
    goal = dict(zip(arm.joint_names, (HOME + 0.2).tolist(), strict=True))
    request = MoveRequest(MotionTarget.PATH_PTP, goal, None, "tcp", 1.0, 1.0)
    trajectory = maker.plan(request, HOME, Scene(), budget_s=1.0).trajectory
    speeds = np.abs([trajectory.sample(t).dq for t in np.linspace(0.0, trajectory.duration_s, 200)])
    assert speeds[:, slow_joint].max() == pytest.approx(speed, rel=0.05)
