"""What has to be known of an arm that is driven through standard ros2_control interfaces: names, limits, response."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from typing_extensions import Self

from cablecell.core.config.documents import DocumentSchema, validate_document

Name = Annotated[str, Field(min_length=1, max_length=200)]
Positive = Annotated[float, Field(gt=0.0, le=1.0e6)]
REST_LIMIT_S = 0.2
"""Longest time from a lost link to rest."""

Six = Annotated[list[Positive], Field(min_length=6, max_length=6)]


class RobotTopics(DocumentSchema):
    """Names of the interfaces.

    Attributes:
        joint_states: sensor_msgs/JointState of joint_state_broadcaster.
        position_commands: std_msgs/Float64MultiArray of a forward_command_controller for positions.
        wrench: geometry_msgs/WrenchStamped of force_torque_sensor_broadcaster.
        gripper_command: Action control_msgs/GripperCommand.
    """

    joint_states: Name
    position_commands: Name
    wrench: Name
    gripper_command: Name


class RobotLimits(DocumentSchema):
    """Limits of what is streamed, beside the range of the joints in the description of the arm.

    Attributes:
        velocity_rad_per_s: Highest speed of each joint, rad/s.
        acceleration_rad_per_s2: Deceleration of a stop, rad/s².
        leash_rad: An arm that rests further from what was sent was moved by somebody else; the stream goes on from
            where it is. Clearly larger than `following_limit_rad` of the controller, which is to notice first.
    """

    velocity_rad_per_s: Six
    acceleration_rad_per_s2: Positive = 40.0
    leash_rad: Annotated[float, Field(gt=0.0, le=1.0)] = 0.3


class RobotWatch(DocumentSchema):
    """How long the robot may be silent.

    Attributes:
        state_age_limit_s: Oldest joint state that is acted on, s.
        wrench_age_limit_s: Oldest wrench that is acted on, s.
        connect_limit_s: Time in which everything must appear, s.
    """

    state_age_limit_s: Annotated[float, Field(ge=0.004, le=0.5)] = 0.05
    wrench_age_limit_s: Annotated[float, Field(ge=0.004, le=0.5)] = 0.05
    connect_limit_s: Annotated[float, Field(gt=0.0, le=120.0)] = 15.0


class RobotResponse(DocumentSchema):
    """How fast contact can be closed over the robot: measured, and rather too long than too short.

    Attributes:
        delay_s: Dead time from a wrench to the motion that answers it: sensor, filter, link both ways, s.
        lag_s: Time constant with which the arm follows streamed positions, s.
    """

    delay_s: Annotated[float, Field(ge=0.0, le=0.2)]
    lag_s: Annotated[float, Field(ge=0.0, le=0.2)]


Length = Annotated[float, Field(ge=-1.0, le=1.0)]
Angle = Annotated[float, Field(ge=-3.15, le=3.15)]


class RobotPose(DocumentSchema):
    """A pose as URDF writes it.

    Attributes:
        xyz_m: Position, m.
        rpy_rad: Roll, pitch and yaw about fixed axes, rad.
    """

    xyz_m: Annotated[list[Length], Field(min_length=3, max_length=3)] = Field(default=[0.0, 0.0, 0.0])
    rpy_rad: Annotated[list[Angle], Field(min_length=3, max_length=3)] = Field(default=[0.0, 0.0, 0.0])


class RobotWrench(DocumentSchema):
    """What the wrench of the robot means.

    Attributes:
        frame: Its frame_id.
        pose_in_ft_frame: Pose of that frame in the cell's `ft_frame`.
        is_on_tool: Whether it is what the environment does to the tool; False for the opposite sign.
        includes_weight: Whether it holds the weight of the tool; False where the robot takes that away.
    """

    frame: Name = "ft_frame"
    pose_in_ft_frame: RobotPose = RobotPose()
    is_on_tool: bool = True
    includes_weight: bool = True


class RobotGripper(DocumentSchema):
    """The gripper's joint in the joint states, and its range.

    Attributes:
        joint: Name of the joint.
        width_per_position: Distance of the fingers, m, for a position of 1.
        width_limit_m: Widest opening, m.
        force_limit_n: Largest force, N.
        holding_effort_n: Reported effort above which something is held, N.
    """

    joint: Name
    width_per_position: Positive = 2.0
    width_limit_m: Positive = 0.05
    force_limit_n: Positive = 130.0
    holding_effort_n: Positive = 1.0


class RobotTool(DocumentSchema):
    """What is behind the force sensor, and how stiffly it holds a part, in `tcp`."""

    mass_kg: Annotated[float, Field(ge=0.0, le=20.0)]
    centre_m: Annotated[list[Annotated[float, Field(ge=-1.0, le=1.0)]], Field(min_length=3, max_length=3)]
    gyration_m: Annotated[float, Field(ge=0.0, le=0.5)] = 0.05
    stiffness_n_per_m: Positive
    stiffness_nm_per_rad: Positive


class RobotControllers(DocumentSchema):
    """What the cell switches at the robot while it is connected.

    Attributes:
        manager: Name of the controller manager, whose services `list_controllers` and `switch_controller` are asked.
        activate: Controllers that must run.
        deactivate: Controllers that must not: they claim the same joints.
    """

    manager: Name
    activate: Annotated[list[Name], Field(min_length=1)]
    deactivate: list[Name] = Field(default=[])


class ArmSettings(DocumentSchema):
    """What has to be known of any arm that is told positions over a link.

    Attributes:
        name: Its name, for messages.
        joints: Names of its joints, in the order of the arm's description.
        limits: Limits of what is streamed.
        watch: How long it may be silent.
        response: How fast it answers.
        wrench: What its wrench means.
        gripper: Its gripper.
        tool: What it carries.
    """

    name: Name
    joints: Annotated[list[Name], Field(min_length=6, max_length=6)]
    limits: RobotLimits
    watch: RobotWatch = RobotWatch()
    response: RobotResponse
    wrench: RobotWrench = RobotWrench()
    gripper: RobotGripper
    tool: RobotTool

    @property
    def braking_s(self) -> float:
        """Time to brake from the highest speed that is streamed, s."""
        return max(self.limits.velocity_rad_per_s) / self.limits.acceleration_rad_per_s2

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [*self.joints, self.gripper.joint]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"joint '{twice[0]}' is named more than once")
        return self

    @model_validator(mode="after")
    def _a_lost_link_ends_in_time(self) -> Self:
        silent_s = max(self.watch.state_age_limit_s, self.watch.wrench_age_limit_s)
        if silent_s + self.braking_s > REST_LIMIT_S:
            raise ValueError(
                f"{silent_s + self.braking_s:.4g} s from a lost link to rest: watch allows {silent_s} s of silence, "
                f"and velocity_rad_per_s over acceleration_rad_per_s2 is {self.braking_s:.4g} s; the limit is "
                f"{REST_LIMIT_S} s"
            )
        return self


class RobotSettings(ArmSettings):
    """One robot behind ros2_control.

    Attributes:
        topics: Names of its interfaces.
        controllers: What is switched when the cell connects, and back when it leaves; None where the operator does so.
    """

    topics: RobotTopics
    controllers: RobotControllers | None = None


def parse_robot(data: object, source: str) -> RobotSettings:
    """Return a parsed YAML document as a robot.

    Args:
        data: The parsed document.
        source: Name of the file, for messages.

    Raises:
        DocumentError: Unknown or missing key, wrong type or value out of range (code 910).
    """
    return validate_document(RobotSettings, data, source)


def parse_arm(data: object, source: str) -> ArmSettings:
    """Return a parsed YAML document as an arm behind a driver of another package.

    Args:
        data: The parsed document.
        source: Name of the file, for messages.

    Raises:
        DocumentError: Unknown or missing key, wrong type or value out of range (code 910).
    """
    return validate_document(ArmSettings, data, source)
