"""What counts as seated: place and orientation at the bottom of a port, as far as the port gives them."""

import math
from types import SimpleNamespace

import pytest

from cablecell.configuration import config_folder, load_connector
from cablecell.core.geometry.scalar import quat_from_rotvec
from cablecell.simulation.rigid import Pose
from cablecell.simulation.truth import Truth


def is_at_stop(name, turn_rad, short_m=0.0, beside_m=0.0):
    """Return what the truth says of a plug at the stop of its own port, turned, lifted and shifted."""
    connector = load_connector(config_folder() / "connectors" / f"{name}.yaml")
    entrance = Pose((0.3, -0.2, 1.1), quat_from_rotvec((math.pi, 0.0, 0.4)))
    plug = entrance @ Pose((beside_m, 0.0, connector.port.stop_depth_m - short_m), quat_from_rotvec(turn_rad))
    port = SimpleNamespace(connector=connector, X_WE=entrance)
    scene = SimpleNamespace(
        robot=SimpleNamespace(joints=[]), ports={"port": port}, plug=SimpleNamespace(connector=connector), target="port"
    )
    return Truth(SimpleNamespace(scene=scene, joints={}, plug_tip=lambda: plug)).is_at_stop("port")


@pytest.mark.parametrize("name", ["sfp", "peg_rect", "peg_round", "u_fl"])
def test_depth_place_and_tilt_count_for_every_plug(name):
    assert is_at_stop(name, (0.0, 0.0, 0.0))
    assert is_at_stop(name, (0.2, -0.1, 0.0))
    assert not is_at_stop(name, (0.25, -0.25, 0.0))
    assert not is_at_stop(name, (0.0, 0.0, 0.0), short_m=1e-3)
    assert not is_at_stop(name, (0.0, 0.0, 0.0), beside_m=2.5e-3)


@pytest.mark.parametrize(
    ("name", "is_round"), [("sfp", False), ("peg_rect", False), ("peg_round", True), ("u_fl", True)]
)
@pytest.mark.parametrize("turn", [0.4, math.pi / 2, -3.0])
def test_a_turn_about_the_axis_counts_only_where_the_port_has_corners(name, is_round, turn):
    assert is_at_stop(name, (0.0, 0.0, turn)) is is_round


def test_a_round_plug_that_is_turned_and_tilted_is_not_seated():
    assert not is_at_stop("peg_round", (math.pi * math.cos(0.2), 0.0, math.pi * math.sin(0.2)))
