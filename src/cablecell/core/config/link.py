"""Parameters of the link nodes."""

from __future__ import annotations

from pydantic import model_validator

from cablecell.core.config.parameters import ParameterSchema, parameter


class LinkResponderParameters(ParameterSchema):
    """Parameters of `link_responder`."""

    autostart: bool = parameter(False, "Configure and activate as soon as the node is up.", read_only=True)
    rate_hz: float = parameter(20.0, "Rate of the heartbeat.", unit="Hz", minimum=0.1, maximum=500.0)
    burst_rate_limit_hz: float = parameter(
        1000.0, "Highest rate an exercise may ask for.", unit="Hz", minimum=1.0, maximum=2000.0
    )
    burst_count_limit: int = parameter(
        10_000, "Largest number of heartbeats an exercise may ask for.", minimum=1, maximum=1_000_000
    )
    payload_limit_bytes: int = parameter(
        1_000_000, "Largest payload of a ping or a heartbeat.", unit="B", minimum=0, maximum=16_000_000
    )


class LinkMonitorParameters(ParameterSchema):
    """Parameters of `link_monitor`."""

    autostart: bool = parameter(False, "Configure and activate as soon as the node is up.", read_only=True)
    silence_limit_s: float = parameter(
        0.5, "The link is lost when no heartbeat came for longer.", unit="s", minimum=0.01, maximum=60.0
    )
    latency_limit_s: float = parameter(
        0.05,
        "The link is degraded when the 99th percentile of the latency is above.",
        unit="s",
        minimum=1e-4,
        maximum=10.0,
    )
    report_rate_hz: float = parameter(2.0, "Rate of the diagnostics.", unit="Hz", minimum=0.1, maximum=50.0)
    exercise_count: int = parameter(
        200, "Heartbeats of the exercise run after activation; 0 runs none.", minimum=0, maximum=10_000
    )
    exercise_rate_hz: float = parameter(500.0, "Rate of that exercise.", unit="Hz", minimum=1.0, maximum=1000.0)

    @model_validator(mode="after")
    def _limits_are_in_order(self) -> LinkMonitorParameters:
        if self.latency_limit_s >= self.silence_limit_s:
            raise ValueError(
                f"latency_limit_s = {self.latency_limit_s} s must be below silence_limit_s = {self.silence_limit_s} s"
            )
        return self
