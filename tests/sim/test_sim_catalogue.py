"""Every connector file goes in, holds and comes out on the rig, with the forces that the file states."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pybullet as p
import pytest

from cablecell.configuration import config_folder, load_connector, load_connectors
from cablecell.evaluation import bench_catch
from cablecell.evaluation.connector_drawing import save_drawing
from cablecell.simulation.plug_kernel import in_port
from cablecell.simulation.plug_rig import PlugRig, RigRows, Support
from cablecell.simulation.rigid import NO_ROTATION, Pose
from tests.support.sim_cell import connected

FILES = sorted((config_folder() / "connectors").glob("*.yaml"))
NEW = Path(__file__).resolve().parents[1] / "data" / "my_sensor_plug.yaml"
SPEED_M_PER_S, ABOVE_M, STIFFNESS_N_PER_M = 0.03, 1.0e-3, 3.0e3
GOOD_START = ((0.08e-3, -0.05e-3), (0.003, -0.002))
"""Offset and tilt that a skill leaves before it pushes."""


@dataclass(frozen=True)
class Push:
    """What one insertion, and pulling the plug out again, were like."""

    short_m: float
    rows: RigRows
    is_engaged: bool | None
    pull_n: float


def push(connector, offset_m=(0.0, 0.0), tilt_rad=(0.0, 0.0), yaw_rad=0.0, *, pulls=False):
    """Push a softly held plug in until it is pressed with what closes its latch, and pull it out again if asked to."""
    turn = (0.0, 0.0, yaw_rad) if yaw_rad else (tilt_rad[0], tilt_rad[1], 0.0)
    support = Support((offset_m[0], offset_m[1], -ABOVE_M), turn, STIFFNESS_N_PER_M, 3.0, 1.0)
    rig = PlugRig(connector, support)
    latch, stop = connector.latch, connector.port.stop_depth_m
    beyond_m = (3.0 + 1.2 * (latch.engage_n if latch else 0.0)) / STIFFNESS_N_PER_M
    rows = rig.lower(SPEED_M_PER_S, (ABOVE_M + stop + beyond_m) / SPEED_M_PER_S)
    rig.lower(0.0, 0.1)
    short_m, engaged, pull_n = stop - rig.tip().p[2], rig.latch.is_engaged if rig.latch else None, math.nan
    if pulls:
        way_m = beyond_m + stop + (latch.retention_n if latch else 0.0) / STIFFNESS_N_PER_M + 1.0e-3
        pull_n = -rig.lower(-SPEED_M_PER_S, way_m / SPEED_M_PER_S).axial_n.min()
        assert rig.tip().p[2] < 0.5e-3, "it does not come out again"
    rig.close()
    return Push(short_m, rows, engaged, pull_n)


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def connector(request):
    return load_connector(request.param)


@pytest.mark.parametrize("clearance_m", [None, 2.0e-5], ids=["own", "20um"])
def test_a_good_start_ends_seated_within_the_budget_and_comes_out_as_stated(connector, clearance_m):
    if clearance_m is not None:
        connector = connector.with_clearance(clearance_m)
    done = push(connector, *GOOD_START, pulls=True)
    assert abs(done.short_m) < connector.port.seat_tolerance_m
    lateral = np.hypot(done.rows.lateral_n, done.rows.lateral_y_n)
    assert done.rows.axial_n.max() <= connector.forces.insertion_max_n
    assert lateral.max() <= connector.forces.lateral_max_n
    # Before its latch begins there is only friction, and what the lead-in asks for.
    free = done.rows.depth_m < connector.port.stop_depth_m - 3.1e-3
    if free.any():
        assert done.rows.axial_n[free].max() < 2.0
    if connector.latch is None:
        assert done.pull_n < 2.0
        return
    assert done.is_engaged
    assert done.pull_n == pytest.approx(connector.latch.retention_n, rel=0.05, abs=1.0)


def test_a_plug_that_comes_straight_down_stands_on_its_stop(connector):
    # Exactly concentric, a round plug was once thrown out of its bore two steps after it had landed.
    done = push(connector)
    assert abs(done.short_m) < 2.0e-6
    assert np.hypot(done.rows.lateral_n, done.rows.lateral_y_n).max() < 0.5
    assert done.rows.axial_n.max() <= connector.forces.insertion_max_n


@pytest.mark.parametrize(
    ("name", "goes_in"), [("lc", False), ("rj45", False), ("jst_ph_4", False), ("usb_c", True), ("peg_rect", True)]
)
def test_only_a_plug_without_a_key_goes_in_upside_down(name, goes_in):
    connector = load_connector(config_folder() / "connectors" / f"{name}.yaml")
    done = push(connector, yaw_rad=math.pi)
    assert (abs(done.short_m) < connector.port.seat_tolerance_m) is goes_in
    if not goes_in:
        # What leads its keyed part may already be in the mouth.
        assert done.short_m > 0.3 * connector.port.stop_depth_m


def test_a_connector_that_the_code_has_never_seen_needs_a_file_only(tmp_path):
    connector = load_connector(NEW)
    done = push(connector, *GOOD_START, pulls=True)
    assert abs(done.short_m) < connector.port.seat_tolerance_m
    assert done.is_engaged
    assert done.rows.axial_n.max() < 15.0
    assert done.pull_n == pytest.approx(21.0, rel=0.05)
    # Its rib stands where the slot is only one way round.
    assert push(connector, yaw_rad=math.pi).short_m > 7.0e-3
    for picture in save_drawing(connector, tmp_path / "new", "new"):
        assert picture.stat().st_size > 20_000


@pytest.mark.parametrize(
    ("clearance_m", "seed"),
    [
        (None, (0, 8, 0, 101)),
        (2.0e-5, (0, 8, 20, 1)),
        (2.0e-5, (0, 8, 20, 12)),
        (2.0e-5, (0, 8, 20, 181)),
        (2.0e-5, (1, 8, 20, 418)),
    ],
)
def test_plugs_that_once_were_caught_at_a_lead_in_go_in(clearance_m, seed):
    row = bench_catch.push((load_connectors()["usb_c"], clearance_m, seed))
    assert row["passed"]
    assert row["rim_force_n"] < 10.0


@pytest.mark.parametrize(("beside_m", "is_held"), [(0.3e-3, True), (1.5e-3, False), (4.0e-3, False)])
def test_a_plug_that_stands_beside_its_port_is_not_latched(beside_m, is_held):
    # An antenna plug beside its receptacle stands on the board, as deep as one on it; it was once held there.
    machine = connected("trial_1")
    world = machine.world
    port = world.scene.ports[world.scene.target]
    stop, com = port.connector.port.stop_depth_m, world.scene.plug.connector.plug.com_m
    forces = []
    for below_m in (-3.0e-3, -0.95e-3, 0.0, -2.0e-3):
        X_WT = port.X_WE @ Pose((beside_m, 0.0, stop + below_m), NO_ROTATION)
        X_W_com = X_WT @ Pose((com[0], com[1], com[2]), NO_ROTATION)
        p.resetBasePositionAndOrientation(world.plug, X_W_com.p, X_W_com.q, physicsClientId=world.client)
        world.port_forces.look()
        still = (0.0, 0.0, 0.0)
        place = in_port(world.held.port, 0.0, X_W_com.p, X_W_com.q, still, still, still)
        wrench = world.port_forces.act(X_W_com.p, X_W_com.q, still, still, still, still, place)
        forces.append(still if wrench is None else wrench[0])
    assert (np.linalg.norm(forces[1]) > 3.0) == is_held, "closing"
    assert (np.linalg.norm(forces[3]) > 20.0) == is_held, "pulling"
    assert world.latches[world.scene.target].is_engaged is is_held
    machine.disconnect()
