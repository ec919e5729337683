"""Camera pictures for the report: from the recording, so that nobody but the cell asks the camera during a trial."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cablecell.evaluation.demo_trial import Picture, TrialRun
from cablecell.records.reading import read_messages

CAMERA_TOPIC = "/center_camera/image"
PICTURE_WIDTH = 640
JPEG_QUALITY = 85


def add_recorded_pictures(runs: Sequence[TrialRun], recording: Path) -> None:
    """Give every trial the first picture that the cell itself looked at while the job ran.

    Raises:
        RecordingError: The recording cannot be read (code 934).
    """
    from rclpy.serialization import deserialize_message
    from sensor_msgs.msg import Image

    waiting = [run for run in runs if run.start_s is not None]
    for message in read_messages(recording, {CAMERA_TOPIC}):
        time_s = message.log_ns * 1e-9
        for run in waiting:
            if run.start_s is not None and run.start_s <= time_s <= (run.end_s or np.inf):
                image = deserialize_message(message.data, Image)
                run.pictures.insert(0, make_picture(image, "what the cell looked at"))
                waiting.remove(run)
                break


def make_picture(image: Any, caption: str) -> Picture:
    """Return an rgb8 image message as a picture of at most `PICTURE_WIDTH`.

    Args:
        image: A `sensor_msgs/Image`.
        caption: What it shows.
    """
    import cv2

    rows = np.frombuffer(image.data, np.uint8).reshape(image.height, image.step)
    pixels: Any = rows[:, : 3 * image.width].reshape(image.height, image.width, 3)[:, :, ::-1]
    if image.width > PICTURE_WIDTH:
        size = (PICTURE_WIDTH, round(image.height * PICTURE_WIDTH / image.width))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    stamp = image.header.stamp
    return Picture(stamp.sec + 1e-9 * stamp.nanosec, caption, CAMERA_TOPIC, encoded.tobytes())
