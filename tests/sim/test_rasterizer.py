"""The renderer of the wrist cameras: what is nearest wins, what is behind the eye is cut, edges are where they are."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from cablecell.core.config.camera import CameraIntrinsics, RenderSettings
from cablecell.core.geometry import exp_so3, make_pose
from cablecell.ports import Region
from cablecell.simulation.lens import Lens, LensErrors
from cablecell.simulation.render_scene import Box, Cylinder, RenderScene, TexturedPlate

FLAT = RenderSettings(ambient=1.0, diffuse=0.0)
EYE = CameraIntrinsics(width=201, height=161, fx=200.0, fy=200.0, cx=100.0, cy=80.0)
K = EYE.matrix()
SIZE = Region(0, 0, 201, 161)
RED, GREEN = (1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0)
NOTHING = (255, 255, 255)


def at(x, y, z):
    return make_pose(np.eye(3), (x, y, z))


def picture(scene, X_world_optical=None, settings=FLAT):
    X = np.eye(4) if X_world_optical is None else X_world_optical
    return scene.render(X, Lens(EYE).rays(SIZE), settings)


def test_a_pixel_belongs_to_a_face_when_its_centre_does():
    """The front face of the box reaches from pixel 89.6 to 110.4 and from 69.6 to 90.4."""
    scene = RenderScene()
    scene.add_body("box", [Box((0.0416, 0.0416, 0.01), RED)], at(0.0, 0.0, 0.405))
    image = picture(scene)
    rows, columns = np.nonzero((image == (255, 0, 0)).all(axis=2))
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (90, 110, 70, 90)
    assert len(rows) == 21 * 21
    assert tuple(image[0, 0]) == NOTHING


@pytest.mark.parametrize("order", [("near", "far"), ("far", "near")])
def test_what_is_nearest_is_seen_whatever_was_added_first(order):
    scene = RenderScene()
    bodies = {"near": (0.02, GREEN, 0.3), "far": (0.2, RED, 0.5)}
    for name in order:
        size, colour, z = bodies[name]
        scene.add_body(name, [Box((size, size, 0.01), colour)], at(0.0, 0.0, z))
    image = picture(scene)
    assert tuple(image[80, 100]) == (0, 255, 0)
    assert tuple(image[80, 120]) == (255, 0, 0)


def test_bodies_that_cross_share_the_image_where_they_meet():
    """Two plates turned against each other about y meet in the middle column."""
    scene = RenderScene()
    for name, colour, turn in (("a", RED, 0.5), ("b", GREEN, -0.5)):
        X = make_pose(exp_so3(np.array([0.0, turn, 0.0])), (0.0, 0.0, 0.4))
        scene.add_body(name, [Box((0.2, 0.1, 1e-6), colour)], X)
    row = picture(scene)[80]
    assert {tuple(pixel) for pixel in row[70:99]} == {(0, 255, 0)}
    assert {tuple(pixel) for pixel in row[102:130]} == {(255, 0, 0)}


def test_a_floor_that_reaches_behind_the_eye_is_cut_at_the_nearest_depth():
    """A floor 0.103 m below the eye begins in the row of the far end and fills the image below it."""
    scene = RenderScene()
    scene.add_body("floor", [Box((8.0, 0.2, 8.0), RED)], at(0.0, 0.203, 0.0))
    column = picture(scene)[:, 100]
    is_floor = (column == (255, 0, 0)).all(axis=1)
    horizon = 80.0 + 200.0 * 0.103 / 4.0
    assert np.flatnonzero(is_floor)[0] == int(np.ceil(horizon))
    assert is_floor[int(np.ceil(horizon)) :].all()


def test_only_what_moved_is_drawn_elsewhere():
    scene = RenderScene()
    scene.add_body("rod", [Cylinder(0.01, 0.2, RED)], at(0.0, 0.0, 0.4))
    scene.add_body("box", [Box((0.02, 0.02, 0.02), GREEN)], at(0.05, 0.0, 0.4))
    before = picture(scene)
    scene.place({"box": at(-0.05, 0.0, 0.4), "rod": at(0.0, 0.0, 0.4)})
    after = picture(scene)
    moved = (after == (0, 255, 0)).all(axis=2)
    assert not moved[:, 100:].any()
    assert moved[:, :100].any()
    assert np.array_equal((before == (255, 0, 0)).all(axis=2), (after == (255, 0, 0)).all(axis=2))


def test_light_falls_on_what_faces_it():
    scene = RenderScene()
    scene.add_body("box", [Box((0.1, 0.1, 0.01), (0.8, 0.8, 0.8, 1.0))], at(0.0, 0.0, 0.4))
    towards = RenderSettings(ambient=0.5, diffuse=0.4, light_direction=(0.0, 0.0, -1.0))
    away = RenderSettings(ambient=0.5, diffuse=0.4, light_direction=(0.0, 0.0, 1.0))
    assert picture(scene, settings=towards)[80, 100, 0] == round(0.8 * 0.9 * 255)
    assert picture(scene, settings=away)[80, 100, 0] == round(0.8 * 0.5 * 255)


def test_a_picture_is_printed_where_its_plate_is():
    """The corner of four squares is found where the pinhole model has it, seen from an oblique place."""
    squares = np.kron([[0, 255], [255, 0]], np.ones((128, 128))).astype(np.uint8)
    scene = RenderScene()
    plate = TexturedPlate((0.1, 0.08), cv2.GaussianBlur(squares, (0, 0), 2.0), at(-0.05, -0.04, 0.0))
    X_world_plate = make_pose(exp_so3(np.array([0.4, -0.3, 0.2])), (0.01, -0.02, 0.35))
    scene.add_body("plate", [plate], X_world_plate)
    grey = cv2.cvtColor(picture(scene), cv2.COLOR_RGB2GRAY)
    u, v, w = K @ X_world_plate[:3, 3]
    start = np.array([[[u / w, v / w]]], dtype=np.float32) + np.float32(1.0)
    found = cv2.cornerSubPix(grey, start, (6, 6), (-1, -1), (cv2.TERM_CRITERIA_EPS, 50, 1e-4)).ravel()
    assert np.abs(found - (u / w, v / w)).max() < 0.05


@pytest.mark.parametrize(
    "errors",
    [LensErrors(k1=-0.05, k2=0.01, k1_error=1e-3), LensErrors(k1=-0.15, k2=0.05, centre_px=(3.0, -2.0), k1_error=0.08)],
)
def test_no_pixel_is_lost_where_the_lens_bends_an_edge(errors):
    """Rows of faces are looked for with some slack; with far more of it the image is the same."""
    rng = np.random.default_rng(5)
    scene = RenderScene()
    for i in range(40):
        X = make_pose(exp_so3(rng.normal(0.0, 1.0, 3)), (*rng.uniform(-0.3, 0.3, 2), rng.uniform(0.3, 0.8)))
        colour = (*rng.uniform(0.0, 1.0, 3), 1.0)
        scene.add_body(f"box {i}", [Box(tuple(rng.uniform(0.01, 0.12, 3)), colour), Cylinder(0.02, 0.2, colour)], X)
    eye = CameraIntrinsics()
    rays = Lens(eye, errors).rays(Region(0, 0, eye.width, eye.height))
    image = scene.render(np.eye(4), rays, FLAT)
    assert np.array_equal(image, scene.render(np.eye(4), replace(rays, slack_px=80.0), FLAT))
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 10
