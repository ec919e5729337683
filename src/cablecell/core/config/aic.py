"""Parameters of the nodes that stand around a policy of the AI for Industry Challenge."""

from __future__ import annotations

from cablecell.core.config.parameters import ParameterSchema, parameter


class AicAdapterParameters(ParameterSchema):
    """Parameters of `aic_adapter`."""

    autostart: bool = parameter(True, "Configure and activate as soon as the node is up.", read_only=True)
    trigger_rate_hz: float = parameter(
        20.0,
        "How often the cameras are triggered, at most: never before the images of the last but one have come; "
        "0: they expose by themselves, all at once.",
        unit="Hz",
        minimum=0.0,
        maximum=60.0,
    )


class AicEngineParameters(ParameterSchema):
    """Parameters of `aic_engine`, under the names of the challenge's engine; all times are limits."""

    config_file_path: str = parameter("", "File of the trials that are run, in order; empty is the published sample.")
    model_node_name: str = parameter("aic_model", "Name of the node that runs the policy.")
    adapter_node_name: str = parameter("aic_adapter_node", "Name of the node that makes observations.")
    seed: int = parameter(
        0, "Seed of every random error of the simulation, in every trial.", minimum=0, maximum=4_294_967_295
    )
    results_dir: str = parameter(
        "", "Folder of scoring.yaml; empty is that of the variable AIC_RESULTS_DIR, or aic_results in the home folder."
    )
    endpoint_ready_timeout_seconds: float = parameter(
        30.0, "Until the simulation and the adapter are there.", unit="s", minimum=1.0, maximum=3600.0
    )
    model_discovery_timeout_seconds: float = parameter(
        30.0, "Until the model is there.", unit="s", minimum=1.0, maximum=3600.0
    )
    model_configure_timeout_seconds: float = parameter(
        60.0, "Of its configuration.", unit="s", minimum=1.0, maximum=3600.0
    )
    model_activate_timeout_seconds: float = parameter(60.0, "Of its activation.", unit="s", minimum=1.0, maximum=3600.0)
    model_deactivate_timeout_seconds: float = parameter(
        60.0, "Of its deactivation.", unit="s", minimum=1.0, maximum=3600.0
    )
    model_cleanup_timeout_seconds: float = parameter(60.0, "Of its clean-up.", unit="s", minimum=1.0, maximum=3600.0)
    model_shutdown_timeout_seconds: float = parameter(60.0, "Of its shutdown.", unit="s", minimum=1.0, maximum=3600.0)
