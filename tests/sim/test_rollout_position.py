"""The skill on a position-controlled arm: it seats over a link with delay, within the forces of the other one."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.composition.ros2_control_backend import make_backend
from cablecell.configuration import (
    config_folder,
    load_connectors,
    load_robot,
    load_simulation,
    load_trials,
    read_document,
)
from cablecell.core.config.control import ControlSettings
from cablecell.core.config.insertion import InsertionSettings
from cablecell.evaluation.rollout_position import PositionRollout
from cablecell.simulation.servo import ServoLink
from tests.contract.test_ros2_control import make

FORCE_LIMIT_N = 20.0


def shipped():
    """Return the shipped settings of controller and skill for an arm that is told positions."""
    nodes = read_document(config_folder() / "hardware/ros2_control.yaml")["/**"]
    arm, skill = (nodes[name]["ros__parameters"] for name in ("arm_controller", "insertion_skill"))
    control = {name: value for name, value in arm.items() if name in ControlSettings.model_fields}
    insertion = {name: value for name, value in skill.items() if name in InsertionSettings.model_fields}
    return ControlSettings(**control), InsertionSettings(**insertion)


@pytest.mark.parametrize(("trial", "seed"), [("trial_1", 202), ("trial_3", 201)])
def test_it_seats_over_four_milliseconds_each_way(trial, seed):
    robot, _ = make(load_robot(config_folder() / "robots/loopback.yaml"))
    control, insertion = shipped()
    rollout = PositionRollout(
        load_trials().trials[trial],
        load_connectors(),
        seed=seed,
        simulation=load_simulation(),
        control=control,
        insertion=insertion,
        loop=make_backend(robot._settings, robot, 500.0).contact_loop,
        link=ServoLink(delay_s=0.004, jitter_s=0.002),
    )
    try:
        result = rollout.run()
    finally:
        rollout.close()
    assert result.is_success, result.skill.reason
    contact = np.linalg.norm(np.array(result.trace.force), axis=1)
    assert contact.max() < FORCE_LIMIT_N
