"""What cannot work is refused before anything starts: one clear line, exit code 2, nothing left running."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from tests.support.marked import VARIABLE, left_behind

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config"
CABLECELL = Path(sys.prefix) / "bin" / "cablecell"
CELL = "cell.launch.xml"


def _refusal(folder, *words, **environ):
    """Run a command that is to be refused, and return its only line."""
    mark = str(folder)
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        timeout=240.0,
        env={**os.environ, VARIABLE: mark, **environ},
        cwd=folder,
    )
    lines = (done.stdout + done.stderr).strip().splitlines()
    assert (done.returncode, len(lines)) == (2, 1), done.stdout + done.stderr
    assert left_behind(mark) == []
    return lines[0]


def _changed(folder, path, old, new):
    text = path.read_text()
    assert old in text
    changed = folder / path.name
    changed.write_text(text.replace(old, new, 1))
    return changed


@pytest.mark.parametrize(
    ("word", "line"),
    [
        (
            "hardware:=nope",
            "hardware = 'nope' is not a kind of machine; valid are mock, replay, ros2_control, sim, ur_rtde",
        ),
        ("trial:=trial_9", "layout 'trial_9' is not in the sample trials; valid are trial_1, trial_2, trial_3"),
        ("trials_file:=/nowhere.yaml", "/nowhere.yaml cannot be read: No such file or directory"),
        ("config:=/nowhere.yaml", "/nowhere.yaml"),
        ("seed:=many", "sim.launch.xml: arm_controller: seed = 'many' is refused"),
        ("nope:=1", "unknown argument nope:=1; declared: "),
    ],
)
def test_a_wrong_argument(tmp_path, word, line):
    found = _refusal(tmp_path, CABLECELL, "launch", CELL, word)
    assert found.startswith("launch: ")
    assert line in found


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("attempts:", "atempts:", "cell.yaml: unknown key 'atempts' of insertion_skill; did you mean 'attempts'?"),
        ("insertion_skill:", "insertion_skil:", "'/**/insertion_skil'; did you mean 'insertion_skill'?"),
        ("attempts: 2", "attempts: 200", "cell.yaml: insertion_skill: attempts = 200 is above the maximum of 10"),
        (
            "attempts: 2",
            "plug_record: /records",
            "cell.yaml: insertion_skill: plug_record = '/records' would be lost: cell.launch.xml sets it to ''",
        ),
        ("0.4", "often", "cell.yaml: cell_supervisor: heartbeat_timeout_s = 'often' is refused"),
        ("/**:", "/**: [", "cell.yaml is not YAML"),
        ("ros__parameters", "ros_parameters", "cell.yaml: /**/insertion_skill/ros_parameters"),
    ],
)
def test_a_mistake_in_the_parameters_of_the_cell(tmp_path, old, new, line):
    assert line in _refusal(
        tmp_path, CABLECELL, "launch", CELL, f"config:={_changed(tmp_path, CONFIG / 'cell.yaml', old, new)}"
    )


@pytest.fixture
def checkout(tmp_path):
    """A package folder whose configuration may be spoilt."""
    share = tmp_path / "share" / "cablecell"
    shutil.copytree(ROOT / "launch", share / "launch")
    shutil.copytree(CONFIG, share / "config")
    shutil.copytree(ROOT / "src", tmp_path / "src")
    shutil.copytree(ROOT / "urdf", share / "urdf")
    (tmp_path / "config").symlink_to(share / "config")
    (tmp_path / "urdf").symlink_to(share / "urdf")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "old", "new", "line"),
    [
        ("motion_planner.yaml", "margin_m", "margn_m", "motion_planner.yaml: unknown key 'margn_m' of motion_planner"),
        ("port_estimator.yaml", None, None, "port_estimator.yaml: unknown key 'misspelt' of port_estimator"),
        ("hardware/sim.yaml", "rate_hz", "rate_herz", "sim.yaml: unknown key 'rate_herz' of sim_camera"),
        ("simulation/default.yaml", None, None, "default.yaml: unknown key 'misspelt'"),
        ("connectors/sfp.yaml", None, None, "sfp.yaml: unknown key 'misspelt'"),
        ("recipes/aic_sample.yaml", None, None, "aic_sample.yaml: unknown key 'misspelt'"),
        ("perception/fiducials.yaml", None, None, "fiducials.yaml: unknown key 'misspelt'"),
    ],
)
def test_a_misspelt_key_in_any_other_file(checkout, name, old, new, line):
    path = checkout / "share" / "cablecell" / "config" / name
    text = path.read_text()
    if old is None:
        document = yaml.safe_load(text)
        inner = document.get("/**", {}).get("ros__parameters", document)
        inner["misspelt"] = 1
        path.write_text(yaml.safe_dump(document))
    else:
        assert old in text
        path.write_text(text.replace(old, new, 1))
    program = (
        f"import sys; sys.path.insert(0, {str(checkout / 'src')!r})\n"
        "from cablecell.composition.checked_launch import main\n"
        f"sys.exit(main([{str(checkout / 'share' / 'cablecell' / 'launch' / CELL)!r}]))"
    )
    prefix = f"{checkout}{os.pathsep}{os.environ['AMENT_PREFIX_PATH']}"
    (checkout / "share" / "ament_index" / "resource_index" / "packages").mkdir(parents=True)
    (checkout / "share" / "ament_index" / "resource_index" / "packages" / "cablecell").touch()
    (checkout / "lib").symlink_to(Path(sys.prefix) / "lib")
    said = _refusal(checkout, sys.executable, "-c", program, AMENT_PREFIX_PATH=prefix)
    assert line in re.sub(r"\.yaml:\d+: ", ".yaml: ", said)


def test_a_port_that_is_not_on_the_board(tmp_path):
    trials = _changed(
        tmp_path,
        CONFIG / "trials" / "aic_sample.yaml",
        "target_module_name: nic_card_mount_0",
        "target_module_name: nic_card_mount_7",
    )
    reason = "target_module_name = 'nic_card_mount_7' is not mounted; valid are nic_card_mount_0, sc_port_0"
    assert reason in _refusal(tmp_path, CABLECELL, "launch", CELL, f"trials_file:={trials}")
    assert reason in _refusal(tmp_path, CABLECELL, "demo", "--headless", "--trials", trials)


def test_a_trial_the_demo_does_not_know(tmp_path):
    line = _refusal(tmp_path, CABLECELL, "demo", "--headless", "--trial", "nope")
    assert line == "demo: no trial 'nope' in aic_sample.yaml; there are trial_1, trial_2, trial_3"


def test_a_second_cell_in_the_same_domain(tmp_path):
    """The cell opens no port; what it holds is its ROS domain, and a second cell there is refused."""
    domain = os.environ["ROS_DOMAIN_ID"]
    with (Path(tempfile.gettempdir()) / f"cablecell-{os.getuid()}-domain-{domain}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        held.write("4711")
        held.flush()
        line = _refusal(tmp_path, CABLECELL, "launch", CELL)
    assert line == (
        f"launch: a cell already runs in ROS domain {domain}, namespace / (process 4711); "
        "end it, or set another ROS_DOMAIN_ID"
    )


def test_a_machine_without_a_compiler(tmp_path):
    """Set-up of a fresh checkout by a user who may not install one."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout
    names = [Path(os.fsdecode(name)) for name in tracked.split(b"\0") if name and not name.startswith(b"tests/")]
    if not names:
        pytest.skip("not a git checkout")
    for name in names:
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "dirname", "readlink", "id", "cut", "env"):
        (tools / tool).symlink_to(shutil.which(tool))
    environ = {"CELL_ROS": "wheels", "CELL_PYTHON": os.path.realpath(sys.executable), "PATH": str(tools)}
    line = _refusal(tmp_path, tmp_path / "cell", "doctor", **environ)
    assert line.startswith("cell: this machine lacks")
    assert "a C compiler (gcc), a C++ compiler (g++)" in line
    assert "apt-get install" in line
