"""The order of bring-up and tear-down."""

import pytest

from cablecell.core.supervision.bringup import (
    ACTIVE,
    FINALIZED,
    INACTIVE,
    UNCONFIGURED,
    BringUpError,
    moves_down,
    moves_up,
)


def _said(moves):
    return [f"{move.name} {move.node}" for move in moves]


def test_all_are_configured_before_the_first_is_activated():
    moves = moves_up([("arm", UNCONFIGURED), ("planner", UNCONFIGURED)])
    assert _said(moves) == ["configure arm", "configure planner", "activate arm", "activate planner"]


def test_what_is_up_already_is_left_alone():
    assert _said(moves_up([("arm", ACTIVE), ("planner", INACTIVE), ("skill", UNCONFIGURED)])) == [
        "configure skill",
        "activate planner",
        "activate skill",
    ]
    assert moves_up([("arm", ACTIVE)]) == []


def test_a_finalized_node_is_named():
    with pytest.raises(BringUpError, match="node arm is in state 4"):
        moves_up([("arm", FINALIZED)])


def test_down_is_the_reverse_of_up():
    assert _said(moves_down([("arm", ACTIVE), ("planner", ACTIVE), ("skill", INACTIVE)])) == [
        "deactivate planner",
        "deactivate arm",
        "cleanup skill",
        "cleanup planner",
        "cleanup arm",
    ]
    assert moves_down([("arm", UNCONFIGURED)]) == []
