"""Settings of the errors of the simulated sensors: force/torque sensor, joint encoders, arm geometry, cameras.

Every effect is seeded and is switched off by setting its size to 0. Each setting says what it is, its unit and where
its default comes from; `docs/sensors.md` is generated from that. Sources marked "estimate" are engineering judgement.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from cablecell.core.config.documents import DocumentSchema

Compliances = Annotated[list[Annotated[float, Field(ge=0.0, le=1.0e-3)]], Field(min_length=6, max_length=6)]

_ESTIMATE = "estimate"
_AXIA = "ATI manual 9610-05-Ethernet Axia, Axia80-M20, calibration range 0 (SI-500-20)"


def error(
    default: Any, description: str, *, unit: str = "", source: str = _ESTIMATE, maximum: float, minimum: float = 0.0
) -> Any:
    """Return a field of a sensor's settings.

    Args:
        default: Realistic value.
        description: One sentence for people.
        unit: SI unit; empty for a pure number.
        source: Where the default comes from.
        maximum: Highest allowed value, in `unit`.
        minimum: Lowest allowed value, in `unit`.
    """
    return Field(
        default=default,
        description=description,
        ge=minimum,
        le=maximum,
        json_schema_extra={"unit": unit, "source": source},
    )


class WrenchSensorSettings(DocumentSchema):
    """Errors of the force/torque sensor, one standard deviation where random; the reading is processed in this order.

    Gain and crosstalk, bias and drift, saturation, filter, noise, resolution, latency.
    """

    has_errors: bool = Field(
        default=True,
        description="Whether the sensor has errors at all.",
        json_schema_extra={"unit": "", "source": "every error is on by default"},
    )
    rate_hz: Annotated[int, Field(ge=50, le=2000)] = Field(
        default=500,
        description="Samples per second; each is the mean over its period.",
        json_schema_extra={"unit": "Hz", "source": "servo rate of UR e-series arms"},
    )
    gain_error: float = error(0.01, "Error of the gain of each axis.", maximum=0.1, source="estimate; data sheets: 2 %")
    crosstalk: float = error(
        0.003, "Share of a force in each other force, of a torque in each other torque.", maximum=0.1
    )
    bias_n: float = error(1.0, "Bias of each force at switching on.", unit="N", maximum=50.0)
    bias_nm: float = error(0.05, "Bias of each torque at switching on.", unit="N·m", maximum=5.0)
    drift_n_per_min: float = error(
        0.1, "Random walk of each force's bias: spread after one minute.", unit="N", maximum=10.0
    )
    drift_nm_per_min: float = error(
        0.005, "Random walk of each torque's bias: spread after one minute.", unit="N·m", maximum=1.0
    )
    range_xy_n: float = error(
        500.0, "Largest force across the sensor's axis; 0: no limit.", unit="N", maximum=1.0e4, source=_AXIA
    )
    range_z_n: float = error(
        900.0, "Largest force along the sensor's axis; 0: no limit.", unit="N", maximum=1.0e4, source=_AXIA
    )
    range_nm: float = error(20.0, "Largest torque; 0: no limit.", unit="N·m", maximum=1.0e3, source=_AXIA)
    filter_hz: float = error(
        100.0, "Cut-off of the sensor's own first-order filter; 0: none.", unit="Hz", maximum=1000.0
    )
    noise_n: float = error(
        0.1, "White noise of each force.", unit="N", maximum=10.0, source="estimate, 0.05 to 0.2; AIC's simulation: 0.2"
    )
    noise_nm: float = error(
        0.004, "White noise of each torque.", unit="N·m", maximum=1.0, source="estimate, 0.002 to 0.05; AIC: 0.05"
    )
    resolution_n: float = error(0.1, "Step of a reported force.", unit="N", maximum=5.0)
    resolution_nm: float = error(0.005, "Step of a reported torque.", unit="N·m", maximum=0.5)
    latency_s: float = error(
        0.002, "Age of a reading, in whole samples.", unit="s", maximum=0.05, source="estimate, 0.002 to 0.004"
    )


class EncoderSettings(DocumentSchema):
    """Errors of the joint encoders, one standard deviation where random.

    A joint is reported as position + offset + wander + deflection + noise, in steps of the resolution. Motion is
    controlled by what is reported, so offset, wander and deflection misplace the tool and the noise shakes it.
    """

    bits: Annotated[int, Field(ge=0, le=32)] = Field(
        default=19,
        description="Steps per turn, as a power of two; 0: no steps.",
        json_schema_extra={"unit": "", "source": "absolute joint encoders have 17 to 19"},
    )
    noise_rad: float = error(1.0e-5, "White noise of a position.", unit="rad", maximum=1.0e-3)
    noise_rad_per_s: float = error(5.0e-4, "White noise of a speed.", unit="rad/s", maximum=0.1)
    offset_rad: float = error(
        1.0e-4,
        "Constant error of the zero of each joint.",
        unit="rad",
        maximum=0.01,
        source="estimate; 0.1 mm at the tool",
    )
    wander_rad: float = error(
        1.5e-5,
        "Slow error of each joint that makes a pose differ from one visit to the next.",
        unit="rad",
        maximum=1.0e-3,
        source="from the repeatability of a UR5e, 0.03 mm (ISO 9283: mean + 3 sigma)",
    )
    wander_time_s: float = error(
        5.0, "Time after which the wander has forgotten 63 % of itself.", unit="s", minimum=0.1, maximum=3600.0
    )
    deflection_rad_per_nm: Compliances = Field(
        default=[2.0e-6, 2.0e-6, 2.0e-6, 5.0e-6, 5.0e-6, 5.0e-6],
        description="How far each joint yields to its torque without its encoder seeing it, in joint order.",
        json_schema_extra={
            "unit": "rad/(N·m)",
            "source": "estimate: what an encoder at the joint's output leaves unseen",
        },
    )
    deflection_time_s: float = error(
        0.02, "Time constant with which the joint yields.", unit="s", minimum=0.002, maximum=1.0
    )

    @staticmethod
    def exact() -> EncoderSettings:
        """Return encoders without errors."""
        return EncoderSettings(
            bits=0,
            noise_rad=0.0,
            noise_rad_per_s=0.0,
            offset_rad=0.0,
            wander_rad=0.0,
            deflection_rad_per_nm=[0.0] * 6,
        )


class KinematicsSettings(DocumentSchema):
    """How the arm as built differs from its description: each joint is a little beside where it is said to be.

    With the encoders' offsets the tool is 0.1 to 0.5 mm from where the description has it.
    """

    length_error_m: float = error(
        5.0e-5,
        "Shift of each joint against the one before, along each axis.",
        unit="m",
        maximum=0.005,
        source="estimate: 0.1 to 0.5 mm at the tool of an arm with its own calibration",
    )
    angle_error_rad: float = error(
        1.2e-4,
        "Turn of each joint against the one before, about each axis.",
        unit="rad",
        maximum=0.01,
        source="likewise",
    )

    @staticmethod
    def exact() -> KinematicsSettings:
        """Return an arm that is as described."""
        return KinematicsSettings(length_error_m=0.0, angle_error_rad=0.0)


class CameraSettings(DocumentSchema):
    """Errors of the wrist cameras, one standard deviation where random; what is drawn, is drawn once a camera.

    Images are published rectified: of the distortion only what calibration got wrong is left in them.
    """

    hand_eye_common_m: float = error(
        2.0e-4,
        "Shift of all cameras together against the tool.",
        unit="m",
        maximum=0.02,
        source="estimate: a good hand-eye calibration; perception was also judged at 0.5 mm",
    )
    hand_eye_common_rad: float = error(
        5.0e-4, "Turn of all cameras together about the tcp.", unit="rad", maximum=0.1, source="likewise; 0.03 degrees"
    )
    hand_eye_own_m: float = error(1.0e-4, "Shift of each camera.", unit="m", maximum=0.02, source="likewise")
    hand_eye_own_rad: float = error(5.0e-4, "Turn of each camera.", unit="rad", maximum=0.1, source="likewise")
    focal_error: float = error(
        3.0e-4,
        "Relative error of the focal lengths along rows and columns.",
        maximum=0.05,
        source="estimate: 0.4 px of 1237 px, as calibrations from 20 to 40 views report",
    )
    centre_error_px: float = error(
        0.5, "Error of the principal point along each axis.", unit="px", maximum=50.0, source="likewise"
    )
    k1: float = error(
        -0.05,
        "Radial distortion as calibrated: a ray of radius r is seen at r (1 + k1 r^2 + k2 r^4).",
        minimum=-0.3,
        maximum=0.3,
        source="estimate: a machine-vision lens of 44 degrees; AIC's cameras have none",
    )
    k2: float = error(0.01, "Likewise, fourth order.", minimum=-0.3, maximum=0.3)
    k1_error: float = error(
        1.0e-3,
        "Error of k1, which rectification leaves in the images.",
        maximum=0.1,
        source="estimate: 0.1 px at half the image's diagonal, a usual reprojection error",
    )
    blur_sigma_px: float = error(0.8, "Blur by lens and pixel, in pixels of the full image.", unit="px", maximum=10.0)
    exposure_error: float = error(
        0.05, "Spread of the logarithm of the exposure.", maximum=1.0, source="estimate: auto exposure leaves 5 %"
    )
    full_well_e: float = error(
        10500.0,
        "Electrons of a white pixel, whose square root is the photon noise; 0: no noise at all.",
        unit="e⁻",
        maximum=1.0e7,
        source="typical EMVA 1288 figures of industrial CMOS sensors with 3.45 µm pixels",
    )
    read_noise_e: float = error(2.5, "Noise of reading a pixel.", unit="e⁻", maximum=1.0e4, source="likewise")
    latency_s: float = error(0.04, "From exposure to delivery.", unit="s", maximum=1.0, source="estimate, 0.03 to 0.06")

    @staticmethod
    def exact() -> CameraSettings:
        """Return cameras without errors."""
        return CameraSettings(**dict.fromkeys(CameraSettings.model_fields, 0.0))
