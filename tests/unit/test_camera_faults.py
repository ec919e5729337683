"""Cameras broken on purpose do what their fault is called."""

from __future__ import annotations

import numpy as np
import pytest

from cablecell.composition.camera_faults import CameraFaults
from cablecell.ports import Frame, Region


def frame(stamp_s, camera="left"):
    pixels = np.random.default_rng(round(1e3 * stamp_s)).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    return Frame(stamp_s, f"{camera}_camera_optical_frame", pixels, np.eye(3), Region(0, 0, 16, 12))


def two(kind):
    faults = CameraFaults()
    faults.inject({"left": kind})
    return faults.alter("left", frame(1.0)), faults.alter("left", frame(2.0))


def test_nothing_is_changed_of_what_is_not_broken():
    faults = CameraFaults()
    faults.inject({"left": "black"})
    image = frame(1.0, "right")
    assert faults.alter("right", image).frame is image
    faults.inject({})
    assert faults.alter("left", image).frame is image


def test_every_kind_does_what_it_is_called():
    first, second = two("frozen")
    assert np.array_equal(first.frame.pixels, second.frame.pixels)
    assert second.frame.stamp_s == 2.0
    assert two("black")[1].frame.pixels.max() < 12
    assert two("saturated")[1].frame.pixels.min() > 250
    assert [image.frame.stamp_s for image in two("stopped_stamp")] == [1.0, 1.0]
    assert two("future_stamp")[1].frame.stamp_s > 2.0 > two("stale_stamp")[1].frame.stamp_s
    assert two("wrong_size")[1].frame.pixels.shape[0] < two("wrong_size")[1].frame.region.height
    assert two("silent") == (None, None)


def test_swapped_cameras_show_each_others_images_under_their_own_names():
    faults = CameraFaults()
    faults.inject({"left": "swapped", "right": "swapped"})
    out = faults.alter("left", frame(1.0))
    assert (out.to, out.frame.frame_id) == ("right", "right_camera_optical_frame")
    for wrong in ({"left": "swapped"}, {"left": "melted"}):
        with pytest.raises(ValueError, match=r"swapped|melted"):
            faults.inject(wrong)
