"""Parameters of the node `insertion_skill`."""

from __future__ import annotations

from cablecell.core.config.parameters import ParameterSchema, parameter


class InsertionSkillParameters(ParameterSchema):
    """Parameters of `insertion_skill`; the skill's own numbers are `InsertionSettings`."""

    autostart: bool = parameter(False, "Configure and activate as soon as the node is up.", read_only=True)
    plug_record: str = parameter(
        "",
        "Folder of calibration records whose `plug` says where its connector's tip is; empty: as designed.",
        read_only=True,
    )
    cell_id: str = parameter("sim-0", "Name of this cell, which its calibration records must carry.", read_only=True)
    ledger_file: str = parameter(
        "", "Ledger of the cell: the report of the last insertion is kept beside it, as FILE.report; empty keeps none."
    )
    attempts: int = parameter(2, "Attempts where a goal does not say how many.", minimum=1, maximum=10)
    insertion_time_limit_s: float = parameter(
        30.0,
        "Longest time of one attempt from staging to result, where a goal does not say.",
        unit="s",
        minimum=1.0,
        maximum=600.0,
    )
    staging_time_limit_s: float = parameter(
        40.0, "Longest time of the move to the staging pose, planning included.", unit="s", minimum=1.0, maximum=600.0
    )
    staging_velocity_scale: float = parameter(
        0.5, "Speed of that move relative to the limits of the joints.", minimum=0.01, maximum=1.0
    )
    staging_acceleration_scale: float = parameter(0.5, "Likewise its acceleration.", minimum=0.01, maximum=1.0)
    observe_time_limit_s: float = parameter(
        60.0, "Longest time of the look that insert_cable begins with.", unit="s", minimum=1.0, maximum=600.0
    )
    observe_position_std_m: float = parameter(
        0.002, "Standard deviation which that look has to reach.", unit="m", minimum=0.0001, maximum=0.02
    )
    observe_orientation_std_rad: float = parameter(
        0.02, "Likewise of the orientation.", unit="rad", minimum=0.001, maximum=0.2
    )
    estimate_age_limit_s: float = parameter(
        60.0, "Oldest evidence on which an insertion starts.", unit="s", minimum=0.5, maximum=600.0
    )
    felt_age_limit_s: float = parameter(
        600.0,
        "For so long a seated plug says where its port is, for the next insertion there; 0: never.",
        unit="s",
        minimum=0.0,
        maximum=86400.0,
    )
    finds_by_touch: bool = parameter(
        False,
        "Find a port by touch where it is known worse than 1.5 mm (1 sigma), was seen too long ago or is not where "
        "it was seen. Costs 4 to 7 s and 6 to 8 touches of up to 10 N; plugs with flat sides only.",
    )
    tool_mass_kg: float = parameter(
        1.0,
        "What the force sensor carries without a plug: its inertia is not taken for a touch.",
        unit="kg",
        minimum=0.0,
        maximum=20.0,
    )
    tool_centre_m: float = parameter(
        0.0658, "Its centre of mass along z of `ft_frame`.", unit="m", minimum=-0.5, maximum=0.5
    )
    silence_limit_s: float = parameter(
        0.5,
        "Silence of state and wrench that ends an insertion; the arm itself holds much earlier.",
        unit="s",
        minimum=0.02,
        maximum=5.0,
    )
    realtime_priority: int = parameter(
        5,
        "Real-time priority of the process while active, so that setpoints are in time; 0 is none.",
        minimum=0,
        maximum=90,
    )
    approach_speed: float = parameter(0.15, "Speed of the skill in free space.", unit="m/s", minimum=0.005, maximum=0.5)
    approach_acceleration: float = parameter(
        0.8,
        "Acceleration of the skill in free space: the force sensor feels it.",
        unit="m/s^2",
        minimum=0.05,
        maximum=5.0,
    )
    contact_speed: float = parameter(
        0.02,
        "Speed towards the first contact; a position-controlled arm needs less.",
        unit="m/s",
        minimum=0.001,
        maximum=0.1,
    )
    search_speed: float = parameter(
        0.03, "Highest speed along the spiral of the search.", unit="m/s", minimum=0.001, maximum=0.1
    )
    seat_speed: float = parameter(
        0.01, "Free speed over the last millimetres.", unit="m/s", minimum=0.001, maximum=0.05
    )
