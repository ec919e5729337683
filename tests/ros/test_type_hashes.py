"""Golden RIHS01 type hashes: our standard packages are on the wire what the real ones are.

A hash covers name, order and type of every field, nested ones included. The middleware announces it beside a topic, and
tools compare it. The tests hold for the real packages as well: on a ROS install they check those.

What is known about these hashes:
- All were equal to those computed from upstream's own files with the same generator (control_msgs 5.8.0 and 6.3.0,
  tf2_msgs of the jazzy and rolling branches, nexus_orchestrator_msgs and nexus_alarm_msgs of December 2025), once, by
  hand. Upstream's files are not here.
- Those in PUBLISHED were also found in other people's public output or code, so the generator is confirmed too.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy", reason="needs a ROS 2 client library")

GOLDEN = {
    "tf2_msgs/msg": {
        "TF2Error": "db2485e7d6a0ec75bf087e058ee45df682acc3a621ca7780503d10aac141809a",
        "TFMessage": "e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087",
    },
    "tf2_msgs/srv": {
        "FrameGraph": "0d1fbc6222c018ba5f33822904a2fdd4063705289956d3fdde07cd8c50fe8067",
    },
    "tf2_msgs/action": {
        "LookupTransform": "0b8adf6bc0b5958879e3265b41a457e03558fe523890a81252c70eba97a82c5d",
        "LookupTransform_FeedbackMessage": "10cb89922dcb103e95c185d43e8a5efa3d38db996f733151a2f3e2ac133f4839",
        "LookupTransform_GetResult": "3cd1715751899e3167b5aec3e4ac194f7da9e8493a77285f9f6a4c914f5e8b24",
        "LookupTransform_SendGoal": "4646ff5706c86b04d0a1098d329951a9731a7517e16702905de6073cc72c8530",
    },
    "control_msgs/msg": {
        "AdmittanceControllerState": "8a23c54184ba101c9a733a0a882001edae478c8c3ea37132f9aae1d82fad0b73",
        "DynamicInterfaceGroupValues": "0ebef56c55cdde46b4622f7e0a4dbf26fefbf0296205463e955047252b434cbc",
        "DynamicInterfaceValues": "715f733fee51b15fa3b3b5f5ab89bd2c0e38999cc5641960b0bbb32da29d1b8e",
        "DynamicJointState": "18024c98a62697680f581108eeed40b28fb4542fa0ac5a8e36f56c62b6813d26",
        "GripperCommand": "57eb8f326c9889ca8bb34ead82cc94cc09bf6bc5c3b6c09546dca3a00b589890",
        "InterfaceValue": "74a12144ef6b7af67533195cb30f7f607d3301b66950208a72d280695f3e190c",
        "JointComponentTolerance": "739ea7566931944d33830fa10f1bf5e7a7fbdc3172bce7a7eaac642bd6e3ffa4",
        "JointControllerState": "1f6ee64b3b1f1947951f34694f8e19a10ea32f34fe3552df26514f8b30976e90",
        "JointJog": "ba249455a20f70168a1acb7bf43b776b72ff1f7eb5fc4cfea443f749e963c6e7",
        "JointTolerance": "c254f9cece0f3b733017b6990fd46d1326e25242d6b8844398c97d9a88e7d648",
        "JointTrajectoryControllerState": "51d8dd89cc624cbe9daaeeb4d80d6de9b86168ffdc3be41fefc0953e3c26e480",
        "MultiDOFCommand": "033fb0fa1ffc63a872ca73c61a49ded83a22daa5cc3f074cc28949f73359e677",
        "MultiDOFStateStamped": "08e47e3e734a7d08131b57e14e9f740782f3bf9a1aadabd2a16b54d27e551f0a",
        "PidState": "9ab329825048ab6152868c2d086fc19f5525ed2c6fec886f719577e1ae3a6acd",
        "SingleDOFState": "fe8365f86265bddfefbd26698975a818bf024a1c267c8ce577cd366ef06d7163",
        "SingleDOFStateStamped": "33859c01b46943f1458f83f2627249d34332b38e545c723ddbdabea2b6675af1",
        "SpeedScalingFactor": "0c240f349f2b74e33e8741f83e0f196ddeb6585923663876ed3c1f51f0566037",
    },
    "control_msgs/srv": {
        "QueryCalibrationState": "c6b9d1fd88cba488075ee9fd7b69ea4ff6b12bcdd01afeb9c608dd6f8274de57",
        "QueryTrajectoryState": "4a0935dffef18bc5b9e101c9d03d84e681ecd4cebd724b8f11fde008751a325a",
    },
    # Contained in ListControllers, whose hash is known from upstream's files.
    "controller_manager_msgs/msg": {
        "ChainConnection": "2daecd1da4b171f48b291c79747657a651eb1ab8821b68e38b1c88c736bba91c",
        "ControllerState": "9a8780ab9814b6032978a07c6c7033cf1a7894ac8d948a6fb72afea07b04cc83",
    },
    "controller_manager_msgs/srv": {
        "ListControllers": "4f8e36bb1fa5afdeba45c2d56ae6a2097b1493a253f961dd6290c085033bd189",
        "SwitchController": "d4ad10aa5da7808bc522d55d4123d8ef79de73d049d165639d7663ac37cc9895",
    },
    "control_msgs/action": {
        "FollowJointTrajectory": "738ebcb7a2d7cfa42f9f1001cc99ce3a4383d1cfe508015d9be8485e4b1c66f6",
        "FollowJointTrajectory_FeedbackMessage": "80398fcb9674a79081a9906e2ccf0c804dd7cb15e22e362e606ee87186beab71",
        "FollowJointTrajectory_GetResult": "e3ceb38e3e1867c8dc0f46014df26e90eb93422f27e9e97f936e07f94be4bc8b",
        "FollowJointTrajectory_SendGoal": "b13789dddc325a7a962825c45e28c77d37237ec129dd0c34dc5994562938c57f",
        "GripperCommand": "e17c0e644eccf14bea84a0a93e0977182872c2eb7873ca6694900059b46dbc84",
        "GripperCommand_FeedbackMessage": "392ff03fcd872f9dc2405cbeb2897fcf011ad9998458b6aa85c603b8a49e431d",
        "GripperCommand_GetResult": "7e60a7606063d4a2728d21badac099e68b734a196ac3ab42d1d4c668eb0bb3cd",
        "GripperCommand_SendGoal": "6bf8cc4ce80cd499e7dd3258c03c50c3fa6672b469ff8355339ef1df77fcd212",
        "ParallelGripperCommand": "adfd3c1ebe8abc38ebcc0e454b6423d291d4010dd5697d14eca5b9be4726ae18",
        "ParallelGripperCommand_FeedbackMessage": "c61f4cf99d06c5a3e24bed17c2910bdf66a30d89461e2ac7b5fd538a34b022cc",
        "ParallelGripperCommand_GetResult": "e4c7f0e8a831ce5625ed20abcd13796406d945f92ebc7ad5972e0b0d29b381bd",
        "ParallelGripperCommand_SendGoal": "567c37373fed1260adbe047415688c73e4f3e94b2e3982761ecc71fd63d710a7",
        "SingleJointPosition": "1b330d11638c0b1d3228cc80b1123e5b3db3d24592e95429812bf30056e3db7b",
        "SingleJointPosition_FeedbackMessage": "6da19eb420db90080a9bd9cac0041c865254b8e49cbe0d2b54c78e1814ed499b",
        "SingleJointPosition_GetResult": "afe95c54e7c59cdb7e0d978bfafb908e3f1546975d540911a1768009d577351d",
        "SingleJointPosition_SendGoal": "abcf6f8acd1889a685cd6ac2e948284a8012a81d01e6af0d6a918c52d759ca47",
    },
    # Packages of a NEXUS line.
    "nexus_alarm_msgs/msg": {
        "EmergencyStop": "8f5700056c8243b8abb77011bc4ed45d7b1b17c8ac09a50a7bdc9424ac21143c",
    },
    "nexus_orchestrator_msgs/action": {
        "ExecuteWorkOrder": "82dc0f42bbd780a67146684f5fc2f014b3b645af234f7c948f8ab7cdd0e954f7",
        "ExecuteWorkOrder_FeedbackMessage": "d83980f73865e822dae45ef5fd7d7d57a1badcb803f16b1ec9cf8d7219fb9c4f",
        "ExecuteWorkOrder_GetResult": "d635d4cab4fbc9de2229661fc6c5dd05406ab8a8b8c472741d57092cd57b3eb5",
        "ExecuteWorkOrder_SendGoal": "21567369f2bbc43d6e23d331a34d5188e804d5b8c54ede820e68e3177abe0ce5",
        "WorkcellTask": "3a517820061fccad10ca45b1fcdfb449a0e1b4c1f48397fcf45d917e7280c2a9",
        "WorkcellTask_FeedbackMessage": "31367a0dee0225d658d858fa326ad56e231fd11e6404356645418e17c5affbfe",
        "WorkcellTask_GetResult": "babfee06a77e44233acbeab0976458167e5cec50878a33938f1534852f99e6ec",
        "WorkcellTask_SendGoal": "49426d725aa4de000ddbd8cc30f7a05ab17a685db43dbef35de619f9c00038a4",
    },
    "nexus_orchestrator_msgs/msg": {
        "ItemAtStation": "24ecb0a6d5a2241c9e5f9da1a6a741eae0ed928868bef6605acd1ea7ad5e6cc0",
        "ItemDescription": "8794fdb276889968de7412601a2e0e02430469cfa1cca616041d75bd3cd93ba1",
        "ItemTypeToStationAssignment": "89edb4e412778ea244b31bbc96748e24a52ef7f8484c29adc4cc8419013c6207",
        "TaskProgress": "8a3c7189477775b359f24f2b23bf7430002a12a7e2996b00dd8a77f0509109f7",
        "TaskState": "0efd932f026d3c97f48f0a36fcbca9a512a4f0ad1732b898f38640ccd2b5c63f",
        "WorkOrder": "9722a1bb6acb4e95b370a95e525a0d3164dd41c3d80543dedb3df57cce14d40d",
        "WorkOrderState": "048783bfa5bf08f5dd1f960b73f8942b4adbfad74009506832ee6f252da11467",
        "WorkcellDescription": "420d60bdff2a5ad32df496b75a639c65a7fee83b61ca9a508711a08f10df9097",
        "WorkcellState": "f373a2d95a8e3683414992689fe73cac823eb78d5269a1934ecd4c4379e6ba05",
        "WorkcellTask": "9d19696c8c6735052bc635ac4cbec047bfa81b6483053a14249d34d4ee3ff769",
    },
    "nexus_orchestrator_msgs/srv": {
        "GetWorkOrderState": "488389a69981e3ca514ae44d21cd709bec933dad560dea3ee3f1acb89ee2b4b2",
        "IsTaskDoable": "1752458f86496c5085ab953f302326ab4a1c19ad470dfadd94824a7c9fcc3512",
        "ListTransporters": "c82779dc969715925661f164478299d8ba5617fd5fa83cc6773e7f7ad2d0d9c1",
        "ListWorkcells": "6105ff7da50db80ee08a4b817875ed83e9d0f5837735d1686e6d8185dde7289a",
        "PauseSystem": "4a396afad8d0b4110bff430cef412838c056706057fc673fc5defb2339c38059",
        "PauseWorkcell": "1f586aaccabd85e593e71d2ebd59715a348d65bf598a350ef4bdb6a02c49c6a4",
        "QueueWorkcellTask": "cffba476d6f3efeb6cbb047564bdaa1c4a67832233b1f0eade9592e65940d728",
        "RegisterTransporter": "ae5c9a3b649f14c6e207e06ce6043acc71db57c83c695007c2b45c9705f6ae4d",
        "RegisterWorkcell": "33e33a4e8a863930bb6683a0263a4dc19c344fce2894bf3fc436d0a36ac2870a",
        "RemovePendingTask": "5b5577ab6c420650cf0d962deb9f0366538331057c0b2938bbdc77f6eacf887c",
        "Signal": "1e1f084e7fa02a2b58e5d3f6a9acf0d782b377dd79224204f1b06833ebd1de25",
    },
}

# Where Kilted (control_msgs 6.3) differs from Jazzy (5.8).
KILTED = {
    "control_msgs/action/FollowJointTrajectory": ("ff29901b2693f5deb847e96084a1c2cdb26e70b7c847be21859b70a55fb29cf0"),
    "control_msgs/action/FollowJointTrajectory_FeedbackMessage": (
        "95618cc73912d99b9acaa17d2da5e832cb0bfdeede7534fa8ec600feca2a6c4b"
    ),
    "control_msgs/msg/PidState": ("02d464a78563dce5014a2b8f9e3d3bd5344f537891c4b9f089d71feadd7f6e4b"),
}

_GRAPH = "`ros2 topic info --verbose` of other people's robots, pasted in public notes"
_CAPTURED = "captured from a Jazzy install by a public code generator for embedded ROS"
_CONSTANT = "constant in other people's public code"
PUBLISHED = {
    "tf2_msgs/msg/TFMessage": _GRAPH,
    "tf2_msgs/msg/TF2Error": _CONSTANT,
    "tf2_msgs/action/LookupTransform": _CAPTURED,
    "tf2_msgs/action/LookupTransform_FeedbackMessage": _CAPTURED,
    "tf2_msgs/action/LookupTransform_GetResult": _CAPTURED,
    "tf2_msgs/action/LookupTransform_SendGoal": _CAPTURED,
    "control_msgs/msg/DynamicJointState": _CONSTANT,
    "control_msgs/msg/JointTrajectoryControllerState": _GRAPH,
}
TYPES = [f"{folder}/{name}" for folder, names in GOLDEN.items() for name in names]
MESSAGES = [name for name in TYPES if "/msg/" in name]
KILTED_RCLPY_MAJOR = 9
OURS = ("tf2_msgs", "control_msgs", "controller_manager_msgs", "nexus_alarm_msgs", "nexus_orchestrator_msgs")


def is_kilted() -> bool:
    return int(importlib.metadata.version("rclpy").split(".")[0]) >= KILTED_RCLPY_MAJOR


def golden(name: str) -> str:
    folder, _, short = name.rpartition("/")
    digest = GOLDEN[folder][short]
    return "RIHS01_" + (KILTED.get(name, digest) if is_kilted() else digest)


def load(name: str) -> Any:
    package, kind, short = name.split("/")
    return getattr(import_module(f"{package}.{kind}"), short)


def share(package: str) -> Path:
    prefixes = [sys.prefix, *os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)]
    for prefix in prefixes:
        if (Path(prefix) / "share" / package / "package.xml").is_file():
            return Path(prefix) / "share" / package
    raise AssertionError(f"package {package} has no share folder in any of {prefixes}")


def described(package: str) -> dict[str, str]:
    """Returns the hashes in the type descriptions a package installs, by type."""
    hashes = {}
    for file in share(package).glob("*/*.json"):
        for entry in json.loads(file.read_text(encoding="utf-8"))["type_hashes"]:
            hashes[entry["type_name"]] = entry["hash_string"]
    return hashes


@pytest.fixture(scope="module")
def node() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
        context = rclpy.Context()
        rclpy.init(context=context, domain_id=1 + os.getpid() % 100)
        node = rclpy.create_node("hashes", context=context)
        yield node
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def announced(node: Any, topic: str) -> str:
    """Returns the type hash the middleware announces for the one publisher of a topic."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        publishers = node.get_publishers_info_by_topic(topic)
        if publishers:
            return str(publishers[0].topic_type_hash)
        time.sleep(0.01)  # between two looks at a condition with a deadline
    raise AssertionError(f"no publisher of {topic} within 10 s")


@pytest.mark.parametrize("name", TYPES)
def test_description_has_the_golden_hash(name: str) -> None:
    assert described(name.split("/")[0])[name] == golden(name)


@pytest.mark.parametrize("name", MESSAGES)
def test_compiled_message_announces_the_golden_hash(node: Any, name: str) -> None:
    topic = "/" + name.replace("/", "_")
    publisher = node.create_publisher(load(name), topic, 1)
    try:
        assert announced(node, topic) == golden(name)
    finally:
        node.destroy_publisher(publisher)


@pytest.mark.parametrize("name", ["control_msgs/action/FollowJointTrajectory", "tf2_msgs/action/LookupTransform"])
def test_compiled_action_announces_the_golden_hash(node: Any, name: str) -> None:
    from rclpy.action import ActionServer

    server = ActionServer(node, load(name), "act", execute_callback=lambda goal: None)
    try:
        assert announced(node, "/act/_action/feedback") == golden(f"{name}_FeedbackMessage")
    finally:
        server.destroy()


def test_every_type_of_our_packages_is_pinned() -> None:
    try:
        importlib.metadata.distribution("cablecell-rospip")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the real packages are installed here: they have more types")
    parts = ("_Event", "_Request", "_Response", "_Goal", "_Result", "_Feedback")
    ours = {name for package in OURS for name in described(package)}
    ours = {name for name in ours if name.split("/")[0] in OURS}
    assert {name for name in ours if not name.endswith(parts)} == set(TYPES)


def test_published_hashes_are_pinned_ones() -> None:
    assert set(PUBLISHED) <= set(TYPES)


def test_follow_joint_trajectory_has_the_seven_goal_fields_and_the_feedback_of_its_distribution() -> None:
    action = load("control_msgs/action/FollowJointTrajectory")
    assert list(action.Goal.get_fields_and_field_types()) == [
        "trajectory",
        "multi_dof_trajectory",
        "path_tolerance",
        "component_path_tolerance",
        "goal_tolerance",
        "component_goal_tolerance",
        "goal_time_tolerance",
    ]
    index = {"index", "multi_dof_index"}
    assert index & set(action.Feedback.get_fields_and_field_types()) == (index if is_kilted() else set())
    assert action.Result.GOAL_TOLERANCE_VIOLATED == -5


def test_constants_of_a_line_are_the_published_ones() -> None:
    """A hash does not cover constants."""
    published = {
        "nexus_alarm_msgs/msg/EmergencyStop": {"STATE_INACTIVE": 0, "STATE_ACTIVE": 1},
        "nexus_orchestrator_msgs/msg/TaskState": {
            "STATUS_NONE": 0,
            "STATUS_QUEUED": 1,
            "STATUS_RUNNING": 2,
            "STATUS_FINISHED": 3,
            "STATUS_ASSIGNED": 4,
            "STATUS_FAILED": 5,
        },
        "nexus_orchestrator_msgs/msg/WorkcellState": {"STATUS_IDLE": 1, "STATUS_BUSY": 2},
        "nexus_orchestrator_msgs/msg/WorkOrderState": {
            "STATE_NONE": 0,
            "STATE_BIDDING": 1,
            "STATE_EXECUTING": 2,
            "STATE_SUCCESS": 3,
            "STATE_CANCELLED": 4,
            "STATE_FAILED": 5,
        },
    }
    for name, constants in published.items():
        for constant, value in constants.items():
            assert getattr(load(name), constant) == value
    for name in ("RegisterWorkcell", "RegisterTransporter"):
        answer = load(f"nexus_orchestrator_msgs/srv/{name}").Response
        assert (answer.ERROR_UNKNOWN, answer.ERROR_NOT_READY) == (0, 1)
