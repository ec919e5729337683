"""Recordings without ROS: definitions, every truncation of a file, and numbers out of raw messages."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from cablecell.records.definitions import SEPARATOR, full_definition
from cablecell.records.errors import RecordingError
from cablecell.records.reading import leading_numbers, read_messages
from cablecell.records.writing import RecordingWriter

PREFIXES = (Path(sys.prefix),)


def cdr(number, frame="ft_frame", values=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)):
    """A WrenchStamped as the middleware writes it."""
    body = struct.pack("<iII", number, 500_000_000, len(frame) + 1) + frame.encode() + b"\0"
    body += bytes(-len(body) % 8)
    return b"\0\1\0\0" + body + struct.pack("<6d", *values)


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "run.mcap"
    with RecordingWriter(path, PREFIXES) as writer:
        channel = writer.add_channel("/wrench", "geometry_msgs/msg/WrenchStamped")
        for number in range(6):
            writer.add(channel, cdr(number), 10 + number, 5 + number)
            if number % 2:
                writer.flush()
    return path


def test_what_is_written_is_read_again(recording):
    messages = list(read_messages(recording))
    assert [m.data for m in messages] == [cdr(number) for number in range(6)]
    assert [m.log_ns for m in messages] == [10, 11, 12, 13, 14, 15]
    assert {(m.topic, m.type_name) for m in messages} == {("/wrench", "geometry_msgs/msg/WrenchStamped")}
    assert not list(read_messages(recording, {"/other"}))


def test_a_file_cut_anywhere_gives_whole_messages_up_to_the_cut(recording, tmp_path):
    whole = recording.read_bytes()
    expected = [cdr(number) for number in range(6)]
    counts = []
    for size in range(60, len(whole), 11):
        cut = tmp_path / "cut.mcap"
        cut.write_bytes(whole[:size])
        found = [m.data for m in read_messages(cut)]
        assert found == expected[: len(found)]
        counts.append(len(found))
    assert counts == sorted(counts)
    assert set(counts) == {0, 2, 4, 6}


def test_what_is_no_recording_is_refused(tmp_path):
    path = tmp_path / "text.mcap"
    path.write_text("this is no recording at all")
    with pytest.raises(RecordingError, match="holds no recording"):
        list(read_messages(path))
    with pytest.raises(RecordingError, match="No such file"):
        list(read_messages(tmp_path / "missing.mcap"))


def test_definition_holds_every_dependency_once():
    text = full_definition("cablecell_interfaces/msg/InsertionResult", PREFIXES)
    parts = text.split(f"{SEPARATOR}\nMSG: ")
    names = [part.splitlines()[0] for part in parts[1:]]
    assert sorted(names) == [
        "builtin_interfaces/Duration",
        "builtin_interfaces/Time",
        "cablecell_interfaces/ContactEstimate",
        "geometry_msgs/Point",
        "geometry_msgs/Pose",
        "geometry_msgs/PoseWithCovariance",
        "geometry_msgs/Quaternion",
        "geometry_msgs/Vector3",
        "geometry_msgs/Wrench",
        "std_msgs/Header",
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("std_srvs/srv/Trigger", "only messages"),
        ("std_msgs/msg/Nothing", r"std_msgs/msg/Nothing\.msg is not installed"),
    ],
)
def test_definitions_that_cannot_be_had(name, reason):
    with pytest.raises(RecordingError, match=reason):
        full_definition(name, PREFIXES)


@pytest.mark.parametrize("frame", ["", "a", "abc", "ft_frame", "gripper/tcp"])
def test_numbers_are_found_behind_any_frame(frame):
    stamp, numbers = leading_numbers(cdr(7, frame), 6)
    assert stamp == 7.5
    np.testing.assert_array_equal(numbers, [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize("data", [b"", cdr(1)[:40], b"\0\0\0\0" + cdr(1)[4:]])
def test_short_and_foreign_messages_are_refused(data):
    with pytest.raises(RecordingError):
        leading_numbers(data, 6)
