"""Parameters of the node `sim_camera`."""

from __future__ import annotations

from cablecell.core.config.parameters import ParameterSchema, parameter


class SimCameraParameters(ParameterSchema):
    """Parameters of `sim_camera`."""

    autostart: bool = parameter(False, "Configure and activate as soon as the node is up.", read_only=True)
    rate_hz: float = parameter(2.0, "Images of a camera in a second.", unit="Hz", minimum=0.05, maximum=60.0)
    scale: float = parameter(
        1.0, "Size of the images over that of the real cameras.", minimum=0.1, maximum=1.0, read_only=True
    )
    supersampling: int = parameter(1, "Rendered pixels per image pixel and axis.", minimum=1, maximum=4, read_only=True)
    blur_sigma_px: float = parameter(
        0.8, "Standard deviation of the lens blur.", unit="px", minimum=0.0, maximum=10.0, read_only=True
    )
    noise_levels: float = parameter(
        3.0,
        "Standard deviation of the noise of a white pixel, grey levels of 255.",
        minimum=0.0,
        maximum=64.0,
        read_only=True,
    )
