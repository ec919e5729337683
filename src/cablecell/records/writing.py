"""Write an MCAP recording that stays readable when its writer is killed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from mcap.writer import CompressionType, Writer

from cablecell.records.definitions import full_definition
from cablecell.records.errors import RecordingError

CHUNK_BYTES = 4_000_000
"""A chunk is closed early when it grows beyond, which bounds the memory of the writer."""


class RecordingWriter:
    """One MCAP file in the making: profile `ros2`, schemas `ros2msg`, messages as they came over the wire.

    A file that was never closed can be read up to the last `flush`.

    Args:
        path: File to create.
        prefixes: Where message definitions are installed.

    Raises:
        RecordingError: The file cannot be created, or exists already (code 934).
    """

    def __init__(self, path: Path, prefixes: Sequence[Path]) -> None:
        self._prefixes = tuple(prefixes)
        try:
            self._stream: IO[bytes] = path.open("xb")
        except OSError as error:
            raise RecordingError(
                f"recording {path} cannot be created: {error.strerror}", quantity="path", value=path
            ) from error
        self._writer = Writer(self._stream, chunk_size=CHUNK_BYTES, compression=CompressionType.ZSTD)
        self._writer.start(profile="ros2", library="cablecell")
        self._writer.flush()
        self._schemas: dict[str, int] = {}
        self._counts: dict[int, int] = {}
        self.bytes_written = 0

    @property
    def message_count(self) -> int:
        """Messages written so far."""
        return sum(self._counts.values())

    def add_channel(self, topic: str, type_name: str, metadata: Mapping[str, str] | None = None) -> int:
        """Announce a topic and return the number of its channel.

        Args:
            topic: Full name of the topic.
            type_name: For example `sensor_msgs/msg/JointState`.
            metadata: Texts kept with the channel.

        Raises:
            RecordingError: The definition of the type is not installed (code 934).
        """
        schema = self._schemas.get(type_name)
        if schema is None:
            text = full_definition(type_name, self._prefixes)
            schema = self._writer.register_schema(type_name, "ros2msg", text.encode())
            self._schemas[type_name] = schema
        return self._writer.register_channel(topic, "cdr", schema, dict(metadata or {}))

    def add(self, channel: int, data: bytes, log_ns: int, publish_ns: int) -> None:
        """Write one message.

        Args:
            channel: What `add_channel` returned.
            data: The message in CDR, with its encapsulation header.
            log_ns: When it was received, ns.
            publish_ns: When it was sent, ns.
        """
        sequence = self._counts.get(channel, 0)
        self._counts[channel] = sequence + 1
        self.bytes_written += len(data)
        self._writer.add_message(channel, log_ns, data, publish_ns, sequence)

    def flush(self) -> None:
        """Close the chunk and hand it to the system: from here on it survives the death of this process."""
        self._writer.flush()

    def close(self) -> None:
        """Write the index and close the file."""
        if not self._stream.closed:
            self._writer.finish()
            self._stream.close()

    def __enter__(self) -> RecordingWriter:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()
