"""Parameters of the node `nexus_workcell`."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from cablecell.core.config.parameters import ParameterSchema, parameter

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class NexusWorkcellParameters(ParameterSchema):
    """Parameters of `nexus_workcell`."""

    autostart: bool = parameter(False, "Configure and activate as soon as the node is up.", read_only=True)
    workcell_id: str = parameter(
        "", "Name of the workcell, below which its endpoints are; empty is the namespace, or `cablecell` without one."
    )
    workcell_name: str = parameter("", "Name for people; empty is the workcell_id.")
    level_name: str = parameter("", "Level of the factory on which the workcell is.")
    location: list[float] = Field(
        default=[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        description="Where it stands, in the factory's frame: x, y, z in m, quaternion x, y, z, w.",
        min_length=7,
        max_length=7,
        json_schema_extra={"unit": "", "read_only": False},
    )
    capabilities: list[str] = parameter(
        [""], "Recipes that the line may use, of those that are released; empty is all of those."
    )
    remap_task_types: str = parameter(
        "", "YAML: capability to the task types that it serves too, as in `trial_1: [plug_sfp]`; `*` is every type."
    )
    stations_file: str = parameter(
        "", "YAML file: station to the types of items that go in and come out there; empty takes tasks without items."
    )
    start_signal: str = parameter("", "Signal that a task must have got before it begins; empty is none.")
    ledger_file: str = parameter("", "Ledger of the cell, whose queue the tasks go through; needed.")
    recipes_folder: str = parameter("", "Folder of recipes; empty means those of the package.")
    trials_file: str = parameter("", "File of layouts; empty means the sample trials.")
    register_period_s: float = parameter(
        1.0, "Time between two attempts to register.", unit="s", minimum=0.1, maximum=60.0
    )
    look_rate_hz: float = parameter(
        5.0, "How often it is looked what became of the tasks.", unit="Hz", minimum=1.0, maximum=20.0
    )
    silence_limit_s: float = parameter(
        2.0, "Silence of the supervisor after which the cell counts as down.", unit="s", minimum=0.3, maximum=60.0
    )

    @field_validator("workcell_id")
    @classmethod
    def _is_name(cls, name: str) -> str:
        if name and not _NAME.fullmatch(name):
            raise ValueError("a letter, then letters, digits and underscores, as in ROS names")
        return name
