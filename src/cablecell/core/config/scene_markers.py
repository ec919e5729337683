"""Parameters of the node `scene_markers`."""

from __future__ import annotations

from cablecell.core.config.parameters import ParameterSchema, parameter


class SceneMarkersParameters(ParameterSchema):
    """Parameters of `scene_markers`."""

    autostart: bool = parameter(True, "Configure and activate as soon as the node is up.", read_only=True)
    sigmas: float = parameter(
        3.0, "Half an axis of a port's ellipsoid, in standard deviations of its position.", minimum=0.5, maximum=10.0
    )
    port_arrow_m: float = parameter(
        0.03, "Length of the arrow along a port's direction of insertion.", unit="m", minimum=0.005, maximum=0.5
    )
    cable_shown_m: float = parameter(
        0.08, "How much of the cable is drawn straight out of the held plug.", unit="m", minimum=0.0, maximum=1.0
    )
