"""Which nodes are started again by themselves, and when one of them counts as missing."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from cablecell.core.config.cell_supervisor import CellSupervisorParameters
from cablecell.core.config.parameters import ParameterError, validate
from cablecell.core.supervision.helpers import BUSY_S, HUNG_BUSY_S, HUNG_S, SILENT_S, HelperWatch

ROOT = Path(__file__).parents[2]
LAUNCH_FILES = sorted((ROOT / "launch").rglob("*.launch.xml"))
RESPAWNED = set(CellSupervisorParameters().respawned)
BYSTANDERS = {"console", "nexus_workcell"}
"""Started again too, but no insertion waits for them."""
ACTIVE, INACTIVE = 3, 2


@pytest.fixture
def watch():
    return HelperWatch(["/recorder", "/console"])


def test_what_was_never_heard_is_not_missing(watch):
    assert watch.missing(100.0) == ""
    watch.note_process("/recorder", is_there=False)
    watch.hear("/arm_controller", ACTIVE, 0.0)
    assert watch.missing(100.0) == ""


def test_a_dead_a_silent_and_an_inactive_helper_is_missing_until_it_is_heard_again(watch):
    watch.hear("/recorder", ACTIVE, 10.0)
    assert watch.missing(10.0 + 0.9 * SILENT_S) == ""
    assert "silent" in watch.missing(10.1 + SILENT_S)
    watch.hear("/recorder", ACTIVE, 20.0)
    assert watch.missing(20.0) == ""
    watch.note_process("/recorder", is_there=False)
    assert watch.missing(20.0) == "node /recorder died: its process is gone"
    watch.hear("/recorder", INACTIVE, 21.0)
    assert "not active" in watch.missing(21.0)
    watch.hear("/recorder", ACTIVE, 22.0)
    assert watch.missing(22.0) == ""


@pytest.mark.parametrize(("sleeps", "limit_s"), [(None, SILENT_S), (True, SILENT_S), (False, BUSY_S)])
def test_a_helper_that_computes_may_be_silent_for_longer(watch, sleeps, limit_s):
    watch.hear("/recorder", ACTIVE, 10.0)
    missing_s = []
    for k in range(1, 400):
        now_s = 10.0 + 0.01 * k
        if sleeps is not None and watch.silent(now_s, 0.15):
            watch.note_sleep("/recorder", sleeps, now_s)
        if "fell silent" in watch.missing(now_s):
            missing_s.append(now_s)
    assert missing_s[0] == pytest.approx(10.0 + limit_s, abs=0.02)


def looks(watch, begin_s, end_s, *, is_hearing=True, sleeps=True, period_s=0.1):
    """Return what is found to hang, and when."""
    found = []
    for k in range(round((end_s - begin_s) / period_s)):
        now_s = begin_s + period_s * k
        watch.note_sleep("/recorder", sleeps, now_s)
        found += [(name, now_s) for name in watch.hung(now_s, is_hearing=is_hearing)]
    return found


@pytest.mark.parametrize(("sleeps", "limit_s"), [(True, HUNG_S), (False, HUNG_BUSY_S)])
def test_a_helper_that_hangs_is_named_once_and_again_when_its_successor_hangs(watch, sleeps, limit_s):
    watch.hung(9.9, is_hearing=True)
    watch.hear("/recorder", ACTIVE, 10.0)
    ((name, at_s),) = looks(watch, 10.0, 60.0, sleeps=sleeps)
    assert (name, at_s) == ("/recorder", pytest.approx(10.0 + limit_s, abs=0.3))
    watch.note_process("/recorder", is_there=False)
    watch.hear("/recorder", ACTIVE, 61.0)
    assert len(looks(watch, 61.0, 80.0)) == 1


def test_a_silence_that_is_the_listeners_own_is_nobodys_fault(watch):
    watch.hear("/recorder", ACTIVE, 10.0)
    assert looks(watch, 10.0, 40.0, is_hearing=False) == []
    assert watch.hung(100.0, is_hearing=True) == [], "a look after a minute without one"
    watch.hear("/recorder", ACTIVE, 100.0)
    watch.note_process("/recorder", is_there=False)
    assert looks(watch, 100.0, 130.0) == [], "who is gone is not ended"


def test_a_node_whose_loss_ends_the_cell_cannot_be_one_that_is_started_again():
    with pytest.raises(ParameterError, match="arm_controller is a managed node"):
        validate(CellSupervisorParameters, {"respawned": ["recorder", "arm_controller"]})


@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda path: path.name)
def test_launch_starts_nothing_again_but_what_the_supervisor_expects_to_come_back(file):
    nodes = list(ElementTree.parse(file).getroot().iter("node"))
    for node in nodes:
        is_respawned = node.get("respawn", "false") != "false"
        may_return = node.get("exec") in RESPAWNED | BYSTANDERS
        assert may_return or not is_respawned, f"{node.get('exec')} must not come back by itself"
    names = {node.get("exec") for node in nodes}
    if file.name == "cell.launch.xml":
        again = [node.get("exec") for node in nodes if node.get("respawn") == "true"]
        assert set(again) == RESPAWNED | BYSTANDERS
        for node in nodes:
            expected = None if node.get("respawn") == "true" else "shutdown"
            assert node.get("on_exit") == expected, node.get("exec")
    if "arm_controller" in names:
        (arm,) = [node for node in nodes if node.get("exec") == "arm_controller"]
        assert arm.get("on_exit") == "shutdown"
