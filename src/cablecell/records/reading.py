"""Read a recording, also one whose writer was killed, and numbers out of its messages without ROS."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import zstandard
from mcap.exceptions import McapError
from mcap.records import Channel, Chunk, Header, McapRecord, Message, Schema
from mcap.stream_reader import StreamReader, breakup_chunk
from numpy.typing import NDArray

from cablecell.records.errors import RecordingError

Array = NDArray[np.float64]

_TRUNCATED = (McapError, struct.error, zstandard.ZstdError)
"""What the reader of the format raises where a file stops in the middle of a record."""

_ENCAPSULATION = 4
_STAMP = 8


@dataclass(frozen=True)
class RecordedMessage:
    """One message of a recording.

    Attributes:
        topic: Full name of its topic.
        type_name: For example `sensor_msgs/msg/JointState`.
        log_ns: When it was received, ns.
        data: The message in CDR, with its encapsulation header.
    """

    topic: str
    type_name: str
    log_ns: int
    data: bytes


def read_messages(
    path: Path, topics: Collection[str] | None = None, window_ns: tuple[int, int] | None = None
) -> Iterator[RecordedMessage]:
    """Yield the messages of a recording in the order of writing, up to where the file is complete.

    Args:
        path: The file.
        topics: Topics to read; all by default.
        window_ns: Begin and end of the times of receipt that are wanted; what lies outside is not even unpacked, once
            each of `topics` was seen. The whole recording by default.

    Raises:
        RecordingError: The file cannot be opened or is no recording (code 934).
    """
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    is_begun = False
    first_ns, last_ns = window_ns or (0, 2**63)
    try:
        with path.open("rb") as stream:
            for record in _records(stream, channels, topics, first_ns, last_ns):
                if isinstance(record, Header):
                    is_begun = True
                elif isinstance(record, Schema):
                    schemas[record.id] = record
                elif isinstance(record, Channel):
                    channels[record.id] = record
                elif isinstance(record, Message):
                    channel = channels.get(record.channel_id)
                    if channel is None:
                        continue  # announced in a chunk that was not unpacked, so none of those that are wanted
                    is_wanted = topics is None or channel.topic in topics
                    if is_wanted and first_ns <= record.log_time <= last_ns:
                        yield RecordedMessage(
                            channel.topic, schemas[channel.schema_id].name, record.log_time, record.data
                        )
    except OSError as error:
        raise RecordingError(
            f"recording {path} cannot be read: {error.strerror}", quantity="path", value=path
        ) from error
    except _TRUNCATED as error:
        # The end of a file whose writer was killed; what came before is whole.
        if not is_begun:
            raise RecordingError(f"{path} holds no recording: {error}", quantity="path", value=path) from error


def _records(
    stream: IO[bytes], channels: dict[int, Channel], topics: Collection[str] | None, first_ns: int, last_ns: int
) -> Iterator[McapRecord]:
    """Yield records one by one, without those of chunks that lie outside of a window and tell of no new topic."""
    for record in StreamReader(stream, emit_chunks=True).records:
        if not isinstance(record, Chunk):
            yield record
            continue
        is_outside = record.message_end_time < first_ns or record.message_start_time > last_ns
        if is_outside and topics is not None and {*topics} <= {channel.topic for channel in channels.values()}:
            continue
        yield from breakup_chunk(record)


def leading_numbers(data: bytes, count: int) -> tuple[float, Array]:
    """Return stamp and the first float64 fields of a message that begins with a `std_msgs/Header`.

    The fields of poses, twists and wrenches follow each other without gaps, so this reads a `WrenchStamped` (6) or
    the pose and twist of a `ControllerState` (13) fifty times faster than building the message.

    Args:
        data: The message in CDR, little endian, with its encapsulation header.
        count: How many numbers to read.

    Returns:
        Stamp of the header, s, and the numbers, shape (count,).

    Raises:
        RecordingError: The message is shorter than that, or big endian (code 934).
    """
    if len(data) < _ENCAPSULATION + _STAMP + 4 or data[1] & 1 != 1:
        raise RecordingError(f"{len(data)} B are no little-endian message with a header")
    seconds, nanoseconds, name = struct.unpack_from("<iII", data, _ENCAPSULATION)
    end = _STAMP + 4 + name
    start = _ENCAPSULATION + end + -end % 8
    if len(data) < start + 8 * count:
        raise RecordingError(f"message of {len(data)} B holds fewer than {count} numbers", value=len(data), unit="B")
    return seconds + 1e-9 * nanoseconds, np.frombuffer(data, "<f8", count, start)


def joint_values(data: bytes) -> tuple[float, dict[str, tuple[float, float, float]]]:
    """Return stamp and joints of a `sensor_msgs/JointState`: position, velocity and effort by name.

    Args:
        data: The message in CDR, little endian, with its encapsulation header.

    Returns:
        Stamp of the header, s, and for each joint rad, rad/s and N·m; 0 where the message does not say.

    Raises:
        RecordingError: The message is shorter than it says, or big endian (code 934).
    """
    if len(data) < _ENCAPSULATION or data[1] & 1 != 1:
        raise RecordingError(f"{len(data)} B are no little-endian message")
    body = memoryview(data)[_ENCAPSULATION:]
    try:
        seconds, nanoseconds, size = struct.unpack_from("<iII", body)
        names, at = _strings(body, 12 + size)
        positions, at = _doubles(body, at)
        velocities, at = _doubles(body, at)
        efforts, _ = _doubles(body, at)
    except (struct.error, ValueError) as error:
        raise RecordingError(f"message of {len(data)} B is no whole joint state: {error}") from error
    columns = [[*column, *(0.0,) * (len(names) - len(column))] for column in (positions, velocities, efforts)]
    return seconds + 1e-9 * nanoseconds, dict(zip(names, zip(*columns, strict=True), strict=True))


def _strings(body: memoryview, at: int) -> tuple[list[str], int]:
    """Return a sequence of strings and where it ends."""
    at += -at % 4
    (count,) = struct.unpack_from("<I", body, at)
    at += 4
    found = []
    for _ in range(count):
        at += -at % 4
        (size,) = struct.unpack_from("<I", body, at)
        found.append(bytes(body[at + 4 : at + 3 + size]).decode())
        at += 4 + size
    return found, at


def _doubles(body: memoryview, at: int) -> tuple[tuple[float, ...], int]:
    """Return a sequence of float64 and where it ends."""
    at += -at % 4
    (count,) = struct.unpack_from("<I", body, at)
    at += 4
    if count:
        at += -at % 8
    return struct.unpack_from(f"<{count}d", body, at), at + 8 * count
