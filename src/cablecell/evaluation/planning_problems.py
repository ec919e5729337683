"""A fixed set of planning problems of the cell: boards, held plugs with their cables, starts and goals.

The set is data, `benchmarks/planning.json`, so that two versions of the planner answer the same questions. It is drawn
by `benchmarks/generate_planning.py` from a seed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.robot_description import load_task_board_description
from cablecell.configuration import config_folder, load_connectors
from cablecell.core.geometry import invert_pose, make_pose, pose_from_quat, pose_from_xyz_rpy, quat_from_rotation
from cablecell.core.motion.collision import CollisionChecker, RobotGeometry
from cablecell.core.motion.compiled import CompiledChecker
from cablecell.core.motion.ik import InverseKinematics
from cablecell.core.motion.scene import AttachedBody, Box, Scene, hold_cable, obstacles_from_urdf

Array = NDArray[np.float64]

HOME = np.array([-0.1597, -1.3542, -1.6648, -1.6933, 1.5710, 1.4110])
MARGIN_M = 0.003
KINDS = ("home", "ports", "anywhere", "narrow")

GRASPS = {
    "sfp": ((0.0, -0.0207, 0.0541), (0.177803, 0.005058, -0.027398, 0.983672)),
    "sc": ((-0.0004, -0.0131, 0.0165), (0.159199, -0.166180, 0.694564, 0.681631)),
}
"""Pose of the plug's tip in `tcp`, m and quaternion, as the sample trials hold it."""


@dataclass(frozen=True, eq=False)
class Problem:
    """One question to a planner.

    Attributes:
        number: Its place in the set.
        kind: One of `KINDS`; "narrow" ends, and mostly begins, between two cards.
        board: Number of its board.
        connector: What is held.
        q_start: Where the arm is, rad.
        X_base_tcp: Where the tool is to be.
    """

    number: int
    kind: str
    board: int
    connector: str
    q_start: Array
    X_base_tcp: Array


@dataclass(frozen=True)
class Board:
    """A task board with what is on it.

    Attributes:
        arguments: Of its description.
        xyz_m: Its position in `world`.
        yaw_rad: Its yaw there.
    """

    arguments: Mapping[str, bool | float]
    xyz_m: tuple[float, float, float]
    yaw_rad: float


@dataclass(frozen=True, eq=False)
class ProblemSet:
    """All problems.

    Attributes:
        boards: By number.
        problems: In order.
    """

    boards: tuple[Board, ...]
    problems: tuple[Problem, ...]


def problem_file() -> Path:
    """Return where the set is."""
    return config_folder().parent / "benchmarks" / "planning.json"


def load_problems(path: Path | None = None) -> ProblemSet:
    """Read the set."""
    data = json.loads((path or problem_file()).read_text())
    boards = tuple(Board(item["arguments"], tuple(item["xyz_m"]), item["yaw_rad"]) for item in data["boards"])
    problems = tuple(
        Problem(
            number,
            item["kind"],
            item["board"],
            item["connector"],
            np.array(item["q_start_rad"]),
            pose_from_quat(item["goal_position_m"], item["goal_quat_xyzw"]),
        )
        for number, item in enumerate(data["problems"])
    )
    return ProblemSet(boards, problems)


def held_scene(board: Board, connector: str, X_world_base: Array) -> Scene:
    """Return the board as obstacles, and the plug with its cable in the gripper."""
    text = _description(board)
    X_base_board = _board_pose(board, X_world_base)
    plug, cable = load_connectors()[connector].plug, load_connectors()[connector].cable
    position, quat = GRASPS[connector]
    X_tcp_tip = pose_from_quat(position, quat)
    bodies = tuple(
        AttachedBody(
            f"plug_{part.name}",
            Box((part.size_m[0], part.size_m[1], part.size_m[2])),
            "tcp",
            X_tcp_tip @ make_pose(np.eye(3), part.centre_m),
        )
        for part in plug.parts
    )
    X_tcp_exit = X_tcp_tip @ make_pose(np.eye(3), plug.cable_exit_m)
    held = hold_cable(
        "tcp",
        X_tcp_exit,
        diameter_m=cable.diameter_m,
        bending_stiffness_nm2=cable.bending_stiffness_nm2,
        mass_kg_per_m=cable.mass_kg_per_m,
        min_bend_radius_m=cable.min_bend_radius_m,
    )
    return Scene(obstacles_from_urdf(text, X_base_board), bodies, held)


def generate(seed: int, counts: Mapping[str, int], boards: int, geometry: RobotGeometry) -> dict[str, Any]:
    """Draw a set as it is written to the file: starts and goals are free with the margin, and nothing more is asked.

    Args:
        seed: Of everything.
        counts: Problems of each kind.
        boards: How many boards they are spread over.
        geometry: The arm.
    """
    rng = np.random.default_rng(seed)
    drawn = [_draw_board(rng) for _ in range(boards)]
    checkers: dict[tuple[int, str], CompiledChecker] = {}
    ik = InverseKinematics(geometry.model)
    found: list[dict[str, Any]] = []
    for kind, count in counts.items():
        k = 0
        while k < count:
            number = len(found) % boards
            connector = "sfp" if kind == "narrow" or rng.random() < 0.6 else "sc"
            key = (number, connector)
            if key not in checkers:
                scene = held_scene(drawn[number], connector, geometry.model.X_world_base)
                checkers[key] = CompiledChecker(CollisionChecker(geometry, scene, MARGIN_M))
            problem = _draw_problem(rng, kind, drawn[number], connector, checkers[key], ik)
            if problem is None:
                continue
            found.append({"kind": kind, "board": number, "connector": connector} | problem)
            k += 1
    return {
        "seed": seed,
        "margin_m": MARGIN_M,
        "boards": [{"arguments": b.arguments, "xyz_m": list(b.xyz_m), "yaw_rad": b.yaw_rad} for b in drawn],
        "problems": found,
    }


def _draw_board(rng: np.random.Generator) -> Board:
    """Return a random board whose first two network cards are neighbours."""
    arguments: dict[str, bool | float] = {}
    first = int(rng.integers(4))
    others = [slot for slot in range(5) if slot not in (first, first + 1)]
    slots = [first, first + 1, *rng.choice(others, int(rng.integers(3)), replace=False).tolist()]
    for slot in sorted(slots):
        arguments[f"nic_card_mount_{slot}_present"] = True
        arguments[f"nic_card_mount_{slot}_translation"] = _rounded(rng.uniform(-0.0215, 0.036))
        arguments[f"nic_card_mount_{slot}_yaw"] = _rounded(rng.uniform(-0.1, 0.1))
    for slot in range(2):
        arguments[f"sc_port_{slot}_present"] = True
        arguments[f"sc_port_{slot}_translation"] = _rounded(rng.uniform(-0.055, 0.055))
    for kind in ("lc", "sfp", "sc"):
        slot = int(rng.integers(2))
        arguments[f"{kind}_mount_rail_{slot}_present"] = True
        arguments[f"{kind}_mount_rail_{slot}_translation"] = _rounded(rng.uniform(-0.09, 0.09))
    x, y = _rounded(rng.uniform(0.12, 0.18)), _rounded(rng.uniform(-0.2, 0.0))
    return Board(arguments, (x, y, 1.14), _rounded(rng.uniform(2.9, 3.3)))


def _draw_problem(
    rng: np.random.Generator, kind: str, board: Board, connector: str, checker: CompiledChecker, ik: InverseKinematics
) -> dict[str, Any] | None:
    """Return start and goal, or None where one of those drawn is not free."""
    entrances = _entrances(board, ik.model.X_world_base)
    wanted = "sfp_port" if connector == "sfp" else "sc_port_base"
    names = [name for name in entrances if wanted in name]
    if kind == "narrow":
        names = [name for name in names if _has_neighbour(board, name)]
    goal, other = (names[int(i)] for i in rng.integers(0, len(names), 2))
    low, high = (0.002, 0.012) if kind == "narrow" else (0.012, 0.05)
    X_goal = _over(entrances[goal], connector, rng, low, high)
    goals = [q for q in ik.solve_all(X_goal, HOME) if checker.is_free(q)]
    if not goals:
        return None
    starts = kind
    if kind == "narrow":
        starts = "home" if rng.random() < 0.3 else "ports"
    if starts == "home":
        start = HOME
    elif starts == "anywhere":
        start = HOME + rng.uniform(-1.2, 1.2, 6)
    else:
        X_start = _over(entrances[other], connector, rng, low, high)
        free = [q for q in ik.solve_all(X_start, HOME) if checker.is_free(q)]
        if not free:
            return None
        # Now and then from another branch than the one that is near.
        start = free[0] if rng.random() < 0.7 else free[int(rng.integers(len(free)))]
    start = np.round(start, 6)
    if not checker.is_free(start):
        return None
    quat = quat_from_rotation(X_goal[:3, :3])
    return {
        "q_start_rad": start.tolist(),
        "goal_position_m": [_rounded(value) for value in X_goal[:3, 3]],
        "goal_quat_xyzw": [round(float(value), 9) for value in quat],
    }


def _over(X_base_entrance: Array, connector: str, rng: np.random.Generator, low: float, high: float) -> Array:
    """Return a pose of the tcp with the plug's tip above an entrance, on its axis, in one of its two turns."""
    position, quat = GRASPS[connector]
    X_tcp_tip = pose_from_quat(position, quat)
    turn = 0.0 if connector == "sfp" or rng.random() < 0.5 else math.pi
    X_entrance_tip = pose_from_xyz_rpy((0.0, 0.0, -float(rng.uniform(low, high))), (0.0, 0.0, turn))
    X: Array = X_base_entrance @ X_entrance_tip @ invert_pose(X_tcp_tip)
    return X


def _has_neighbour(board: Board, port: str) -> bool:
    mount = re.search(r"nic_card_mount_(\d)", port)
    assert mount is not None, port
    slot = int(mount[1])
    return any(f"nic_card_mount_{slot + side}_present" in board.arguments for side in (-1, 1))


def _board_pose(board: Board, X_world_base: Array) -> Array:
    X: Array = invert_pose(X_world_base) @ pose_from_xyz_rpy(board.xyz_m, (0.0, 0.0, board.yaw_rad))
    return X


def _description(board: Board) -> str:
    return _expanded(tuple(sorted(board.arguments.items())))


@cache
def _expanded(arguments: tuple[tuple[str, bool | float], ...]) -> str:
    return load_task_board_description(**dict(arguments))


def _entrances(board: Board, X_world_base: Array) -> dict[str, Array]:
    """Return the poses of the port entrances of a board in `base_link`, by walking its fixed joints."""
    parents: dict[str, tuple[str, Array]] = {}
    for joint in ElementTree.fromstring(_description(board)).iter("joint"):
        origin, parent, child = joint.find("origin"), joint.find("parent"), joint.find("child")
        if origin is None or parent is None or child is None:
            continue
        xyz, rpy = ([float(v) for v in origin.attrib[key].split()] for key in ("xyz", "rpy"))
        parents[child.attrib["link"]] = (parent.attrib["link"], pose_from_xyz_rpy(xyz, rpy))
    X_base_board = _board_pose(board, X_world_base)
    found = {}
    for name in parents:
        if not name.endswith("_entrance"):
            continue
        X, link = np.eye(4), name
        while link in parents:
            link, step = parents[link]
            X = step @ X
        found[name] = X_base_board @ X
    return found


def _rounded(value: float) -> float:
    return round(float(value), 6)
