"""Settings of the simulated cell: physics, sensor errors, grasp and payload errors.

Every error model is seeded and on by default; `exact()` switches all of them off, for validation.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cablecell.core.config.connector import Connector
from cablecell.core.config.documents import DocumentSchema, validate_document
from cablecell.core.config.sensors import CameraSettings, EncoderSettings, KinematicsSettings, WrenchSensorSettings

Sway = Annotated[list[Annotated[float, Field(ge=0.0, le=0.002)]], Field(min_length=2, max_length=2)]
JointInertias = Annotated[list[Annotated[float, Field(ge=0.0, le=2.0)]], Field(min_length=6, max_length=6)]


class PhysicsSettings(DocumentSchema):
    """Bullet's contact settings; the defaults are the validated ones, others are for studies.

    Bullet gives boxes 1 to 2 µm of extra play at 2 kHz, and none at 4 kHz. That is 7 % of the force of a plug that jams
    with 20 µm on either side, so fits closer than `fine_below_m` are stepped at `fine_rate_hz`.
    """

    rate_hz: Annotated[int, Field(ge=500, le=8000)] = 2000
    fine_rate_hz: Annotated[int, Field(ge=500, le=8000)] = 4000
    fine_below_m: Annotated[float, Field(ge=0.0, le=1.0e-3)] = 3.0e-5
    solver_iterations: Annotated[int, Field(ge=10, le=500)] = 100
    residual_threshold: Annotated[float, Field(ge=0.0, le=1.0e-3)] = 1.0e-10
    contact_breaking_m: Annotated[float, Field(ge=1.0e-6, le=0.02)] = 1.0e-4
    friction_scale: Annotated[float, Field(ge=0.1, le=3.0)] = 1.0
    gravity_m_per_s2: Annotated[float, Field(ge=0.0, le=20.0)] = 9.80665

    def for_connector(self, connector: Connector) -> PhysicsSettings:
        """Return these settings at the rate that the fit of a connector needs.

        The contact of round plugs is our own and exact at either rate.
        """
        closest_m = min(connector.clearance.x_m, connector.clearance.y_m)
        if connector.round_fit is not None or closest_m >= self.fine_below_m or self.rate_hz >= self.fine_rate_hz:
            return self
        return self.model_copy(update={"rate_hz": self.fine_rate_hz})


class GraspSettings(DocumentSchema):
    """The compliant grasp: a spring and damper in six directions between gripper and plug, up to where it slips.

    Two pads hold 2 · `pad_friction` times the gripper's force, and that times `pad_arm_m` of torque.
    """

    stiffness_n_per_m: Annotated[float, Field(ge=1.0e3, le=6.0e4)] = 4.0e4
    stiffness_nm_per_rad: Annotated[float, Field(ge=1.0, le=40.0)] = 30.0
    damping_ratio: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    pad_friction: Annotated[float, Field(gt=0.0, le=2.0)] = 0.25
    pad_arm_m: Annotated[float, Field(gt=0.0, le=0.1)] = 0.023
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


class FarEnd(DocumentSchema):
    """The other end of the held plug's cable: free, held by a clip, or plugged in; in `world`.

    A free end lies on the table in the direction `heading_rad` about z, with a mass of its own. A clip keeps place and
    direction, and lets the cable turn; something plugged in keeps its turn as well. `direction` is that in which the
    cable leaves its holder. More than `hold_n` would pull it out.
    """

    kind: Literal["free", "clipped", "plugged"] = "free"
    heading_rad: Annotated[float, Field(ge=-6.3, le=6.3)] = 1.5708
    mass_kg: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    position_m: Annotated[list[float], Field(min_length=3, max_length=3)] | None = None
    direction: Annotated[list[float], Field(min_length=3, max_length=3)] | None = None
    hold_n: Annotated[float, Field(gt=0.0, le=500.0)] = 10.0

    @model_validator(mode="after")
    def _is_somewhere(self) -> FarEnd:
        is_held = self.kind != "free"
        if is_held != (self.position_m is not None) or is_held != (self.direction is not None):
            raise ValueError(f"far_end: position_m and direction belong to a held end; kind is '{self.kind}'")
        if self.direction is not None and not any(self.direction):
            raise ValueError("far_end: direction has no length")
        return self


class CableSettings(DocumentSchema):
    """The cable behind the held plug: where its other end is, what it lies on, and how it is computed."""

    is_present: bool = True
    rate_hz: Annotated[int, Field(ge=50, le=500)] = 100
    segments: Annotated[int, Field(ge=24, le=120)] = 40
    drag_per_s: Annotated[float, Field(ge=0.0, le=100.0)] = 5.0
    table_friction: Annotated[float, Field(ge=0.0, le=1.5)] = 0.3
    far_end: FarEnd = FarEnd()
    pull_limit_n: Annotated[float, Field(gt=0.0, le=500.0)] = 5.0


class PortMountSettings(DocumentSchema):
    """What the target port is fixed to: rigid, or something that gives way, and sways.

    A circuit board that bends gives way along the port's axis, quasi-statically: it creeps to where force and stiffness
    balance with `settling_s`. `sway_m` is the amplitude along x and y of the port, of a board that nobody tightened or
    that stands on a moving line, at `sway_hz`, from its rest on.
    """

    stiffness_n_per_m: Annotated[float, Field(ge=1.0e4, le=1.0e6)] | None = None
    settling_s: Annotated[float, Field(ge=0.005, le=0.1)] = 0.01
    sway_m: Sway = Field(default=[0.0, 0.0])
    sway_hz: Annotated[float, Field(gt=0.0, le=5.0)] = 0.5

    @property
    def is_rigid(self) -> bool:
        """Whether the port stays where it is."""
        return self.stiffness_n_per_m is None and not any(self.sway_m)


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
    port_mount: PortMountSettings = PortMountSettings()
    has_latch: bool = True

    @model_validator(mode="after")
    def _rates_divide(self) -> SimulationSettings:
        rates = {"rate_hz": self.physics.rate_hz, "fine_rate_hz": self.physics.fine_rate_hz}
        others = {
            "wrench_sensor.rate_hz": self.wrench_sensor.rate_hz,
            "cable.rate_hz": self.cable.rate_hz,
            "contacts.watch_rate_hz": self.contacts.watch_rate_hz,
        }
        for name, value in others.items():
            for of, rate in rates.items():
                if rate % value:
                    raise ValueError(f"{name} = {value} Hz must divide physics.{of} = {rate} Hz")
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
