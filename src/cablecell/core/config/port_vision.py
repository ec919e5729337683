"""Configuration of finding ports without markers: the search, the errors of edges, and when an answer is believed."""

from __future__ import annotations

from cablecell.core.config.parameters import ParameterSchema, parameter


class PortVisionSettings(ParameterSchema):
    """How modules are looked for and what is believed."""

    search_step_m: float = parameter(
        0.0007, "Step of the search along the rail.", unit="m", minimum=1e-4, maximum=0.005
    )
    search_step_rad: float = parameter(
        0.025, "Step of the search over the turn.", unit="rad", minimum=0.002, maximum=0.2
    )
    search_points: int = parameter(140, "Most points on edges per camera in the search.", minimum=20, maximum=2000)
    candidates: int = parameter(4, "Places that are looked at closely.", minimum=1, maximum=20)
    apart_m: float = parameter(0.003, "Places nearer to each other are one.", unit="m", minimum=1e-4, maximum=0.05)
    half_gradient: float = parameter(
        4.0, "Change of brightness that counts for one half in the search.", unit="1/px", minimum=0.1, maximum=100.0
    )
    fit_points: int = parameter(260, "Most points on edges per camera in the fit.", minimum=20, maximum=5000)
    min_strength: float = parameter(
        1.0, "Weakest change of brightness that counts as an edge, grey levels.", unit="1/px", minimum=0.1, maximum=50.0
    )
    strength_per_noise: float = parameter(
        0.6, "Likewise per grey level of the image's noise; weaker ones are noise.", minimum=0.0, maximum=10.0
    )
    sample_sigma_px: float = parameter(
        0.25, "Independent error of one point of an edge.", unit="px", minimum=0.01, maximum=5.0
    )
    shared_sigma_px: float = parameter(
        0.25, "Error shared by all points of an edge in one camera.", unit="px", minimum=0.0, maximum=5.0
    )
    geometry_sigma_m: float = parameter(
        0.00003, "How far the middle of a port's rim is from its drawing.", unit="m", minimum=0.0, maximum=0.005
    )
    geometry_sigma_rad: float = parameter(
        0.0005, "Turn of a port against the drawing of its module.", unit="rad", minimum=0.0, maximum=0.1
    )
    near_px: float = parameter(
        1.5, "A point whose edge is nearer than this is where the port has it.", unit="px", minimum=0.2, maximum=20.0
    )
    min_share: float = parameter(
        0.7, "Smallest share of points that are found of the port that shows best.", minimum=0.05, maximum=1.0
    )
    min_clear_share: float = parameter(
        0.4, "Likewise where the rest of the module tells its place clearly.", minimum=0.05, maximum=1.0
    )
    min_port_share: float = parameter(
        0.3, "Smallest share of a port's points that are found; below, it is covered.", minimum=0.05, maximum=1.0
    )
    min_port_points: int = parameter(
        20, "Points of one port in sight, over all cameras, that say something about it.", minimum=4, maximum=1000
    )
    min_cameras: int = parameter(2, "Fewest cameras that find a module.", minimum=1, maximum=10)
    min_camera_points: int = parameter(
        16, "Fewest points found that make a camera one of them.", minimum=4, maximum=1000
    )
    min_margin: float = parameter(
        0.12, "How much better a module must fit than at the next best place, of 1.", minimum=0.0, maximum=1.0
    )
    min_hold: float = parameter(
        0.05,
        "How much better a module must fit than with inner and outer edges confused, of 1; and",
        minimum=0.0,
        maximum=1.0,
    )
    hold_per_misfit: float = parameter(
        0.4, "so much more for what is missing to an exact fit.", minimum=0.0, maximum=2.0
    )
    min_structure_points: int = parameter(
        30, "Points on other edges of a module that tell two places apart.", minimum=4, maximum=1000
    )
    min_structure_lead: float = parameter(
        0.25,
        "How much better these must fit at one place than at the other to tell which is right, of 1.",
        minimum=0.0,
        maximum=1.0,
    )
    doubtful_fit: float = parameter(
        0.7, "A module that was found and fits worse is searched for again, of 1.", minimum=0.0, maximum=1.0
    )
    max_rms_px: float = parameter(
        1.2, "Largest believable rms distance of edges in one camera.", unit="px", minimum=0.05, maximum=20.0
    )
    gate_chi2: float = parameter(
        27.9, "Largest squared Mahalanobis distance (6 dof) of a module from what was known.", minimum=5.0, maximum=1e4
    )
