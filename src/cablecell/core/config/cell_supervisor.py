"""Parameters of the node `cell_supervisor`."""

from __future__ import annotations

from pydantic import Field, model_validator

from cablecell.core.config.parameters import ParameterSchema, parameter


class CellSupervisorParameters(ParameterSchema):
    """Parameters of `cell_supervisor`."""

    autostart: bool = parameter(False, "Configure and activate as soon as the node is up.", read_only=True)
    nodes: list[str] = Field(
        default=["arm_controller", "motion_planner", "port_estimator", "insertion_skill"],
        description="Managed nodes of the cell in the order of bring-up.",
        min_length=1,
        json_schema_extra={"unit": "", "read_only": True},
    )
    teleop: bool = parameter(False, "Also manage the node teleop, as the last one.", read_only=True)
    respawned: list[str] = parameter(
        ["recorder"],
        "Nodes that launch starts again by itself: once one was heard, no insertion begins while it is missing.",
    )
    trials_file: str = parameter("", "File of layouts; empty means the sample trials.")
    layout: str = parameter("trial_1", "Layout in the cell before the first job.")
    recipes_folder: str = parameter("", "Folder of recipes; empty means those of the package.")
    ledger_file: str = parameter("", "File in which jobs, insertions, states and commands are kept; empty keeps none.")
    works_queue: bool = parameter(
        False, "Take jobs out of the queue in the ledger whenever the cell is idle, also right after it came up."
    )
    asks_operator: bool = parameter(
        False, "Hold a job, with a question, where only a person can help; otherwise it ends there."
    )
    appear_limit_s: float = parameter(30.0, "Longest time until a node answers.", unit="s", minimum=1.0, maximum=600.0)
    transition_limit_s: float = parameter(
        40.0, "Longest time of one transition of a node.", unit="s", minimum=1.0, maximum=600.0
    )
    heartbeat_rate_hz: float = parameter(
        20.0, "Rate of the cell's own heartbeat.", unit="Hz", minimum=5.0, maximum=100.0
    )
    heartbeat_timeout_s: float = parameter(
        0.4,
        "Longest silence of a node whose process cannot be seen; a process that is gone is noticed at once.",
        unit="s",
        minimum=0.15,
        maximum=10.0,
    )
    busy_timeout_s: float = parameter(
        30.0, "Longest silence of a node whose process is there.", unit="s", minimum=0.5, maximum=120.0
    )
    late_limit_s: float = parameter(
        0.4,
        "Longest time the watch may not run during a job; then the cell aborts.",
        unit="s",
        minimum=0.1,
        maximum=10.0,
    )
    clock_jump_limit_s: float = parameter(
        0.2,
        "Most the wall clock may jump; then what was seen before is seen anew.",
        unit="s",
        minimum=0.01,
        maximum=10.0,
    )
    realtime_priority: int = parameter(
        5,
        "Real-time priority of the process while active, so that heartbeats are in time; 0 is none.",
        minimum=0,
        maximum=90,
    )

    @model_validator(mode="after")
    def _nodes_differ(self) -> CellSupervisorParameters:
        if len(set(self.managed)) != len(self.managed):
            raise ValueError(f"nodes = {', '.join(self.managed)} names a node more than once")
        twice = sorted({*self.managed} & {*self.respawned})
        if twice:
            raise ValueError(
                f"respawned = {', '.join(twice)} is a managed node: its loss ends the cell, nothing starts it again"
            )
        return self

    @property
    def managed(self) -> list[str]:
        """All managed nodes in the order of bring-up."""
        return [*self.nodes, "teleop"] if self.teleop else list(self.nodes)
