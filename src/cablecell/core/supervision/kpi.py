"""Key figures of a shift (ISO 22400-2) from the state log and the insertions of the ledger, and from nothing else."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from cablecell.core.supervision.faults import Action
from cablecell.core.supervision.packml import Mode, State

OFF = 0
"""State of a cell whose supervisor is not there."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Interval:
    """A time in one state.

    Attributes:
        begin_ns: Begin.
        end_ns: End.
        state: PackML state, or `OFF`.
        is_planned: Whether the cell was to produce: in production mode, and not ended in good order.
        cause_code: The last cause that was named since the cell left execute; 0 for none.
    """

    begin_ns: int
    end_ns: int
    state: int
    is_planned: bool
    cause_code: int

    @property
    def duration_ns(self) -> int:
        """How long it was, ns."""
        return self.end_ns - self.begin_ns


@dataclass(frozen=True)
class Part:
    """One step of one job: something that was to be plugged.

    Attributes:
        connector: Family; empty where nothing was inserted.
        begin_ns: Begin of its first insertion.
        end_ns: End of its last.
        is_good: Whether one of them succeeded.
        is_first_pass: Whether the first one did, with one attempt.
        cycle_ns: From the begin of its first insertion to the end of its last, as far as the cell executed: not what it
            was held, stopped or off in between.
    """

    connector: str
    begin_ns: int
    end_ns: int
    is_good: bool
    is_first_pass: bool
    cycle_ns: int = 0

    @property
    def cycle_s(self) -> float:
        """Its cycle, s."""
        return 1e-9 * self.cycle_ns


def intervals(states: Sequence[Row], signs_ns: Iterable[int], from_ns: int, to_ns: int) -> list[Interval]:
    """Return the times in each state within a window.

    A supervisor that starts says so with a state that has none before it. Until the last sign of life before that the
    old state holds, from there on the cell was off.

    Args:
        states: Rows of the table `states`, in order.
        signs_ns: Times of other rows, which a cell that is off does not write.
        from_ns: Begin of the window.
        to_ns: Its end.
    """
    life = sorted(signs_ns)
    found: list[Interval] = []
    cause = 0
    for number, row in enumerate(states):
        state, begin_ns = int(row["state"]), int(row["stamp_ns"])
        cause = 0 if state == State.EXECUTE else int(row["cause_code"]) or cause
        is_last = number + 1 == len(states)
        end_ns = to_ns if is_last else int(states[number + 1]["stamp_ns"])
        is_planned = int(row["mode"]) == Mode.PRODUCTION
        alive_ns = end_ns
        if not is_last and int(states[number + 1]["previous"]) == OFF:
            alive_ns = max((sign for sign in life if begin_ns <= sign <= end_ns), default=begin_ns)
        found.append(Interval(begin_ns, alive_ns, state, is_planned, cause))
        if alive_ns < end_ns:
            found.append(Interval(alive_ns, end_ns, OFF, is_planned and state != State.STOPPED, cause))
    cut = [
        Interval(max(one.begin_ns, from_ns), min(one.end_ns, to_ns), one.state, one.is_planned, one.cause_code)
        for one in found
    ]
    return [one for one in cut if one.end_ns > one.begin_ns]


def executed(times: Sequence[Interval]) -> Callable[[int, int], int]:
    """Return a function that says how long the cell executed between two times, ns; `times` in order."""
    runs = [one for one in times if one.state == State.EXECUTE]
    begins = [one.begin_ns for one in runs]
    sums = [0, *accumulate(one.duration_ns for one in runs)]

    def until(stamp_ns: int) -> int:
        number = bisect_right(begins, stamp_ns)
        return sums[number] - max(0, runs[number - 1].end_ns - stamp_ns) if number else 0

    return lambda begin_ns, end_ns: until(end_ns) - until(begin_ns)


def parts(
    insertions: Sequence[Row], deeds: Sequence[Row], from_ns: int, to_ns: int, run_ns: Callable[[int, int], int]
) -> list[Part]:
    """Return the parts whose last insertion ended within a window, in the order of their begin.

    A step that was left before anything was inserted is a part as well, and a bad one.

    Args:
        insertions: Rows of the table `insertions`, in order.
        deeds: Rows of the table `recoveries`.
        from_ns: Begin of the window.
        to_ns: Its end.
        run_ns: Returns how long the cell executed between two times, ns.
    """
    tries: dict[tuple[str, str], list[Row]] = {}
    for row in insertions:
        if row["ended_ns"] is not None:
            tries.setdefault((row["job_id"], row["step"]), []).append(row)
    found = []
    for rows in tries.values():
        first, end_ns = rows[0], max(int(row["ended_ns"]) for row in rows)
        if from_ns <= end_ns < to_ns:
            good = any(row["error_code"] == 0 for row in rows)
            once = first["error_code"] == 0 and (first["attempts"] or 0) <= 1
            begin_ns = int(first["begun_ns"])
            found.append(Part(first["connector"], begin_ns, end_ns, good, once, run_ns(begin_ns, end_ns)))
    left = {(row["job_id"], row["step"]): int(row["stamp_ns"]) for row in deeds if row["action"] == Action.SKIP.value}
    for key, stamp_ns in left.items():
        if key not in tries and from_ns <= stamp_ns < to_ns:
            found.append(Part("", stamp_ns, stamp_ns, is_good=False, is_first_pass=False))
    return sorted(found, key=lambda part: part.begin_ns)


def planned_cycles(made: Sequence[Part], planned_s: float | None) -> dict[str, float]:
    """Return the planned time of a part by connector, s: as given, or the one that a tenth of the good ones kept."""
    names = sorted({part.connector for part in made})
    if planned_s is not None:
        return dict.fromkeys(names, planned_s)
    return {
        name: _nearest_rank([part.cycle_s for part in made if part.connector == name and part.is_good], 0.1)
        for name in names
    }


def spent_j(readings: Sequence[Row], from_ns: int, to_ns: int) -> float:
    """Return the energy between the first and the last reading of a meter within a window, J; NaN for fewer than two.

    A meter that shows less than before has begun at 0 again in between.

    Args:
        readings: Rows of the table `energy`, in order.
        from_ns: Begin of the window.
        to_ns: Its end.
    """
    meter = [float(row["meter_j"]) for row in readings if from_ns <= row["stamp_ns"] < to_ns]
    if len(meter) < 2:
        return math.nan
    return sum(after - before if after >= before else after for before, after in pairwise(meter))


def key_figures(
    times: Sequence[Interval], made: Sequence[Part], planned_s: float | None = None, energy_j: float = math.nan
) -> dict[str, float]:
    """Return the key figures; NaN where there is nothing to divide by.

    Args:
        times: Of `intervals`.
        made: Of `parts`.
        planned_s: Planned time of one part, s; None for what `planned_cycles` finds.
        energy_j: Mechanical energy that the joints gave, J; NaN where nobody measured it.
    """
    planned = [one for one in times if one.is_planned]
    busy_s = _seconds(planned)
    production_s = _seconds(one for one in planned if one.state == State.EXECUTE)
    cycles = planned_cycles(made, planned_s)
    good = sum(part.is_good for part in made)
    availability = _ratio(production_s, busy_s)
    needed_s = sum(cycles[part.connector] for part in made if not math.isnan(cycles[part.connector]))
    effectiveness = _ratio(needed_s, production_s)
    quality = _ratio(good, len(made))
    down = downtimes(planned)
    durations = sorted(part.cycle_s for part in made if part.is_good)
    return {
        "planned_busy_s": busy_s,
        "production_s": production_s,
        "parts": float(len(made)),
        "good_parts": float(good),
        "availability": availability,
        "effectiveness": effectiveness,
        "quality_ratio": quality,
        "oee": availability * effectiveness * quality,
        "first_pass_yield": _ratio(sum(part.is_first_pass for part in made), len(made)),
        "failures": float(len(down)),
        "mtbf_s": _ratio(production_s, len(down)),
        "mttr_s": _ratio(sum(down), len(down)),
        "cycle_min_s": durations[0] if durations else math.nan,
        "cycle_median_s": _nearest_rank(durations, 0.5),
        "cycle_p95_s": _nearest_rank(durations, 0.95),
        "cycle_max_s": durations[-1] if durations else math.nan,
        "parts_per_hour": 3600.0 * _ratio(good, busy_s),
        "energy_j": energy_j,
        "energy_per_good_part_j": energy_j / good if good else math.nan,
    }


def downtimes(planned: Sequence[Interval]) -> list[float]:
    """Return how long each failure kept the cell from producing, s.

    A failure is a stop with a named cause, or the death of the supervisor; one that lasts to the end of the
    window counts with what it has lasted.
    """
    found: list[float] = []
    is_down = False
    for one in planned:
        if one.state == State.EXECUTE:
            is_down = False
        elif is_down:
            found[-1] += 1e-9 * one.duration_ns
        elif one.state == OFF or (one.cause_code and one.state in _STOPS):
            is_down = True
            found.append(1e-9 * one.duration_ns)
    return found


_STOPS = (State.ABORTING, State.ABORTED, State.HOLDING, State.HELD, State.SUSPENDING, State.SUSPENDED)


def stop_reasons(times: Sequence[Interval]) -> list[dict[str, Any]]:
    """Return what kept the cell from producing in planned time: state, cause, how often, how long; the worst first."""
    found: dict[tuple[str, int], list[float]] = {}
    for one in times:
        if one.is_planned and one.state != State.EXECUTE:
            name = "OFF" if one.state == OFF else State(one.state).name
            found.setdefault((name, one.cause_code), []).append(1e-9 * one.duration_ns)
    rows = [
        {"state": state, "cause_code": code, "count": len(some), "time_s": math.fsum(some)}
        for (state, code), some in found.items()
    ]
    return sorted(rows, key=lambda row: (-float(row["time_s"]), str(row["state"]), row["cause_code"]))


def failure_causes(insertions: Sequence[Row], from_ns: int, to_ns: int) -> list[dict[str, Any]]:
    """Return the codes of insertions that failed within a window, the most frequent first."""
    counts: dict[int, int] = {}
    for row in insertions:
        if row["ended_ns"] is not None and from_ns <= row["ended_ns"] < to_ns and row["error_code"]:
            counts[row["error_code"]] = counts.get(row["error_code"], 0) + 1
    return [{"code": code, "count": n} for code, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _seconds(some: Iterable[Interval]) -> float:
    return 1e-9 * sum(one.duration_ns for one in some)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan


def _nearest_rank(values: Sequence[float], fraction: float) -> float:
    ordered = sorted(values)
    rank = math.ceil(round(fraction * len(ordered), 9))  # 0.1 * 30 is a little more than 3
    return ordered[max(0, rank - 1)] if ordered else math.nan
