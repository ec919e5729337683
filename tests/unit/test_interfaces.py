"""The interface packages as colcon reads them, and the fields other people's software relies on."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "interfaces"
PACKAGES = sorted(path.parent for path in ROOT.glob("*/package.xml"))
KINDS = ("msg", "srv", "action")

CONTROL, TASK = "aic_control_interfaces", "aic_task_interfaces"
# Names, order and types of the public task; a change here breaks every policy written for it.
PUBLIC_FIELDS = {
    f"{CONTROL}/msg/TrajectoryGenerationMode.msg": [
        "uint8 MODE_UNSPECIFIED=0",
        "uint8 MODE_VELOCITY=1",
        "uint8 MODE_POSITION=2",
        "uint8 mode",
    ],
    f"{CONTROL}/msg/TargetMode.msg": [
        "uint8 MODE_UNSPECIFIED=0",
        "uint8 MODE_CARTESIAN=1",
        "uint8 MODE_JOINT=2",
        "uint8 mode",
    ],
    f"{CONTROL}/msg/MotionUpdate.msg": [
        "std_msgs/Header header",
        "geometry_msgs/Pose pose",
        "geometry_msgs/Twist velocity",
        "float64[36] target_stiffness",
        "float64[36] target_damping",
        "geometry_msgs/Wrench feedforward_wrench_at_tip",
        "float64[6] wrench_feedback_gains_at_tip",
        "TrajectoryGenerationMode trajectory_generation_mode",
    ],
    f"{CONTROL}/msg/JointMotionUpdate.msg": [
        "trajectory_msgs/JointTrajectoryPoint target_state",
        "float64[] target_stiffness",
        "float64[] target_damping",
        "TrajectoryGenerationMode trajectory_generation_mode",
        "float64[] target_feedforward_torque",
    ],
    f"{CONTROL}/msg/ControllerState.msg": [
        "std_msgs/Header header",
        "geometry_msgs/Pose tcp_pose",
        "geometry_msgs/Twist tcp_velocity",
        "geometry_msgs/Pose reference_tcp_pose",
        "float64[6] tcp_error",
        "trajectory_msgs/JointTrajectoryPoint reference_joint_state",
        "TargetMode target_mode",
        "geometry_msgs/WrenchStamped fts_tare_offset",
    ],
    f"{CONTROL}/srv/ChangeTargetMode.srv": ["TargetMode target_mode", "---", "bool success"],
    f"{TASK}/msg/Task.msg": [
        "string id",
        "string cable_type",
        "string cable_name",
        "string plug_type",
        "string plug_name",
        "string port_type",
        "string port_name",
        "string target_module_name",
        "uint64 time_limit",
    ],
    f"{TASK}/action/InsertCable.action": [
        "Task task",
        "---",
        "bool success",
        "string message",
        "---",
        "string message",
    ],
    "aic_model_interfaces/msg/Observation.msg": [
        "sensor_msgs/Image left_image",
        "sensor_msgs/CameraInfo left_camera_info",
        "sensor_msgs/Image center_image",
        "sensor_msgs/CameraInfo center_camera_info",
        "sensor_msgs/Image right_image",
        "sensor_msgs/CameraInfo right_camera_info",
        "geometry_msgs/WrenchStamped wrist_wrench",
        "sensor_msgs/JointState joint_states",
        "aic_control_interfaces/ControllerState controller_state",
    ],
    "aic_engine_interfaces/srv/ResetJoints.srv": [
        "string[] joint_names",
        "float64[] initial_positions",
        "---",
        "bool success",
        "string message",
    ],
}


def statements(path: Path) -> list[str]:
    """Returns the lines of an interface file without comments and empty lines."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def interface_files(package: Path) -> list[str]:
    return [f"{kind}/{file.name}" for kind in KINDS for file in sorted((package / kind).glob(f"*.{kind}"))]


def used_packages(package: Path) -> set[str]:
    """Returns the packages whose types the interface files of a package use."""
    text = "\n".join(line for file in interface_files(package) for line in statements(package / file))
    used = set(re.findall(r"^([a-z][a-z0-9_]*)/[A-Z]", text, re.MULTILINE))
    # An action carries goal identifiers and its status, so a package with actions depends on their package.
    return used | ({"action_msgs"} if (package / "action").is_dir() else set())


def test_the_seven_packages_are_there() -> None:
    assert [path.name for path in PACKAGES] == [
        "aic_control_interfaces",
        "aic_engine_interfaces",
        "aic_model_interfaces",
        "aic_task_interfaces",
        "cablecell_interfaces",
        "nexus_alarm_msgs",
        "nexus_orchestrator_msgs",
    ]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_cmake_lists_every_file_and_dependency(package: Path) -> None:
    text = (package / "CMakeLists.txt").read_text(encoding="utf-8")
    assert f"project({package.name})" in text
    match = re.search(r"rosidl_generate_interfaces\(\$\{PROJECT_NAME\}(.*?)\)", text, re.DOTALL)
    assert match is not None
    assert re.findall(r'"([^"]+)"', match[1]) == interface_files(package)
    listed = match[1].partition("DEPENDENCIES")[2].split()
    assert listed == sorted(used_packages(package))
    found = re.findall(r"find_package\((\w+) REQUIRED\)", text)
    assert found == ["ament_cmake", "rosidl_default_generators", *listed]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_manifest_names_the_package_and_what_it_uses(package: Path) -> None:
    root = ET.parse(package / "package.xml").getroot()
    assert root.findtext("name") == package.name
    assert sorted(node.text or "" for node in root.findall("depend")) == sorted(used_packages(package))
    assert root.findtext("member_of_group") == "rosidl_interface_packages"
    assert root.findtext("exec_depend") == "rosidl_default_runtime"
    assert root.findtext("export/build_type") == "ament_cmake"


@pytest.mark.parametrize("relative", sorted(PUBLIC_FIELDS))
def test_public_interfaces_are_exactly_the_published_ones(relative: str) -> None:
    assert statements(ROOT / relative) == PUBLIC_FIELDS[relative]


def test_no_public_interface_is_left_unchecked() -> None:
    present = {f"{p.name}/{file}" for p in PACKAGES if p.name.startswith("aic_") for file in interface_files(p)}
    assert present == set(PUBLIC_FIELDS)


OWN = ROOT / "cablecell_interfaces"


@pytest.mark.parametrize("file", [f for f in interface_files(OWN) if not f.startswith("msg/")])
def test_our_results_carry_code_and_message_and_feedback_carries_the_phase(file: str) -> None:
    sections = "\n".join(statements(OWN / file)).split("---")
    result = sections[1].split("\n")
    assert "uint16 error_code" in result
    assert "string error_msg" in result
    if file.startswith("action/"):
        assert "uint16 attempts" in result
        feedback = sections[2].split("\n")
        assert "InsertionPhase phase" in feedback or ("uint8 phase" in feedback and "uint8 PHASE_UNKNOWN=0" in feedback)


@pytest.mark.parametrize("file", interface_files(OWN))
def test_every_block_of_our_fields_is_commented_and_ascii(file: str) -> None:
    """A comment stands above each block of lines; constants and fields that explain each other may share one."""
    text = (OWN / file).read_text(encoding="ascii")
    for section in text.split("---\n"):
        for block in section.strip().split("\n\n"):
            lines = [line.split()[-1] for line in block.split("\n") if line and not line.startswith("#")]
            plain = [name for name in lines if "=" not in name]
            self_explaining = plain in (["target"], ["status"], ["phase"]) or not plain
            assert block.startswith("#") or self_explaining, f"{file}: {block!r} has no comment"
