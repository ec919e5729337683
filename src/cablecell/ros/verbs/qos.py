"""Quality of service from the command line, and from what the publishers of a topic offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

Profile = Annotated[
    str | None,
    typer.Option("--qos-profile", metavar="NAME", help="Preset to start from, for example sensor_data or default."),
]
Depth = Annotated[int | None, typer.Option("--qos-depth", metavar="N", min=0, help="Queue size.")]
History = Annotated[str | None, typer.Option("--qos-history", metavar="NAME", help="keep_last or keep_all.")]
Reliability = Annotated[
    str | None, typer.Option("--qos-reliability", metavar="NAME", help="reliable, best_effort or best_available.")
]
Durability = Annotated[
    str | None, typer.Option("--qos-durability", metavar="NAME", help="transient_local, volatile or best_available.")
]
Liveliness = Annotated[
    str | None, typer.Option("--qos-liveliness", metavar="NAME", help="automatic, manual_by_topic or best_available.")
]
Lease = Annotated[
    float | None,
    typer.Option("--qos-liveliness-lease-duration-seconds", metavar="S", min=0.0, help="Lease of the liveliness, s."),
]


@dataclass(frozen=True)
class QosRequest:
    """What the user asked for; None where nothing was said."""

    profile: str | None = None
    depth: int | None = None
    history: str | None = None
    reliability: str | None = None
    durability: str | None = None
    liveliness: str | None = None
    lease_s: float | None = None

    @property
    def is_specific(self) -> bool:
        """True if any single policy was given, so that nothing is to be guessed from the publishers."""
        return any(
            value is not None
            for value in (
                self.depth,
                self.history,
                self.reliability,
                self.durability,
                self.liveliness,
                self.lease_s,
            )
        )

    def to_profile(self, default: str) -> Any:
        """Return the `QoSProfile` asked for.

        Args:
            default: Preset used when the user named none.

        Returns:
            The profile.

        Raises:
            typer.BadParameter: A name is none of those the client library knows.
        """
        from rclpy.duration import Duration
        from rclpy.qos import (
            QoSDurabilityPolicy,
            QoSHistoryPolicy,
            QoSLivelinessPolicy,
            QoSPresetProfiles,
            QoSProfile,
            QoSReliabilityPolicy,
        )

        preset = _named(QoSPresetProfiles, self.profile or default, "--qos-profile")
        # A preset is shared by the whole process: work on a copy.
        profile = QoSProfile(**{slot.lstrip("_"): getattr(preset, slot.lstrip("_")) for slot in QoSProfile.__slots__})
        if self.history is not None:
            profile.history = _named(QoSHistoryPolicy, self.history, "--qos-history")
        if self.durability is not None:
            profile.durability = _named(QoSDurabilityPolicy, self.durability, "--qos-durability")
        if self.reliability is not None:
            profile.reliability = _named(QoSReliabilityPolicy, self.reliability, "--qos-reliability")
        if self.liveliness is not None:
            profile.liveliness = _named(QoSLivelinessPolicy, self.liveliness, "--qos-liveliness")
        if self.lease_s is not None:
            profile.liveliness_lease_duration = Duration(seconds=self.lease_s)
        if self.depth is not None:
            profile.depth = self.depth
        elif profile.durability == QoSDurabilityPolicy.TRANSIENT_LOCAL and profile.depth == 0:
            profile.depth = 1
        return profile


def matching_profile(request: QosRequest, publishers: list[Any]) -> tuple[Any, list[str]]:
    """Return a profile for a subscription that reaches as many publishers as possible.

    If the user gave single policies, those count. Otherwise it is reliable, or latched, if every publisher is.

    Args:
        request: What the user asked for.
        publishers: Endpoint information of the publishers of the topic.

    Returns:
        The profile, and a remark for every policy the publishers do not agree on.
    """
    from rclpy.qos import QoSDurabilityPolicy, QoSReliabilityPolicy

    profile = request.to_profile("sensor_data")
    remarks: list[str] = []
    if request.is_specific or not publishers:
        return profile, remarks

    def weakest(policy: str, strong: Any, weak: Any) -> Any:
        offers = [getattr(info.qos_profile, policy) == strong for info in publishers]
        if all(offers):
            return strong
        if any(offers):
            remarks.append(
                f"Some, but not all, publishers offer {policy} {strong.name}; subscribing with {weak.name}, "
                "which connects to all of them"
            )
        return weak

    profile.reliability = weakest("reliability", QoSReliabilityPolicy.RELIABLE, QoSReliabilityPolicy.BEST_EFFORT)
    profile.durability = weakest("durability", QoSDurabilityPolicy.TRANSIENT_LOCAL, QoSDurabilityPolicy.VOLATILE)
    return profile, remarks


def _named(policies: Any, name: str, option: str) -> Any:
    known = policies.short_keys()
    if name not in known:
        raise typer.BadParameter(f"{option} {name!r} is not one of {', '.join(known)}")
    return policies.get_from_short_key(name)
