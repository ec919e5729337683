"""Settings of the simulated cell: physics, sensor errors, grasp and payload errors.

Every error model is seeded and on by default; `exact()` switches all of them off, for validation.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from cablecell.core.config.documents import DocumentSchema, validate_document
from cablecell.core.config.sensors import CameraSettings, EncoderSettings, KinematicsSettings, WrenchSensorSettings

JointInertias = Annotated[list[Annotated[float, Field(ge=0.0, le=2.0)]], Field(min_length=6, max_length=6)]


class PhysicsSettings(DocumentSchema):
    """Bullet's contact settings; the defaults are the validated ones, others are for studies."""

    rate_hz: Annotated[int, Field(ge=500, le=8000)] = 2000
    solver_iterations: Annotated[int, Field(ge=10, le=500)] = 100
    residual_threshold: Annotated[float, Field(ge=0.0, le=1.0e-3)] = 1.0e-10
    contact_breaking_m: Annotated[float, Field(ge=1.0e-6, le=0.02)] = 1.0e-4
    friction_scale: Annotated[float, Field(ge=0.1, le=3.0)] = 1.0
    gravity_m_per_s2: Annotated[float, Field(ge=0.0, le=20.0)] = 9.80665


class GraspSettings(DocumentSchema):
    """The compliant grasp: a spring and damper in six directions between gripper and plug, up to where it slips."""

    stiffness_n_per_m: Annotated[float, Field(ge=1.0e3, le=6.0e4)] = 4.0e4
    stiffness_nm_per_rad: Annotated[float, Field(ge=1.0, le=40.0)] = 30.0
    damping_ratio: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    slip_n: Annotated[float, Field(gt=0.0, le=500.0)] = 60.0
    slip_nm: Annotated[float, Field(gt=0.0, le=20.0)] = 1.5
    error_m: Annotated[float, Field(ge=0.0, le=0.01)] = 0.002
    error_rad: Annotated[float, Field(ge=0.0, le=0.2)] = 0.04


class PayloadSettings(DocumentSchema):
    """Errors of the payload model in the arm's own gravity compensation."""

    mass_error_kg: Annotated[float, Field(ge=-1.0, le=1.0)] = 0.01
    com_error_m: Annotated[float, Field(ge=-0.1, le=0.1)] = 0.002


class ArmSettings(DocumentSchema):
    """What the description of the arm does not say: rotor inertia seen at the joints, in joint order, kg·m²."""

    rotor_inertia_kg_m2: JointInertias = Field(default=[0.1, 0.1, 0.1, 0.02, 0.02, 0.02])
    position_gain: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1


class CableSettings(DocumentSchema):
    """The cable's pull on the plug."""

    is_present: bool = True
    rate_hz: Annotated[int, Field(ge=10, le=500)] = 100
    time_constant_s: Annotated[float, Field(ge=0.01, le=5.0)] = 0.15


class ContactSettings(DocumentSchema):
    """How often contacts between the arm and what it must not touch are looked for."""

    watch_rate_hz: Annotated[int, Field(ge=1, le=500)] = 100


class SimulationSettings(DocumentSchema):
    """All settings of one simulated cell."""

    physics: PhysicsSettings = PhysicsSettings()
    grasp: GraspSettings = GraspSettings()
    wrench_sensor: WrenchSensorSettings = WrenchSensorSettings()
    encoders: EncoderSettings = EncoderSettings()
    kinematics: KinematicsSettings = KinematicsSettings()
    cameras: CameraSettings = CameraSettings()
    payload: PayloadSettings = PayloadSettings()
    arm: ArmSettings = ArmSettings()
    cable: CableSettings = CableSettings()
    contacts: ContactSettings = ContactSettings()
    has_latch: bool = True

    @model_validator(mode="after")
    def _rates_divide(self) -> SimulationSettings:
        rate = self.physics.rate_hz
        others = {
            "wrench_sensor.rate_hz": self.wrench_sensor.rate_hz,
            "cable.rate_hz": self.cable.rate_hz,
            "contacts.watch_rate_hz": self.contacts.watch_rate_hz,
        }
        for name, value in others.items():
            if rate % value:
                raise ValueError(f"{name} = {value} Hz must divide physics.rate_hz = {rate} Hz")
        return self

    def exact(self) -> SimulationSettings:
        """Return these settings with every sensor, grasp and payload error off."""
        return self.model_copy(
            update={
                "grasp": self.grasp.model_copy(update={"error_m": 0.0, "error_rad": 0.0}),
                "wrench_sensor": self.wrench_sensor.model_copy(update={"has_errors": False}),
                "encoders": EncoderSettings.exact(),
                "kinematics": KinematicsSettings.exact(),
                "cameras": CameraSettings.exact(),
                "payload": PayloadSettings(mass_error_kg=0.0, com_error_m=0.0),
            }
        )


def parse_simulation(data: object, source: str) -> SimulationSettings:
    """Return a parsed YAML document as settings.

    Args:
        data: The parsed document.
        source: Name of the file, for messages.

    Raises:
        DocumentError: Unknown key, wrong type, value out of range, or rates that do not divide (code 910).
    """
    return validate_document(SimulationSettings, data, source)
