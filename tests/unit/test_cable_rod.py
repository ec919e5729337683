"""The cable's rod against closed forms: sag, elastica, touch-down, friction, twist, buckling, balance, energy."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from cablecell.core.cable.rod import SINK_M, Hold
from cablecell.evaluation.cable_forms import clamped_elastica, heavy_elastica
from tests.support.rods import EAST, G, down, end, make_rod

WITHIN = 0.02


def floor_forces(rod):
    """What the table does to every node: normal force and friction, shape (n + 1, 3), N."""
    chain = rod._chain
    press = np.maximum(0.0, chain.bearings * (chain.floor_m - rod.nodes[:, 2]))
    press[0] = 0.0
    slip = rod.nodes[:, :2] - chain.anchors
    held = np.where((chain.grips > 0.0)[:, None], -chain.holds[:, None] * slip, 0.0)
    return np.column_stack([held, press])


def test_a_stiff_cable_sags_as_a_cantilever():
    length, weight, ei = 0.2, 0.1, 1.0e-2
    rod = make_rod(length, weight, ei, segments=24)
    sag = weight * length**4 / (8.0 * ei)
    assert sag < 0.02 * length
    assert -rod.nodes[-1, 2] == pytest.approx(sag, rel=WITHIN)
    x = rod.nodes[:, 0]
    line = weight * x**2 * (6 * length**2 - 4 * length * x + x**2) / (24.0 * ei)
    assert -rod.nodes[:, 2] == pytest.approx(line, abs=WITHIN * sag)
    assert rod.force == pytest.approx((0.0, 0.0, -weight * length), abs=1e-6)
    assert rod.torque == pytest.approx((0.0, weight * length**2 / 2.0, 0.0), rel=2e-3, abs=1e-7)


def test_a_plug_at_its_end_adds_its_weight():
    length, ei, mass = 0.2, 1.0e-2, 0.005
    rod = make_rod(length, 0.0, ei, segments=24, end_mass_kg=mass)
    assert -rod.nodes[-1, 2] == pytest.approx(mass * G * length**3 / (3.0 * ei), rel=WITHIN)
    assert rod.force[2] == pytest.approx(-mass * G, abs=1e-6)


@pytest.mark.parametrize(("ei", "angle"), [(2.0e-3, 0.0), (5.0e-4, 0.0), (1.0e-4, 0.0), (5.0e-4, 1.0), (5.0e-4, -0.7)])
def test_a_soft_cable_hangs_as_the_heavy_elastica(ei, angle):
    length, weight = 0.3, 0.3
    rod = make_rod(length, weight, ei, near=end(turn=down(-angle)), segments=40)
    tip, moment = heavy_elastica(length, weight, ei, angle)
    assert rod.nodes[-1, [0, 2]] == pytest.approx(tip, abs=WITHIN * 0.1 * length)
    assert rod.torque[1] == pytest.approx(-moment, rel=WITHIN)
    assert rod.force == pytest.approx((0.0, 0.0, -weight * length), abs=1e-6)
    assert rod.nodes[:, 1] == pytest.approx(0.0, abs=1e-9)


def test_it_converges_with_the_number_of_segments():
    length, weight, ei = 0.3, 0.3, 5.0e-4
    tip, _ = heavy_elastica(length, weight, ei)
    errors = [
        np.linalg.norm(make_rod(length, weight, ei, segments=n, ea=2.0e5).nodes[-1, [0, 2]] - tip)
        for n in (12, 24, 48, 96)
    ]
    assert errors[1] < WITHIN * np.linalg.norm(tip)
    # Second order: half the length of a segment, a quarter of the error.
    assert all(a / b > 2.5 for a, b in pairwise(errors))


@pytest.mark.parametrize(
    ("span", "rise", "near_angle", "far_angle", "ei"),
    [(0.2, 0.0, 0.0, 0.0, 5.0e-4), (0.15, 0.05, -0.8, 1.2, 5.0e-4), (0.24, -0.08, -0.5, 0.3, 1.0e-3)],
)
def test_the_force_on_a_clamped_end_solves_the_boundary_value_problem(span, rise, near_angle, far_angle, ei):
    length, weight = 0.3, 0.3
    rod = make_rod(
        length,
        weight,
        ei,
        near=end(turn=down(-near_angle)),
        far=end((span, 0.0, rise), down(-far_angle)),
        hold=Hold.CLIPPED,
        segments=60,
    )
    force = np.array([rod.force[0], rod.force[2]])
    expected = clamped_elastica(rod.nodes[:, [0, 2]], (near_angle, far_angle), length, weight, ei, force)
    assert np.linalg.norm(expected[:2]) > 0.02
    found = np.array([rod.force[0], rod.force[2], rod.torque[1]])
    assert found[:2] == pytest.approx(expected[:2], abs=WITHIN * np.linalg.norm(expected[:2]))
    assert found[2] == pytest.approx(expected[2], abs=WITHIN * max(abs(expected[2]), 0.1 * weight * length**2))


def test_a_limp_cable_hangs_as_a_catenary():
    length, weight, span = 0.5, 0.5, 0.4
    rod = make_rod(length, weight, 1.0e-7, end(turn=down(1.0)), end((span, 0.0, 0.0), down(-1.0)), Hold.CLIPPED, 100)
    a = brentq(lambda a: 2.0 * a * math.sinh(span / (2.0 * a)) - length, 0.05, 10.0)
    assert abs(rod.force[0]) == pytest.approx(weight * a, rel=WITHIN)
    assert rod.force[2] == pytest.approx(-0.5 * weight * length, rel=1e-3)
    lowest = -a * (math.cosh(span / (2.0 * a)) - 1.0)
    assert rod.nodes[:, 2].min() == pytest.approx(lowest, rel=WITHIN)
    assert rod.tension_n == pytest.approx(math.hypot(weight * a, 0.5 * weight * length), rel=WITHIN)


def test_a_clamp_above_the_table_lifts_as_much_cable_as_a_beam():
    # y'''' = -w/EI, flat at the clamp at height h, flat and without moment where it touches down: a⁴ = 72 EI h / w.
    weight, ei, height = 0.4, 2.0e-3, 0.02
    rod = make_rod(1.0, weight, ei, end((0.0, 0.0, height)), segments=100, ea=2.0e5, table_height_m=0.0)
    lifted = (72.0 * ei * height / weight) ** 0.25
    assert rod.force[2] == pytest.approx(-2.0 / 3.0 * weight * lifted, rel=WITHIN)
    assert rod.torque[1] == pytest.approx(weight * lifted**2 / 6.0, rel=WITHIN)
    lies = rod.nodes[:, 2] < 0.0
    # It sinks in over the length (4 EI / k)^(1/4) of a beam on a soft ground.
    assert np.argmax(lies) * 0.01 == pytest.approx(lifted, abs=(4.0 * ei * SINK_M / weight) ** 0.25)
    # Far from the clamp it lies with its own weight, at the depth that stands for the table.
    assert rod.nodes[70, 2] == pytest.approx(-SINK_M, rel=0.01)


def test_the_table_only_pushes():
    low = make_rod(0.5, 0.4, 5.0e-4, end((0.0, 0.0, 0.1)), table_height_m=0.0)
    high = make_rod(0.5, 0.4, 5.0e-4, end((0.0, 0.0, 2.0)), table_height_m=0.0)
    away = make_rod(0.5, 0.4, 5.0e-4, end((0.0, 0.0, 2.0)))
    assert floor_forces(low)[:, 2].max() > 0.0
    assert floor_forces(low)[:, 2].min() == 0.0
    assert high.force == away.force
    assert np.array_equal(high.nodes, away.nodes)


def test_dragging_a_lying_cable_takes_its_friction():
    length, weight, friction = 0.5, 0.4, 0.3
    rod = make_rod(length, weight, 1.0e-4, table_height_m=0.0, friction=friction, ea=2.0e3)
    assert rod.force[0] == pytest.approx(0.0, abs=1e-5)
    for i in range(400):
        rod.update(end((-5.0e-5 * i, 0.0, 0.0)), 0.01)
    # What the held end carries is not dragged.
    lies = weight * length + rod.force[2]
    assert lies > 0.9 * weight * length
    assert rod.force[0] == pytest.approx(friction * lies, rel=1e-3)
    for i in range(400):
        rod.update(end((-0.02 + 5.0e-5 * i, 0.0, 0.0)), 0.01)
    assert rod.force[0] == pytest.approx(-friction * (weight * length + rod.force[2]), rel=1e-3)


def test_friction_holds_what_is_not_pulled_hard_enough():
    rod = make_rod(0.5, 0.4, 1.0e-3, end((0.0, 0.0, 0.01)), table_height_m=0.0, friction=0.5)
    lying = rod.nodes[-10:, :2].copy()
    for y in np.linspace(0.0, 1.0e-4, 10):
        rod.update(end((0.0, y, 0.01)), 0.01)
    assert rod.nodes[-10:, :2] == pytest.approx(lying, abs=2e-6)
    assert rod.force[1] < 0.0


@pytest.mark.parametrize("hold", [Hold.FREE, Hold.CLIPPED, Hold.PLUGGED])
def test_the_whole_rod_is_in_balance(hold):
    far = None if hold is Hold.FREE else end((0.2, 0.25, 0.05), Rotation.from_euler("z", 1.0))
    rod = make_rod(
        0.6,
        0.4,
        4.0e-4,
        end((0.0, 0.0, 0.12), down(-0.6)),
        far,
        hold,
        table_height_m=0.0,
        friction=0.3,
        end_mass_kg=0.004 if hold is Hold.FREE else 0.0,
    )
    for i in range(20):
        turned = down(-0.6 - 0.01 * i) * Rotation.from_euler("x", 0.05 * i)
        rod.update(end((0.001 * i, 0.001 * i, 0.12), turned), 0.01)
    for _ in range(40):  # what slides comes to rest
        rod.update(end((0.019, 0.019, 0.12), turned), 0.01)
    weights = np.zeros_like(rod.nodes)
    weights[:, 2] = -rod._chain.weights
    outside = weights + floor_forces(rod)
    # What the holders do to the rod is the opposite of what it does to them.
    force = outside.sum(axis=0) - rod.force - rod.far_force
    moment = np.cross(rod.nodes - rod.nodes[0], outside).sum(axis=0) - rod.torque - rod.far_torque
    moment -= np.cross(rod.nodes[-1] - rod.nodes[0], rod.far_force)
    scale = np.linalg.norm(rod.force)
    assert scale > 0.05
    assert force == pytest.approx(np.zeros(3), abs=1e-5)
    assert moment == pytest.approx(np.zeros(3), abs=1e-6)
    if hold is Hold.PLUGGED:
        assert abs(rod.twist_rad) > 0.3


def test_gravity_is_the_only_direction_there_is():
    def loads(turn, gravity):
        far = end(turn.apply([0.15, 0.1, 0.1]), turn * Rotation.from_euler("zy", [2.0, 0.4]))
        rod = make_rod(0.4, 0.4, 4.0e-4, end(turn=turn), far, Hold.PLUGGED, gravity=gravity, segments=30)
        for i in range(10):
            rod.update(end(turn=turn * Rotation.from_euler("x", 0.1 * i)), 0.01)
        back = turn.inv()
        return [back.apply(v) for v in (rod.force, rod.torque, rod.far_force, rod.far_torque)], rod

    about_z = Rotation.from_euler("z", 0.9)
    plain, rod = loads(EAST, G)
    turned, _ = loads(about_z, G)
    assert np.array(turned) == pytest.approx(np.array(plain), abs=2e-6)
    assert abs(rod.twist_rad) > 0.3
    plain, _ = loads(EAST, 0.0)
    turned, _ = loads(Rotation.from_euler("xyz", [0.5, -1.1, 2.0]), 0.0)
    assert np.linalg.norm(plain[0]) > 0.01
    assert np.array(turned) == pytest.approx(np.array(plain), abs=2e-6)


def test_mirrored_cables_are_mirrored():
    def hang(sign):
        return make_rod(
            0.4,
            0.4,
            4.0e-4,
            end(turn=Rotation.from_euler("z", 0.4 * sign)),
            end((0.2, 0.1 * sign, 0.0), Rotation.from_euler("z", 1.0 * sign)),
            Hold.CLIPPED,
        )

    one, two = hang(1.0), hang(-1.0)
    assert two.nodes == pytest.approx(one.nodes * [1, -1, 1], abs=1e-6)
    assert two.force == pytest.approx(np.array(one.force) * [1, -1, 1], abs=1e-6)
    assert two.torque == pytest.approx(np.array(one.torque) * [-1, 1, -1], abs=1e-6)


def test_twist_is_a_torsion_spring_that_counts_turns():
    length, gj = 0.4, 3.0e-4
    # Pulled a little, so that it cannot give way sideways.
    rod = make_rod(
        length, 0.0, 4.0e-4, end(), end((length * 0.999, 0.0, 0.0)), Hold.PLUGGED, gj=gj, ea=2.0e3, gravity=0.0
    )
    rod.update(end((-0.01, 0.0, 0.0)), 0.01)
    for i in range(1, 101):
        rod.update(end((-0.01, 0.0, 0.0), Rotation.from_euler("x", 0.08 * i)), 0.01)
    assert rod.twist_rad == pytest.approx(-8.0, abs=1e-6)
    assert rod.torque == pytest.approx((gj * -8.0 / length, 0.0, 0.0), rel=1e-6, abs=1e-9)
    assert rod.far_torque == pytest.approx((gj * 8.0 / length, 0.0, 0.0), rel=1e-6, abs=1e-9)


def test_a_clip_and_a_free_end_let_the_cable_turn():
    for far, hold in ((end((0.2, 0.0, 0.0)), Hold.CLIPPED), (None, Hold.FREE)):
        rod = make_rod(0.3, 0.3, 4.0e-4, end(), far, hold)
        before = rod.torque
        rod.update(end(turn=Rotation.from_euler("x", 2.0)), 0.01)
        assert rod.torque == pytest.approx(before, abs=1e-7)


@pytest.mark.parametrize(("share", "falls"), [(0.96, False), (1.04, True)])
def test_an_upright_cable_falls_above_greenhills_length(share, falls):
    # L³ = 7.837 EI / w
    weight, ei = 0.3, 1.0e-3
    length = share * (7.837 * ei / weight) ** (1.0 / 3.0)
    rod = make_rod(length, weight, ei, end(turn=down(-math.pi / 2.0 + 1.0e-4)), segments=60, ea=2.0e5)
    lean = math.hypot(*rod.nodes[-1, :2])
    assert (lean > 0.2 * length) == falls
    if not falls:
        assert lean < 0.01 * length


def test_the_pull_is_continuous_along_a_path_and_comes_back():
    rod = make_rod(0.96, 0.51, 3.0e-4, end((0.0, 0.0, 0.36), down(-1.2)), table_height_m=0.0, ea=2.0e3)

    def wrenches(steps):
        rows = []
        for s in np.linspace(0.0, 1.0, steps + 1):
            # 10 mm down, 3 mm aside and a few degrees.
            rod.update(end((0.003 * s, 0.002 * s, 0.36 - 0.01 * s), down(-1.2 - 0.05 * s)), 0.01)
            rows.append([*rod.force, *rod.torque])
        return np.array(rows)

    start = wrenches(1)[0]
    for _ in range(20):
        rod.update(end((0.0, 0.0, 0.36), down(-1.2)), 0.01)
    coarse, back = wrenches(20), None
    jumps = np.abs(np.diff(coarse, axis=0))
    whole = np.abs(coarse[-1] - coarse[0])
    # Even steps of the path change the pull evenly: no step has more than three times its share.
    assert (jumps.max(axis=0) < 3.0 * whole / 20.0 + 1.0e-5).all()
    back = wrenches(1)[0]
    assert back == pytest.approx(start, abs=2e-6)


def work_of_a_cycle(seed, hold, drag_per_s, friction, damper):
    """Work of the cable on its plug in a closed motion, J: the pull is constant between updates, the damper is not."""
    rng = np.random.default_rng(seed)
    far = None if hold is Hold.FREE else end((0.35, 0.1, 0.05))
    start = np.array([0.0, 0.0, 0.15])
    rod = make_rod(
        0.6,
        0.5,
        3.0e-4,
        end(start, down(-0.5)),
        far,
        hold,
        table_height_m=0.0,
        friction=friction,
        drag_per_s=drag_per_s,
        ea=2.0e3,
        segments=24,
    )
    period, inner, cycle = 0.01, 3, rng.choice([0.2, 1.0, 3.0])
    amplitude = rng.normal(size=6) * [0.01, 0.01, 0.01, 0.1, 0.1, 0.1] * rng.choice([0.1, 1.0, 3.0])
    phase, rate = rng.uniform(0.0, 6.0, 6), rng.integers(1, 4, 6)

    def pose(t):
        x = amplitude * (np.sin(2.0 * np.pi * rate * t / cycle + phase) - np.sin(phase))
        return start + x[:3], Rotation.from_rotvec(x[3:]) * down(-0.5)

    work, dt = 0.0, period / inner
    for k in range(2 * round(cycle / period)):
        for i in range(inner):
            (p0, q0), (p1, q1) = pose(k * period + i * dt), pose(k * period + (i + 1) * dt)
            move, turned = p1 - p0, (q1 * q0.inv()).as_rotvec()
            force = np.array(rod.force) - damper * rod.stiffness_n_per_m * period * move / dt
            torque = np.array(rod.torque) - damper * rod.stiffness_nm_per_rad * period * turned / dt
            if k >= round(cycle / period):  # the first cycle forgets how it began
                work += force @ move + torque @ turned
        rod.update(end(*pose((k + 1) * period)), period)
    return work


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("hold", [Hold.FREE, Hold.PLUGGED])
@pytest.mark.parametrize(("drag_per_s", "friction"), [(5.0, 0.3), (0.0, 0.0)])
def test_no_closed_motion_of_the_plug_gains_energy(seed, hold, drag_per_s, friction):
    assert work_of_a_cycle(seed, hold, drag_per_s, friction, damper=1.0) < 0.0


def test_without_its_damper_a_pull_that_is_late_would_feed_the_plug():
    assert work_of_a_cycle(2, Hold.FREE, 0.0, 0.0, damper=0.0) > 0.0


@pytest.mark.parametrize(("ei", "weight", "length"), [(3.0e-4, 0.5, 0.96), (6.0e-5, 0.026, 0.2), (2.4e-3, 0.35, 1.0)])
def test_wild_motions_are_followed_and_forgotten(ei, weight, length):
    rng = np.random.default_rng(7)
    rest = end((0.0, 0.0, 0.3), down(-1.0))
    rod = make_rod(length, weight, ei, rest, table_height_m=0.0, drag_per_s=5.0, ea=2.0e3)
    calm = np.array([*rod.force, *rod.torque])
    position, turn = np.array([0.0, 0.0, 0.3]), down(-1.0)
    for i in range(100):
        wild = i % 25 == 24
        position = position + rng.normal(size=3) * (0.05 if wild else 0.002)
        turn = Rotation.from_rotvec(rng.normal(size=3) * (0.8 if wild else 0.03)) * turn
        rod.update(end(position, turn), 0.01)
        assert rod.residual_n < 1e-5
        # Nothing but weight, table and drag pulls at a free cable, whatever the motion.
        assert np.linalg.norm(rod.force) < 40.0 * weight * length
    for _ in range(3000):
        rod.update(rest, 0.1)
    # In the plane it hangs in it may now point elsewhere; height and bending are those of the start.
    assert rod.force[2] == pytest.approx(calm[2], rel=WITHIN)
    assert np.linalg.norm(rod.torque) == pytest.approx(np.linalg.norm(calm[3:]), rel=WITHIN)


@pytest.mark.parametrize(("weight", "mass"), [(0.3, 0.0), (0.0, 0.0), (0.0, 0.01)])
def test_a_cable_without_stiffness_is_a_string(weight, mass):
    rod = make_rod(0.3, weight, 0.0, end((0.0, 0.0, 1.0)), end_mass_kg=mass)
    for i in range(20):
        rod.update(end((0.001 * i, 0.0, 1.0)), 0.01)
    assert rod.force[2] == pytest.approx(-weight * 0.3 - mass * G, abs=1e-5)
    assert np.linalg.norm(rod.torque) < 1e-9


def test_a_far_end_out_of_reach_is_refused():
    with pytest.raises(ValueError, match=r"cannot end 0\.4000 m away"):
        make_rod(0.3, 0.3, far=end((0.4, 0.0, 0.0)), hold=Hold.CLIPPED)
    with pytest.raises(ValueError, match="exactly when it is held"):
        make_rod(0.3, 0.3, hold=Hold.CLIPPED)


def test_radius_and_stiffness_are_those_of_the_shape():
    # Without weight, clamped on a half circle of radius r at both ends, the rod is that half circle.
    r = 0.08
    rod = make_rod(
        math.pi * r, 0.0, 1.0e-3, end(), end((0.0, 2.0 * r, 0.0), Rotation.from_euler("z", math.pi)), Hold.CLIPPED,
        gravity=0.0, segments=80, ea=2.0e5,
    )  # fmt: skip
    assert rod.radius_m == pytest.approx(r, rel=WITHIN)
    assert rod.torque[2] == pytest.approx(1.0e-3 / r, rel=WITHIN)
    # A short cantilever that is clamped at both ends resists sideways with 12 EI/L³, and a turn with 4 EI/L.
    length, ei = 0.1, 1.0e-3
    beam = make_rod(
        length, 0.0, ei, end(), end((0.9999 * length, 0.0, 0.0)), Hold.CLIPPED, gravity=0.0, segments=80, ea=10.0
    )
    beam.update(end((-0.0001 * length, 0.0, 0.0)), 0.01)
    along, across, turned = 10.0 / length, 12.0 * ei / length**3, 4.0 * ei / length
    assert beam.stiffness_n_per_m == pytest.approx(math.hypot(along, across, across), rel=WITHIN)
    assert beam.stiffness_nm_per_rad == pytest.approx(math.hypot(turned, turned), rel=WITHIN)
