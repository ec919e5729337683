"""The planner keeps to the joint speeds of the machine, and what it sends is what it checked."""

from __future__ import annotations

import numpy as np
import pytest
from cablecell_interfaces.msg import MotionTarget

from cablecell.core.config.motion_planner import MotionPlannerParameters
from cablecell.core.geometry import exp_so3, make_pose
from cablecell.core.motion.scene import Scene
from cablecell.core.motion.sequence import ToolGoal
from cablecell.core.motion.timing import LineLimits
from cablecell.core.motion.trajectory import is_at_rest, measure_limit_use
from cablecell.ros.planner_moves import MoveMaker, thinned
from cablecell.ros.planner_targets import MoveRequest
from tests.support.motion import LIMITS, model, moves

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


def test_what_a_message_carries_of_a_line_keeps_its_limits_and_its_way():
    """Knots every 20 ms instead of 2 ms: the joints stay within microradians, the tip within a micrometre."""
    rng = np.random.default_rng(8)
    X = model().fk(HOME)
    for _ in range(12):
        corner, end = (
            make_pose(
                exp_so3(rng.uniform(-0.08, 0.08, 3)) @ X[:3, :3], X[:3, 3] + rng.uniform((-0.05, -0.1, 0.02), 0.1)
            )
            for _ in range(2)
        )
        goals = [ToolGoal(corner, blend_radius_m=0.03), ToolGoal(end)]
        whole = moves().move_sequence(HOME, goals, LineLimits(0.25, 1.0, 10.0), Scene(), 0.003)
        sent = thinned(whole)
        assert len(sent.times_s) < 0.2 * len(whole.times_s)
        times = np.linspace(0.0, whole.duration_s, 500)
        apart = np.abs(sent.sample_at(times)[0] - whole.sample_at(times)[0]).max()
        assert apart < 5e-6
        use = measure_limit_use(sent, LIMITS)
        assert max(use.velocity, use.acceleration) <= 1.0 + 1e-3
        assert use.jerk <= 1.05
        assert is_at_rest(sent)
