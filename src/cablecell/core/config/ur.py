"""What has to be known of a UR arm that is driven over RTDE, beside what is known of any arm."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from typing_extensions import Self

from cablecell.core.config.documents import DocumentSchema, validate_document
from cablecell.core.config.robot import REST_LIMIT_S, ArmSettings


class UrServo(DocumentSchema):
    """How the controller follows what is streamed.

    Attributes:
        lookahead_s: Time over which `servoj` smooths, s.
        gain: Its proportional gain.
        watchdog_hz: The robot's program ends when it hears of us less often than this, Hz.
        speed_fraction: Where the speed slider is put, share.
    """

    lookahead_s: Annotated[float, Field(ge=0.03, le=0.2)] = 0.03
    gain: Annotated[float, Field(ge=100.0, le=2000.0)] = 500.0
    watchdog_hz: Annotated[float, Field(ge=1.0, le=125.0)] = 20.0
    speed_fraction: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0


class UrSettings(ArmSettings):
    """One UR arm with a Robotiq gripper at its controller.

    Attributes:
        servo: How it follows.
        gripper_port: Port of the gripper's URCap at the robot.
    """

    servo: UrServo
    gripper_port: Annotated[int, Field(ge=1, le=65535)] = 63352

    @model_validator(mode="after")
    def _a_dead_cell_ends_in_time(self) -> Self:
        silent_s = 1.0 / self.servo.watchdog_hz
        if silent_s + self.braking_s > REST_LIMIT_S:
            raise ValueError(
                f"{silent_s + self.braking_s:.4g} s from our last word to rest: watchdog_hz allows {silent_s:.4g} s of "
                f"silence, and braking takes {self.braking_s:.4g} s; the limit is {REST_LIMIT_S} s"
            )
        return self


def parse_ur(data: object, source: str) -> UrSettings:
    """Return a parsed YAML document as a UR arm.

    Args:
        data: The parsed document.
        source: Name of the file, for messages.

    Raises:
        DocumentError: Unknown or missing key, wrong type or value out of range (code 910).
    """
    return validate_document(UrSettings, data, source)
