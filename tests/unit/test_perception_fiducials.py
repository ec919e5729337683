"""Fiducials: configuration, corner positions, and detection in drawn pictures of known geometry."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from cablecell.core.config.documents import DocumentError
from cablecell.core.config.perception import DetectionSettings
from cablecell.core.perception.detection import Corners, find_corners
from cablecell.core.perception.fiducials import FiducialError, build_patches, extent, parse
from cablecell.core.perception.outcome import NoEstimate, Reason
from cablecell.ports import Frame, Region
from tests.support.board_scene import FIDUCIALS, PATCHES

PATCH = {"name": "a", "columns": 4, "rows": 6, "first_marker": 0, "centre_m": [0.1, -0.05, 0.012], "yaw_rad": 0.3}
ONE = parse({"patches": [PATCH]}, "f.yaml")


def drawing(scale=40, size=(640, 480), at=(200, 100)):
    """Draw patch PATCH fronto-parallel, one square `scale` pixels, its top left corner at pixel edge `at`."""
    pattern = build_patches(ONE)[0].pattern
    picture = pattern.generateImage((4 * scale, 6 * scale), None, 0, 1)
    page = np.full((size[1], size[0]), 200, dtype=np.uint8)
    page[at[1] : at[1] + 6 * scale, at[0] : at[0] + 4 * scale] = picture
    soft = cv2.GaussianBlur(page, (0, 0), 0.8)
    return cv2.cvtColor(soft, cv2.COLOR_GRAY2RGB)


def frame(pixels, region=None):
    height, width = pixels.shape[:2]
    return Frame(2.5, "left", pixels, np.diag([1000.0, 1000.0, 1.0]), region or Region(0, 0, width, height))


def test_corners_lie_where_the_configuration_puts_them():
    patch = build_patches(ONE)[0]
    assert patch.corners.shape == (3 * 5, 3)
    np.testing.assert_allclose(patch.corners.mean(axis=0), PATCH["centre_m"], atol=1e-12)
    along_columns = patch.corners[1] - patch.corners[0]
    np.testing.assert_allclose(along_columns, 0.018 * np.array([np.cos(0.3), np.sin(0.3), 0.0]), atol=1e-9)
    np.testing.assert_allclose(patch.X_board_patch[:3, 2], [0.0, 0.0, -1.0])
    assert np.linalg.det(patch.X_board_patch[:3, :3]) == pytest.approx(1.0)


def test_detection_is_sub_pixel_and_knows_which_corner_is_which():
    corners = find_corners(frame(drawing()), build_patches(ONE))
    assert isinstance(corners, Corners)
    assert len(corners.pixels) == 15
    patch = build_patches(ONE)[0]
    local = (corners.points - patch.X_board_patch[:3, 3]) @ patch.X_board_patch[:3, :3]
    expected = np.array([200.0, 100.0]) - 0.5 + local[:, :2] / 0.018 * 40
    assert np.abs(corners.pixels - expected).max() < 0.08
    assert (corners.stamp_s, corners.frame_id) == (2.5, "left")


def test_a_region_reports_pixels_of_the_full_image():
    whole = find_corners(frame(drawing()), build_patches(ONE))
    part = find_corners(frame(drawing()[60:400, 150:450], Region(150, 60, 300, 340)), build_patches(ONE))
    np.testing.assert_allclose(part.pixels, whole.pixels, atol=0.02)


def test_an_empty_image_shows_nothing():
    answer = find_corners(frame(np.full((480, 640, 3), 128, dtype=np.uint8)), PATCHES)
    assert isinstance(answer, NoEstimate)
    assert answer.reason is Reason.NOTHING_SEEN
    assert find_corners(frame(np.zeros((480, 640, 3), dtype=np.uint8)), PATCHES).reason is Reason.NOTHING_SEEN


def test_a_covered_patch_is_too_little():
    pixels = drawing()
    pixels[140:] = 128
    answer = find_corners(frame(pixels), build_patches(ONE))
    assert isinstance(answer, NoEstimate)
    many = find_corners(frame(drawing()), build_patches(ONE), DetectionSettings(min_corners=16))
    assert many.reason is Reason.TOO_FEW_CORNERS
    assert "15 corners in the image of left are below the minimum of 16" in many.message


def test_a_half_covered_patch_gives_the_right_half():
    pixels = drawing()
    pixels[:, 282:] = 128
    corners = find_corners(frame(pixels), build_patches(ONE), DetectionSettings(min_corners=4))
    whole = find_corners(frame(drawing()), build_patches(ONE))
    assert 4 <= len(corners.pixels) < 15
    for pixel, point in zip(corners.pixels, corners.points, strict=True):
        same = np.argmin(np.linalg.norm(whole.points - point, axis=1))
        assert np.linalg.norm(whole.pixels[same] - pixel) < 0.3


def test_markers_of_another_board_are_ignored():
    other = parse({"patches": [{**PATCH, "first_marker": 60}]}, "f.yaml")
    assert isinstance(find_corners(frame(drawing()), build_patches(other)), NoEstimate)


def test_the_shipped_fiducials_stay_on_the_board_and_off_the_slots():
    corners = extent(PATCHES)
    assert np.all(np.abs(corners[:, 0]) <= 0.15)
    assert np.all(np.abs(corners[:, 1]) <= 0.2125)
    for patch in range(len(PATCHES)):  # slots of the SC rails: x -0.1355..-0.005, y 0.01..0.085
        outline = corners[4 * patch : 4 * patch + 4]
        low, high = outline.min(axis=0), outline.max(axis=0)
        assert low[0] > -0.005 or high[1] < 0.01 or low[1] > 0.085
    assert FIDUCIALS.square_m == 0.018


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"square_mm": 18}, "f.yaml: unknown key 'square_mm' = 18; did you mean 'square_m'?"),
        ({"marker_m": 0.02}, "marker_m = 0.02 m must be below square_m = 0.018 m"),
        ({"square_m": 18.0}, r"square_m = 18.0 m is above the maximum of 0.2 m"),
        ({"patches": [PATCH, {**PATCH, "name": "b", "first_marker": 5}]}, "marker 5 is on patch 'a' and on patch 'b'"),
    ],
)
def test_bad_configuration_is_refused(change, message):
    with pytest.raises(DocumentError, match=message):
        parse({"patches": [PATCH], **change}, "f.yaml")


def test_unknown_dictionaries_and_missing_markers_are_refused():
    with pytest.raises(FiducialError, match="dictionary = 'DICT_9X9' is unknown; valid are DICT_4X4_100") as caught:
        build_patches(parse({"patches": [PATCH], "dictionary": "DICT_9X9"}, "f.yaml"))
    assert caught.value.code == 921
    with pytest.raises(FiducialError, match="patch 'a' needs marker 61; DICT_4X4_50 ends at 49"):
        build_patches(parse({"patches": [{**PATCH, "first_marker": 50}], "dictionary": "DICT_4X4_50"}, "f.yaml"))
