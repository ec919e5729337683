"""What skill and planner are told in a rollout: estimates with seeded errors, and the scene as it is believed to be."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.connector import Connector
from cablecell.core.config.scenario import BenchFixture, EstimateErrors
from cablecell.core.config.simulation import GraspSettings
from cablecell.core.geometry import exp_so3, invert_pose, make_pose, rotation_from_quat
from cablecell.core.insertion.grasp import grasp_covariance
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.motion.model import RobotModel
from cablecell.core.motion.scene import AttachedBody, Box, Obstacle, hold_cable, obstacles_from_urdf
from cablecell.core.motion.scene import Scene as PlanningScene
from cablecell.simulation.fixture import block_shapes, wall_shapes
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.rigid import Pose

Array = NDArray[np.float64]

_FINGERS = ("left_finger_link", "right_finger_link", "gripper_base_link")


def pose_matrix(pose: Pose) -> Array:
    """Return a pose of the simulation as a 4x4 matrix."""
    return make_pose(rotation_from_quat(pose.q), pose.p)


def draw_estimates(
    machine: SimulatedMachine,
    robot: RobotModel,
    errors: EstimateErrors,
    grasp: GraspSettings,
    rng: np.random.Generator,
) -> tuple[PoseEstimate, PoseEstimate, Array]:
    """Return estimates of the target port in `base_link` and of the tip in `tcp`, and the error of the port's place.

    Args:
        machine: With the truth that is disturbed.
        robot: What the cell believes of its arm.
        errors: Error model; the estimates say its covariance.
        grasp: Tolerance of the gripper.
        rng: Source of the errors.
    """
    world = machine.world
    target = world.scene.ports[world.scene.target]
    # Where the arm finds the port: its own lasting error moves what it sees as it moves what it does.
    X_tcp_port = invert_pose(pose_matrix(world.tcp())) @ pose_matrix(target.X_WE)
    X_base_port = robot.fk(machine.arm.read().q) @ X_tcp_port
    port_error_m = rng.normal(size=3) * errors.port_sigma_m
    X_base_port = X_base_port @ make_pose(exp_so3(rng.normal(size=3) * errors.port_sigma_rad), port_error_m)
    tip = _draw_tip(machine, errors, grasp, rng)
    covariance = _covariance(errors.port_sigma_m, errors.port_sigma_rad)
    if errors.port_offset_m > 0.0:
        # Drawn last: the other errors of a seed are the same for every offset.
        angle = rng.uniform(-math.pi, math.pi)
        offset = np.array([math.cos(angle), math.sin(angle), 0.0]) * errors.port_offset_m
        X_base_port = X_base_port @ make_pose(np.eye(3), offset)
        port_error_m = port_error_m + offset
        covariance[[0, 1], [0, 1]] += 0.5 * errors.port_offset_m**2
    return PoseEstimate(0.0, X_base_port, covariance), tip, port_error_m


def _draw_tip(
    machine: SimulatedMachine, errors: EstimateErrors, grasp: GraspSettings, rng: np.random.Generator
) -> PoseEstimate:
    if errors.grasp == "nominal":
        X_tcp_tip = pose_matrix(machine.world.X_tcp_tip_nominal)
        # The tolerance of the gripper bounds each axis: the standard deviation of a uniform error.
        sigmas = grasp.error_m / math.sqrt(3.0), grasp.error_rad / math.sqrt(3.0)
        return PoseEstimate(0.0, X_tcp_tip, grasp_covariance(X_tcp_tip, *sigmas))
    X_tcp_tip = pose_matrix(machine.truth.tip_in_tcp()) @ make_pose(
        exp_so3(rng.normal(size=3) * errors.grasp_sigma_rad), rng.normal(size=3) * errors.grasp_sigma_m
    )
    return PoseEstimate(0.0, X_tcp_tip, _covariance(errors.grasp_sigma_m, errors.grasp_sigma_rad))


def _covariance(sigma_m: float, sigma_rad: float) -> Array:
    return np.diag([sigma_m**2] * 3 + [sigma_rad**2] * 3)


def believed_scene(
    board: str,
    X_base_board: Array,
    connector: Connector,
    port: PoseEstimate,
    tip: PoseEstimate,
    fixture: BenchFixture | None,
) -> PlanningScene:
    """Return what a planner has to keep clear of: the board, a fixture, and the held plug with its cable.

    Args:
        board: URDF text of the board.
        X_base_board: Where it is believed to be, shape (4, 4).
        connector: Of plug and port.
        port: Estimate of the port, in `base_link`.
        tip: Estimate of the plug's tip, in `tcp`.
        fixture: On the board, or None.
    """
    obstacles = list(obstacles_from_urdf(board, X_base_board))
    if fixture is not None:
        shapes = (*block_shapes(fixture), *wall_shapes(fixture.connector))
        obstacles += [
            Obstacle(f"fixture_{i}", Box(shape.size), port.X @ pose_matrix(shape.X_BS))
            for i, shape in enumerate(shapes)
        ]
    return with_held_plug(obstacles, connector, tip)


def with_held_plug(obstacles: Sequence[Obstacle], connector: Connector, tip: PoseEstimate) -> PlanningScene:
    """Return a scene of obstacles and the held plug with its cable.

    Args:
        obstacles: In `base_link`.
        connector: Of the plug.
        tip: Estimate of its tip, in `tcp`.
    """
    plug, cable = connector.plug, connector.cable
    bodies = [
        AttachedBody(
            f"plug_{part.name}",
            Box((part.size_m[0], part.size_m[1], part.size_m[2])),
            "tcp",
            tip.X @ make_pose(np.eye(3), part.centre_m),
        )
        for part in plug.parts
    ]
    grip = [(body.name, finger) for body in bodies for finger in _FINGERS]
    among = [(a.name, b.name) for a in bodies for b in bodies]
    held = hold_cable(
        "tcp",
        tip.X @ make_pose(np.eye(3), plug.cable_exit_m),
        diameter_m=cable.diameter_m,
        bending_stiffness_nm2=cable.bending_stiffness_nm2,
        mass_kg_per_m=cable.mass_kg_per_m,
        min_bend_radius_m=cable.min_bend_radius_m,
    )
    scene = PlanningScene().with_obstacles(obstacles).with_attached(*bodies).with_cable(held)
    return scene.allowing(*grip, *among)
