"""The fault table: every fault that was asked for is in it, and every plan comes to an end."""

import pytest

from cablecell.configuration import config_folder, load_faults, read_document
from cablecell.core.config.documents import DocumentError
from cablecell.core.supervision.faults import DECISIONS, Action, Reaction, parse_faults

ASKED_FOR = [
    "kill_arm",
    "kill_planner",
    "kill_estimator",
    "kill_skill",
    "kill_recorder",
    "hang_node",
    "slow_node",
    "camera_frozen",
    "camera_black",
    "camera_swapped",
    "wrench_drift",
    "wrench_dropout",
    "wrench_stuck",
    "encoder_error",
    "messages_late",
    "commands_stale",
    "messages_doubled",
    "states_dropped",
    "plug_dropped",
    "plug_wrong",
    "plug_missing",
    "board_moved",
    "port_blocked",
    "cable_jammed",
    "stop_button",
    "disk_full",
    "clock_jump",
    "cpu_starved",
]


@pytest.fixture
def document():
    return read_document(config_folder() / "faults.yaml")


def test_every_fault_that_was_asked_for_is_in_the_table():
    table = load_faults()
    names = [fault.name for fault in table.faults]
    assert len(set(names)) == len(names)
    assert set(ASKED_FOR) <= set(names)
    assert table.notice_s <= 0.5


def test_the_arm_is_never_started_again_by_itself():
    table = load_faults()
    lost = [fault for fault in table.faults if 608 in fault.codes]
    assert lost
    assert not any(fault.recoverable for fault in lost)
    assert table.plan_of(608) is None
    assert all(fault.reaction is Reaction.ABORT for fault in lost)
    assert [plan.codes for plan in table.plans.values() if any(Action.RESPAWN in rung.do for rung in plan.rungs)] == [
        {632}
    ]


def test_what_is_recoverable_has_a_rung_that_goes_on_without_a_person_and_what_is_not_has_none():
    table = load_faults()
    for fault in table.faults:
        plans = [table.plan_of(code) for code in fault.codes]
        goes_on = any(plan and any(rung.do[-1] is not Action.HOLD for rung in plan.rungs) for plan in plans)
        assert goes_on == (fault.recoverable and fault.reaction is not Reaction.GO_ON), fault.name


def test_every_plan_ends():
    for name, plan in load_faults().plans.items():
        assert plan.rungs[-1].do[-1] in DECISIONS - {Action.RETRY}, name
        assert sum(rung.times for rung in plan.rungs) <= 6, name


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rungs": [{"do": ["home"]}]}, "the last action of a rung"),
        ({"rungs": [{"do": ["retry", "skip"]}]}, "the last action of a rung"),
        ({"rungs": [{"do": ["retry"]}], "ask": ""}, "the last rung of a plan skips or holds"),
        ({"rungs": [{"do": ["hold"]}], "ask": ""}, "a plan that holds asks something"),
        ({"rungs": [{"do": ["dance", "hold"]}]}, "dance"),
        ({"codes": [586, 405]}, "code (586|405) has two plans"),
    ],
)
def test_a_mistake_in_the_table_is_named(document, change, says):
    document["plans"]["swapped_cameras"].update(change)
    with pytest.raises(DocumentError, match=says):
        parse_faults(document, "faults.yaml")


def test_a_recoverable_fault_needs_a_plan_for_all_of_its_codes(document):
    (moved,) = [fault for fault in document["faults"] if fault["name"] == "board_moved"]
    moved["codes"] = [402, 999]
    with pytest.raises(DocumentError, match="board_moved: plan 'moved_board' is not for all of its codes"):
        parse_faults(document, "faults.yaml")
    moved["codes"], moved["plan"] = [402], "none"
    with pytest.raises(DocumentError, match="board_moved is recoverable and has no plan"):
        parse_faults(document, "faults.yaml")
