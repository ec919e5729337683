"""The trial schema: scenes, cables and tasks, as written in the public AIC trial files.

The keys are those of the AIC engine's configuration, so its sample files load unchanged. Where the engine clamps a
translation that is out of range, this schema refuses it and names the limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from cablecell.core.config.documents import DocumentSchema, validate_document

NIC_RAILS = tuple(f"nic_rail_{i}" for i in range(5))
SC_RAILS = tuple(f"sc_rail_{i}" for i in range(2))
MOUNT_RAILS = tuple(f"{kind}_mount_rail_{i}" for kind in ("lc", "sfp", "sc") for i in range(2))

PORTS_OF_NIC_CARD = ("sfp_port_0", "sfp_port_1")
PORTS_OF_SC_ADAPTER = ("sc_port_base",)

JOINT_NAMES = (
    "shoulder_pan_joint",
    "shoulder_lift_joint",
    "elbow_joint",
    "wrist_1_joint",
    "wrist_2_joint",
    "wrist_3_joint",
)

Angle = Annotated[float, Field(ge=-6.2832, le=6.2832)]
Length = Annotated[float, Field(ge=-3.0, le=3.0)]


class Pose(DocumentSchema):
    """A pose: position in m and fixed-axis roll, pitch, yaw in rad."""

    x: Length
    y: Length
    z: Length
    roll: Angle
    pitch: Angle
    yaw: Angle


class EntityPose(DocumentSchema):
    """Where an entity sits on its rail: translation along the rail in m, rotation in rad."""

    translation: Annotated[float, Field(ge=-0.2, le=0.2)]
    roll: Angle = 0.0
    pitch: Angle = 0.0
    yaw: Angle = 0.0


class Rail(DocumentSchema):
    """One rail of the task board and what is mounted on it.

    Attributes:
        entity_present: Whether something is.
        entity_name: Its name.
        entity_pose: Where it is on the rail.
        part_present: Whether a spare connector is in it; only of pick fixtures, and no key of the AIC engine.
    """

    entity_present: bool
    entity_name: str = ""
    entity_pose: EntityPose | None = None
    part_present: bool = False

    @model_validator(mode="after")
    def _present_entity_has_a_pose(self) -> Rail:
        if self.entity_present and (self.entity_pose is None or not self.entity_name):
            raise ValueError("entity_present = True needs entity_name and entity_pose")
        if self.part_present and not self.entity_present:
            raise ValueError("part_present = True needs entity_present = True: there is no fixture to hold it")
        return self


class RailLimits(DocumentSchema):
    """Range of the translation along one kind of rail, m."""

    min_translation: Length
    max_translation: Length


class TaskBoardLimits(DocumentSchema):
    """Ranges of the translations. The defaults are the ones the AIC engine has built in."""

    nic_rail: RailLimits = RailLimits(min_translation=-0.048, max_translation=0.036)
    sc_rail: RailLimits = RailLimits(min_translation=-0.055, max_translation=0.055)
    mount_rail: RailLimits = RailLimits(min_translation=-0.09625, max_translation=0.09625)


_ABSENT = Rail(entity_present=False)


class TaskBoard(DocumentSchema):
    """The task board: its pose in `world` and its rails."""

    pose: Pose
    nic_rail_0: Rail
    nic_rail_1: Rail
    nic_rail_2: Rail
    nic_rail_3: Rail
    nic_rail_4: Rail
    sc_rail_0: Rail
    sc_rail_1: Rail
    lc_mount_rail_0: Rail = _ABSENT
    lc_mount_rail_1: Rail = _ABSENT
    sfp_mount_rail_0: Rail = _ABSENT
    sfp_mount_rail_1: Rail = _ABSENT
    sc_mount_rail_0: Rail = _ABSENT
    sc_mount_rail_1: Rail = _ABSENT

    @model_validator(mode="after")
    def _parts_are_in_fixtures(self) -> TaskBoard:
        for name in NIC_RAILS + SC_RAILS:
            if getattr(self, name).part_present:
                raise ValueError(f"{name}.part_present = True, but only {', '.join(MOUNT_RAILS)} hold spare connectors")
        return self

    def rails(self) -> Iterator[tuple[str, Rail]]:
        """Yield every rail with its name."""
        for name in NIC_RAILS + SC_RAILS + MOUNT_RAILS:
            yield name, getattr(self, name)

    def modules(self) -> dict[str, EntityPose]:
        """Return the modules with ports that are mounted, by the names tasks use, for example `nic_card_mount_0`."""
        found: dict[str, EntityPose] = {}
        for prefix, rails in (("nic_card_mount_", NIC_RAILS), ("sc_port_", SC_RAILS)):
            for rail in rails:
                pose = getattr(self, rail).entity_pose
                if getattr(self, rail).entity_present and pose is not None:
                    found[prefix + rail[-1]] = pose
        return found


class Offset(DocumentSchema):
    """A displacement, m."""

    x: Length
    y: Length
    z: Length


class CablePose(DocumentSchema):
    """Where the gripped end of a cable is: offset from the TCP along the axes of `world`, orientation in `world`."""

    gripper_offset: Offset
    roll: Angle
    pitch: Angle
    yaw: Angle


class Cable(DocumentSchema):
    """One cable. `sfp_sc_cable` is gripped at its SFP end, `sfp_sc_cable_reversed` at its SC end."""

    pose: CablePose
    attach_cable_to_gripper: bool
    cable_type: Literal["sfp_sc_cable", "sfp_sc_cable_reversed"]

    @property
    def gripped_plug(self) -> str:
        """Type of the plug at the gripped end."""
        return "sfp" if self.cable_type == "sfp_sc_cable" else "sc"


class Scene(DocumentSchema):
    """Everything that is set up before a task starts."""

    task_board: TaskBoard
    cables: Annotated[dict[str, Cable], Field(min_length=1)]

    @field_validator("cables")
    @classmethod
    def _one_cable_is_gripped(cls, cables: dict[str, Cable]) -> dict[str, Cable]:
        gripped = [name for name, cable in cables.items() if cable.attach_cable_to_gripper]
        if len(gripped) > 1:
            raise ValueError(
                f"attach_cable_to_gripper = True for {', '.join(gripped)}; at most one cable can be gripped"
            )
        return cables


class Task(DocumentSchema):
    """One insertion: which plug goes into which port, and within which time."""

    cable_type: str
    cable_name: str
    plug_type: Literal["sfp", "sc"]
    plug_name: str
    port_type: Literal["sfp", "sc"]
    port_name: str
    target_module_name: str
    time_limit: Annotated[int, Field(gt=0, le=86_400)]


class Trial(DocumentSchema):
    """A scene and the tasks to do in it."""

    scene: Scene
    tasks: Annotated[dict[str, Task], Field(min_length=1)]
    task_board_limits: TaskBoardLimits = TaskBoardLimits()

    @model_validator(mode="after")
    def _translations_are_on_the_rails(self) -> Trial:
        for name, rail in self.scene.task_board.rails():
            if rail.entity_pose is None:
                continue
            limits = self.task_board_limits
            kind = limits.nic_rail if "nic" in name else limits.mount_rail if "mount" in name else limits.sc_rail
            value = rail.entity_pose.translation
            if not kind.min_translation <= value <= kind.max_translation:
                raise ValueError(
                    f"scene.task_board.{name}.entity_pose.translation = {value} m is outside "
                    f"[{kind.min_translation}, {kind.max_translation}] m"
                )
        return self

    @model_validator(mode="after")
    def _tasks_name_what_is_there(self) -> Trial:
        modules = self.scene.task_board.modules()
        for name, task in self.tasks.items():
            if task.cable_name not in self.scene.cables:
                valid = ", ".join(self.scene.cables)
                raise ValueError(
                    f"tasks.{name}.cable_name = '{task.cable_name}' is not in the scene; valid are {valid}"
                )
            cable = self.scene.cables[task.cable_name]
            if cable.attach_cable_to_gripper and task.plug_type != cable.gripped_plug:
                raise ValueError(
                    f"tasks.{name}.plug_type = '{task.plug_type}', but a {cable.cable_type} is gripped at its "
                    f"{cable.gripped_plug} end"
                )
            if task.target_module_name not in modules:
                raise ValueError(
                    f"tasks.{name}.target_module_name = '{task.target_module_name}' is not mounted; "
                    f"valid are {', '.join(modules) or 'none'}"
                )
            ports = ports_of_module(task.target_module_name)
            if task.port_name not in ports:
                raise ValueError(
                    f"tasks.{name}.port_name = '{task.port_name}' is not a port of {task.target_module_name}; "
                    f"valid are {', '.join(ports)}"
                )
        return self

    @property
    def task(self) -> Task:
        """The first task, the one that is scored."""
        return next(iter(self.tasks.values()))

    @property
    def gripped_cable(self) -> tuple[str, Cable] | None:
        """Name and description of the cable that starts in the gripper."""
        for name, cable in self.scene.cables.items():
            if cable.attach_cable_to_gripper:
                return name, cable
        return None


class ScoringTopic(DocumentSchema):
    """One topic of AIC's scoring recorder."""

    name: str
    type: str
    latched: bool = False


class ScoringTopicEntry(DocumentSchema):
    """Wrapper that the published file has around each topic."""

    topic: ScoringTopic


class Scoring(DocumentSchema):
    """AIC's recorder settings; read so that published files load, and not used: our recorder has its own list."""

    topics: list[ScoringTopicEntry]


class HomeJoints(DocumentSchema):
    """Joint positions before a trial, rad."""

    shoulder_pan_joint: Angle = -0.1597
    shoulder_lift_joint: Angle = -1.3542
    elbow_joint: Angle = -1.6648
    wrist_1_joint: Angle = -1.6933
    wrist_2_joint: Angle = 1.5710
    wrist_3_joint: Angle = 1.4110

    def in_order(self) -> tuple[float, ...]:
        """Return the positions in the order of `JOINT_NAMES`, rad."""
        return tuple(float(getattr(self, name)) for name in JOINT_NAMES)


class Robot(DocumentSchema):
    """The arm before a trial."""

    home_joint_positions: HomeJoints = HomeJoints()


class TrialFile(DocumentSchema):
    """A file of trials.

    `task_board_limits` at this level is read and not applied, as in the AIC engine, which looks for it inside each
    trial: the published sample exceeds its own file-level limits.
    """

    trials: Annotated[dict[str, Trial], Field(min_length=1)]
    robot: Robot = Robot()
    scoring: Scoring | None = None
    task_board_limits: TaskBoardLimits | None = None


def parse_trials(data: object, source: str) -> TrialFile:
    """Return a parsed YAML document as trials.

    Args:
        data: The parsed document.
        source: Name of the file, for messages.

    Raises:
        DocumentError: Unknown key, wrong type, value out of range, or a task that names what is not there (code 910).
    """
    return validate_document(TrialFile, data, source)


def ports_of_module(module: str) -> tuple[str, ...]:
    """Return the names of the ports of a module, for example of `nic_card_mount_0`; none when it is unknown."""
    if re.fullmatch(r"nic_card_mount_[0-4]", module):
        return PORTS_OF_NIC_CARD
    return PORTS_OF_SC_ADAPTER if re.fullmatch(r"sc_port_[01]", module) else ()
