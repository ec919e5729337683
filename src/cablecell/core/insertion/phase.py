"""What a phase sees, what it commands, and how it hands over: everything in the axes of the believed port entrance."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.control.command import ComplianceCommand
from cablecell.core.geometry import Array
from cablecell.core.insertion.kernels import make_setpoint
from cablecell.core.insertion.outcome import Outcome, Phase
from cablecell.core.insertion.plan import RADIAL_95, InsertionPlan
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.insertion.search import SpiralSearch

_LOOSE_M = 6.0e-4
"""How far a tip in its hole is seen to move sideways beyond the play: grasp and axis are known only so well."""

_LEAD_IN_MARGIN_M = 1.0e-4
"""How much farther than the reach of its lead-in an opening may seem to be: the grasp gives way sideways, too."""

_SIDE_N = 1.5
"""Force along an axis that presses a plug to one side of its play: more than a dead band, less than any limit."""


@dataclass(frozen=True)
class Measurement:
    """One step as a phase sees it.

    Attributes:
        time_s: Clock, s.
        dt_s: Since the last step, s.
        p: Tip in the port frame, shape (3,), m; z is the depth below the believed entrance.
        rotvec: Orientation of the tip in the port frame, shape (3,), rad.
        speed: Filtered speed of the tip, m/s.
        force: Environment on tool in port axes, tared, shape (3,), N.
        moment: About the tip likewise, shape (3,), N·m.
        give_m: How far the axial force presses the plug back into the grasp, m.
    """

    time_s: float
    dt_s: float
    p: Array
    rotvec: Array
    speed: float
    force: Array
    moment: Array
    give_m: float = 0.0

    @property
    def depth_m(self) -> float:
        """Tip below the believed entrance, m, as if the grasp were rigid."""
        return float(self.p[2])

    @property
    def tip_m(self) -> float:
        """Tip below the believed entrance, m, with what the grasp gives way taken off."""
        return self.depth_m - self.give_m

    @property
    def push_n(self) -> float:
        """Axial force with which the plug presses on the port, N."""
        return -float(self.force[2])


@dataclass(frozen=True)
class Setpoint:
    """Compliance setpoint in port axes; diagonals of shape (6,), translation then rotation.

    Attributes:
        p: Target of the tip, m.
        rotvec: Target orientation of the tip, rad.
        stiffness: N/m, N·m/rad; 0 leaves the axis to force and damping.
        damping: Added to the designed damping, N·s/m, N·m·s/rad.
        force: Push of the robot on the environment, shape (3,), N.
        velocity: Of the target, shape (3,), m/s.
        acceleration: Of the target, shape (3,), m/s².
    """

    p: Array
    rotvec: Array
    stiffness: Array
    damping: Array = field(default_factory=lambda: np.zeros(6))
    force: Array = field(default_factory=lambda: np.zeros(3))
    velocity: Array = field(default_factory=lambda: np.zeros(3))
    acceleration: Array = field(default_factory=lambda: np.zeros(3))

    def to_command(self, stamp_s: float, X_base_port: Array, X_tcp_tip: Array, static_load: Array) -> ComplianceCommand:
        """Return the command for the controller; `static_load` (port axes, shape (6,)) is carried on top."""
        X_base_target, stiffness, damping, feedforward, twist, acceleration = make_setpoint(
            X_base_port,
            self.p,
            self.rotvec,
            self.stiffness,
            self.damping,
            self.force,
            self.velocity,
            self.acceleration,
            static_load,
        )
        return ComplianceCommand(
            stamp_s=stamp_s,
            X_base_target=X_base_target,
            X_tcp_comp=X_tcp_tip,
            stiffness=stiffness,
            damping=damping,
            feedforward=feedforward,
            twist=twist,
            acceleration=acceleration,
        )


@dataclass
class Room:
    """How far a plug has moved sideways since it was in its hole; no hole leaves it more than its play.

    Attributes:
        least: Smallest x, y and depth of the tip, believed port axes, shape (3,), m.
        most: Largest likewise.
    """

    least: Array = field(default_factory=lambda: np.full(3, math.inf))
    most: Array = field(default_factory=lambda: np.full(3, -math.inf))

    def add(self, m: Measurement) -> None:
        """Take a position into account."""
        np.minimum(self.least, m.p, out=self.least)
        np.maximum(self.most, m.p, out=self.most)

    def taken_m(self, profile: ConnectorProfile, tilt_rad: float) -> float | None:
        """Return the way sideways, m, where it is more than the play and what grasp and axis leave open; else None.

        A hole whose axis is not the believed one leads the plug aside as it goes down.

        Args:
            profile: The connector.
            tilt_rad: By how much the believed axis may be off.
        """
        *sideways, down = self.most - self.least
        open_m = _LOOSE_M + max(down, 0.0) * tilt_rad
        is_too_much = bool(np.any(sideways > 2.0 * np.array(profile.clearance_m) + open_m))
        return float(max(sideways)) if is_too_much else None


@dataclass(frozen=True)
class Go:
    """Hand over to another phase.

    Attributes:
        phase: The next one.
        reason: One sentence with value, limit and unit.
    """

    phase: Phase
    reason: str


@dataclass(frozen=True)
class End:
    """The insertion is decided.

    Attributes:
        outcome: How.
        reason: One sentence with value, limit and unit.
    """

    outcome: Outcome
    reason: str


@dataclass
class Job:
    """Memory of one insertion that phases share.

    Attributes:
        profile: The connector.
        settings: Of the skill.
        plan: Numbers of this insertion.
        static_load: Wrench that holds the tool at rest in free space, port axes, shape (6,).
        land_m: Touched land below the believed entrance, m, give of the grasp taken off; None until it was touched.
        land_at: Where that was touched, believed port axes, shape (2,), m; None where it was not touched at one place.
        is_on_nose: True while the plug is taken to stand on what leads its body.
        is_nose_settled: True once it is known what stood on the land.
        correction: Rotation found in the hole, shape (3,), rad.
        spiral: Search path, also while it is interrupted by a catch; None before the first search.
        search_centre: Where the next spiral begins, believed port axes, shape (2,), m.
        caught_at: Where the last drop of a search was, likewise; None before the first.
        is_held_catch: True where it was not a drop, but something that held the plug back.
        false_places: Where catches were false, likewise.
        falls: Times that the plug fell beside the part.
        unlatched: Seats in a row, as deep as they should be, that a pull undid and that no snap was felt of.
        side: Side of its play that the plug is to be pressed to, x and y of the port, each -1, 0 or 1, shape (2,).
        is_inside: True while the plug is in the hole, where that can be done.
        room: What the plug has taken sideways since then.
        searches: Spirals started.
        false_catches: Catches that did not become an insertion.
        decision: How the insertion ended, once that is known.
        stalls: Stalls in the hole, since the last search.
        total_stalls: Stalls altogether.
        stop_m: Depth below the believed entrance at which the plug stopped under the seating push, m.
        seats: Seating ramps started.
        is_backing_off: True when the next insertion has to begin with a pull.
        is_latched: True when the pull test proved the latch.
        has_snapped: True when a snap was felt.
        drawn_m: Depth at which a latch drew the plug in during the last seating ramp, m; None where it was not felt.
        is_left: True when the plug is in its port and not in the fingers any more: it is to be left there.
        is_gripper_open: True when the plug is to be let go.
        rest: Set-point under which the plug was found to stay; it goes on without a change.
    """

    profile: ConnectorProfile
    settings: InsertionSettings
    plan: InsertionPlan
    static_load: Array = field(default_factory=lambda: np.zeros(6))
    land_m: float | None = None
    land_at: Array | None = None
    is_on_nose: bool = False
    is_nose_settled: bool = False
    correction: Array = field(default_factory=lambda: np.zeros(3))
    spiral: SpiralSearch | None = None
    search_centre: Array = field(default_factory=lambda: np.zeros(2))
    caught_at: Array | None = None
    is_held_catch: bool = False
    false_places: list[Array] = field(default_factory=list)
    falls: int = 0
    unlatched: int = 0
    side: Array = field(default_factory=lambda: np.zeros(2))
    is_inside: bool = False
    room: Room = field(default_factory=Room)
    searches: int = 0
    false_catches: int = 0
    decision: End | None = None
    stalls: int = 0
    total_stalls: int = 0
    stop_m: float = 0.0
    seats: int = 0
    is_backing_off: bool = False
    is_latched: bool = False
    has_snapped: bool = False
    drawn_m: float | None = None
    is_left: bool = False
    is_gripper_open: bool = False
    rest: Setpoint | None = None

    @property
    def side_push(self) -> Array:
        """Force that presses the plug to its side, port axes, shape (2,), N."""
        return _SIDE_N * self.side if self.is_inside else np.zeros(2)

    def depth_m(self, m: Measurement) -> float:
        """Return the depth below the entrance plane: from the touched land, or from the believed entrance, m."""
        if self.land_m is None:
            return m.tip_m
        return m.tip_m - self.land_m + self.profile.rim_m

    def short_m(self, m: Measurement) -> float:
        """Return how far the depth of a seated plug may fall short, m.

        A land touched inside the lead-in lies up to the lead-in too deep. A plug in its hole knows where that was:
        farther away than the lead-in reaches, only the slope of the land under a tilted axis is left.
        Without a land the axial uncertainty of the port counts instead.
        """
        profile, uncertainty = self.profile, self.plan.uncertainty
        if self.land_m is None:
            return profile.seat_tolerance_m + 3.0 * uncertainty.axial_sigma_m
        if self.land_at is None:
            return profile.seat_tolerance_m + profile.chamfer_m
        away = np.abs(self.land_at - m.p[:2])
        is_lead_in = bool(np.all(away < np.array(profile.clearance_m) + profile.chamfer_m + _LEAD_IN_MARGIN_M))
        slope_m = math.hypot(*away) * uncertainty.tilt_95_rad
        return profile.seat_tolerance_m + (profile.chamfer_m if is_lead_in else min(slope_m, profile.chamfer_m))

    @property
    def beyond_m(self) -> float:
        """How far the depth of a seated plug may exceed the stop, m.

        A tilted plug touches the land early with one corner; grasp and port give way under the push. Without a land
        the axial uncertainty of the port counts instead.
        """
        give = self.settings.most_give_m(self.plan.seat_force_n)
        early = self.corner_m if self.land_m is not None else 3.0 * self.plan.uncertainty.axial_sigma_m
        return self.profile.seat_tolerance_m + early + give

    @property
    def aside_m(self) -> float | None:
        """Way sideways of the plug, m, where it is more than its port would let it move; else None."""
        return self.room.taken_m(self.profile, self.plan.uncertainty.tilt_95_rad)

    @property
    def way_m(self) -> float:
        """Way of a plug from the rim of its port to its seat, m."""
        return self.profile.depth_m - self.profile.rim_m

    @property
    def corner_m(self) -> float:
        """How much deeper than its middle a corner of the tilted plug may be, m."""
        return 0.5 * max(self.profile.size_m) * min(self.plan.uncertainty.tilt_95_rad, 0.1)

    def forget_land(self) -> None:
        """Take what was touched for something in the opening: there is no land yet that anything could stand on."""
        self.land_m = self.land_at = None
        self.is_on_nose = False

    def settle_nose(self, shift_m: float) -> None:
        """Move the land by what is now known to have stood on it, once and for all."""
        assert self.land_m is not None
        self.land_m += shift_m
        self.is_on_nose = False
        self.is_nose_settled = True

    @property
    def search_reach_m(self) -> float:
        """Radius of the last tour, m."""
        return self.plan.search_radius_m * self.settings.search_radius_factor ** (self.settings.search_tours - 1)

    def nose_before(self, m: Measurement) -> float:
        """Return the length of the nose if the plug stands on it rather than on its body, m; otherwise 0.

        Once a land is known its depth tells. Before, it is the likelier of two stories: the axis is so far off that the
        nose missed the opening, or the port is nearer than believed.
        """
        nose = self.profile.nose_m
        if nose <= 0.0 or self.is_nose_settled:
            return 0.0
        if self.land_m is not None:
            return nose if m.tip_m < self.land_m - 0.5 * nose else 0.0
        uncertainty = self.plan.uncertainty
        sigma_lateral, sigma = uncertainty.lateral_95_m / RADIAL_95, max(uncertainty.axial_sigma_m, 1e-6)
        log_missed = -0.5 * (self.profile.nose_play_m / max(sigma_lateral, 1e-6)) ** 2
        on_nose = log_missed - 0.5 * ((m.depth_m - self.profile.rim_m + nose) / sigma) ** 2
        on_body = -0.5 * ((m.depth_m - self.profile.rim_m) / sigma) ** 2
        return nose if on_nose > on_body else 0.0

    def stiff(self, translation: float, rotation: float) -> Array:
        """Return an isotropic stiffness diagonal, shape (6,)."""
        return np.array([translation] * 3 + [rotation] * 3)


class PhaseStep(ABC):
    """One phase, made when it is entered; `step` runs once per period and never waits."""

    phase: ClassVar[Phase]

    @abstractmethod
    def __init__(self, job: Job, m: Measurement) -> None: ...

    @abstractmethod
    def step(self, job: Job, m: Measurement) -> tuple[Setpoint, Go | End | None]:
        """Return the setpoint of this step, and where to go if the phase is over."""
