"""`cell new driver` and `cell new skill`: packages that run at once; drivers and skills that cannot be used."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from aic_model.loading import SKILLS, load_policy_class
from aic_model_interfaces.msg import Observation
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.composition.checked_launch import main as launch
from cablecell.composition.machines import MACHINES, MachineKindError, MachineOptions, make_machine, require_kind
from cablecell.configuration import config_folder
from cablecell.core.errors import ConfigurationError
from cablecell.plugins import PluginBrokenError, PluginKind, PluginNameError, PluginVersionError
from cablecell.scaffold.packages import new_driver, new_skill
from tests.support.plugin_packages import install, offer

CELL = str(config_folder().parent / "launch/cell.launch.xml")
AIC = str(config_folder().parent / "launch/aic.launch.xml")
DRIVERS = PluginKind.DRIVER.group


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for module in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[module], "__file__", "")):
            del sys.modules[module]


class FakeNode:
    """The node of a policy, as far as one needs it; its sleeps take no time."""

    def __init__(self):
        self.slept_s = 0.0
        self.errors = []
        now = SimpleNamespace(to_msg=lambda: Observation().wrist_wrench.header.stamp)
        self._clock = SimpleNamespace(now=lambda: now, sleep_for=self._sleep)

    def get_logger(self):
        return SimpleNamespace(error=self.errors.append, info=lambda text: None)

    def get_clock(self):
        return self._clock

    def _sleep(self, duration):
        self.slept_s += duration.nanoseconds * 1.0e-9


@pytest.mark.parametrize(("floor_m", "said"), [(0.012, "touched something"), (1.0, "nothing within 30 mm")])
def test_a_new_skill_runs_as_a_policy(tmp_path, site, floor_m, said):
    new_skill("touch_down", tmp_path)
    install(tmp_path / "touch_down", site)
    node, sent, told = FakeNode(), [], []
    observation = Observation()
    observation.controller_state.tcp_pose.position.z = 0.2

    def observe():
        deep_m = max(0.0, 0.2 - floor_m - (sent[-1].pose.position.z if sent else 0.2) + 0.0)
        observation.wrist_wrench.wrench.force.z = 7.0 + 500.0 * deep_m
        return observation

    def move(motion_update=None, joint_motion_update=None):
        sent.append(motion_update)
        return True

    policy = load_policy_class("touch_down")(node)
    task = SimpleNamespace(id="task 3")
    assert policy.insert_cable(task, observe, move, told.append) is False
    assert node.errors == []
    assert len(told) == 1
    assert told[0].startswith("task 3: ")
    assert said in told[0]
    depths = 0.2 - np.array([update.pose.position.z for update in sent])
    assert (np.diff(depths) > 0.0).all()
    assert depths[-1] == pytest.approx(floor_m + 4.0 / 500.0 if floor_m < 0.03 else 0.03, abs=1.0e-3)
    assert load_policy_class("touch_down.TouchDown") is type(policy)
    assert PluginKind.SKILL.group == SKILLS


def test_a_skill_that_sees_nothing_gives_up(tmp_path, site):
    new_skill("touch_down", tmp_path)
    install(tmp_path / "touch_down", site)
    node, told = FakeNode(), []
    policy = load_policy_class("touch_down")(node)
    assert policy.insert_cable(None, lambda: None, None, told.append) is False
    assert told == ["no observation came"]
    assert node.slept_s == pytest.approx(10.0)


def test_names_that_the_cell_uses_are_refused_and_nothing_is_overwritten(tmp_path):
    with pytest.raises(PluginNameError, match="taken are driver, mock, "):
        new_driver("mock", tmp_path)
    with pytest.raises(PluginNameError, match="would be hidden"):
        new_skill("cablecell", tmp_path)
    words = ["new", "skill", "touch_down", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0
    assert "policy:=touch_down" in done.stdout
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "is there already" in done.stderr
    assert "hardware:=my_arm" in CliRunner().invoke(app, ["new", "driver", "my_arm", "--out", str(tmp_path)]).stdout


def test_the_launch_files_know_the_machines_of_the_cell(capsys):
    for kind in (*MACHINES, "somebodys_arm"):
        assert launch([CELL, f"hardware:={kind}", "--dry-run"]) == 0
        plan = capsys.readouterr().out
        assert ("/config/hardware/driver.yaml" in plan) == (kind == "somebodys_arm")
        assert ("hardware: somebodys_arm" in plan) == (kind == "somebodys_arm")


def test_an_unknown_machine_is_refused_before_anything_starts(capsys):
    assert launch([CELL, "hardware:=simm"]) == 2
    valid = ", ".join(sorted(MACHINES))
    assert f"hardware = 'simm' is not a kind of machine; valid are {valid}" in capsys.readouterr().err
    with pytest.raises(MachineKindError):
        make_machine("simm", MachineOptions())


def test_a_driver_of_another_version_and_one_that_explodes_are_refused_alone(site, capsys):
    bomb = "raise RuntimeError('no libfoo.so')\n"
    points = {"cablecell.drivers.v2": {"next_arm": "drivers.late:make"}, DRIVERS: {"bad_arm": "drivers.bad:make"}}
    offer(site, "drivers", points, {"drivers/__init__.py": "", "drivers/late.py": bomb, "drivers/bad.py": bomb})
    assert launch([CELL, "hardware:=next_arm"]) == 2
    assert "is written for version 2 of the interface; this cell has version 1" in capsys.readouterr().err
    assert launch([CELL, "hardware:=bad_arm"]) == 2
    assert "cannot be used: RuntimeError: no libfoo.so" in capsys.readouterr().err
    with pytest.raises(PluginVersionError):
        make_machine("next_arm", MachineOptions())
    # Without them the cell is as it was.
    require_kind("mock")
    assert make_machine("mock", MachineOptions()).machine.arm.joint_names


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def make(options):\n    return 3\n", "returned int, not a Backend"),
        ("def make(options):\n    return options.nothing\n", "AttributeError: .* no attribute 'nothing'"),
    ],
)
def test_a_driver_that_makes_no_machine_is_refused(site, code, said):
    offer(site, "drivers", {DRIVERS: {"odd_arm": "odd:make"}}, {"odd.py": code})
    with pytest.raises(PluginBrokenError, match=said):
        make_machine("odd_arm", MachineOptions())


def test_what_a_driver_refuses_by_itself_keeps_its_code(site):
    code = (
        "from cablecell.core.errors import ConfigurationError\n"
        "def make(options):\n    raise ConfigurationError('robot_ip is empty', quantity='robot_ip')\n"
    )
    offer(site, "drivers", {DRIVERS: {"shy_arm": "shy:make"}}, {"shy.py": code})
    with pytest.raises(ConfigurationError, match="robot_ip is empty") as caught:
        make_machine("shy_arm", MachineOptions())
    assert caught.value.code == 900


def test_a_skill_that_does_not_load_ends_the_launch(site, capsys):
    points = {PluginKind.SKILL.group: {"bad_skill": "skills.Bad:Bad"}}
    offer(site, "skills", points, {"skills/__init__.py": "", "skills/Bad.py": "import torch_of_nobody\n"})
    assert launch([AIC, "policy:=bad_skill"]) == 2
    assert "skill 'bad_skill' of package skills 1.0 cannot be used: ModuleNotFoundError" in capsys.readouterr().err
