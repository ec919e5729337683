"""The AIC rubric: tier 1 (valid run), tier 2 (how it moved) and tier 3 (did it insert), at most 100 per trial.

Pure functions of recorded time series. The rules are those of AIC's scoring code at db40abc; the cell around it is
ours, so a result is "AIC rubric, our PyBullet cell" and never "AIC score".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

VALID_RUN_SCORE = 1.0
SMOOTHNESS_MAX, JERK_WORST_M_PER_S3 = 6.0, 50.0
JERK_WINDOW = 15
MOVING_ABOVE_M_PER_S = 0.01
DURATION_MAX, DURATION_BEST_S, DURATION_WORST_S = 12.0, 5.0, 60.0
EFFICIENCY_MAX, EFFICIENCY_DETOUR_M = 6.0, 1.0
FORCE_LIMIT_N, FORCE_TIME_S, FORCE_PENALTY = 20.0, 1.0, -12.0
CONTACT_PENALTY = -24.0
INSERTED_SCORE, WRONG_PORT_SCORE = 75.0, -12.0
PARTIAL_MIN, PARTIAL_MAX, PARTIAL_LATERAL_M, PARTIAL_BELOW_M = 38.0, 50.0, 0.005, 0.01
PROXIMITY_MAX = 25.0


@dataclass(frozen=True)
class TrialRecord:
    """What one trial leaves behind for scoring; all series in order of time.

    Attributes:
        is_valid_run: The cell under test was there and did what the protocol asks (tier 1).
        start_s: When the goal was accepted, s.
        end_s: When the success was reported, s; None when it was not reported or too late.
        velocity_t_s: Times of `velocity`, shape (n,), s.
        velocity: Linear velocity of `tcp`, shape (n, 3), m/s.
        position: Position of `tcp` in `world` over the whole recording, shape (m, 3), m.
        force_t_s: Times of `force`, shape (k,), s.
        force: Measured force minus its tare, shape (k, 3), N.
        offlimit_contacts: Number of contacts of the arm with what it must not touch.
        target: Name of the port, "<module>/<port>".
        inserted: Name of the port in which the plug stayed seated, or None.
        plug_start: Plug's tip in `world` at the start, shape (3,), m.
        plug_end: Plug's tip in `world` at the end, shape (3,), m.
        port: Port frame in `world`, shape (3,), m.
        entrance: Entrance in `world`, shape (3,), m.
    """

    is_valid_run: bool
    start_s: float
    end_s: float | None
    velocity_t_s: Array
    velocity: Array
    position: Array
    force_t_s: Array
    force: Array
    offlimit_contacts: int
    target: str
    inserted: str | None
    plug_start: Array
    plug_end: Array
    port: Array
    entrance: Array


@dataclass(frozen=True)
class TrialScore:
    """Score of one trial.

    Attributes:
        tier1: 0 or 1.
        smoothness: 0 to 6.
        duration: 0 to 12.
        efficiency: 0 to 6.
        force: 0 or -12.
        contacts: 0 or -24.
        tier3: 75 inserted, -12 in the wrong port, 38 to 50 partly in, 0 to 25 near.
    """

    tier1: float
    smoothness: float
    duration: float
    efficiency: float
    force: float
    contacts: float
    tier3: float

    @property
    def tier2(self) -> float:
        """Sum of the bonuses and penalties of the motion."""
        return self.smoothness + self.duration + self.efficiency + self.force + self.contacts

    @property
    def total(self) -> float:
        """Sum of the three tiers, at most 100."""
        return self.tier1 + self.tier2 + self.tier3


def score_trial(record: TrialRecord) -> TrialScore:
    """Return the score of one trial by the AIC rubric.

    Bonuses of tier 2 are given only when the task was reported done and tier 3 is above zero; penalties always.
    """
    tier3 = score_insertion(record)
    start_distance = float(np.linalg.norm(record.plug_start - record.port))
    earns_bonus = record.end_s is not None and tier3 > 0.0
    return TrialScore(
        tier1=VALID_RUN_SCORE if record.is_valid_run else 0.0,
        smoothness=score_smoothness(record.velocity_t_s, record.velocity) if earns_bonus else 0.0,
        duration=score_duration(record.end_s - record.start_s) if earns_bonus and record.end_s is not None else 0.0,
        efficiency=score_efficiency(record.position, start_distance) if earns_bonus else 0.0,
        force=score_force(record.force_t_s, record.force),
        contacts=CONTACT_PENALTY if record.offlimit_contacts > 0 else 0.0,
        tier3=tier3,
    )


def falling(value: float, best: float, worst: float, highest: float, lowest: float = 0.0) -> float:
    """Return `highest` up to `best`, `lowest` from `worst` on, and a straight line between.

    Args:
        value: What is scored.
        best: Value that earns the highest score.
        worst: Value that earns the lowest score.
        highest: Score at `best`.
        lowest: Score at `worst`.
    """
    if value >= worst:
        return lowest
    if value <= best:
        return highest
    return lowest + (worst - value) / (worst - best) * (highest - lowest)


def score_duration(duration_s: float) -> float:
    """Return the bonus for speed: 12 up to 5 s, none from 60 s."""
    return falling(duration_s, DURATION_BEST_S, DURATION_WORST_S, DURATION_MAX)


def score_efficiency(position: Array, start_distance_m: float) -> float:
    """Return the bonus for a short path: 6 when not longer than the distance at the start, none 1 m above.

    Args:
        position: Positions of `tcp`, shape (m, 3), m.
        start_distance_m: Distance from plug to port at the start, m.
    """
    path_m = float(np.linalg.norm(np.diff(position, axis=0), axis=1).sum()) if len(position) > 1 else 0.0
    return falling(path_m, start_distance_m, start_distance_m + EFFICIENCY_DETOUR_M, EFFICIENCY_MAX)


def score_smoothness(t_s: Array, velocity: Array) -> float:
    """Return the bonus for smoothness: 6 without jerk, none from a mean jerk of 50 m/s³.

    Args:
        t_s: Times, shape (n,), s; repeated times count once.
        velocity: Linear velocity, shape (n, 3), m/s.
    """
    jerk = mean_jerk(t_s, velocity)
    return 0.0 if jerk is None else falling(jerk, 0.0, JERK_WORST_M_PER_S3, SMOOTHNESS_MAX)


def mean_jerk(t_s: Array, velocity: Array) -> float | None:
    """Return the mean magnitude of the jerk while moving, m/s³, or None when there is too little motion to tell.

    A parabola is fitted to every window of 15 velocities; twice its curvature is the jerk at the window's middle.
    Windows whose middle is slower than 0.01 m/s do not count.
    """
    if len(t_s) == 0:
        return None
    fresh = np.concatenate([[True], np.diff(t_s) != 0.0])
    t, v = t_s[fresh], velocity[fresh]
    half = JERK_WINDOW // 2
    if len(t) < JERK_WINDOW:
        return None
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(len(t)), JERK_WINDOW)
    windows = windows[np.linalg.norm(v[half : len(t) - half], axis=1) > MOVING_ABOVE_M_PER_S]
    if len(windows) == 0:
        return None
    dt = t[windows] - t[windows[:, half]][:, None]
    # Scaled so that the powers of a few milliseconds do not lose digits.
    span = np.abs(dt).max(axis=1, keepdims=True)
    x = dt / span
    A = np.stack([np.ones_like(x), x, x * x], axis=2)
    coefficients = np.linalg.solve(np.swapaxes(A, 1, 2) @ A, np.swapaxes(A, 1, 2) @ v[windows])
    jerk = np.linalg.norm(2.0 * coefficients[:, 2, :] / span**2, axis=1)
    weight = (t[windows[:, -1]] - t[windows[:, 0]]) / JERK_WINDOW
    total = float(weight.sum())
    return float((jerk * weight).sum() / total) if total >= 1e-6 else None


def time_over_force(t_s: Array, force: Array, limit_n: float = FORCE_LIMIT_N) -> float:
    """Return the total time with a force above a limit, s.

    Args:
        t_s: Times, shape (k,), s.
        force: Forces, shape (k, 3), N.
        limit_n: The limit, N.
    """
    if len(t_s) < 2:
        return 0.0
    over = np.linalg.norm(force, axis=1)[1:] > limit_n
    return float(np.diff(t_s)[over].sum())


def score_force(t_s: Array, force: Array) -> float:
    """Return the penalty for more than 1 s in total above 20 N."""
    return FORCE_PENALTY if time_over_force(t_s, force) > FORCE_TIME_S else 0.0


def score_insertion(record: TrialRecord) -> float:
    """Return tier 3: inserted, in the wrong port, partly inserted, or how near."""
    if record.end_s is None:
        return 0.0
    if record.inserted is not None:
        return INSERTED_SCORE if record.inserted == record.target else WRONG_PORT_SCORE
    plug, port, entrance = record.plug_end, record.port, record.entrance
    depth = float(entrance[2] - port[2])
    above = float(plug[2] - port[2])
    is_inside = (
        abs(plug[0] - port[0]) < PARTIAL_LATERAL_M
        and abs(plug[1] - port[1]) < PARTIAL_LATERAL_M
        and plug[2] < entrance[2]
        and above > -PARTIAL_BELOW_M
    )
    if is_inside:
        return falling(above, 0.0, depth, PARTIAL_MAX, PARTIAL_MIN)
    reach = 0.5 * float(np.linalg.norm(record.plug_start - port))
    distance = float(np.linalg.norm(plug - port))
    return falling(distance, abs(depth), abs(depth) + reach, PROXIMITY_MAX)
