"""Benchmark `contact_states`: what a plug touches, told from wrench and motion, against the simulation's true contacts.

Whole insertions with every error on, three families in turn. The filter gets what the skill gets: the tared wrench, the
believed port and tip. The truth is made of the contact points between plug and port: their normals, and the latch.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np
import pybullet as p
from numpy.typing import NDArray

from cablecell.configuration import config_folder
from cablecell.core.config.scenario import Scenario
from cablecell.core.fusion.contact_states import ContactState
from cablecell.core.geometry import invert_pose
from cablecell.core.insertion.contact_follower import ContactFollower
from cablecell.core.insertion.observation import Observation, SkillStep
from cablecell.core.insertion.outcome import InsertionResult
from cablecell.core.insertion.skill import InsertionSkill
from cablecell.evaluation.believed import pose_matrix
from cablecell.evaluation.bench import wilson_interval
from cablecell.evaluation.bench_touch import scenarios
from cablecell.evaluation.draw import draw_run
from cablecell.evaluation.rollout import Rollout
from cablecell.evaluation.workers import work_off

Array = NDArray[np.float64]
Row = dict[str, Any]

FAMILIES = ("sfp", "sc", "usb_c")
_TOUCH_N = 0.1
_AXIAL, _ACROSS = 0.9, 0.3
"""A contact whose normal has this share along the axis is on a face or stop; with less than the other, on a wall."""
_STILL, _JAM_N, _JAM_S = 0.0005, 4.0, 0.1
"""Jammed is a plug in the opening that does not move although it is pushed with so much, for so long: m/s, N, s."""
_SEAT_M = 0.0003
_SURE = 0.9
"""A state that is more likely than this is said for sure."""


def run(*, n: int, seed: int, workers: int) -> tuple[list[Row], dict[str, float]]:
    """Run `n` insertions, the families in turn, each with its own seed.

    Args:
        n: Insertions.
        seed: Of the first; the others count on.
        workers: Processes.

    Returns:
        A row an insertion with its confusion matrix (rows are the truth), and the summary: accuracy of samples, of
        each state how many of its samples were told right and how many by one of the two likeliest states, and how
        often what is said for sure is right.
    """
    folder = config_folder() / "connectors"
    cases = [scenarios(folder / f"{name}.yaml")[0] for name in FAMILIES]
    jobs = [(i % len(cases), seed + i) for i in range(n)]
    rows: list[Row] = []
    with closing(work_off(_run, cases, jobs, workers)) as answers:
        for answer in answers:
            index, case_seed = jobs[answer.index]
            broken = {"connector": FAMILIES[index], "seed": case_seed, "matrix": None, "reason": answer.fault}
            rows.append(answer.value if answer.value is not None else broken)
    return rows, summarise(rows)


def summarise(rows: list[Row]) -> dict[str, float]:
    """Return the flat summary of rows."""
    matrices = [np.array(row["matrix"]) for row in rows if row["matrix"] is not None]
    total = np.sum(matrices, axis=0) if matrices else np.zeros((len(ContactState), len(ContactState)))
    samples, right = float(total.sum()), float(np.trace(total))
    summary = {
        "insertions": float(len(rows)),
        "broken": float(sum(row["matrix"] is None for row in rows)),
        "samples": samples,
        "accuracy": right / max(samples, 1.0),
    }
    accuracies = [float(np.trace(one)) / max(float(one.sum()), 1.0) for one in matrices]
    if accuracies:
        summary["accuracy_median_of_insertions"] = float(np.median(accuracies))
        summary["accuracy_worst_insertion"] = min(accuracies)
    told = total.sum(axis=1)
    among_two = np.sum([row["among_two"] for row in rows if row["matrix"] is not None], axis=0)
    sure = np.sum([row["sure"] for row in rows if row["matrix"] is not None], axis=0)
    if matrices:
        summary["told_by_one_of_two_rate"] = float(among_two.sum()) / max(samples, 1.0)
        summary["sure_share"] = float(sure[0]) / max(samples, 1.0)
        summary["sure_right_rate"] = float(sure[1]) / max(float(sure[0]), 1.0)
    seen = [state for state in ContactState if told[state] > 0]
    summary["balanced_accuracy"] = float(np.mean([total[s, s] / told[s] for s in seen])) if seen else float("nan")
    for truth in seen:
        summary[f"{truth.name.lower()}_samples"] = float(told[truth])
        summary[f"{truth.name.lower()}_told_rate"] = float(total[truth, truth] / told[truth])
        summary[f"{truth.name.lower()}_told_by_one_of_two_rate"] = float(among_two[truth] / told[truth])
        for said in ContactState:
            if said is not truth and total[truth, said] > 0.03 * told[truth]:
                summary[f"{truth.name.lower()}_told_as_{said.name.lower()}_rate"] = float(
                    total[truth, said] / told[truth]
                )
    seated = [row for row in rows if row.get("is_seated")]
    told_seated = sum(bool(row["told_seated"]) for row in seated)
    summary["seated_insertions"] = float(len(seated))
    if seated:
        summary["seat_told_rate"] = told_seated / len(seated)
        summary["seat_told_wilson_low"] = wilson_interval(told_seated, len(seated))[0]
    summary["false_seats"] = float(sum(bool(row.get("told_seated")) and not row.get("is_seated") for row in rows))
    return summary


def _run(cases: list[Scenario], job: tuple[int, int]) -> Row:
    index, seed = job
    scenario = cases[index]
    draw = draw_run(scenario, seed)
    rollout = _StatesRollout(
        draw.trial,
        scenario.connectors,
        seed=seed,
        simulation=draw.simulation,
        control=scenario.control,
        insertion=scenario.insertion,
        errors=scenario.estimates,
        fixture=draw.fixture,
        home=scenario.home,
    )
    try:
        result = rollout.run()
    finally:
        rollout.close()
    said = rollout.told
    return {
        "connector": FAMILIES[index],
        "seed": seed,
        "outcome": result.skill.outcome.name,
        "is_seated": result.is_seated,
        "told_seated": said in (ContactState.SEATED, ContactState.LATCHED),
        "matrix": rollout.matrix.tolist(),
        "among_two": rollout.among_two.tolist(),
        "sure": rollout.sure.tolist(),
    }


class _ListeningSkill(InsertionSkill):
    """The skill, which keeps what it was last given."""

    heard: Observation | None = None

    def step(self, observation: Observation) -> SkillStep:
        """Go on as the skill does."""
        self.heard = observation
        return super().step(observation)


class _StatesRollout(Rollout):
    """An insertion with the follower that listens in the running cell, and the truth beside it."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.skill = _ListeningSkill(self._profile, self._insertion)
        self._follower = ContactFollower(self._profile, self._port, self._tip)
        self.matrix = np.zeros((len(ContactState), len(ContactState)), dtype=int)
        self.among_two = np.zeros(len(ContactState), dtype=int)
        self.sure = np.zeros(2, dtype=int)
        self.told = ContactState.FREE
        self._told_s: float | None = None
        self._still_s = 0.0

    def _insert_step(self) -> InsertionResult | None:
        result = super()._insert_step()
        heard = self.skill.heard if isinstance(self.skill, _ListeningSkill) else None
        assert heard is not None
        contact = self._follower.step(heard.time_s, heard.X_base_tcp, heard.wrench_tcp, self.skill.phase)
        if contact is None:
            return result
        elapsed_s = 0.0 if self._told_s is None else contact.time_s - self._told_s
        self._told_s, self.told = contact.time_s, contact.state
        truth = self._true_state(elapsed_s)
        self.matrix[truth, self.told] += 1
        self.among_two[truth] += truth in np.argsort(contact.probabilities)[-2:]
        if contact.probabilities[self.told] > _SURE:
            self.sure += [1, truth is self.told]
        return result

    def _true_state(self, elapsed_s: float) -> ContactState:
        world, truth = self.machine.world, self.machine.truth
        port = world.scene.ports[world.scene.target]
        where = truth.plug_in_port()
        if truth.latch_engaged():
            return ContactState.LATCHED
        R = invert_pose(pose_matrix(port.X_WE))[:3, :3]
        assert world.plug is not None
        contacts = p.getContactPoints(bodyA=world.plug, physicsClientId=world.client)
        touching = [(R @ np.array(point[7]), float(point[9])) for point in contacts if point[9] > _TOUCH_N]
        axis_speed = abs(where.depth_m - getattr(self, "_true_depth", where.depth_m)) / max(elapsed_s, 1e-3)
        self._true_depth = where.depth_m
        if not touching:
            self._still_s = 0.0
            return ContactState.FREE
        data = port.connector.port
        axial = [normal for normal, _ in touching if abs(normal[2]) > _AXIAL]
        walls = [normal for normal, _ in touching if abs(normal[2]) < _ACROSS]
        if axial and where.depth_m > data.stop_depth_m - _SEAT_M - data.seat_tolerance_m:
            return ContactState.SEATED
        is_inside = where.depth_m > self._profile.rim_m + self._profile.chamfer_m
        # A plug that stands on a ledge does not move either, but it is not jammed.
        if is_inside and not axial and axis_speed < _STILL and truth.grasp_force_n() > _JAM_N:
            self._still_s += elapsed_s
            if self._still_s > _JAM_S:
                return ContactState.JAMMED
        else:
            self._still_s = 0.0
        if axial:
            return ContactState.FACE
        if not is_inside or not walls:
            return ContactState.CHAMFER
        opposed = any(float(a @ b) < -0.5 for a in walls for b in walls)
        return ContactState.TWO_POINT if opposed else ContactState.ONE_POINT
