"""Settings of the watch over what should stay where it is."""

from __future__ import annotations

from cablecell.core.config.parameters import ParameterSchema, parameter


class DriftSettings(ParameterSchema):
    """When a change of board, mounts or tip is believed."""

    evidence: float = parameter(
        45.0,
        "Twice the logarithm of the likelihood ratio that raises an alarm; of chi-square with 6 degrees of freedom "
        "without a change, which is larger once in 2e7.",
        minimum=10.0,
        maximum=1e4,
    )
    single_evidence: float = parameter(
        90.0,
        "Likewise, when only one look has shown the change: an image may also just be bad.",
        minimum=10.0,
        maximum=1e4,
    )
    margin: float = parameter(
        12.0, "Explanations that are less likely by up to this are named, too.", minimum=0.0, maximum=1e3
    )
    min_change_m: float = parameter(
        0.0002, "Smallest change of place that matters.", unit="m", minimum=0.0, maximum=0.1
    )
    min_change_rad: float = parameter(
        0.0008, "Smallest change of turn that matters.", unit="rad", minimum=0.0, maximum=0.5
    )
    window: int = parameter(40, "Newest looks among which the change is looked for.", minimum=2, maximum=1000)
    board_prior_m: float = parameter(0.03, "Place of the board beforehand.", unit="m", minimum=1e-5, maximum=1.0)
    board_prior_rad: float = parameter(0.1, "Turn of the board beforehand.", unit="rad", minimum=1e-5, maximum=3.0)
    grasp_m: float = parameter(0.0012, "Scatter of the tip from grasp to grasp.", unit="m", minimum=1e-6, maximum=0.05)
    grasp_rad: float = parameter(
        0.023, "Scatter of the tip's turn from grasp to grasp.", unit="rad", minimum=1e-6, maximum=1.0
    )
    tip_prior_m: float = parameter(0.001, "Mean place of the tip beforehand.", unit="m", minimum=1e-6, maximum=0.05)
    tip_prior_rad: float = parameter(0.02, "Mean turn of the tip beforehand.", unit="rad", minimum=1e-6, maximum=1.0)
