"""Settings of the watch over camera streams."""

from __future__ import annotations

from cablecell.core.config.parameters import ParameterSchema, parameter


class StreamHealthSettings(ParameterSchema):
    """When a camera's stream is not trusted any more, and when again."""

    future_s: float = parameter(0.05, "A stamp may be ahead by.", unit="s", minimum=0.0, maximum=10.0)
    max_age_s: float = parameter(1.0, "Oldest image on arrival.", unit="s", minimum=0.01, maximum=60.0)
    jump_s: float = parameter(
        0.5, "Stamps may advance by so much more or less than the clock.", unit="s", minimum=0.01, maximum=60.0
    )
    silence_s: float = parameter(
        0.4, "Longest wait for an image of a camera that is listened to.", unit="s", minimum=0.05, maximum=120.0
    )
    silence_periods: float = parameter(
        1.8,
        "Likewise in periods of a stream that is asked for at a low rate; the longer of the two counts.",
        minimum=1.1,
        maximum=20.0,
    )
    late_s: float = parameter(
        10.0,
        "Longest delivery that a silence before it excuses: a loaded machine.",
        unit="s",
        minimum=0.0,
        maximum=60.0,
    )
    black_level: float = parameter(
        12.0, "An image whose brightest hundredth is below is black, grey levels.", minimum=0.0, maximum=255.0
    )
    flat_level: float = parameter(
        1.0, "An image with a smaller standard deviation shows nothing, grey levels.", minimum=0.0, maximum=50.0
    )
    saturated_share: float = parameter(
        0.5, "Largest share of pixels at the upper end of the range.", minimum=0.01, maximum=1.0
    )
    frozen_images: int = parameter(
        2,
        "So many equal images in a row are frozen; noise makes any two of a living camera differ.",
        minimum=2,
        maximum=100,
    )
    recovery_images: int = parameter(
        3, "So many good images in a row make a camera trusted again.", minimum=1, maximum=1000
    )
