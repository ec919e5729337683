"""Random and hostile targets and sequences: a trajectory within the limits, or a typed error, and nothing else."""

from __future__ import annotations

import collections

import numpy as np
from cablecell_interfaces.msg import MotionSequenceItem, MotionTarget
from scipy.spatial.transform import Rotation

from cablecell.core.config.motion_planner import MotionPlannerParameters
from cablecell.core.errors import WorkcellError
from cablecell.core.motion.trajectory import is_at_rest, measure_limit_use
from cablecell.ros.estimator_layout import load_layout
from cablecell.ros.planner_messages import to_joint_trajectory
from cablecell.ros.planner_moves import MoveMaker, thinned
from cablecell.ros.planner_scene import PlanningScene
from cablecell.ros.planner_targets import parse_named_targets, read_sequence, read_target
from tests.support.motion import HOME, LIMITS, model

NASTY = (0.0, 1e-320, 1e-9, 1.0, -1.0, 2.0 * np.pi, 7.0, 1e6, 1e150, 1e308, -1e308, np.inf, -np.inf, np.nan)


class Stranger:
    """Makes messages that are sound but for some of their numbers and names."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def number(self, usual: float, nasty: float) -> float:
        return float(self.rng.choice(NASTY)) if self.rng.random() < nasty else float(usual)

    def target(self, nasty: float) -> MotionTarget:
        rng, X = self.rng, model().fk(HOME)
        target = MotionTarget(path=int(rng.integers(5)), goal=int(rng.integers(4)))
        if rng.random() < nasty:
            target.path, target.goal = int(rng.integers(256)), int(rng.integers(256))
        is_relative = target.goal == MotionTarget.GOAL_RELATIVE
        place = np.zeros(3) if is_relative else X[:3, 3]
        turn = Rotation.from_rotvec(rng.normal(0.0, 0.2, 3)) * Rotation.from_matrix(
            np.eye(3) if is_relative else X[:3, :3]
        )
        for message, values in (
            (target.pose.pose.position, place + rng.normal(0.0, 0.08, 3)),
            (target.via.point, X[:3, 3] + rng.normal(0.0, 0.08, 3)),
            (target.pose.pose.orientation, turn.as_quat()),
        ):
            for name, value in zip("xyzw", values, strict=False):
                setattr(message, name, self.number(value, nasty))
        target.pose.header.frame_id = "base_link" if rng.random() > nasty else "moon"
        target.tip_frame = str(rng.choice(["", "tcp", "sfp_tip"])) if rng.random() > nasty else "nose"
        target.name = "home" if rng.random() > nasty else "away"
        count = int(rng.integers(1, 7))
        target.joint_names = list(model().joint_names[:count])
        target.joint_positions = [self.number(q, nasty) for q in HOME[:count] + rng.normal(0.0, 0.2, count)]
        target.velocity_scale, target.acceleration_scale = (self.number(s, nasty) for s in rng.uniform(0.1, 1.0, 2))
        return target

    def items(self, nasty: float) -> list[MotionSequenceItem]:
        radii = [*np.abs(self.rng.normal(0.0, 0.03, int(self.rng.integers(3)))), 0.0]
        items = [MotionSequenceItem(target=self.target(nasty), blend_radius=self.number(r, nasty)) for r in radii]
        for item in items:
            item.target.path %= 3
        return items


def test_whatever_is_asked_for_is_planned_within_the_limits_or_refused_by_a_typed_error() -> None:
    maker = MoveMaker(model(), MotionPlannerParameters(planning_attempts=1))
    scene = PlanningScene(model(), load_layout("", "trial_1"), assume_held=True, unseen_margin_m=0.02)
    known = model(), scene, parse_named_targets([], model())
    stranger, codes = Stranger(31), collections.Counter[int]()
    for k in range(90):
        nasty = float(stranger.rng.choice([0.0, 0.02, 0.1]))
        q_start = HOME + stranger.rng.normal(0.0, 0.1, 6)
        try:
            items, target = stranger.items(nasty), stranger.target(nasty)
            with np.errstate(over="ignore"):  # a quaternion of 1e308 is no rotation
                request = read_sequence(items, *known) if k % 2 else read_target(target, *known)
            with np.errstate(over="raise", invalid="raise"):
                plan = maker.plan(request, q_start, scene.scene(), budget_s=0.1)
        except WorkcellError as error:
            codes[error.code] += 1
            continue
        codes[0] += 1
        sent = thinned(plan.trajectory, LIMITS)
        assert to_joint_trajectory(sent).points
        use = measure_limit_use(sent, LIMITS)
        assert max(use.velocity, use.acceleration) <= 1.02
        assert use.jerk <= 1.05
        assert is_at_rest(sent)
        assert np.array_equal(sent.start, q_start)
    assert codes[0] > 15
    assert len(codes) >= 6, codes
