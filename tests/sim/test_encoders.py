"""Joint encoders and the arm as built: every error follows its law, and together they place the tool as stated."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from scipy.stats import chi2

from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_connectors, load_trials
from cablecell.core.config.sensors import EncoderSettings, KinematicsSettings
from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.config.trial import HomeJoints
from cablecell.ports import CommandMode, JointCommand
from cablecell.simulation.encoders import EncoderErrors
from cablecell.simulation.kinematic_errors import as_built
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.saved_state import ObjectState
from cablecell.simulation.scene_state import SceneState
from cablecell.simulation.visual_scene import link_poses

OFF = EncoderSettings.exact()
HOME = HomeJoints().in_order()
STILL = [0.0] * 6
UNLIKELY = 1e-4


def encoders(seed=0, **on):
    return EncoderErrors(OFF.model_copy(update=on), 6, random.Random(seed))


def within_chi_square(samples, sigma):
    samples = np.asarray(samples).ravel()
    low, high = chi2.ppf([UNLIKELY, 1.0 - UNLIKELY], samples.size)
    return low < float((samples**2).sum()) / sigma**2 < high


@pytest.fixture(scope="module")
def scene():
    return load_scene(load_trials().trials["trial_1"], load_connectors())


def tool(scene, q):
    state = SceneState(0.0, tuple(q), 0.0, None, ())
    body, X = scene.robot.frames["tcp"]
    return np.array((link_poses(scene.robot, state)[body] @ X).p)


def test_without_errors_the_truth_is_measured():
    q, dq = list(HOME), [0.1, -0.2, 0.3, 0.4, -0.5, 0.6]
    errors = encoders()
    for i in range(5):
        measured, speed = errors.measure(i * 0.002, q, dq, [50.0] * 6)
        assert measured.tolist() == q
        assert speed.tolist() == dq


def test_positions_come_in_steps():
    step = 2.0 * math.pi / 2**17
    q = np.random.default_rng(1).uniform(-3.0, 3.0, (500, 6))
    measured = np.array([encoders(bits=17).measure(0.0, row, STILL, STILL)[0] for row in q.tolist()])
    assert np.abs(measured / step - np.round(measured / step)).max() < 1e-6
    assert np.abs(measured - q).max() <= 0.5 * step * (1.0 + 1e-9)
    assert (measured - q).std() == pytest.approx(step / math.sqrt(12.0), rel=0.05)


def test_noise_has_the_stated_size():
    errors = encoders(3, noise_rad=1e-5, noise_rad_per_s=5e-4)
    rows = [errors.measure(i * 0.002, STILL, STILL, STILL) for i in range(1500)]
    assert within_chi_square([row[0] for row in rows], 1e-5)
    assert within_chi_square([row[1] for row in rows], 5e-4)


def test_offsets_are_drawn_once_with_the_stated_spread():
    offsets = [encoders(seed, offset_rad=1e-4).measure(0.0, STILL, STILL, STILL)[0] for seed in range(120)]
    assert within_chi_square(offsets, 1e-4)


def test_the_wander_keeps_its_spread_and_forgets_with_its_time_constant():
    sigma, time_s = 1.5e-5, 5.0
    walks = []
    for seed in range(150):
        errors = encoders(seed, wander_rad=sigma, wander_time_s=time_s)
        walks.append([errors.measure(t, STILL, STILL, STILL)[0] for t in (0.0, 1.0, 2.0, 6.0, 7.0)])
    walks = np.array(walks)
    for row in range(5):
        assert within_chi_square(walks[:, row], sigma)
    n = walks[:, 0].size
    for first, second, elapsed_s in ((0, 2, 2.0), (2, 4, 5.0), (0, 4, 7.0)):
        kept = (walks[:, first] * walks[:, second]).mean() / sigma**2
        assert abs(kept - math.exp(-elapsed_s / time_s)) < 4.0 / math.sqrt(n)


def test_a_joint_yields_to_its_torque_and_the_encoder_reads_ahead_of_it():
    compliance = [2e-6, 2e-6, 2e-6, 5e-6, 5e-6, 5e-6]
    torque = [10.0, -60.0, 30.0, 5.0, -2.0, 0.0]
    errors = encoders(deflection_rad_per_nm=compliance, deflection_time_s=0.02)
    expected = np.multiply(compliance, torque)
    for k in range(30):
        measured, _ = errors.measure(k * 0.002, STILL, STILL, torque)
        assert np.abs(measured - expected * (1.0 - math.exp(-k * 0.002 / 0.02))).max() < 1e-15
    settled = encoders(deflection_rad_per_nm=compliance)
    settled.settle(torque)
    assert settled.measure(0.0, STILL, STILL, torque)[0] == pytest.approx(expected.tolist())


def test_restored_encoders_go_on_as_the_saved_ones():
    saved, other = (EncoderErrors(EncoderSettings(), 6, random.Random(seed)) for seed in (1, 2))
    for i in range(20):
        saved.measure(i * 0.002, STILL, STILL, [5.0] * 6)
    state = ObjectState({"sensor": saved}, {}, 0).save()
    expected = [saved.measure(i * 0.002, STILL, STILL, [9.0] * 6) for i in range(20, 40)]
    ObjectState({"sensor": other}, {}, 0).restore(state)
    found = [other.measure(i * 0.002, STILL, STILL, [9.0] * 6) for i in range(20, 40)]
    assert np.array_equal(found, expected)
    assert other.error_rad == saved.error_rad


def test_an_exact_arm_is_as_described_and_a_seed_is_an_arm(scene):
    assert as_built(scene, KinematicsSettings.exact(), 1) is scene
    settings = KinematicsSettings()
    here, again, other = (tool(as_built(scene, settings, seed), HOME) for seed in (1, 1, 2))
    assert np.array_equal(here, again)
    assert np.linalg.norm(here - other) > 1e-5


def test_the_tool_is_off_by_what_an_arm_with_its_own_calibration_has(scene):
    """0.1 to 0.5 mm absolute in the middle 90 % of arms; between places 0.1 m apart the error changes far less."""
    beside = [v + d for v, d in zip(HOME, (0.2, 0.2, -0.2, 0.05, 0.0, 0.2), strict=True)]
    assert 0.08 < np.linalg.norm(tool(scene, HOME) - tool(scene, beside)) < 0.2
    sizes, changes = [], []
    for seed in range(150):
        arm = as_built(scene, KinematicsSettings(), seed)
        offset = EncoderErrors(EncoderSettings(), 6, random.Random(seed)).offset_rad
        errors = [tool(arm, np.subtract(q, offset)) - tool(scene, q) for q in (HOME, beside)]
        sizes.append(np.linalg.norm(errors[0]))
        changes.append(np.linalg.norm(errors[1] - errors[0]))
    low, high = np.percentile(sizes, [5.0, 95.0])
    assert 0.8e-4 < low < 1.5e-4
    assert 3.5e-4 < high < 5.0e-4
    assert np.median(changes) < 0.35 * np.median(sizes)


def test_repeatability_is_that_of_the_data_sheet(scene):
    """ISO 9283: mean distance from the mean place plus three standard deviations, over 30 visits; 0.03 mm stated."""
    found = []
    for seed in range(20):
        errors = EncoderErrors(EncoderSettings(), 6, random.Random(seed))
        places = []
        for visit in range(30):
            errors.measure(60.0 * visit, HOME, STILL, STILL)
            places.append(tool(scene, np.subtract(HOME, errors.error_rad)))
        distances = np.linalg.norm(places - np.mean(places, axis=0), axis=1)
        found.append(distances.mean() + 3.0 * distances.std(ddof=1))
    assert np.mean(found) == pytest.approx(3.0e-5, rel=0.25)


def test_physics_has_the_arm_as_built(scene):
    """What moves in the physics is the arm of the seed, and a renderer that builds it anew sees the same."""
    settings = SimulationSettings().exact().model_copy(update={"kinematics": KinematicsSettings()})
    machine = SimulatedMachine(scene, settings, seed=7)
    machine.connect()
    try:
        there = np.array(machine.world.tcp().p)
        assert np.linalg.norm(there - tool(as_built(scene, settings.kinematics, 7), HOME)) < 1e-7
        assert np.linalg.norm(there - tool(scene, HOME)) > 2e-5
    finally:
        machine.disconnect()


def test_a_loaded_arm_sags_by_its_deflection(scene):
    """Held where its encoders say, the arm stands lower by compliance times torque."""
    compliance = [2e-6, 2e-6, 2e-6, 5e-6, 5e-6, 5e-6]
    settings = SimulationSettings().exact()
    soft = settings.model_copy(update={"encoders": OFF.model_copy(update={"deflection_rad_per_nm": compliance})})
    machine = SimulatedMachine(scene, soft, seed=7)
    machine.connect()
    try:
        for _ in range(100):
            machine.arm.command(JointCommand(CommandMode.POSITION, np.array(HOME)))
            machine.cycle(0.002)
        q, _, torque = machine.world.joint_states()
        state = machine.arm.read()
        assert abs(torque[1]) > 10.0
        assert np.abs(state.q - q - np.multiply(compliance, torque)).max() < 2e-7
        assert np.abs(state.q - HOME).max() < 2e-7
        assert np.abs(np.subtract(HOME, q)).max() > 2e-5
    finally:
        machine.disconnect()
