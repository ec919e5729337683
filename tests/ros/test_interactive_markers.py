"""Interactive markers: the server and its menus, driven by a client with RViz's rules.

Only upstream's public names are used, so the same file holds for the real ``interactive_markers``.
"""

from __future__ import annotations

import pytest
from geometry_msgs.msg import Pose
from interactive_markers import InteractiveMarkerServer, MenuHandler
from rclpy.qos import QoSProfile
from std_msgs.msg import Header
from visualization_msgs.msg import (
    InteractiveMarker,
    InteractiveMarkerControl,
    InteractiveMarkerFeedback,
    InteractiveMarkerUpdate,
    MenuEntry,
)

from tests.support.tf2_fake_rviz import FakeRViz
from tests.support.tf2_graph import graph, wait_until
from tests.support.tf2_messages import at

NAMESPACE = "cell/teleop"


@pytest.fixture
def ros():
    with graph() as running:
        yield running


@pytest.fixture
def server(ros):
    server = InteractiveMarkerServer(ros.node("cell"), NAMESPACE)
    yield server
    server.shutdown()


def marker(name: str, x: float = 0.0, frame: str = "base") -> InteractiveMarker:
    message = InteractiveMarker(header=Header(frame_id=frame), name=name, scale=0.25)
    message.pose = pose(x)
    message.controls = [InteractiveMarkerControl(interaction_mode=InteractiveMarkerControl.MOVE_AXIS)]
    return message


def pose(x: float) -> Pose:
    message = Pose()
    message.position.x = x
    message.orientation.w = 1.0
    return message


def insist(rviz: FakeRViz, name: str, event_type: int, heard: list, **fields) -> None:
    """Send feedback until it is taken: the real server ignores every client for a marker's first second."""
    before = len(heard)

    def taken() -> bool:
        rviz.send(name, event_type, **fields)
        return len(heard) > before

    wait_until(taken, f"feedback {event_type} for {name}")


def test_changes_are_sent_only_when_applied(ros, server):
    rviz = FakeRViz(ros.node("rviz"), NAMESPACE)
    rviz.fetch()
    server.insert(marker("tcp", 0.5))
    assert server.get("tcp").pose.position.x == 0.5
    assert rviz.fetch() == 0
    assert rviz.markers == {}
    server.applyChanges()
    wait_until(lambda: "tcp" in rviz.markers, "the marker")
    assert rviz.markers["tcp"] == marker("tcp", 0.5)
    assert server.setPose("tcp", pose(0.7))
    server.applyChanges()
    wait_until(lambda: rviz.markers["tcp"].pose.position.x == 0.7, "the new pose")
    assert rviz.markers["tcp"].header.frame_id == "base"
    assert server.setPose("tcp", pose(0.1), Header(frame_id="world"))
    server.applyChanges()
    wait_until(lambda: rviz.markers["tcp"].header.frame_id == "world", "the new frame")
    assert server.erase("tcp")
    assert server.get("tcp") is None
    server.applyChanges()
    wait_until(lambda: not rviz.markers, "the end of the marker")


def test_updates_are_numbered_without_a_gap_and_never_keep_alive(ros, server):
    rviz = FakeRViz(ros.node("rviz"), NAMESPACE)
    assert rviz.fetch() == 0
    for step in range(50):
        if step % 10 == 0:
            server.insert(marker(f"marker_{step}"))
        server.insert(marker("tcp", float(step)))
        server.applyChanges()
        server.applyChanges()  # nothing new: nothing sent
    wait_until(lambda: len(rviz.updates) == 50, "all updates")
    assert [update.seq_num for update in rviz.updates] == list(range(1, 51))
    assert {update.type for update in rviz.updates} == {InteractiveMarkerUpdate.UPDATE}
    assert rviz.gaps == []
    assert len(rviz.markers) == 6


def test_a_late_client_fetches_the_markers_and_follows(ros, server):
    for x in (0.1, 0.2, 0.3):
        server.insert(marker("tcp", x))
        server.insert(marker("goal", -x))
        server.applyChanges()
    rviz = FakeRViz(ros.node("rviz"), NAMESPACE)
    assert rviz.fetch() == 3
    assert {name: shown.pose.position.x for name, shown in rviz.markers.items()} == {"tcp": 0.3, "goal": -0.3}
    server.setPose("goal", pose(4.0))
    server.applyChanges()
    wait_until(lambda: rviz.markers["goal"].pose.position.x == 4.0, "the new pose")
    assert rviz.gaps == []


def test_two_clients_see_the_same(ros, server):
    first, second = (FakeRViz(ros.node(name), NAMESPACE) for name in ("rviz_1", "rviz_2"))
    first.fetch()
    server.insert(marker("tcp", 1.0))
    server.applyChanges()
    second.fetch()
    server.insert(marker("goal"))
    server.erase("tcp")
    server.applyChanges()
    for client in (first, second):
        wait_until(lambda client=client: set(client.markers) == {"goal"}, "the same markers")
        assert client.gaps == []


def test_a_drag_moves_the_marker_and_reaches_the_callbacks(ros, server):
    dragged: list[InteractiveMarkerFeedback] = []
    others: list[InteractiveMarkerFeedback] = []
    server.insert(marker("tcp", 0.5), feedback_callback=others.append)
    assert server.setCallback("tcp", dragged.append, InteractiveMarkerFeedback.POSE_UPDATE)
    server.applyChanges()
    rviz = FakeRViz(ros.node("rviz"), NAMESPACE)
    rviz.fetch()
    insist(rviz, "tcp", InteractiveMarkerFeedback.MOUSE_DOWN, others, mouse_point_valid=True)
    assert (others[-1].client_id, others[-1].event_type) == ("rviz", InteractiveMarkerFeedback.MOUSE_DOWN)
    for x in (0.6, 0.7, 0.8):
        insist(rviz, "tcp", InteractiveMarkerFeedback.POSE_UPDATE, dragged, pose=pose(x), header=Header(frame_id="map"))
        wait_until(lambda x=x: rviz.markers["tcp"].pose.position.x == x, "the dragged marker")
        assert server.get("tcp").pose.position.x == x
    count = len(others)
    insist(rviz, "tcp", InteractiveMarkerFeedback.MOUSE_UP, others)
    assert len(others) > count
    assert {feedback.event_type for feedback in dragged} == {InteractiveMarkerFeedback.POSE_UPDATE}
    # a marker with stamp zero is locked to its frame: the client's frame does not replace it
    assert rviz.markers["tcp"].header.frame_id == "base"
    assert rviz.gaps == []


def test_a_stamped_marker_takes_the_header_of_the_drag(ros, server):
    heard: list[InteractiveMarkerFeedback] = []
    stamped = marker("tcp")
    stamped.header.stamp = at(5.0).to_msg()
    server.insert(stamped, feedback_callback=heard.append)
    server.applyChanges()
    rviz = FakeRViz(ros.node("rviz"), NAMESPACE)
    rviz.fetch()
    header = Header(frame_id="map", stamp=at(6.0).to_msg())
    insist(rviz, "tcp", InteractiveMarkerFeedback.POSE_UPDATE, heard, pose=pose(1.0), header=header)
    wait_until(lambda: rviz.markers["tcp"].header == header, "the new header")


def test_a_second_client_is_ignored_while_the_first_one_drags(ros):
    # deep enough that what the second client sends is heard before the first one's next message replaces it
    server = InteractiveMarkerServer(ros.node("cell"), NAMESPACE, feedback_sub_qos=QoSProfile(depth=100))
    heard: list[InteractiveMarkerFeedback] = []
    server.insert(marker("tcp"), feedback_callback=heard.append)
    server.insert(marker("other"), feedback_callback=heard.append)
    server.applyChanges()
    first, second = (FakeRViz(ros.node(name), NAMESPACE) for name in ("rviz_1", "rviz_2"))
    for client in (first, second):
        client.fetch()
    insist(first, "tcp", InteractiveMarkerFeedback.POSE_UPDATE, heard, pose=pose(1.0))

    def first_again() -> bool:
        """Keep hold; what the second one sends in between must not get through."""
        second.send("tcp", InteractiveMarkerFeedback.POSE_UPDATE, pose(-1.0))
        first.send("tcp", InteractiveMarkerFeedback.POSE_UPDATE, pose(2.0))
        return sum(feedback.pose.position.x == 2.0 for feedback in heard) >= 5

    wait_until(first_again, "five more drags of the first client")
    assert {feedback.client_id for feedback in heard} == {"rviz_1"}
    assert server.get("tcp").pose.position.x == 2.0
    insist(second, "other", InteractiveMarkerFeedback.MOUSE_DOWN, heard)  # another marker is free
    insist(second, "tcp", InteractiveMarkerFeedback.MOUSE_DOWN, heard)  # and this one after a second of silence
    assert heard[-1].client_id == "rviz_2"
    server.shutdown()


def test_unknown_markers_are_refused(ros, server):
    assert server.get("ghost") is None
    assert not server.setPose("ghost", pose(1.0))
    assert not server.erase("ghost")
    assert not server.setCallback("ghost", print)
    heard: list[InteractiveMarkerFeedback] = []
    server.insert(marker("tcp"), feedback_callback=heard.append)
    server.applyChanges()
    rviz = FakeRViz(ros.node("rviz"), NAMESPACE)
    rviz.fetch()
    rviz.send("ghost", InteractiveMarkerFeedback.POSE_UPDATE, pose(1.0))
    insist(rviz, "tcp", InteractiveMarkerFeedback.MOUSE_DOWN, heard)
    assert {feedback.marker_name for feedback in heard} == {"tcp"}
    assert set(rviz.markers) == {"tcp"}


def test_a_replaced_marker_keeps_its_callbacks(ros, server):
    heard: list[InteractiveMarkerFeedback] = []
    server.insert(marker("tcp"), feedback_callback=heard.append)
    server.applyChanges()
    server.insert(marker("tcp", 3.0))
    server.applyChanges()
    rviz = FakeRViz(ros.node("rviz"), NAMESPACE)
    rviz.fetch()
    insist(rviz, "tcp", InteractiveMarkerFeedback.MOUSE_DOWN, heard)
    assert server.setCallback("tcp", None)
    count = len(heard)
    probe: list[InteractiveMarkerFeedback] = []
    assert server.setCallback("tcp", probe.append, InteractiveMarkerFeedback.BUTTON_CLICK)
    rviz.send("tcp", InteractiveMarkerFeedback.MOUSE_UP)
    insist(rviz, "tcp", InteractiveMarkerFeedback.BUTTON_CLICK, probe)
    assert len(heard) == count


def test_clear_and_shutdown_empty_the_screen(ros, server):
    rviz = FakeRViz(ros.node("rviz"), NAMESPACE)
    rviz.fetch()
    for name in ("a", "b"):
        server.insert(marker(name))
    server.applyChanges()
    wait_until(lambda: len(rviz.markers) == 2, "two markers")
    server.insert(marker("c"))
    server.clear()
    assert [server.get(name) for name in "abc"] == [None, None, None]
    server.applyChanges()
    wait_until(lambda: not rviz.markers, "an empty screen")
    server.insert(marker("d"))
    server.applyChanges()
    wait_until(lambda: set(rviz.markers) == {"d"}, "a new marker")
    server.shutdown()
    wait_until(lambda: not rviz.markers, "an empty screen")
    server.shutdown()  # once more does no harm


@pytest.fixture
def menu():
    """Entries Enable, Speed > (Slow, Fast) and Abort, and the handles and callbacks of each."""
    handler, chosen = MenuHandler(), []
    handles = {"Enable": handler.insert("Enable", callback=chosen.append)}
    handles["Speed"] = handler.insert("Speed", callback=chosen.append)
    for title in ("Slow", "Fast"):
        handles[title] = handler.insert(title, parent=handles["Speed"], callback=chosen.append)
    handles["Abort"] = handler.insert("Abort", command="stop", callback=chosen.append)
    return handler, handles, chosen


def test_a_menu_is_shown_and_its_choices_are_heard(ros, server, menu):
    handler, handles, chosen = menu
    server.insert(marker("tcp"))
    server.applyChanges()
    assert handler.apply(server, "tcp")
    server.applyChanges()
    rviz = FakeRViz(ros.node("rviz"), NAMESPACE)
    rviz.fetch()
    entries = {entry.title: entry for entry in rviz.markers["tcp"].menu_entries}
    assert list(entries) == ["Enable", "Speed", "Slow", "Fast", "Abort"]
    assert {title: entry.id for title, entry in entries.items()} == handles
    assert [entries[title].parent_id for title in entries] == [0, 0, handles["Speed"], handles["Speed"], 0]
    assert (entries["Abort"].command, entries["Abort"].command_type) == ("stop", MenuEntry.FEEDBACK)
    insist(rviz, "tcp", InteractiveMarkerFeedback.MENU_SELECT, chosen, menu_entry_id=handles["Fast"])
    assert chosen[-1].menu_entry_id == handles["Fast"]
    rviz.send("tcp", InteractiveMarkerFeedback.MENU_SELECT, menu_entry_id=99)
    insist(rviz, "tcp", InteractiveMarkerFeedback.MENU_SELECT, chosen, menu_entry_id=handles["Abort"])
    assert {feedback.menu_entry_id for feedback in chosen} == {handles["Fast"], handles["Abort"]}


def test_check_boxes_and_visibility_reach_all_markers_of_a_menu(ros, server, menu):
    handler, handles, _ = menu
    for name in ("left", "right"):
        server.insert(marker(name))
        assert handler.apply(server, name)
    assert handler.setCheckState(handles["Slow"], MenuHandler.CHECKED)
    assert handler.setCheckState(handles["Fast"], MenuHandler.UNCHECKED)
    assert handler.setVisible(handles["Abort"], False)
    assert [handler.getCheckState(handles[title]) for title in ("Slow", "Fast", "Enable")] == [
        MenuHandler.CHECKED, MenuHandler.UNCHECKED, MenuHandler.NO_CHECKBOX,
    ]  # fmt: skip
    assert handler.reApply(server)
    server.applyChanges()
    rviz = FakeRViz(ros.node("rviz"), NAMESPACE)
    rviz.fetch()
    for name in ("left", "right"):
        titles = [entry.title for entry in rviz.markers[name].menu_entries]
        assert titles == ["Enable", "Speed", "[x] Slow", "[ ] Fast"]
    assert handler.setVisible(handles["Speed"], False)
    server.erase("left")
    server.applyChanges()
    assert not handler.reApply(server)  # one of its markers is gone
    assert handler.reApply(server)  # and forgotten
    server.applyChanges()
    wait_until(lambda: len(rviz.markers["right"].menu_entries) == 1, "the shorter menu")


def test_menu_entries_that_do_not_exist(menu, capfd):
    handler, handles, _ = menu
    assert handler.getTitle(handles["Slow"]) == "Slow"
    assert [handler.getTitle(77), handler.getCheckState(77)] == [None, None]
    assert not handler.setVisible(77, True)
    assert not handler.setCheckState(77, MenuHandler.CHECKED)
    assert handler.insert("orphan", parent=77) is None
    assert "Parent menu entry '77' not found" in capfd.readouterr().err
