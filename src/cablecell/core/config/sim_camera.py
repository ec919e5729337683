"""Parameters of the node `sim_camera`."""

from __future__ import annotations

from typing import Literal

from cablecell.core.config.parameters import ParameterSchema, parameter


class SimCameraParameters(ParameterSchema):
    """Parameters of `sim_camera`; the errors of the cameras are in the settings of the simulation."""

    autostart: bool = parameter(False, "Configure and activate as soon as the node is up.", read_only=True)
    mode: Literal["free_running", "triggered"] = parameter(
        "free_running", "Whether cameras expose by themselves or on `camera_trigger`.", read_only=True
    )
    rate_hz: float = parameter(
        2.0, "Images of a camera in a second while free-running.", unit="Hz", minimum=0.05, maximum=60.0
    )
    scale: float = parameter(
        1.0, "Size of the images over that of the real cameras.", minimum=0.1, maximum=1.0, read_only=True
    )
    supersampling: int = parameter(1, "Rendered pixels per image pixel and axis.", minimum=1, maximum=4, read_only=True)
    has_errors: bool = parameter(True, "Whether the cameras have their errors.", read_only=True)
    preview_camera: Literal["left", "center", "right"] = parameter("center", "Camera of the preview.", read_only=True)
    preview_rate_hz: float = parameter(
        5.0, "Previews of 640x480 in a second.", unit="Hz", minimum=0.1, maximum=60.0, read_only=True
    )
