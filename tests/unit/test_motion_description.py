"""The descriptions: arguments are checked, published poses are met, the text is the same everywhere."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pinocchio as pin
import pytest

from cablecell.composition.robot_description import (
    description_folder,
    load_enclosure_description,
    load_robot_description,
    load_task_board_description,
)
from cablecell.core.errors import ConfigurationError, ParameterError

HOME = np.array([-0.1597, -1.3542, -1.6648, -1.6933, 1.5710, 1.4110])


def frame_poses(urdf: str, q: np.ndarray | None = None) -> Callable[[str], pin.SE3]:
    model = pin.buildModelFromXML(urdf)
    data = model.createData()
    full = pin.neutral(model)
    if q is not None:
        full[: len(q)] = q
    pin.framesForwardKinematics(model, data, full)
    return lambda name: data.oMf[model.getFrameId(name)]


def test_home_pose_of_the_tool_is_the_published_one() -> None:
    X = frame_poses(load_robot_description(), HOME)
    X_base_tcp = X("base_link").inverse() * X("tcp")
    assert X_base_tcp.translation == pytest.approx([-0.3714, 0.1948, 0.3294], abs=5e-5)
    assert X("tcp").translation == pytest.approx([0.1715, 0.0054, 1.4694], abs=5e-5)


@pytest.mark.parametrize(
    ("side", "xyz", "rpy"),
    [
        ("center", (0, -0.11608, -0.20544), (-0.2618, 0, 0)),
        ("left", (-0.10052, -0.05803, -0.20544), (-0.2618, 0, -1.0472)),
        ("right", (0.10052, -0.05803, -0.20544), (-0.2618, 0, 1.0472)),
    ],
)
def test_cameras_are_where_they_are_published(side: str, xyz: tuple[float, ...], rpy: tuple[float, ...]) -> None:
    X = frame_poses(load_robot_description())
    X_tcp_optical = X("gripper/tcp").inverse() * X(f"{side}_camera_optical_frame")
    assert X_tcp_optical.translation == pytest.approx(xyz, abs=1e-5)
    assert pin.rpy.matrixToRpy(X_tcp_optical.rotation) == pytest.approx(rpy, abs=1e-5)


@pytest.mark.parametrize(
    ("ours", "public"),
    [
        ("tcp", "gripper/tcp"),
        ("ft_frame", "ati/tool_link"),
        ("gripper_base_link", "gripper/hande_base_link"),
        ("camera_mount_link", "cam_mount/cam_mount_link"),
        ("center_camera_optical_frame", "center_camera/optical"),
        ("left_camera_optical_frame", "left_camera/optical"),
        ("right_camera_optical_frame", "right_camera/optical"),
    ],
)
def test_public_frame_names_are_the_same_places(ours: str, public: str) -> None:
    X = frame_poses(load_robot_description(), HOME)
    assert X(ours).isApprox(X(public), 1e-12)


@pytest.mark.parametrize(
    ("module", "port", "translation", "board_xyz", "board_yaw", "expected_world"),
    [
        ("nic_card_mount_0", "sfp_port_0", 0.036, (0.15, -0.2, 1.14), 3.1415, (0.1845, -0.0126, 1.2735)),
        ("nic_card_mount_1", "sfp_port_0", 0.036, (0.15, -0.2, 1.14), 3.1415, (0.1845, -0.0526, 1.2735)),
        ("sc_port_1", "sc_port_base", -0.055, (0.17, 0.0, 1.14), 3.0, (0.2888, -0.0881, 1.1545)),
    ],
)
def test_ports_of_the_sample_trials(
    module: str,
    port: str,
    translation: float,
    board_xyz: tuple[float, ...],
    board_yaw: float,
    expected_world: tuple[float, ...],
) -> None:
    args = {f"{module}_present": True, f"{module}_translation": translation}
    X = frame_poses(load_task_board_description(**args))
    X_world_board = pin.SE3(pin.rpy.rpyToMatrix(0.0, 0.0, board_yaw), np.array(board_xyz))
    X_board_port = X(f"task_board/{module}/{port}_link")
    assert (X_world_board * X_board_port).translation == pytest.approx(expected_world, abs=6e-5)
    # z of a port goes into it: the entrance lies behind, above the board.
    X_port_entrance = X_board_port.inverse() * X(f"{module}/{port}_entrance")
    assert X_port_entrance.translation[2] < -0.015
    assert X_board_port.rotation[2, 2] < -0.99


def test_an_absent_slot_has_no_link() -> None:
    assert "nic_card_mount_3" not in load_task_board_description()
    assert "nic_card_mount_3" in load_task_board_description(nic_card_mount_3_present=True)


def test_the_enclosure_can_be_left_out() -> None:
    assert "enclosure" not in load_robot_description(with_enclosure=False)
    assert "enclosure_walls" in load_enclosure_description()


@pytest.mark.parametrize("urdf", [load_robot_description(), load_task_board_description(nic_card_mount_0_present=True)])
def test_every_link_but_the_root_has_an_inertial(urdf: str) -> None:
    root = ElementTree.fromstring(urdf)
    bare = [link.attrib["name"] for link in root.iter("link") if link.find("inertial") is None]
    assert bare in (["world"], [])


def test_the_text_is_the_same_on_every_machine_and_short_lined() -> None:
    text = load_robot_description()
    assert str(description_folder()) not in text
    # PyBullet reads a file in pieces of 1024 characters.
    assert max(len(line) for line in text.splitlines()) < 500


def test_an_unknown_argument_is_named_with_the_valid_ones() -> None:
    with pytest.raises(ParameterError, match=r"no argument 'nic_card_mount_9_present'.*nic_card_mount_4_present"):
        load_task_board_description(nic_card_mount_9_present=True)


def test_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ParameterError, match=r"'sc_port_0_translation'.*nan.*finite"):
        load_task_board_description(sc_port_0_present=True, sc_port_0_translation=float("nan"))


def test_a_missing_folder_is_reported_with_the_places_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = "cablecell.composition.robot_description"
    monkeypatch.setattr(f"{module}.__file__", str(tmp_path / "a" / "b" / "c" / "d.py"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path / "prefix"))
    with pytest.raises(ConfigurationError, match="prefix/share/cablecell/urdf"):
        description_folder()
    installed = tmp_path / "prefix" / "share" / "cablecell" / "urdf"
    installed.mkdir(parents=True)
    (installed / "cell.urdf.xacro").write_text("<robot/>")
    assert description_folder() == installed
