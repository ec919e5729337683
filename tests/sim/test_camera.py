"""The simulated camera obeys the pinhole model: sub-pixel centroids, regions of interest, seeded errors."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.core.config.camera import ImageErrors, RenderSettings
from cablecell.core.geometry import exp_so3, invert_pose, make_pose
from cablecell.ports import Region
from cablecell.simulation.camera import CameraPose, RegionError, SimulatedCamera
from cablecell.simulation.render_scene import Box, RenderScene, SceneError

FLAT = RenderSettings(ambient=0.9, diffuse=0.0)


@pytest.fixture(scope="module")
def scene():
    """A black square of 20 mm on a grey wall, 0.4 m along z."""
    scene = RenderScene()
    scene.add_body("wall", [Box((3.0, 3.0, 0.01), (0.9, 0.9, 0.9, 1.0), make_pose(np.eye(3), (0.0, 0.0, 0.42)))])
    scene.add_body("square", [Box((0.02, 0.02, 0.001), (0.0, 0.0, 0.0, 1.0))])
    scene.place({"square": make_pose(np.eye(3), (0.0, 0.0, 0.4))})
    return scene


def camera(scene, X_world_optical=None, **options):
    X = np.eye(4) if X_world_optical is None else X_world_optical
    options.setdefault("settings", FLAT)
    return SimulatedCamera("left", "left_camera_optical_frame", scene, lambda: CameraPose(1.5, X), **options)


def darkness_centroid(frame):
    grey = frame.pixels.astype(float).mean(axis=2)
    dark = np.clip(np.median(grey) - grey, 0.0, None)
    rows, columns = np.mgrid[: grey.shape[0], : grey.shape[1]]
    total = dark.sum()
    return np.array([(columns * dark).sum(), (rows * dark).sum()]) / total + [frame.region.x, frame.region.y]


def predicted_centroid(X_world_optical, K):
    """Mean over the front face, which is what a centroid of darkness sees."""
    u, v = np.meshgrid(np.linspace(-0.01, 0.01, 201), np.linspace(-0.01, 0.01, 201))
    points = np.stack([u.ravel(), v.ravel(), np.full(u.size, 0.3995), np.ones(u.size)])
    pixels = K @ (invert_pose(X_world_optical) @ points)[:3]
    return (pixels[:2] / pixels[2]).mean(axis=1)


@pytest.mark.parametrize(("supersampling", "tolerance_px"), [(1, 0.06), (2, 0.04)])
def test_pixel_centres_are_at_integers(scene, supersampling, tolerance_px):
    """A shift of half a pixel would show here ten times over the tolerance."""
    rng = np.random.default_rng(3)
    errors = []
    for _ in range(8):
        X = make_pose(exp_so3(rng.normal(0.0, (0.0, 0.0, 0.4))), (*rng.uniform(-0.05, 0.05, 2), 0.0))
        eye = camera(scene, X, settings=RenderSettings(ambient=0.9, diffuse=0.0, supersampling=supersampling))
        u, v = predicted_centroid(X, eye.intrinsics.matrix())
        frame = eye.capture(Region(int(u) - 64, int(v) - 64, 128, 128))
        errors.append(darkness_centroid(frame) - (u, v))
    assert np.abs(np.mean(errors, axis=0)).max() < tolerance_px
    assert np.abs(errors).max() < 5.0 * tolerance_px


def test_a_region_is_the_same_part_of_the_full_image(scene):
    X = make_pose(exp_so3((0.05, -0.1, 0.3)), (0.02, 0.01, 0.05))
    full = camera(scene, X).capture().pixels
    region = Region(401, 333, 250, 222)
    part = camera(scene, X).capture(region).pixels
    difference = np.abs(part.astype(int) - full[333 : 333 + 222, 401 : 401 + 250].astype(int))
    assert (difference > 8).mean() < 5e-4  # single pixels on an edge may flip


def test_regions_outside_the_image_are_refused(scene):
    with pytest.raises(RegionError, match=r"x=1100 y=0 100x100 px is not inside the 1152x1024 px image") as caught:
        camera(scene).capture(Region(1100, 0, 100, 100))
    assert caught.value.code == 821
    with pytest.raises(RegionError):
        camera(scene).capture(Region(0, 0, 0, 10))


def test_noise_is_seeded_and_of_the_stated_size(scene):
    region = Region(0, 0, 200, 200)
    errors = ImageErrors(blur_sigma_px=0.0, noise_levels=3.0)
    first = camera(scene, errors=errors, seed=5).capture(region).pixels.astype(float)
    again = camera(scene, errors=errors, seed=5).capture(region).pixels.astype(float)
    other = camera(scene, errors=errors, seed=6).capture(region).pixels.astype(float)
    clean = camera(scene).capture(region).pixels.astype(float)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    level = clean.mean() / 255.0
    assert (first - clean).std() == pytest.approx(3.0 * np.sqrt(0.15 + 0.85 * level), rel=0.1)


def test_stamp_frame_and_intrinsics_are_those_of_the_camera(scene):
    frame = camera(scene).capture(Region(10, 20, 64, 48))
    assert (frame.stamp_s, frame.frame_id) == (1.5, "left_camera_optical_frame")
    assert frame.pixels.shape == (48, 64, 3)
    assert frame.K[0, 0] == pytest.approx(1236.63)


def test_an_unknown_body_is_refused_and_nothing_moves(scene):
    before = camera(scene).capture(Region(500, 450, 150, 120)).pixels
    with pytest.raises(SceneError, match="body 'sqare' is not in the scene; it has wall, square"):
        scene.place({"square": np.eye(4), "sqare": np.eye(4)})
    assert np.array_equal(before, camera(scene).capture(Region(500, 450, 150, 120)).pixels)
