"""Parameters of the node `console`."""

from __future__ import annotations

from cablecell.core.config.parameters import ParameterSchema, parameter


class ConsoleParameters(ParameterSchema):
    """Parameters of `console`."""

    host: str = parameter(
        "127.0.0.1", "Address to listen at; one that others reach needs `is_exposed`.", read_only=True
    )
    port: int = parameter(
        8080, "Port of pages and live view; 0 takes a free one.", minimum=0, maximum=65535, read_only=True
    )
    is_exposed: bool = parameter(
        False, "Allow an address that other machines reach; put TLS in front of it.", read_only=True
    )
    called: list[str] = parameter(
        [""], "Further names by which browsers call the console, such as that of a reverse proxy.", read_only=True
    )
    token_file: str = parameter(
        "", "File of the tokens; empty is `cablecell/console.json` in the user's state folder.", read_only=True
    )
    session_hours: float = parameter(
        12.0, "How long a login is good for.", unit="h", minimum=0.01, maximum=168.0, read_only=True
    )
    cell_name: str = parameter("cablecell", "Name of the cell in the header.", read_only=True)
    hardware: str = parameter("sim", "Machine of the cell, for the badge: sim and mock are simulated.", read_only=True)
    ledger_file: str = parameter(
        "", "Ledger of the cell: queue, history and audit trail; empty has none.", read_only=True
    )
    recording_file: str = parameter(
        "", "Recording of the cell, for forces over depth; its numbered successors too. Empty has none.", read_only=True
    )
    calibration_folder: str = parameter("", "Folder of records of the camera mounts; empty has none.", read_only=True)
    camera_record: str = parameter("", "Likewise of the lenses alone.", read_only=True)
    plug_record: str = parameter("", "Likewise of the plug in the gripper.", read_only=True)
    wrench_record: str = parameter("", "Likewise of force sensor and payload.", read_only=True)
    cell_id: str = parameter("", "Name of this cell, which its records must carry; empty is not told.", read_only=True)
    zones_file: str = parameter("", "File of the zones of people, to show them; empty has none.", read_only=True)
    recipes_folder: str = parameter("", "Folder of recipes; empty means those of the package.", read_only=True)
    trials_file: str = parameter("", "File of layouts; empty means the sample trials.", read_only=True)
    camera: str = parameter("center", "Wrist camera that is shown: left, center or right.", read_only=True)
    force_warning_n: float = parameter(
        20.0, "Force at which the chart draws its lower line.", unit="N", minimum=1.0, maximum=500.0, read_only=True
    )
    force_limit_n: float = parameter(
        60.0,
        "Likewise the upper one: where the controller stops the arm.",
        unit="N",
        minimum=1.0,
        maximum=500.0,
        read_only=True,
    )
    joint_rate_hz: float = parameter(
        20.0, "Highest rate of the live view.", unit="Hz", minimum=1.0, maximum=30.0, read_only=True
    )
    answer_limit_s: float = parameter(
        5.0, "Longest time for the cell to answer a command.", unit="s", minimum=0.5, maximum=60.0, read_only=True
    )
