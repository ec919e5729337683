"""Parameters of the node `port_estimator`."""

from __future__ import annotations

from pydantic import model_validator

from cablecell.core.config.parameters import ParameterSchema, parameter


class PortEstimatorParameters(ParameterSchema):
    """Parameters of `port_estimator`."""

    autostart: bool = parameter(False, "Configure and activate as soon as the node is up.", read_only=True)
    layout_file: str = parameter("", "Trial file with the designed layouts; empty means the sample trials.")
    layout: str = parameter("trial_1", "Layout that stands in the cell after configuration.")
    calibration_folder: str = parameter(
        "", "Folder of calibration records; empty means the mounts and lenses of the descriptions.", read_only=True
    )
    cell_id: str = parameter("sim-0", "Name of this cell, which its calibration records must carry.", read_only=True)
    camera_record: str = parameter(
        "",
        "Folder of calibration records whose `camera` says the lenses, with the mounts of the descriptions.",
        read_only=True,
    )
    plug_record: str = parameter(
        "", "Likewise whose `plug` says where its connector's tip is; empty: as designed.", read_only=True
    )
    cameras: list[str] = parameter(["left", "center", "right"], "Cameras, by the prefix of their topics and frames.")
    min_cameras: int = parameter(2, "Fewest cameras that make a view.", minimum=1, maximum=8)
    rest_timeout_s: float = parameter(
        5.0, "Longest wait for the arm to come to rest.", unit="s", minimum=0.1, maximum=60.0
    )
    state_timeout_s: float = parameter(
        2.0, "Longest wait for, and largest age of, the controller's state.", unit="s", minimum=0.05, maximum=30.0
    )
    image_timeout_s: float = parameter(
        30.0, "Longest wait for the images of one view.", unit="s", minimum=0.1, maximum=120.0
    )
    settle_s: float = parameter(
        0.1, "How long the arm has been at rest before an exposure counts.", unit="s", minimum=0.0, maximum=5.0
    )
    rest_velocity_m_per_s: float = parameter(
        0.002, "Speed of the tool up to which the arm counts as at rest.", unit="m/s", minimum=1e-5, maximum=0.1
    )
    rest_velocity_rad_per_s: float = parameter(
        0.01,
        "Rate of turn of the tool up to which the arm counts as at rest.",
        unit="rad/s",
        minimum=1e-5,
        maximum=0.5,
    )
    max_pose_gap_s: float = parameter(
        0.05, "Largest gap between two tool poses that is interpolated.", unit="s", minimum=0.001, maximum=1.0
    )
    board_radius_m: float = parameter(
        0.12, "Largest believable distance of the board from where it is put.", unit="m", minimum=0.001, maximum=1.0
    )
    board_turn_rad: float = parameter(
        0.5, "Largest believable turn of the board against how it is put.", unit="rad", minimum=0.001, maximum=1.0
    )
    unseen_sigma_m: float = parameter(
        0.03, "Standard deviation of the place of a board that was never seen.", unit="m", minimum=1e-4, maximum=1.0
    )
    unseen_sigma_rad: float = parameter(
        0.1, "Standard deviation of the turn of a board that was never seen.", unit="rad", minimum=1e-4, maximum=1.0
    )
    region_margin_px: int = parameter(
        40, "Margin around the fiducials in the images that are asked for.", unit="px", minimum=0, maximum=1000
    )
    idle_rate_hz: float = parameter(
        2.0, "Rate that cameras are asked for while nobody looks.", unit="Hz", minimum=0.1, maximum=60.0
    )
    look_rate_hz: float = parameter(
        4.0,
        "Rate that cameras are asked for by an observation, and during an approach.",
        unit="Hz",
        minimum=0.1,
        maximum=60.0,
    )
    idle_region_px: int = parameter(
        128, "Side of the piece of an image that is asked for while nobody looks.", unit="px", minimum=16, maximum=512
    )
    stream_silence_s: float = parameter(
        0.4,
        "Longest wait for a camera's image before it is reported as silent; 1.8 periods where that is more.",
        unit="s",
        minimum=0.1,
        maximum=120.0,
    )
    stream_patience_s: float = parameter(
        3.0,
        "How long a view waits for a camera that fell silent, while there are enough others.",
        unit="s",
        minimum=0.0,
        maximum=120.0,
    )
    stream_max_age_s: float = parameter(
        1.0,
        "Oldest image on arrival; its stamp is not believed beyond, unless the camera was silent for as long.",
        unit="s",
        minimum=0.05,
        maximum=60.0,
    )
    stream_jump_s: float = parameter(
        0.5,
        "Stamps may advance by so much more or less than the clock, lateness after a silence apart.",
        unit="s",
        minimum=0.05,
        maximum=60.0,
    )
    moves_to_views: bool = parameter(
        False, "Whether an observation moves the arm to better views, where one from where it is does not suffice."
    )
    view_distance_m: float = parameter(
        0.16,
        "Distance of the tool from a port that was not found yet, from which it is looked for.",
        unit="m",
        minimum=0.05,
        maximum=0.5,
    )
    view_velocity_scale: float = parameter(
        0.8, "Speed of motions between views, over the arm's limits.", minimum=0.01, maximum=1.0
    )
    view_acceleration_scale: float = parameter(
        0.8, "Acceleration of motions between views, over the arm's limits.", minimum=0.01, maximum=1.0
    )
    view_time_limit_s: float = parameter(
        10.0, "Longest time of one motion to a view.", unit="s", minimum=0.5, maximum=60.0
    )
    tf_rate_hz: float = parameter(10.0, "Rate of the transforms.", unit="Hz", minimum=0.1, maximum=100.0)
    report_rate_hz: float = parameter(1.0, "Rate of the diagnostics.", unit="Hz", minimum=0.1, maximum=50.0)

    @model_validator(mode="after")
    def _cameras_suffice(self) -> PortEstimatorParameters:
        if self.camera_record and self.calibration_folder:
            raise ValueError("camera_record and calibration_folder both say the lenses; one of them must be empty")
        if len(set(self.cameras)) != len(self.cameras) or not self.cameras:
            raise ValueError(f"cameras = {self.cameras} must name each camera once, and at least one")
        if self.min_cameras > len(self.cameras):
            raise ValueError(
                f"min_cameras = {self.min_cameras} must be at most the {len(self.cameras)} cameras there are"
            )
        return self
