"""The node `teleop` over DDS: an RViz made of raw messages, an ideal arm, and operators who make every mistake."""

import contextlib
import math
import signal
import time

import numpy as np
import pytest
from cablecell_interfaces.msg import CellState, PortEstimate, PortEstimateArray, TeleopStatus
from cablecell_interfaces.srv import RequestControl, ServoCommandType
from geometry_msgs.msg import Point, Pose, Quaternion, TransformStamped
from lifecycle_msgs.msg import Transition
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import InteractiveMarkerFeedback, InteractiveMarkerUpdate

from cablecell.core.geometry import invert_pose, make_pose
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.ros import conversions, qos
from cablecell.ros.skill_messages import held_plug_to_json
from tests.support.arm_node import BIN, end, start_node
from tests.support.cell_graph import simulation_entities
from tests.support.graph import Process
from tests.support.teleop_rig import HOME, TeleopRig, moved
from tests.support.wait import wait_until

# Generous about the age of measurements: these tests share the machine with others.
PATIENT = (
    "autostart:=true",
    "state_age_limit_s:=1.0",
    "speed_scale:=1.0",
    "consent_limit_s:=5.0",
    "command_age_limit_s:=1.0",
    "realtime_priority:=0",
)


@pytest.fixture(scope="module")
def running():
    with TeleopRig() as rig, start_node("teleop", *PATIENT) as process:
        rig.wait_until_ready()
        yield rig
        end(process)


@pytest.fixture
def rig(running):
    running.reset()
    return running


def test_a_late_client_gets_the_marker_and_the_number_of_the_last_update(rig):
    answer = rig.markers()
    (marker,) = answer.markers
    assert answer.sequence_number == rig.updates[-1].seq_num
    assert (marker.name, marker.header.frame_id) == ("tcp", "base_link")
    assert (marker.header.stamp.sec, marker.header.stamp.nanosec) == (0, 0), "a zero stamp locks it to its frame"
    modes = sorted(control.interaction_mode for control in marker.controls)
    assert modes == [1, 3, 3, 3, 5, 5, 5], "a menu, three axes to move along and three to turn about"
    for control in marker.controls:
        q = control.orientation
        assert math.isclose(q.x**2 + q.y**2 + q.z**2 + q.w**2, 1.0, abs_tol=1e-9)
    titles = [entry.title for entry in marker.menu_entries]
    assert [title for title in titles if not title.startswith("[")] == [
        "Snap to TCP",
        "Stop",
        "Speed",
        "Frame",
        "Tare force sensor",
    ]
    assert "[ ] Enable" in titles


def test_updates_follow_without_a_gap_and_are_never_keep_alive(rig):
    first = len(rig.updates)
    for step in range(1, 6):
        rig.arm.X = moved(0.01 * step)
        rig.wait_for_marker(rig.arm.X)
    heard = [update.seq_num for update in rig.updates]
    assert len(heard) >= first + 5
    assert heard == list(range(heard[0], heard[0] + len(heard)))
    assert {update.type for update in rig.updates} == {InteractiveMarkerUpdate.UPDATE}


def test_a_client_that_missed_an_update_is_whole_again_after_asking(rig):
    """What RViz does on a gap: it asks anew and goes on from the number of the answer."""
    before = rig.markers()
    missed = len(rig.updates)
    rig.arm.X = moved(0.02)
    rig.wait_for_marker(rig.arm.X)
    answer = rig.markers()
    assert answer.sequence_number > before.sequence_number
    rig.arm.X = moved(0.04)
    rig.wait_for_marker(rig.arm.X)
    usable = [update for update in rig.updates[missed:] if update.seq_num > answer.sequence_number]
    assert usable[0].seq_num == answer.sequence_number + 1
    assert usable[-1].poses[-1].pose.position.x == pytest.approx(moved(0.04)[0, 3], abs=0.002)


def test_the_arm_follows_a_dragged_marker(rig):
    rig.enable()
    rig.press()
    goal = moved(0.04, 0.0, -0.03)
    follow = lambda: rig.feedback(InteractiveMarkerFeedback.POSE_UPDATE, goal)  # noqa: E731
    # So near that it has all but stopped: who lets go earlier is brought to rest a little further on.
    rig.repeat_until(follow, lambda: rig.is_at(goal, within_m=1e-5), "the arm at the marker")
    assert rig.status.holder == "marker rviz"
    assert rig.status.state == TeleopStatus.STATE_MOVING
    rig.release()
    rig.wait_for_rest()
    np.testing.assert_allclose(rig.arm.X, goal, atol=1e-4)
    rig.wait_for_status(lambda status: status.state == TeleopStatus.STATE_READY, "ready")
    rig.wait_for_marker(rig.arm.X)


def test_enabling_after_a_large_drag_moves_nothing(rig):
    rig.press()
    rig.drag(moved(0.1, 0.2, 0.1), 0.3)
    assert rig.status.error_code == 701
    rig.enable()
    rig.drag(moved(0.1, 0.2, 0.1), 0.5)
    rig.wait_for_error(703)
    rig.release()
    rig.wait_for_marker(HOME)
    assert rig.arm.moves == []
    assert rig.arm.commands == []


def test_an_operator_who_vanishes_leaves_the_arm_at_rest_within_half_a_second(rig):
    rig.enable()
    rig.press()
    rig.drag(moved(0.2), 0.7)
    vanished_s = time.monotonic()
    assert rig.arm.moves[-1][0] > vanished_s - 0.1, "the arm moves"
    rested_s = rig.wait_for_rest()
    assert 0.2 < rested_s - vanished_s <= 0.5
    assert len(rig.arm.moves) > 20
    rig.wait_for_status(lambda status: not status.holder, "control is free")
    before = rig.arm.X
    rig.drag(moved(-0.2), 0.3)
    rig.wait_for_error(703)
    np.testing.assert_array_equal(rig.arm.X, before)


def test_a_mouse_held_still_keeps_control(rig):
    rig.enable()
    rig.press()
    keep = lambda: rig.feedback(InteractiveMarkerFeedback.KEEP_ALIVE)  # noqa: E731
    rig.repeat(keep, time.monotonic() + 1.2, 0.25)
    assert rig.status.holder == "marker rviz"
    assert rig.arm.moves == []
    rig.release()


def test_of_two_clients_only_one_moves_the_arm(rig):
    rig.enable()
    rig.press()

    def both():
        rig.feedback(InteractiveMarkerFeedback.POSE_UPDATE, moved(0.02))
        rig.feedback(InteractiveMarkerFeedback.MOUSE_DOWN, client="rviz_2")
        rig.feedback(InteractiveMarkerFeedback.POSE_UPDATE, moved(-0.05), client="rviz_2")

    rig.repeat_until(both, lambda: rig.is_at(moved(0.02)), "the arm where the first client wants it", 0.03)
    assert rig.status.holder == "marker rviz"
    rig.release()
    rig.wait_for_rest()
    assert rig.is_at(moved(0.02))
    assert all(X[0, 3] >= HOME[0, 3] - 1e-9 for _, X in rig.arm.moves)


def test_a_second_source_is_refused_and_told_who_holds_control(rig):
    rig.enable()
    rig.press()

    def both():
        rig.feedback(InteractiveMarkerFeedback.KEEP_ALIVE)
        rig.twist(0.0, 1.0, 0.0)

    rig.repeat(both, time.monotonic() + 0.4)
    status = rig.wait_for_error(702)
    assert "'twist' is refused: 'marker rviz' holds control" in status.error_msg
    assert rig.arm.moves == []
    rig.release()


GOOD = Pose(position=Point(x=-0.3, y=0.19, z=0.33), orientation=Quaternion(x=1.0, y=0.0, z=0.0, w=0.0))


@pytest.mark.parametrize(
    ("pose", "frame", "code"),
    [
        (Pose(position=GOOD.position, orientation=Quaternion(x=0.0, y=0.0, z=0.0, w=0.0)), "base_link", 302),
        (Pose(position=Point(x=math.nan), orientation=GOOD.orientation), "base_link", 301),
        (GOOD, "nowhere", 306),
    ],
    ids=["quaternion of zeros", "NaN", "unknown frame"],
)
def test_a_pose_that_is_none_changes_nothing(rig, pose, frame, code):
    rig.enable()
    rig.press()
    follow = lambda: rig.feedback(InteractiveMarkerFeedback.POSE_UPDATE, moved(0.01))  # noqa: E731
    rig.repeat_until(follow, lambda: rig.is_at(moved(0.01)), "the arm at the marker")
    before = rig.status.refused_count
    rig.feedback(InteractiveMarkerFeedback.POSE_UPDATE, pose=pose, frame=frame)
    rig.wait_for_error(code)
    assert rig.status.refused_count == before + 1
    rig.release()
    rig.wait_for_rest()
    assert all(np.linalg.norm(X[:3, 3] - HOME[:3, 3]) < 0.0101 for _, X in rig.arm.moves)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"linear": (math.nan, 0.0, 0.0)}, 301),
        ({"linear": (1.5, 0.0, 0.0)}, 710),
        ({"frame": "nowhere"}, 306),
        ({"age_s": 1.5}, 304),
        ({"age_s": -0.5}, 305),
    ],
)
def test_a_bad_twist_is_refused_with_its_code(rig, change, code):
    rig.enable()
    linear = change.pop("linear", (1.0, 0.0, 0.0))
    rig.twist(*linear, **change)
    rig.wait_for_error(code)
    assert rig.arm.moves == []


def test_a_twist_in_the_frame_of_the_tool_moves_along_its_axes_and_stops_in_silence(rig):
    rig.enable()
    push = lambda: rig.twist(0.0, 0.0, 1.0, frame="tcp")  # noqa: E731
    rig.repeat_until(push, lambda: rig.arm.X[2, 3] < HOME[2, 3] - 0.02, "a motion down, where z of the tool points")
    silent_s = time.monotonic()
    rested_s = rig.wait_for_rest()
    assert rested_s - silent_s <= 0.5
    offset = rig.arm.X[:3, 3] - HOME[:3, 3]
    assert np.abs(offset[:2]).max() < 1e-9


def test_a_frame_that_moves_has_to_be_seen_and_a_fixed_one_does_not(rig):
    moving = rig.node.create_publisher(TFMessage, "/tf", 10)
    fixed = rig.node.create_publisher(TFMessage, "/tf_static", qos.STATE)

    def tell(publisher, name, age_s):
        frame = TransformStamped(child_frame_id=name)
        frame.header.frame_id = "base_link"
        conversions.fill_time(frame.header.stamp, time.time_ns() - round(1e9 * age_s))
        frame.transform.rotation.w = 1.0
        publisher.publish(TFMessage(transforms=[frame]))

    def push(name):
        rig.twist(0.0, 0.0, 0.5, frame=name)

    rig.enable()
    old = lambda: (tell(moving, "wand", 3.0), push("wand"))  # noqa: E731
    rig.repeat_until(old, lambda: "'wand' was last seen" in rig.status.error_msg, "the refusal of an old frame")
    assert rig.status.error_code == 304
    assert rig.arm.moves == []
    rig.repeat_until(lambda: (tell(moving, "wand", 0.0), push("wand")), lambda: rig.arm.moves, "a motion")
    rig.wait_for_rest()
    rig.arm.moves.clear()
    tell(fixed, "table", 100.0)
    rig.repeat_until(lambda: push("table"), lambda: rig.arm.moves, "a motion in a fixed frame")


def test_poses_are_followed_when_they_are_selected(rig):
    rig.enable()
    rig.pose(moved(0.03))
    rig.wait_for_error(705)

    def switch(number):
        request = ServoCommandType.Request(command_type=number)
        return rig.call(ServoCommandType, "teleop/switch_command_type", request)

    refused = switch(ServoCommandType.Request.JOINT_JOG)
    assert (refused.success, refused.error_code) == (False, 705)
    assert switch(ServoCommandType.Request.POSE).success
    rig.repeat_until(lambda: rig.pose(moved(0.03)), lambda: rig.is_at(moved(0.03)), "the arm at the pose")
    assert switch(ServoCommandType.Request.TWIST).success


def test_a_pause_stops_and_refuses(rig):
    rig.enable()
    rig.repeat_until(lambda: rig.twist(1.0, 0.0, 0.0), lambda: rig.arm.moves, "a motion")
    assert rig.set("pause_servo", True).success
    rig.wait_for_rest()
    rig.twist(1.0, 0.0, 0.0)
    rig.wait_for_error(704)
    assert rig.status.state == TeleopStatus.STATE_PAUSED


def test_contact_leaves_only_the_way_back(rig):
    rig.enable()
    rig.arm.force = np.array([-25.0, 0.0, 0.0])
    rig.wait_for_status(lambda status: status.contact_force > 24.0, "contact")
    limited = lambda: rig.status.limits & TeleopStatus.LIMIT_RETRACT_ONLY  # noqa: E731
    rig.repeat_until(lambda: rig.twist(0.5, 0.0, 0.0), limited, "the force guard")
    assert rig.status.contact_force == pytest.approx(25.0, abs=0.01)
    assert rig.arm.moves == []
    back = lambda: rig.arm.X[0, 3] < HOME[0, 3] - 0.005  # noqa: E731
    rig.repeat_until(lambda: rig.twist(-0.5, 0.0, 0.0), back, "the way back")


def test_a_blocked_arm_is_led_no_further_than_the_leash(rig):
    rig.enable()
    rig.arm.is_blocked = True
    taut = lambda: rig.status.leash_distance > 0.015  # noqa: E731
    rig.repeat_until(lambda: rig.twist(1.0, 1.0, 0.0), taut, "a taut leash")
    rig.repeat(lambda: rig.twist(1.0, 1.0, 0.0), time.monotonic() + 0.3)
    distances = [np.linalg.norm(command.X_base_target[:3, 3] - HOME[:3, 3]) for _, command in rig.arm.commands]
    assert 0.015 < max(distances) <= 0.02


def test_a_silent_arm_ends_teleoperation(rig):
    rig.enable()
    rig.arm.is_silent = True
    status = rig.wait_for_error(706)
    rig.wait_for_status(lambda status: status.state == TeleopStatus.STATE_DISABLED, "disabled")
    assert "the limit is 1.0 s" in status.error_msg
    answer = rig.set("enable", True)
    assert not answer.success
    assert answer.message.startswith("code 706: ")


def test_a_running_job_keeps_the_arm(rig):
    with rig.job:
        answer = rig.set("enable", True)
        assert not answer.success
        assert answer.message == "code 620: a job is running; stop it, or wait for its end"
        assert rig.status.state == TeleopStatus.STATE_DISABLED
    rig.enable()
    assert rig.desk.holder == "/teleop"
    refused = rig.call(RequestControl, "request_control", RequestControl.Request(holder="console", take=True))
    assert refused.error_code == 620
    rig.set("enable", False)
    wait_until(lambda: not rig.desk.holder, what="the arm given back")


def test_the_menu_enables_chooses_the_speed_and_disables(rig):
    rig.menu("Enable")
    rig.wait_for_status(lambda status: status.state == TeleopStatus.STATE_READY, "enabled by the menu")
    rig.menu("5%")
    rig.wait_for_status(lambda status: status.speed_scale == pytest.approx(0.05), "five percent")
    rig.menu("100%")
    rig.wait_for_status(lambda status: status.speed_scale == pytest.approx(1.0), "full speed")
    assert "[x] 100%" in [entry.title for entry in rig.markers().markers[0].menu_entries]
    rig.menu("base")
    wait_until(
        lambda: {control.orientation_mode for control in rig.markers().markers[0].controls[:6]} == {1},
        what="controls along the axes of the base",
    )
    rig.menu("tool")
    rig.menu("Enable")
    rig.wait_for_status(lambda status: status.state == TeleopStatus.STATE_DISABLED, "disabled by the menu")


def test_the_end_of_the_cell_is_the_end_of_teleoperation(rig):
    rig.enable()
    rig.cell_states.publish(CellState(state=CellState.STATE_ABORTED, reason="a node died"))
    rig.wait_for_error(709)
    rig.wait_for_status(lambda status: status.state == TeleopStatus.STATE_DISABLED, "disabled")


def test_it_knows_nothing_of_the_simulation(rig):
    assert simulation_entities(rig, ("teleop", "_teleop")) == []


def test_deactivated_it_sends_nothing_and_gives_the_arm_back(rig):
    rig.enable()
    rig.twist(1.0, 0.0, 0.0, frame="nowhere")
    rig.wait_for_error(306)
    assert rig.status.refused_count > 0
    assert rig.change_state("/teleop", Transition.TRANSITION_DEACTIVATE)
    wait_until(lambda: not rig.desk.holder, what="the arm given back")
    answer = rig.set("enable", True)
    assert answer.message.startswith("code 604: ")
    rig.repeat(lambda: rig.twist(1.0, 0.0, 0.0), time.monotonic() + 0.3)
    assert rig.arm.commands == []
    assert rig.change_state("/teleop", Transition.TRANSITION_CLEANUP)
    assert rig.change_state("/teleop", Transition.TRANSITION_CONFIGURE)
    assert rig.change_state("/teleop", Transition.TRANSITION_ACTIVATE)
    rig.wait_until_ready()
    status = rig.wait_for_status(lambda status: status.error_code == 0, "no error of the time before")
    assert status.refused_count == 0


@contextlib.contextmanager
def _alone(namespace, *parameters):
    """Run a node of its own with other parameters."""
    words = [word for parameter in (*PATIENT, *parameters) for word in ("-p", parameter)]
    ros = ("--ros-args", "-r", f"__ns:={namespace}", *words)
    with TeleopRig(namespace=namespace) as rig, Process(BIN / "teleop", *ros) as process:
        rig.wait_until_ready()
        rig.wait_for_marker(HOME)
        yield rig
        end(process)


def test_an_answer_of_the_supervisor_that_is_lost_does_not_keep_the_arm_from_the_jobs():
    with _alone("/lossy", "consent_limit_s:=0.4") as rig:
        rig.desk.lost_answers = 1
        answer = rig.set("enable", True)
        assert answer.message.startswith("code 605: the supervisor did not answer"), answer
        wait_until(lambda: not rig.desk.lost_answers and not rig.desk.holder, what="the arm given back")
        rig.enable()
        assert rig.desk.holder == "/lossy/teleop"
        rig.desk.lost_requests = 2
        assert rig.set("enable", False).success
        wait_until(lambda: not rig.desk.lost_requests and not rig.desk.holder, what="the arm given back")
        rig.enable()
        rig.desk.lost_requests = 1
        assert rig.change_state("/lossy/teleop", Transition.TRANSITION_DEACTIVATE)
        assert not rig.desk.holder


def test_a_stop_that_nobody_hears_is_an_error_and_is_asked_for_again(rig):
    rig.enable()
    rig.menu("Stop")
    status = rig.wait_for_error(711)
    assert status.error_msg == "the arm may still move: the arm controller is not there"
    assert status.state == TeleopStatus.STATE_DISABLED


def test_a_stop_counts_only_when_the_arm_controller_says_so(rig):
    asked = []

    def answer(_, response):
        asked.append(time.monotonic())
        response.success = len(asked) == 3
        response.message = "" if response.success else "code 316: the control loop did not finish within 0.5 s"
        return response

    service = rig.node.create_service(Trigger, "stop", answer)
    try:
        probe = rig.node.create_client(Trigger, "stop")
        assert probe.wait_for_service(timeout_sec=20.0)
        rig.menu("Stop")
        status = rig.wait_for_status(lambda status: "316" in status.error_msg, "the refusal of the arm controller")
        assert status.error_code == 711
        wait_until(lambda: len(asked) == 3, what="a stop that was asked for again")
        rig.wait_for_error(0)
        assert len(asked) == 3
    finally:
        rig.run(lambda: rig.node.destroy_service(service))


def test_without_a_supervisor_enabling_is_refused():
    words = [word for parameter in PATIENT for word in ("-p", parameter)]
    ros = ("--ros-args", "-r", "__ns:=/alone", *words)
    with TeleopRig(namespace="/alone") as alone, Process(BIN / "teleop", *ros) as process:
        alone.desk.destroy()
        alone.wait_until_ready()
        alone.wait_for_marker(HOME)
        answer = alone.set("enable", True)
        assert not answer.success
        assert answer.message.startswith("code 605: request_control of the supervisor is not there")
        process.send(signal.SIGTERM)
        assert process.wait() == 0, process.output


X_TCP_TIP = make_pose(np.eye(3), [0.0, 0.0, 0.05])


def seen_port(X_base_port, sigma_m=2e-4, sources=PortEstimate.SOURCE_BOARD_MODEL | PortEstimate.SOURCE_CAMERA):
    """What the estimator publishes of one port."""
    port = PortEstimate(port_name="card/sfp_port_0", connector_type="sfp", sources=sources)
    conversions.fill_pose(port.pose.pose, X_base_port)
    port.pose.covariance = np.diag([sigma_m**2] * 3 + [1e-5] * 3).ravel().tolist()
    array = PortEstimateArray(ports=[port])
    for header in (array.header, port.header):
        header.frame_id = "base_link"
        conversions.fill_time(header.stamp, time.time_ns())
    return array


def test_the_assist_holds_a_pushed_plug_to_the_port_that_was_seen_and_says_so(rig):
    X_base_port = HOME @ X_TCP_TIP @ make_pose(np.eye(3), [0.004, 0.003, 0.02])
    ports = rig.node.create_publisher(PortEstimateArray, "ports", qos.STATE)
    plugs = rig.node.create_publisher(String, "cell/held_plug", qos.STATE)
    plugs.publish(String(data=held_plug_to_json(HeldPlug("cable", "sfp_tip", "sfp", X_TCP_TIP, 1e-4, 1e-3))))
    ports.publish(seen_port(X_base_port, sources=PortEstimate.SOURCE_BOARD_MODEL))
    wait_until(lambda: ports.get_subscription_count() and plugs.get_subscription_count(), what="teleop to listen")
    rig.enable()
    assert rig.set("assist", True).success
    rig.wait_for_status(lambda status: status.is_assist_on, "the assist")

    push = lambda: rig.twist(0.0, 0.0, -0.1)  # noqa: E731
    rig.repeat_until(push, lambda: rig.arm.X[2, 3] < HOME[2, 3] - 0.002, "a port of which only the design is known")
    assert rig.status.assist_port == rig.status.assist_reason == ""
    ports.publish(seen_port(X_base_port, sigma_m=0.004))
    rig.repeat_until(push, lambda: "mm are needed" in rig.status.assist_reason, "why it does not hold")

    ports.publish(seen_port(X_base_port))
    rig.repeat_until(push, lambda: rig.status.assist_port == "card/sfp_port_0", "snapped")

    def tip():
        return (invert_pose(X_base_port) @ rig.arm.X @ X_TCP_TIP)[:3, 3]

    rig.repeat_until(push, lambda: tip()[2] > 0.002, "the plug in the mouth")
    assert np.linalg.norm(tip()[:2]) < 0.0005
    command = rig.arm.commands[-1][1]
    assert command.X_tcp_comp == pytest.approx(X_TCP_TIP), "compliant at the tip"
    assert command.stiffness[0, 0] < command.stiffness[2, 2]
    assert rig.set("assist", False).success
    rig.wait_for_status(lambda status: not status.is_assist_on and not status.assist_port, "the assist off")
