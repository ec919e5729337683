"""The simulated camera obeys the pinhole model: sub-pixel centroids, regions of interest, seeded errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import chi2

from cablecell.composition.camera_stream import CameraStream
from cablecell.core.config.camera import CameraIntrinsics, ImageErrors, RenderSettings
from cablecell.core.config.sensors import CameraSettings
from cablecell.core.geometry import exp_so3, invert_pose, log_se3, make_pose
from cablecell.ports import Region
from cablecell.simulation.camera import CameraPose, RegionError, SimulatedCamera, degrade
from cablecell.simulation.camera_errors import draw_cameras
from cablecell.simulation.lens import Lens, LensErrors
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


@pytest.fixture(scope="module")
def flat_scene():
    """The same square without thickness: no other face of it is ever seen."""
    scene = RenderScene()
    scene.add_body("wall", [Box((3.0, 3.0, 0.01), (0.9, 0.9, 0.9, 1.0))], make_pose(np.eye(3), (0.0, 0.0, 0.42)))
    scene.add_body("square", [Box((0.02, 0.02, 1e-7), (0.0, 0.0, 0.0, 1.0))], make_pose(np.eye(3), (0.0, 0.0, 0.4)))
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


LENSES = {
    "pinhole": LensErrors(),
    "calibrated": LensErrors(k1=-0.05, k2=0.01),
    "as built": LensErrors(k1=-0.05, k2=0.01, focal=(4e-4, -3e-4), centre_px=(0.7, -0.5), k1_error=1.5e-3),
    "badly calibrated": LensErrors(k1=-0.1, k2=0.05, focal=(2e-3, 1e-3), centre_px=(3.0, -2.0), k1_error=0.05),
}


def area_centroid(X_world_optical, lens):
    """Centroid of the image of the square's front face, by Green's theorem from its projected border."""
    s = np.linspace(-0.01, 0.01, 101)[:-1]
    border = np.concatenate([np.stack([s, -0.01 + 0 * s]), np.stack([0.01 + 0 * s, s]), np.stack([-s, 0.01 + 0 * s]),
                             np.stack([-0.01 + 0 * s, -s])], axis=1)  # fmt: skip
    points = np.stack([*border, np.full(border.shape[1], 0.4), np.ones(border.shape[1])])
    p = lens.project((invert_pose(X_world_optical) @ points)[:3].T)
    q = np.roll(p, -1, axis=0)
    cross = p[:, 0] * q[:, 1] - q[:, 0] * p[:, 1]
    return ((p + q) * cross[:, None]).sum(axis=0) / (3.0 * cross.sum())


@pytest.mark.parametrize("name", LENSES)
@pytest.mark.parametrize(("supersampling", "single_px"), [(1, 0.3), (4, 0.05)])
def test_an_image_is_where_the_projection_has_it(flat_scene, name, supersampling, single_px):
    """To 0.05 px all over the image, through any lens; half a pixel's shift would be ten times that."""
    rng = np.random.default_rng(3)
    lens, errors = Lens(CameraIntrinsics(), LENSES[name]), []
    settings = RenderSettings(ambient=0.9, diffuse=0.0, supersampling=supersampling)
    for _ in range(24):
        X = make_pose(exp_so3(np.array([0.0, 0.0, rng.uniform(-3.0, 3.0)])), (0.0, 0.0, 0.0))
        X[:3, 3] = X[:3, :3] @ [*rng.uniform((-0.15, -0.13), (0.15, 0.13)), 0.0]
        u, v = area_centroid(X, lens)
        frame = camera(flat_scene, X, settings=settings, lens=lens).capture(Region(int(u) - 55, int(v) - 55, 110, 110))
        errors.append(darkness_centroid(frame) - (u, v))
    assert np.abs(np.mean(errors, axis=0)).max() < 0.05
    assert np.abs(errors).max() < single_px


@pytest.mark.parametrize("name", LENSES)
def test_rays_and_projection_are_inverse(name):
    lens = Lens(CameraIntrinsics(), LENSES[name])
    region = Region(130, 40, 900, 950)
    rays = lens.rays(region)
    rows, columns = np.random.default_rng(1).integers(0, (950, 900), (300, 2)).T
    points = np.stack([rays.x[rows, columns], rays.y[rows, columns], np.ones(300)], axis=1) * 0.37
    assert np.abs(lens.project(points.astype(float)) - np.stack([columns + 130, rows + 40], axis=1)).max() < 1e-3


def test_what_rectification_leaves_of_the_distortion():
    """A point r from the axis is seen k1_error r^3 f farther out, to second order in the distortion."""
    lens = Lens(CameraIntrinsics(), LensErrors(k1=-0.02, k1_error=1e-3))
    K = CameraIntrinsics()
    r = np.linspace(0.05, 0.45, 9)
    seen = lens.project(np.stack([r, 0.0 * r, 1.0 + 0.0 * r], axis=1))[:, 0]
    assert seen - K.cx - K.fx * r == pytest.approx(1e-3 * r**3 * K.fx, rel=0.03)


def test_a_region_is_the_same_part_of_the_full_image(scene):
    X = make_pose(exp_so3((0.05, -0.1, 0.3)), (0.02, 0.01, 0.05))
    full = camera(scene, X).capture().pixels
    region = Region(401, 333, 250, 222)
    part = camera(scene, X).capture(region).pixels
    assert np.array_equal(part, full[333 : 333 + 222, 401 : 401 + 250])


def test_regions_outside_the_image_are_refused(scene):
    with pytest.raises(RegionError, match=r"x=1100 y=0 100x100 px is not inside the 1152x1024 px image") as caught:
        camera(scene).capture(Region(1100, 0, 100, 100))
    assert caught.value.code == 821
    with pytest.raises(RegionError):
        camera(scene).capture(Region(0, 0, 0, 10))


def test_noise_is_seeded_and_new_in_every_image(scene):
    region, errors = Region(0, 0, 60, 60), ImageErrors(blur_sigma_px=0.0)
    eyes = [camera(scene, errors=errors, seed=seed) for seed in (5, 5, 6)]
    first, again, other = (eye.capture(region).pixels for eye in eyes)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(eyes[0].capture(region).pixels, first)


@pytest.mark.parametrize("level", [0, 60, 100, 150, 220])
def test_photon_transfer(level):
    """The variance in electrons is the signal plus that of reading; rounding adds a twelfth of a level squared."""
    well, read = 2000.0, 30.0
    errors = ImageErrors(blur_sigma_px=0.0, full_well_e=well, read_noise_e=read)
    flat = np.full((200, 200, 3), level, dtype=np.uint8)
    noisy = degrade(flat, errors, np.random.default_rng(2)).astype(float)
    gain = 255.0 / well
    variance = gain * level + (gain * read) ** 2 + 1.0 / 12.0
    if level == 0:  # what is below zero is cut off: half of a normal distribution is left
        assert noisy.mean() == pytest.approx(np.sqrt((variance - 1.0 / 12.0) / (2.0 * np.pi)), rel=0.03)
        return
    assert noisy.mean() == pytest.approx(level, abs=5.0 * np.sqrt(variance / noisy.size))
    low, high = chi2.ppf([1e-4, 1.0 - 1e-4], noisy.size) / noisy.size
    # Draws come from a table that ends at 4.3 sigma, and rounding is not quite independent of the draw.
    assert 0.995 * low < noisy.var() / variance < 1.005 * high
    centred = noisy - noisy.mean()
    for axis in range(3):
        neighbours = (np.take(centred, range(1, centred.shape[axis]), axis) *
                      np.take(centred, range(centred.shape[axis] - 1), axis))  # fmt: skip
        assert abs(neighbours.mean()) < 5.0 * variance / np.sqrt(neighbours.size)


def test_exposure_scales_and_clips():
    ramp = np.tile(np.arange(256, dtype=np.uint8), (4, 1))[:, :, None].repeat(3, axis=2)
    errors = ImageErrors(blur_sigma_px=0.0, full_well_e=0.0, exposure=1.3)
    brighter = degrade(ramp, errors, np.random.default_rng(1))[0, :, 0].astype(float)
    assert np.abs(brighter - np.minimum(1.3 * np.arange(256), 255.0)).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("sigma", [0.8, 2.0])
def test_a_sharp_edge_is_blurred_to_the_gaussian_integral(sigma):
    edge = np.zeros((21, 41, 3), dtype=np.uint8)
    edge[:, 20:] = 200
    errors = ImageErrors(blur_sigma_px=sigma, full_well_e=0.0)
    profile = degrade(edge, errors, np.random.default_rng(1))[10, :, 0].astype(float)
    across = (np.arange(41) - 19.5) / sigma
    # The filter is sampled at whole pixels and cut off at its end.
    assert np.abs(profile - 200.0 * ndtr(across)).max() < (5.0 if sigma < 1.0 else 2.0)


def test_errors_of_cameras_have_the_stated_spread_and_do_not_disturb_each_other():
    mounts = {"left": np.eye(4), "right": make_pose(np.eye(3), (0.1, 0.0, 0.0))}
    settings = CameraSettings()
    own, focal, centre, k1, gain = [], [], [], [], []
    quiet = settings.model_copy(update={"hand_eye_common_m": 0.0, "hand_eye_common_rad": 0.0})
    for seed in range(150):
        for name, built in draw_cameras(quiet, mounts, seed).items():
            own.append(log_se3(invert_pose(mounts[name]) @ built.X_tcp_optical))
            focal += built.lens.focal
            centre += built.lens.centre_px
            k1.append(built.lens.k1_error)
            gain.append(np.log(built.image.exposure))
    own = np.array(own)
    for values, sigma in ((own[:, :3], settings.hand_eye_own_m), (own[:, 3:], settings.hand_eye_own_rad),
                          (focal, settings.focal_error), (centre, settings.centre_error_px),
                          (k1, settings.k1_error), (gain, settings.exposure_error)):  # fmt: skip
        values = np.asarray(values).ravel()
        low, high = chi2.ppf([1e-4, 1.0 - 1e-4], values.size)
        assert low < (values**2).sum() / sigma**2 < high
    both, one = draw_cameras(settings, mounts, 3), draw_cameras(quiet, mounts, 3)
    assert both["left"].lens == one["left"].lens
    common = [both[name].X_tcp_optical @ invert_pose(one[name].X_tcp_optical) for name in mounts]
    assert np.abs(common[0] - common[1]).max() < 1e-12, "what is common turns both about the tcp"
    exact = draw_cameras(CameraSettings.exact(), mounts, 3)["right"]
    assert np.array_equal(exact.X_tcp_optical, mounts["right"])
    assert exact.lens == LensErrors()


def test_errors_in_pixels_shrink_with_the_image():
    mounts = {"left": np.eye(4)}
    full, half = (draw_cameras(CameraSettings(), mounts, 3, scale=scale)["left"] for scale in (1.0, 0.5))
    assert np.multiply(full.lens.centre_px, 0.5) == pytest.approx(half.lens.centre_px)
    assert half.image.blur_sigma_px == pytest.approx(0.4)
    assert half.lens.focal == full.lens.focal


def stream(**options):
    taken = []

    def expose():
        taken.append(len(taken))
        return taken[-1]

    return CameraStream(expose, **options), taken


def test_a_free_running_stream_keeps_its_period_and_is_late_by_its_latency():
    found, taken = stream(rate_hz=5.0, latency_s=0.04)
    arrivals = []
    for i in range(101):
        arrivals += [(round(i * 0.01, 3), frame) for frame in found.poll(i * 0.01)]
    assert taken == [0, 1, 2, 3, 4, 5]
    assert arrivals == [(0.04, 0), (0.24, 1), (0.44, 2), (0.64, 3), (0.84, 4)]


def test_missed_exposures_are_not_made_up_for():
    found, taken = stream(rate_hz=5.0, latency_s=0.0)
    found.poll(0.0)
    assert found.poll(3.05) == [1]
    assert not found.is_due(3.24)
    assert found.is_due(3.25)
    assert taken == [0, 1]


def test_a_triggered_stream_exposes_once_for_a_trigger():
    found, taken = stream(rate_hz=None, latency_s=0.05)
    assert found.poll(0.0) == []
    assert taken == []
    found.trigger()
    assert found.poll(1.0) == []
    assert taken == [0]
    assert found.poll(1.049) == []
    assert found.poll(1.05) == [0]
    assert found.poll(9.0) == []
    assert taken == [0]


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
