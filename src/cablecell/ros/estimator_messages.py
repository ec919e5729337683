"""Messages of the port estimator: estimates, regions, transforms, diagnostics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cablecell_interfaces.msg import PlugEstimate, PortEstimate, PortEstimateArray
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import RegionOfInterest

from cablecell.core.fusion.board_state import BoardState
from cablecell.core.fusion.ports import in_parent_axes
from cablecell.core.fusion.ports_estimator import ReportedPort
from cablecell.core.fusion.ports_plug import PlugState
from cablecell.core.geometry import invert_pose
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.core.perception.outcome import NoEstimate
from cablecell.ports import Region
from cablecell.ros.estimator_layout import DesignedBoard
from cablecell.ros.pose_messages import entrance_frame, to_duration, to_pose, to_stamp, to_transform

BASE_FRAME = "base_link"
BOARD_FRAME = "task_board"
TCP_FRAME = "tcp"


def to_array(ports: Sequence[ReportedPort], board: BoardState | NoEstimate, layout: DesignedBoard, now_s: float) -> Any:
    """Return all ports and the board that carries them in `base_link`."""
    message = PortEstimateArray()
    message.header.stamp, message.header.frame_id = to_stamp(now_s), BASE_FRAME
    message.ports = [_to_port(port, layout) for port in ports]
    if isinstance(board, BoardState):
        message.board.pose = to_pose(board.X_base_board)
        message.board.covariance = in_parent_axes(board.X_base_board, board.board_covariance).ravel().tolist()
        message.board_looks = board.looks
    return message


def _to_port(port: ReportedPort, layout: DesignedBoard) -> Any:
    estimate = port.estimate
    message = PortEstimate(port_name=estimate.name, connector_type=layout.connector_type(estimate.name))
    message.header.stamp, message.header.frame_id = to_stamp(estimate.stamp_s), BASE_FRAME
    message.pose.pose = to_pose(estimate.X_base_entrance)
    message.pose.covariance = in_parent_axes(estimate.X_base_entrance, estimate.covariance).ravel().tolist()
    message.age = to_duration(estimate.age_s)
    message.sources = PortEstimate.SOURCE_BOARD_MODEL | (PortEstimate.SOURCE_CAMERA if port.looks else 0)
    message.measurement_count = port.looks
    if port.covariance_to_tip is not None:
        relative = in_parent_axes(estimate.X_base_entrance, port.covariance_to_tip)
        message.covariance_to_plug = relative.ravel().tolist()
    return message


def to_plug(plug: PlugState, grasp: HeldPlug, now_s: float) -> Any:
    """Return the tip of the plug that was seen, in `tcp`."""
    message = PlugEstimate(plug_name=grasp.plug, connector_type=grasp.connector)
    message.header.stamp, message.header.frame_id = to_stamp(now_s), TCP_FRAME
    message.pose.pose = to_pose(plug.X_tcp_tip)
    message.pose.covariance = in_parent_axes(plug.X_tcp_tip, plug.tip_covariance).ravel().tolist()
    message.sources = PlugEstimate.SOURCE_GRASP_MODEL | PlugEstimate.SOURCE_CAMERA
    return message


def to_transforms(board: BoardState, ports: Sequence[ReportedPort], now_s: float) -> list[Any]:
    """Return the board in `base_link`, and on it the mouth of every port that was seen."""
    stamp, X_board_base = to_stamp(now_s), invert_pose(board.X_base_board)
    seen = [
        to_transform(
            BOARD_FRAME, entrance_frame(port.estimate.name), X_board_base @ port.estimate.X_base_entrance, stamp
        )
        for port in ports
        if port.looks
    ]
    return [to_transform(BASE_FRAME, BOARD_FRAME, board.X_base_board, stamp), *seen]


def to_region(region: Region | None) -> Any:
    """Return a region of interest; all zero, which means the whole image, for None."""
    if region is None:
        return RegionOfInterest()
    return RegionOfInterest(x_offset=region.x, y_offset=region.y, width=region.width, height=region.height)


def to_diagnostics(
    name: str,
    board: BoardState | NoEstimate,
    plug: PlugState | None,
    layout: str,
    last_problem: str,
    unknown: Mapping[str, str],
    now_s: float,
) -> Any:
    """Return the state of the estimate: warning while there is none; of every port that is not known, why."""
    values = {"layout": layout, "last_problem": last_problem or "none"}
    if isinstance(board, NoEstimate):
        level, text = DiagnosticStatus.WARN, board.message
    else:
        level, text = DiagnosticStatus.OK, f"board known from {board.looks} looks"
        sigma = [float(value) ** 0.5 for value in board.board_covariance.diagonal()]
        values |= {
            "looks": str(board.looks),
            "age_s": f"{now_s - board.seen_s:.2f}",
            "board_sigma_m": f"{max(sigma[:3]):.6f}",
            "board_sigma_rad": f"{max(sigma[3:]):.6f}",
        }
        values |= {f"unknown {port}": why for port, why in unknown.items()}
    if plug is not None:
        sigma = [float(value) ** 0.5 for value in plug.tip_covariance.diagonal()]
        values |= {"plug_sigma_m": f"{max(sigma[:3]):.6f}", "plug_sigma_rad": f"{max(sigma[3:]):.6f}"}
    status = DiagnosticStatus(level=level, name=f"{name}: board", message=text, hardware_id="task_board")
    status.values = [KeyValue(key=key, value=value) for key, value in values.items()]
    message = DiagnosticArray(status=[status])
    message.header.stamp = to_stamp(now_s)
    return message
