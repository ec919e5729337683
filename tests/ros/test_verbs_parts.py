"""The parts of the verbs that need no graph: discovery ports, rates, parameter files, selecting fields."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest
from geometry_msgs.msg import Polygon, PoseStamped
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from cablecell.ros.verbs import discovery
from cablecell.ros.verbs.command import VerbError
from cablecell.ros.verbs.listening import select
from cablecell.ros.verbs.parameter_file import flatten, read_parameters, sections_for
from cablecell.ros.verbs.rates import BandwidthWindow, RateWindow, rate_table

UDP_TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 00000000:1CF2 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 111 2 0000000000000000 0
  101: 00000000:1CF3 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 112 2 0000000000000000 0
  102: 0100007F:1CF4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 113 2 0000000000000000 17
  103: 00000000:1DEC 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 114 2 0000000000000000 0
"""


def test_discovery_ports_of_a_domain() -> None:
    # Domain 0 starts at 7410, user traffic has the odd ports; domain 1 starts at 7660 = 0x1DEC.
    assert discovery.discovery_ports(0, UDP_TABLE) == [
        discovery.DiscoveryPort(7410, "111", 0),
        discovery.DiscoveryPort(7412, "113", 17),
    ]
    assert discovery.discovery_ports(1, UDP_TABLE) == [discovery.DiscoveryPort(7660, "114", 0)]
    assert discovery.discovery_ports(2, UDP_TABLE) == []


def test_no_kernel_table_is_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(discovery, "_UDP_TABLE", tmp_path / "none")
    assert discovery.discovery_ports(0) is None
    assert discovery.hasten(0) is None


def test_own_sockets_are_told_from_others() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        descriptors = discovery.own_sockets().values()
        assert probe.fileno() in descriptors


def test_ghost_announcement_is_a_parameter_list_with_our_port() -> None:
    packet = discovery.ghost_announcement(7412, bytes(range(12)))
    assert packet[:4] == b"RTPS"
    assert packet[8:20] == bytes(range(12))
    kind, flags, length = struct.unpack_from("<BBH", packet, 20)
    assert (kind, flags) == (0x15, 0b101)
    assert length == len(packet) - 24
    parameters = {}
    offset = 24 + 20 + 4
    while offset < len(packet):
        identifier, size = struct.unpack_from("<HH", packet, offset)
        parameters[identifier] = packet[offset + 4 : offset + 4 + size]
        offset += 4 + size
    assert list(parameters)[-1] == 0x0001
    assert struct.unpack_from("<II", parameters[0x0032]) == (1, 7412)
    assert parameters[0x0032][-4:] == socket.inet_aton("127.0.0.1")
    assert parameters[0x0050] == bytes(range(12)) + b"\x00\x00\x01\xc1"


def test_rate_of_regular_messages() -> None:
    window = RateWindow(4)
    assert window.report() is None
    for number in range(10):
        window.add(number * 50_000_000)
    assert str(window.report()) == "average rate: 20.000\n\tmin: 0.050s max: 0.050s std dev: 0.00000s window: 4"
    assert window.report() is None, "nothing new since the last report"


def test_rate_of_irregular_messages() -> None:
    window = RateWindow(10)
    for now in (0, 100_000_000, 400_000_000):
        window.add(now)
    report = window.report()
    assert report is not None
    assert (report.rate_hz, report.deviation_s) == (pytest.approx(5.0), pytest.approx(0.1))
    assert (report.shortest_s, report.longest_s, report.intervals) == (pytest.approx(0.1), pytest.approx(0.3), 2)
    table = rate_table({"/a": report})
    assert table.splitlines()[2].split() == ["/a", "5.000", "0.100", "0.300", "0.10000", "2"]


def test_clock_that_goes_back_starts_again() -> None:
    rates = RateWindow(10)
    for now in (1_000_000_000, 2_000_000_000, 0, 500_000_000):
        rates.add(now)
    report = rates.report()
    assert report is not None
    assert (report.rate_hz, report.intervals) == (2.0, 1)


def test_bandwidth() -> None:
    window = BandwidthWindow(100)
    window.add(0, 1000)
    assert window.report(1_000_000_000) is None
    window.add(500_000_000, 3000)
    assert window.report(2_000_000_000) == (
        "2.00 KB/s from 2 messages\n\tMessage size mean: 2.00 KB min: 1.00 KB max: 3.00 KB"
    )
    window.add(1_000_000_000, 4_000_000)
    assert "2.00 MB/s from 3 messages" in (window.report(2_000_000_000) or "")


def test_parameter_sections_from_general_to_specific() -> None:
    tree = {
        "/**": {"ros__parameters": {"a": 1, "b": 1, "c": 1}},
        "/cell": {"talker": {"ros__parameters": {"b": 2, "c": 2}}},
        "/cell/talker": {"ros__parameters": {"c": 3, "group": {"d": 4}}},
        "/cell/other": {"ros__parameters": {"a": 9}},
    }
    assert sections_for(tree, "/cell/talker") == {"a": 1, "b": 2, "c": 3, "group.d": 4}
    assert sections_for(tree, "/cell/talker", use_wildcard=False) == {"b": 2, "c": 3, "group.d": 4}
    assert sections_for({"talker": {"ros__parameters": {"a": 1}}}, "/talker") == {"a": 1}
    assert flatten({"a": {"b": {"c": 1}}, "d": 2}) == {"a.b.c": 1, "d": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not YAML"),
        ("- a", "expected sections with the key 'ros__parameters'"),
        ("/other: {ros__parameters: {a: 1}}", "no parameters for node '/talker'"),
        ("talker: {ros__parameters: {a: [1, b]}}", "parameter 'a'"),
    ],
)
def test_parameter_files_that_do_not_fit(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "parameters.yaml"
    file.write_text(text)
    with pytest.raises(VerbError) as caught:
        read_parameters(file, "/talker")
    assert message in str(caught.value)
    assert str(file) in str(caught.value)


def test_missing_parameter_file(tmp_path: Path) -> None:
    with pytest.raises(VerbError, match="No such file"):
        read_parameters(tmp_path / "none.yaml", "/talker")


def test_select() -> None:
    trajectory = JointTrajectory(points=[JointTrajectoryPoint(positions=[1.0, 2.0])])
    assert select(trajectory, "points[0].positions[1]") == 2.0
    assert select(PoseStamped(), "pose.orientation.w") == 1.0


@pytest.mark.parametrize(
    ("message", "path", "error"),
    [
        (PoseStamped(), "pose.nope", "no 'nope' in geometry_msgs/msg/Pose; valid fields: position, orientation"),
        (PoseStamped(), "pose.position.x.y", "no 'y' in float, which has no fields"),
        (Polygon(), "points[0]", "no element [0]"),
        (PoseStamped(), "pose[0]", "no element [0]"),
    ],
)
def test_select_names_what_is_there(message: object, path: str, error: str) -> None:
    with pytest.raises(VerbError) as caught:
        select(message, path)
    assert error in str(caught.value)
