"""Configuration of the port estimator: how far each source of information is trusted, and when it says no."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cablecell.core.config.parameters import ParameterSchema, parameter


class EstimatorSettings(ParameterSchema):
    """Sizes of the errors the estimator reckons with, one standard deviation per axis, and its gates."""

    corner_sigma_px: float = parameter(0.08, "Independent error of one corner.", unit="px", minimum=0.005, maximum=5.0)
    shared_sigma_px: float = parameter(
        0.065,
        "Error shared by all corners of one patch in one image, as by what calibration leaves of a lens's distortion.",
        unit="px",
        minimum=0.0,
        maximum=5.0,
    )
    mount_common_sigma_m: float = parameter(
        0.0002,
        "Hand-eye error common to all cameras: translation.",
        unit="m",
        minimum=1e-7,
        maximum=0.02,
    )
    mount_common_sigma_rad: float = parameter(
        0.0005, "Hand-eye error common to all cameras: rotation about the tcp.", unit="rad", minimum=1e-7, maximum=0.1
    )
    mount_own_sigma_m: float = parameter(
        0.00014,
        "Hand-eye error of each camera, and of its focal length at 0.3 m: translation.",
        unit="m",
        minimum=1e-7,
        maximum=0.02,
    )
    mount_own_sigma_rad: float = parameter(
        0.00065,
        "Hand-eye error of each camera, and of its principal point: rotation.",
        unit="rad",
        minimum=1e-7,
        maximum=0.1,
    )
    kinematics_sigma_m: float = parameter(
        0.000014,
        "Error of forward kinematics at a pose, beside what grows with the way there: translation of the tcp.",
        unit="m",
        minimum=1e-7,
        maximum=0.01,
    )
    kinematics_sigma_rad: float = parameter(
        0.000025,
        "Error of forward kinematics at a pose, beside what grows with the way there: rotation of the tcp.",
        unit="rad",
        minimum=1e-7,
        maximum=0.05,
    )
    kinematics_m_per_m: float = parameter(
        0.0003,
        "How much more that is for every metre of the tool's way: translation.",
        unit="m/m",
        minimum=0.0,
        maximum=0.1,
    )
    kinematics_rad_per_m: float = parameter(
        0.0005,
        "How much more that is for every metre of the tool's way: rotation.",
        unit="rad/m",
        minimum=0.0,
        maximum=0.1,
    )
    layout_sigma_m: float = parameter(
        0.0002,
        "Tolerance of a module on its rail and of a port on its module: translation.",
        unit="m",
        minimum=0.0,
        maximum=0.05,
    )
    layout_sigma_rad: float = parameter(
        0.002,
        "Tolerance of a module on its rail and of a port on its module: rotation.",
        unit="rad",
        minimum=0.0,
        maximum=0.5,
    )
    drift_m_per_sqrt_s: float = parameter(
        2e-6, "Random walk of the board: translation.", unit="m/s^0.5", minimum=0.0, maximum=0.01
    )
    drift_rad_per_sqrt_s: float = parameter(
        1e-5, "Random walk of the board: rotation.", unit="rad/s^0.5", minimum=0.0, maximum=0.1
    )
    max_tilt_rad: float = parameter(
        0.35, "Largest believable tilt of the board against `base_link`.", unit="rad", minimum=0.01, maximum=1.57
    )
    max_rms_px: float = parameter(
        0.6,
        "Largest believable rms reprojection error of one image.",
        unit="px",
        minimum=0.05,
        maximum=20.0,
    )
    min_inlier_share: float = parameter(
        0.6, "Smallest share of corners of one image that agree with the solution.", minimum=0.1, maximum=1.0
    )
    gate_chi2: float = parameter(
        27.9,
        "Largest squared Mahalanobis distance (6 dof) of an image; 27.9 rejects 1 good one in 10 000.",
        minimum=5.0,
        maximum=1000.0,
    )
    max_rejections: int = parameter(
        3, "Consecutive rejected looks after which the board counts as moved.", minimum=1, maximum=100
    )
    same_view_m: float = parameter(
        0.003, "A look from nearer to an earlier one than this, and", unit="m", minimum=0.0, maximum=1.0
    )
    same_view_rad: float = parameter(
        0.01,
        "turned by less than this, checks the estimate but adds no information.",
        unit="rad",
        minimum=0.0,
        maximum=3.0,
    )
    max_port_sigma_m: float = parameter(
        0.005, "A port whose position is less certain is not reported.", unit="m", minimum=1e-5, maximum=0.1
    )
    max_age_s: float = parameter(
        120.0, "A board that was not seen for longer is not reported.", unit="s", minimum=0.1, maximum=86_400.0
    )


class LookSettings(ParameterSchema):
    """How look poses are chosen: candidates, the price of a detour, and what counts as visible."""

    min_looks: int = parameter(2, "Fewest looks, where candidates allow.", minimum=1, maximum=10)
    max_looks: int = parameter(4, "Most looks.", minimum=1, maximum=20)
    min_corners: int = parameter(6, "Fewest corners that make a camera useful.", minimum=4, maximum=1000)
    min_gain_m: float = parameter(
        2e-5, "A further look must lower the cost by more.", unit="m", minimum=0.0, maximum=0.01
    )
    detour_price: float = parameter(
        0.001, "Port sigma that is worth one metre of detour.", unit="m/m", minimum=0.0, maximum=1.0
    )
    turn_length_m_per_rad: float = parameter(
        0.2, "Detour that a turn of the tool counts for.", unit="m/rad", minimum=0.0, maximum=10.0
    )
    way_fractions: Annotated[tuple[float, ...], Field(strict=False)] = parameter(
        (0.0, 0.2, 0.4), "Where on the straight way candidates are, start 0, goal 1."
    )
    shift_m: float = parameter(0.03, "Sideways shift of candidates.", unit="m", minimum=0.0, maximum=0.3)
    tilt_rad: float = parameter(0.12, "Tilt of candidates.", unit="rad", minimum=0.0, maximum=0.6)
    board_sigma_m: float = parameter(
        0.005, "How far the board may be from where it is thought.", unit="m", minimum=0.0, maximum=0.2
    )
    board_sigma_rad: float = parameter(
        0.03, "How far the board may be turned from what is thought.", unit="rad", minimum=0.0, maximum=1.0
    )
    margin_px: float = parameter(
        12.0, "Distance a corner keeps from image border and tool.", unit="px", minimum=0.0, maximum=200.0
    )
    min_depth_m: float = parameter(0.1, "Nearest useful corner.", unit="m", minimum=0.01, maximum=1.0)
    max_incidence_rad: float = parameter(
        1.1, "Most oblique useful view of the board.", unit="rad", minimum=0.1, maximum=1.5
    )
