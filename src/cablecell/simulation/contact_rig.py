"""The plug and the hole that closed forms of insertion describe, on the rig.

The plug is a box, a round pin, or a round socket that goes over a post; the hole has a 45° lead-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from cablecell.core.config.connector import Connector, parse_connector
from cablecell.core.config.simulation import PhysicsSettings
from cablecell.core.geometry.scalar import quat_from_rotvec
from cablecell.simulation.plug_rig import PlugRig, Support
from cablecell.simulation.rigid import Pose

Shape = Literal["box", "pin", "socket"]

HALF_HEIGHT_M, OUTER_M, MASS_KG, INERTIA_KG_M2 = 2.0e-3, 20.0e-3, 0.3, 5.0e-5
_GROUPS = ("clearance", "friction", "plug", "port", "forces", "grasp", "cable")
_FREE_M = 3.0e-3
"""Size of the parts of a round plug that touch nothing."""


@dataclass(frozen=True)
class RigSetup:
    """One arrangement of plug, support and hole.

    Attributes:
        shape: What the plug is.
        clearance_m: Clearance per side.
        offset_m: Lateral offset of the support from the hole's axis, along x.
        offset_y_m: The same along y.
        tilt_rad: Tilt of the support about y.
        tilt_x_rad: Tilt of the support about x.
        yaw_rad: Turn of the support about z.
        friction: Friction coefficient.
        edge_radius_m: Radius of the plug's edges.
        tip_chamfer_m: Chamfer of a round plug's tip, or of the post.
        half_width_m: Half the plug's width along x; radius of a pin or post.
        lead_in_m: Height of the lead-in.
        hole_m: Depth of the hole below the lead-in.
        support_m: Height of the support above the tip.
        stiffness_n_per_m: Of the support.
        stiffness_nm_per_rad: Of the support.
        start_m: Depth of the tip at the start; negative above the rim.
    """

    shape: Shape = "box"
    clearance_m: float = 5.0e-5
    offset_m: float = 0.3e-3
    offset_y_m: float = 0.0
    tilt_rad: float = 0.0
    tilt_x_rad: float = 0.0
    yaw_rad: float = 0.0
    friction: float = 0.2
    edge_radius_m: float = 2.0e-5
    tip_chamfer_m: float = 0.0
    half_width_m: float = 4.0e-3
    lead_in_m: float = 1.5e-3
    hole_m: float = 14.0e-3
    support_m: float = 30.0e-3
    stiffness_n_per_m: float = 20.0e3
    stiffness_nm_per_rad: float = 30.0
    start_m: float = -1.0e-3


class ContactRig(PlugRig):
    """A set-up on the rig; call `close` when done."""

    def __init__(self, setup: RigSetup, physics: PhysicsSettings | None = None) -> None:
        self.setup = setup
        turn = (setup.tilt_x_rad, setup.tilt_rad, setup.yaw_rad)
        held = Pose((setup.offset_m, setup.offset_y_m, setup.start_m - setup.support_m), quat_from_rotvec(turn))
        tip = held.apply((0.0, 0.0, setup.support_m))
        support = Support(tip, turn, setup.stiffness_n_per_m, setup.stiffness_nm_per_rad)
        super().__init__(rig_connector(setup), support, physics)


def rig_connector(setup: RigSetup) -> Connector:
    """Return the plug and the hole of a set-up."""
    a, b = setup.half_width_m + setup.clearance_m, HALF_HEIGHT_M + setup.clearance_m
    stop = setup.lead_in_m + setup.hole_m
    length = max(setup.support_m, stop + 2.0e-3)
    is_box = setup.shape == "box"
    body = _box_plug(setup, length) if is_box else _round_plug(setup, length)
    data: dict[str, Any] = {
        "name": "rig",
        "sources": dict.fromkeys(_GROUPS if is_box else (*_GROUPS, "round_fit"), "set-up of the contact rig"),
        "clearance": {"x_m": setup.clearance_m, "y_m": setup.clearance_m},
        "friction": setup.friction,
        "plug": {
            "mass_kg": MASS_KG,
            "com_m": [0.0, 0.0, -setup.support_m],
            "inertia_kg_m2": [INERTIA_KG_M2] * 3,
            "edge_radius_m": setup.edge_radius_m,
            "cable_exit_m": [0.0, 0.0, -length],
            "parts": body,
        },
        "port": {
            "rim_depth_m": 0.0,
            "wall_end_m": stop + 4.0e-3,
            "stop_depth_m": stop,
            "seat_tolerance_m": 1.0e-4,
            "walls": _walls(setup, a, b) if is_box else [],
            "floor_x_m": [-a, a] if is_box else [-OUTER_M, OUTER_M],
            "floor_y_m": [-b, b] if is_box else [-OUTER_M, OUTER_M],
        },
        "grasp": {
            "width_m": body[-1]["size_m"][0],
            "cable_frame": {"position_m": [0.0, 0.0, 0.0], "quat_xyzw": [0.0, 0.0, 0.0, 1.0]},
            "surfaces": [
                {
                    "name": "top",
                    "axis": "x",
                    "centre_m": [0.0, 0.0, 1.0e-3 - length],
                    "width_m": body[-1]["size_m"][0],
                    "size_m": [1.0e-3, 1.0e-3],
                }
            ],
        },
        "forces": {"insertion_max_n": 300.0, "lateral_max_n": 300.0, "damage_n": 1000.0},
        "cable": {
            "length_m": 1.0,
            "mass_kg_per_m": 0.01,
            "bending_stiffness_nm2": 1.0e-4,
            "diameter_m": 2.0e-3,
            "min_bend_radius_m": 0.02,
        },
    }
    if not is_box:
        data["round_fit"] = {
            "gender": setup.shape,
            "pin_radius_m": setup.half_width_m,
            "bore_radius_m": setup.half_width_m + setup.clearance_m,
            "lead_in_m": setup.lead_in_m,
            "tip_chamfer_m": setup.tip_chamfer_m,
            "rim_depth_m": 0.0,
            "engagement_m": setup.hole_m,
        }
    return parse_connector(data, "contact rig")


def _box_plug(setup: RigSetup, length: float) -> list[dict[str, Any]]:
    size = [2.0 * setup.half_width_m, 2.0 * HALF_HEIGHT_M, length]
    return [{"name": "body", "centre_m": [0.0, 0.0, -length / 2.0], "size_m": size, "mates": True}]


def _round_plug(setup: RigSetup, length: float) -> list[dict[str, Any]]:
    """Return parts that show where the plug is; its contact is round."""
    if setup.shape == "pin":
        across, beside = setup.half_width_m, 0.0
    else:
        across = _FREE_M
        beside = setup.half_width_m + setup.clearance_m + setup.lead_in_m + _FREE_M
    front = {
        "name": "front",
        "centre_m": [beside, 0.0, -length / 2.0],
        "size_m": [across, across, length],
        "mates": False,
    }
    top = {"name": "top", "centre_m": [0.0, 0.0, 1.0e-3 - length], "size_m": [_FREE_M, _FREE_M, 2.0e-3], "mates": False}
    return [front, top]


def _walls(setup: RigSetup, a: float, b: float) -> list[dict[str, Any]]:
    t = OUTER_M

    def wall(name: str, x: list[float], y: list[float], side: str) -> dict[str, Any]:
        return {"name": name, "x_m": x, "y_m": y, "lead_in": [{"side": side, "height_m": setup.lead_in_m}]}

    return [
        wall("plus_x", [a, t], [-t, t], "-x"),
        wall("minus_x", [-t, -a], [-t, t], "+x"),
        wall("plus_y", [-t, t], [b, t], "-y"),
        wall("minus_y", [-t, t], [-t, -b], "+y"),
    ]
