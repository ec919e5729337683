"""Parameters of the recorder."""

from __future__ import annotations

from cablecell.core.config.parameters import ParameterSchema, parameter

DEFAULT_TOPICS = (
    "joint_states",
    "controller_state",
    "wrench",
    "wrench_raw",
    "pose_commands",
    "compliance_commands",
    "insertion_phase",
    "contact_state",
    "insertion_result",
    "insertion_report",
    "ports",
    "cell_state",
    "diagnostics",
    "robot_description",
    "tf",
    "tf_static",
    "sim/trial",
    "sim/truth",
)
"""What a run is understood from; small messages, up to 250 Hz. Those under sim exist in simulation only."""

IMAGE_TOPICS = ("left_camera/image", "center_camera/image", "right_camera/image")


class RecorderParameters(ParameterSchema):
    """Parameters of `recorder`."""

    autostart: bool = parameter(False, "Configure and activate as soon as the node is up.", read_only=True)
    path: str = parameter("recording.mcap", "File to create at activation; an existing one is refused.")
    numbers_files: bool = parameter(
        False,
        "Where the file exists, create FILE.2.mcap, FILE.3.mcap, …: for a recorder that is started again.",
    )
    topics: list[str] = parameter(list(DEFAULT_TOPICS), "Topics to record, as soon as somebody publishes them.")
    lazy_topics: list[str] = parameter(
        list(IMAGE_TOPICS),
        "Topics to record only while somebody else subscribes to them: the recorder never starts a camera.",
    )
    lazy_period_s: float = parameter(
        1.0, "Shortest time between two recorded messages of a lazy topic.", unit="s", minimum=0.0, maximum=3600.0
    )
    flush_period_s: float = parameter(
        1.0, "Time between chunks: what a kill of the recorder can cost.", unit="s", minimum=0.1, maximum=60.0
    )
    queue_depth: int = parameter(
        500, "Messages a topic may pile up before the oldest is lost.", minimum=1, maximum=10_000
    )
