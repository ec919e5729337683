"""Settings of a calibration: what it takes, what it reckons with, and when it has failed."""

from __future__ import annotations

from cablecell.core.config.parameters import ParameterSchema, parameter


class CalibrationSettings(ParameterSchema):
    """Limits and starting points of the calibration of cameras; what can be measured from the views, is."""

    min_views: int = parameter(8, "Fewest views of the target by every camera.", minimum=4, maximum=1000)
    min_rotation_spread_rad: float = parameter(
        0.15,
        "Least turn of the tool about the second of its axes, rms over pairs of views.",
        unit="rad",
        minimum=0.01,
        maximum=3.0,
    )
    max_rms_px: float = parameter(
        0.3, "Largest rms reprojection residual of a camera.", unit="px", minimum=0.01, maximum=10.0
    )
    max_kinematics_m: float = parameter(
        0.001, "Largest scatter of the reported tool poses that passes.", unit="m", minimum=1e-5, maximum=0.1
    )
    max_mount_sigma_m: float = parameter(
        0.0005, "Largest standard deviation of a mount that passes: translation.", unit="m", minimum=1e-6, maximum=0.1
    )
    max_mount_sigma_rad: float = parameter(
        0.001, "Largest standard deviation of a mount that passes: rotation.", unit="rad", minimum=1e-6, maximum=0.1
    )
    max_focal_sigma: float = parameter(
        0.005, "Largest relative standard deviation of a focal length that passes.", minimum=1e-6, maximum=0.1
    )
    outlier_sigmas: float = parameter(
        6.0,
        "A view whose tool pose is off by more, in robust standard deviations, is left out.",
        minimum=3.0,
        maximum=100.0,
    )
    max_rejected_share: float = parameter(0.3, "Largest share of views that may be left out.", minimum=0.0, maximum=0.5)
    shared_sigma_px: float = parameter(
        0.02, "Error shared by all corners of one image.", unit="px", minimum=0.0, maximum=1.0
    )
    focal_prior: float = parameter(
        0.02, "What is known of a focal length beforehand, relative.", minimum=1e-9, maximum=1.0
    )
    centre_prior_px: float = parameter(
        20.0, "What is known of the principal point beforehand.", unit="px", minimum=1e-9, maximum=1000.0
    )
    k1_prior: float = parameter(
        0.02, "What is known of the rest of the radial distortion beforehand.", minimum=1e-9, maximum=1.0
    )
    decentring_prior: float = parameter(
        2e-4,
        "What is known of decentring beforehand: what rectifying about a wrong centre leaves is k1 times its error.",
        minimum=1e-9,
        maximum=0.1,
    )
    expiry_s: float = parameter(90.0 * 86400.0, "How long a record is valid.", unit="s", minimum=1.0, maximum=3.2e8)
