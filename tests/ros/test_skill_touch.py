"""When the skill finds a port by touch, and what the estimator makes of what was found."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from cablecell_interfaces.msg import PortTouch

from cablecell.configuration import load_connectors
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.config.insertion_skill import InsertionSkillParameters
from cablecell.core.fusion.ports import PortEstimate as SeenPort
from cablecell.core.geometry import exp_so3, make_pose
from cablecell.core.insertion.errors import UntouchableError
from cablecell.core.insertion.observation import PoseEstimate
from cablecell.core.insertion.profile import profile_from_connector
from cablecell.core.insertion.skill import InsertionSkill
from cablecell.core.insertion.touch_outcome import TouchOutcome, TouchResult
from cablecell.ros.estimator_touch import contradiction
from cablecell.ros.skill_touch import PortToucher

NAME = "nic_card_mount_0/sfp_port_0"
X_PORT = make_pose(exp_so3(np.array([0.0, np.pi - 0.1, 0.2])), (0.4, 0.1, 0.2))
TIP = PoseEstimate(0.0, make_pose(np.eye(3), (0.0, 0.0, 0.05)), np.zeros((6, 6)))
TIP_COVARIANCE = np.diag([2.0e-4**2] * 3 + [0.005**2] * 3)


class Node:
    """What a toucher needs of its node."""

    def __init__(self, **values):
        self.parameters = SimpleNamespace(values=InsertionSkillParameters(**values))
        self.published = []

    def create_lifecycle_publisher(self, *_):
        return SimpleNamespace(publish=self.published.append)


def _port(sigma_m):
    return PoseEstimate(0.0, X_PORT, np.diag([sigma_m**2] * 3 + [0.01**2] * 3))


def _toucher(**values):
    node = Node(**{"finds_by_touch": True, **values})
    return node, PortToucher(node, load_connectors(), -0.17)


def test_a_port_that_is_known_well_is_not_touched() -> None:
    port, is_touched = _toucher()[1].believe(NAME, "sfp", _port(3.0e-4), is_contradicted=False)
    assert not is_touched
    assert port.covariance[0, 0] == pytest.approx(9.0e-8)


@pytest.mark.parametrize(("sigma_m", "is_contradicted"), [(2.5e-3, False), (3.0e-4, True)])
def test_a_port_that_is_known_badly_or_was_not_where_it_was_seen_is_touched(sigma_m, is_contradicted) -> None:
    port, is_touched = _toucher()[1].believe(NAME, "sfp", _port(sigma_m), is_contradicted=is_contradicted)
    assert is_touched
    assert port.covariance[0, 0] >= 2.5e-3**2


def test_without_the_parameter_and_for_round_plugs_nothing_is_touched() -> None:
    for values, connector in (({"finds_by_touch": False}, "sfp"), ({}, "u_fl")):
        given = _port(0.01)
        port, is_touched = _toucher(**values)[1].believe(NAME, connector, given, is_contradicted=True)
        assert not is_touched
        assert port is given


def test_a_port_that_is_known_too_badly_even_for_touching_is_refused() -> None:
    with pytest.raises(UntouchableError, match=r"known to 10\.00 mm") as refused:
        _toucher()[1].believe(NAME, "sfp", _port(0.01), is_contradicted=False)
    assert refused.value.code == 414


def _first():
    node, toucher = _toucher()
    skill = InsertionSkill(profile_from_connector(load_connectors()["sfp"]), InsertionSettings())
    return node, toucher, toucher.first(skill, "sfp", _port(2.5e-3), TIP, TIP_COVARIANCE)


def test_what_was_found_is_published_in_the_axes_of_the_base() -> None:
    node, toucher, touch = _first()
    covariance = np.diag([1.0e-8, 4.0e-8, 9.0e-8, 1.0e-5, 1.0e-5, 1.0e-5])
    touch._found = TouchResult(TouchOutcome.FOUND, "known", PoseEstimate(1.0, X_PORT, covariance), 7, 4.5, 6.0)
    stamp = PortTouch().header.stamp
    toucher.publish(NAME, touch, TIP_COVARIANCE, stamp)
    (message,) = node.published
    assert (message.port_name, message.touches, message.duration.sec) == (NAME, 7, 4)
    R = X_PORT[:3, :3]
    wanted = R @ covariance[:3, :3] @ R.T
    assert np.allclose(np.reshape(message.pose.covariance, (6, 6))[:3, :3], wanted, rtol=1e-9, atol=1e-15)


def test_what_was_not_found_is_not_published() -> None:
    node, toucher, touch = _first()
    touch._found = TouchResult(TouchOutcome.UNSURE, "unsure", _port(1.0e-3), 8, 6.0, 6.0)
    toucher.publish(NAME, touch, TIP_COVARIANCE, PortTouch().header.stamp)
    assert not node.published


def _message(off_m):
    node, toucher, touch = _first()
    X = X_PORT.copy()
    X[:3, 3] += off_m * np.array([0.8, 0.6, 0.0])
    touch._found = TouchResult(TouchOutcome.FOUND, "known", PoseEstimate(1.0, X, 1.0e-8 * np.eye(6)), 7, 4.5, 6.0)
    toucher.publish(NAME, touch, TIP_COVARIANCE, PortTouch().header.stamp)
    return node.published[0]


def test_a_port_that_was_felt_elsewhere_contradicts_the_images() -> None:
    seen = SeenPort(NAME, 0.0, X_PORT, np.diag([3.0e-4**2] * 3 + [0.003**2] * 3), 0.045, 1.0, ("camera",))
    assert contradiction(seen, _message(5.0e-4)) is None
    error = contradiction(seen, _message(4.5e-3))
    assert error is not None
    assert error.code == 595
    assert "4.5 mm from where it was seen" in str(error)
