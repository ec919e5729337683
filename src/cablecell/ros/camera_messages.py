"""Camera images as messages."""

from __future__ import annotations

import array
from typing import Any

from sensor_msgs.msg import CameraInfo, Image

from cablecell.core.config.camera import CameraIntrinsics
from cablecell.ports import Frame, Region
from cablecell.ros.conversions import fill_time


def image_message(frame: Frame) -> Any:
    """Return an image as `sensor_msgs/Image`, rgb8; of a region only that part."""
    height, width = frame.pixels.shape[:2]
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width)
    fill_time(message.header.stamp, stamp_ns(frame))
    message.header.frame_id = frame.frame_id
    # Any other type is copied number by number, which takes a second for an image of this size.
    data = array.array("B")
    data.frombytes(frame.pixels.tobytes())
    message.data = data
    return message


def camera_info(frame: Frame, intrinsics: CameraIntrinsics) -> Any:
    """Return the `sensor_msgs/CameraInfo` of an image: K of the full image, and its region as `roi`."""
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
    message = CameraInfo(
        height=intrinsics.height,
        width=intrinsics.width,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )
    fill_time(message.header.stamp, stamp_ns(frame))
    message.header.frame_id = frame.frame_id
    region = frame.region
    if (region.width, region.height) != (intrinsics.width, intrinsics.height):
        message.roi.x_offset, message.roi.y_offset = region.x, region.y
        message.roi.width, message.roi.height = region.width, region.height
    return message


def region_from_message(message: Any) -> Region | None:
    """Return a `sensor_msgs/RegionOfInterest`; None, the full image, when it is empty."""
    if message.width == 0 or message.height == 0:
        return None
    return Region(int(message.x_offset), int(message.y_offset), int(message.width), int(message.height))


def stamp_ns(frame: Frame) -> int:
    """Return the stamp of an image, ns."""
    return round(frame.stamp_s * 1e9)
