"""Configuration of measuring the plug in the gripper with the wrist cameras."""

from __future__ import annotations

from cablecell.core.config.parameters import ParameterSchema, parameter


class PlugVisionSettings(ParameterSchema):
    """What is known about the grasp, the errors of edges, and when a measurement is believed."""

    grasp_sigma_m: float = parameter(
        0.0009, "Grasp error before looking, per axis: shift of the plug.", unit="m", minimum=1e-6, maximum=0.02
    )
    grasp_sigma_rad: float = parameter(
        0.018, "Grasp error before looking, per axis: turn about the tcp.", unit="rad", minimum=1e-6, maximum=0.5
    )
    grasp_limit_m: float = parameter(
        0.002, "Farthest shift of a plug the gripper can hold.", unit="m", minimum=1e-6, maximum=0.05
    )
    grasp_limit_rad: float = parameter(
        0.04, "Farthest turn of a plug the gripper can hold.", unit="rad", minimum=1e-6, maximum=1.0
    )
    grasp_limit_sigmas: float = parameter(
        2.0, "Errors of the measurement that are allowed beyond these limits.", minimum=0.0, maximum=10.0
    )
    sample_sigma_px: float = parameter(
        0.25, "Independent error of one sample of an edge.", unit="px", minimum=0.01, maximum=5.0
    )
    shared_sigma_px: float = parameter(
        0.07, "Error shared by all samples of an edge in one camera.", unit="px", minimum=0.0, maximum=5.0
    )
    sure_samples: float = parameter(
        12.0, "Samples from which an edge counts as long; shorter ones share a larger error.", minimum=0.0, maximum=1e4
    )
    tail_freedom: float = parameter(
        3.0, "Degrees of freedom of the errors that edges share: few for heavy tails.", minimum=1.0, maximum=100.0
    )
    margin_px: float = parameter(
        4.0, "Kept from the palm and from the border of the image.", unit="px", minimum=0.0, maximum=100.0
    )
    max_rms_px: float = parameter(
        1.6, "Largest believable rms distance of the edges in one camera.", unit="px", minimum=0.05, maximum=20.0
    )
    min_strength: float = parameter(
        0.8, "Weakest change of brightness that counts as an edge, grey levels per pixel.", minimum=0.1, maximum=50.0
    )
    start_range_px: float = parameter(
        16.0, "How far edges are looked for at first.", unit="px", minimum=4.0, maximum=100.0
    )
    min_part_m: float = parameter(
        0.003, "Parts of the plug that are smaller along any axis are ignored.", unit="m", minimum=0.0, maximum=0.05
    )
    min_edges: int = parameter(4, "Fewest different edges over all cameras.", minimum=3, maximum=100)
    min_cameras: int = parameter(2, "Fewest cameras that see edges of the plug.", minimum=1, maximum=10)
    min_inlier_share: float = parameter(
        0.5, "Smallest share of edge samples found where the plug would have them.", minimum=0.05, maximum=1.0
    )
    min_margin: float = parameter(
        0.5,
        "How much worse the next best place of the plug must fit, squared standard deviations per sample.",
        minimum=0.0,
        maximum=9.0,
    )
    gate_chi2: float = parameter(
        27.9, "Largest squared Mahalanobis distance (6 dof) from the grasp before looking.", minimum=5.0, maximum=1000.0
    )
