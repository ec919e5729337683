"""A seated plug as evidence for the drift watch: what `insertion_skill` felt against what `port_estimator` has seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from cablecell_interfaces.msg import InsertionResult

from cablecell.core.fusion.board_state import BoardState
from cablecell.core.fusion.drift import FeltSeat
from cablecell.core.fusion.ports import BY_DESIGN
from cablecell.core.fusion.ports_estimator import PortEstimator
from cablecell.core.fusion.ports_plug import PlugState
from cablecell.core.geometry import invert_pose, make_pose
from cablecell.core.insertion.felt_ports import seat_room
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.core.insertion.profile import ConnectorProfile
from cablecell.core.perception.outcome import NoEstimate
from cablecell.ros.pose_messages import from_pose


def felt_seat(
    message: Any,
    estimator: PortEstimator,
    profile: ConnectorProfile,
    grasp: HeldPlug,
    plug: PlugState | None,
    now_s: float,
) -> FeltSeat | None:
    """Return what the result of an insertion says of a seat; None where there was none, or the port was not seen.

    Args:
        message: An `InsertionResult`.
        estimator: It saw the port.
        profile: Of the connector.
        grasp: The plug in the gripper.
        plug: The same as the cameras saw it; None where they did not.
        now_s: The time, s.

    Raises:
        ValueError: The pose in the message is none.
    """
    board = estimator.board(now_s)
    if message.outcome != InsertionResult.OUTCOME_SEATED or not isinstance(board, BoardState):
        return None
    place = estimator.place(board, message.port_name)
    if isinstance(estimator.port(message.port_name, now_s), NoEstimate) or BY_DESIGN in place.sources:
        return None
    X_tcp_tip = grasp.X_tcp_tip if plug is None else plug.X_tcp_tip
    # What the board itself is off by is what the watch looks for: only what is against the board is noise.
    M = place.M.copy()
    M[:, :6] = 0.0
    room_m, room_rad = seat_room(profile)
    covariance = M @ board.covariance @ M.T + place.tolerance + np.diag([s**2 for s in room_m] + [room_rad**2] * 3)
    if plug is not None:
        covariance = covariance + plug.tip_covariance
    return FeltSeat(
        X_base_tcp=from_pose(message.final_pose.pose) @ invert_pose(X_tcp_tip),
        X_tcp_tip=X_tcp_tip,
        X_board_seat=place.X_board_entrance @ make_pose(np.eye(3), (0.0, 0.0, profile.depth_m)),
        covariance=covariance,
        is_tip_seen=plug is not None,
    )
