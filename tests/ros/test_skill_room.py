"""Where the skill node presses a plug so that its fingers have room, from the estimator's answers alone."""

import numpy as np
import pytest
from cablecell_interfaces.msg import PortEstimate, PortEstimateArray

from cablecell.composition.board_modules import module_bodies
from cablecell.composition.task_knowledge import TaskKnowledge
from cablecell.configuration import load_connectors
from cablecell.core.config.trial import TaskBoardLimits
from cablecell.core.geometry import make_pose
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.profile import profile_from_connector
from cablecell.core.perception.layout import read_layout
from cablecell.ros import conversions
from cablecell.ros.skill_room import FingerRoom

SC = load_connectors()["sc"]
PROFILE = profile_from_connector(SC)
X_BASE_BOARD = make_pose(np.eye(3), [0.3, 0.1, 0.0])
LAYOUT = read_layout(module_bodies(["sc_port_0", "sc_port_1"], TaskBoardLimits()).urdf)
TARGET, OTHER = (next(name for name in LAYOUT if name.startswith(module)) for module in ("sc_port_0", "sc_port_1"))
X_TCP_TIP = TaskKnowledge().held_plug("trial_3").X_tcp_tip
BESIDE_M = {1.0: 0.0176, -1.0: -0.0178}
"""How far along y of the mouth another adapter stands half a millimetre from the fingers of a seated plug."""


@pytest.fixture(scope="module")
def room():
    return FingerRoom()


def entrance(name: str, y_m: float = 0.0) -> np.ndarray:
    """Return where a port is, moved along y of its mouth."""
    X = X_BASE_BOARD @ LAYOUT[name].X_board_entrance
    return X @ make_pose(np.eye(3), [0.0, y_m, 0.0])


def told(ports: dict[str, np.ndarray], *, unseen: tuple[str, ...] = (), looks: int = 3) -> PortEstimateArray:
    """Return what the estimator publishes of ports, some of which it never saw."""
    message = PortEstimateArray(board_looks=looks)
    conversions.fill_pose(message.board.pose, X_BASE_BOARD)
    for name, X in ports.items():
        sources = PortEstimate.SOURCE_BOARD_MODEL | (0 if name in unseen else PortEstimate.SOURCE_CAMERA)
        port = PortEstimate(port_name=name, connector_type="sc", sources=sources)
        conversions.fill_pose(port.pose.pose, X)
        message.ports.append(port)
    return message


def side(room: FingerRoom, message: PortEstimateArray, tip_y_m: float = 0.0) -> tuple[float, float]:
    """Return the side for a plug in the target that sits off in the grasp along its own y."""
    port = PoseEstimate(0.0, entrance(TARGET), np.eye(6))
    tip = PoseEstimate(0.0, X_TCP_TIP @ make_pose(np.eye(3), [0.0, tip_y_m, 0.0]), np.eye(6))
    found = room.side(message, port, tip, PROFILE, SC.grasp.width_m)
    return float(found[0]), float(found[1])


def test_a_plug_that_sits_off_in_the_grasp_is_pressed_away_from_its_own_adapter(room):
    seen = told({TARGET: entrance(TARGET), OTHER: entrance(OTHER)})
    assert side(room, seen) == (0.0, 0.0)
    assert side(room, seen, 1.2e-3) == (0.0, 1.0)
    assert side(room, seen, -1.2e-3) == (0.0, -1.0)


@pytest.mark.parametrize("way", [1.0, -1.0])
def test_a_plug_is_pressed_away_from_an_adapter_that_was_seen_beside_its_port(room, way):
    beside = {TARGET: entrance(TARGET), OTHER: entrance(TARGET, BESIDE_M[way])}
    assert side(room, told(beside)) == (0.0, -way)
    # Where it stands by design alone it may be anywhere on its rail: that tells nothing.
    assert side(room, told(beside, unseen=(OTHER,))) == (0.0, 0.0)


def test_nothing_is_known_beside_a_port_of_a_board_that_was_not_seen(room):
    off = told({TARGET: entrance(TARGET), OTHER: entrance(OTHER)}, looks=0)
    assert room.obstacles(off) == ()
    assert side(room, off, 1.2e-3) == (0.0, 0.0)


def test_another_board_takes_the_place_of_the_one_before(room):
    both = told({TARGET: entrance(TARGET), OTHER: entrance(OTHER)})
    alone = told({TARGET: entrance(TARGET)})
    assert len(room.obstacles(both)) > len(room.obstacles(alone)) > 0
    assert len(room.obstacles(both)) > len(room.obstacles(alone))
