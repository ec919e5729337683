"""Set-up decides rightly: which ROS, which domain, whether the environment is whole."""

import re
from pathlib import Path

import pytest

from cablecell.installation import environment, integrity, system
from cablecell.installation.domain import CHECKOUT_DOMAINS, claim_domain
from cablecell.installation.layout import Layout, SetupError, find_layout
from cablecell.installation.lock import read_lock

ROOT = Path(__file__).resolve().parents[2]


def _make_ros(prefix: Path) -> Path:
    (prefix / "share" / "rclpy").mkdir(parents=True)
    (prefix / "setup.sh").touch()
    return prefix


class TestLayout:
    def test_wheels_are_the_default(self, tmp_path):
        layout = find_layout(tmp_path, {}, ros_root=tmp_path / "none")
        assert (layout.distribution, layout.ros_prefix, layout.venv) == ("jazzy", None, tmp_path / ".venv")

    def test_each_distribution_has_its_own_environment(self, tmp_path):
        kilted = find_layout(tmp_path, {"ROS_DISTRO": "kilted"}, ros_root=tmp_path / "none")
        assert kilted.venv == tmp_path / ".venv-kilted"

    def test_ros_install_is_used(self, tmp_path):
        prefix = _make_ros(tmp_path / "ros" / "jazzy")
        found = find_layout(tmp_path, {}, ros_root=tmp_path / "ros")
        assert found.ros_prefix == prefix
        assert found.venv == tmp_path / ".venv-ros-jazzy"
        assert find_layout(tmp_path, {"CELL_ROS": "wheels"}, ros_root=tmp_path / "ros").ros_prefix is None

    def test_sourced_install_comes_first(self, tmp_path):
        sourced = _make_ros(tmp_path / "elsewhere")
        environ = {"AMENT_PREFIX_PATH": f"{tmp_path / 'overlay'}:{sourced}"}
        assert find_layout(tmp_path, environ, ros_root=tmp_path / "none").ros_prefix == sourced

    def test_wheel_prefix_is_not_an_install(self, tmp_path):
        (tmp_path / "venv" / "share" / "rclpy").mkdir(parents=True)
        environ = {"AMENT_PREFIX_PATH": str(tmp_path / "venv")}
        assert find_layout(tmp_path, environ, ros_root=tmp_path / "none").ros_prefix is None

    @pytest.mark.parametrize(
        ("environ", "message"),
        [
            ({"ROS_DISTRO": "humble"}, "ROS_DISTRO is 'humble'; cablecell supports jazzy, kilted"),
            ({"CELL_ROS": "maybe"}, "CELL_ROS is 'maybe'; valid are auto, wheels, install"),
            ({"CELL_ROS": "install"}, "there is no ROS jazzy under"),
        ],
    )
    def test_wrong_choice_is_named(self, tmp_path, environ, message):
        with pytest.raises(SetupError) as caught:
            find_layout(tmp_path, environ, ros_root=tmp_path / "none")
        assert message in str(caught.value)


class TestIntegrity:
    @pytest.fixture
    def layout(self, tmp_path):
        root = tmp_path / "checkout"
        for name in ("interfaces", "rospip", "launch", "src/cablecell/installation"):
            (root / name).mkdir(parents=True)
        (root / "interfaces" / "A.msg").write_text("int32 a\n")
        (root / "pyproject.toml").write_text("[project]\n")
        layout = Layout(root, "jazzy", None)
        (layout.venv / "bin").mkdir(parents=True)
        layout.python.write_text("#!interpreter")
        (layout.venv / "lib").mkdir()
        (layout.venv / "lib" / "module.py").write_text("x = 1\n")
        (layout.venv / "share").mkdir()
        (root / "launch" / "a.launch.xml").write_text("<launch/>")
        (layout.venv / "share" / "a.launch.xml").symlink_to(root / "launch" / "a.launch.xml")
        return layout

    def test_no_environment(self, tmp_path):
        assert integrity.find_fault(Layout(tmp_path, "jazzy", None)).startswith("new:")

    def test_interrupted(self, layout):
        assert "did not finish" in integrity.find_fault(layout)

    def test_a_failed_step_is_resumed_and_a_killed_set_up_is_not(self, layout):
        layout.state.mkdir()
        (layout.state / integrity.RESUMABLE).touch()
        assert integrity.find_fault(layout) == "changed: the last set-up stopped at a step that failed"
        (layout.state / integrity.RESUMABLE).unlink()
        assert integrity.find_fault(layout).startswith("broken:")

    def test_whole(self, layout):
        integrity.write_stamp(layout)
        assert integrity.find_fault(layout) is None

    def test_foreign_additions_and_byte_code_are_fine(self, layout):
        integrity.write_stamp(layout)
        (layout.venv / "lib" / "more.py").write_text("y = 2\n")
        (layout.venv / "lib" / "__pycache__").mkdir()
        assert integrity.find_fault(layout) is None

    @pytest.mark.parametrize(
        ("damage", "says"),
        [
            (lambda venv: (venv / "lib" / "module.py").unlink(), "lib/module.py is missing"),
            (lambda venv: (venv / "lib" / "module.py").write_text("x"), "lib/module.py has 1 bytes, not 6"),
            (lambda venv: (venv / "bin" / "python").unlink(), "interpreter is now missing"),
            (lambda venv: (venv / ".cablecell" / "manifest").unlink(), "list of installed files is gone"),
            (lambda venv: (venv / ".cablecell" / "stamp").write_text("{"), "did not finish"),
            (lambda venv: (venv / "share" / "a.launch.xml").unlink(), "share/a.launch.xml is missing"),
        ],
    )
    def test_damage_is_found(self, layout, damage, says):
        integrity.write_stamp(layout)
        damage(layout.venv)
        fault = integrity.find_fault(layout)
        assert fault.startswith("broken:")
        assert says in fault

    def test_moved_checkout_is_made_anew(self, layout, tmp_path):
        integrity.write_stamp(layout)
        layout.root.rename(tmp_path / "moved")
        moved = Layout(tmp_path / "moved", "jazzy", None)
        assert integrity.find_fault(moved).startswith("broken: root is now")

    @pytest.mark.parametrize("name", ["interfaces/A.msg", "pyproject.toml", "src/cablecell/installation/step.py"])
    def test_changed_input_asks_for_an_update(self, layout, name):
        integrity.write_stamp(layout)
        (layout.root / name).write_text("int64 a\n")
        assert integrity.find_fault(layout).startswith("changed:")

    def test_what_is_changed_while_the_environment_is_made_asks_for_an_update(self, layout):
        before = integrity.fingerprint(layout.root)
        (layout.root / "interfaces/A.msg").write_text("int64 a\n")
        integrity.write_stamp(layout, before)
        assert integrity.find_fault(layout).startswith("changed:")

    def test_edited_launch_file_asks_for_nothing(self, layout):
        integrity.write_stamp(layout)
        (layout.root / "launch" / "a.launch.xml").write_text("<launch></launch>")
        assert integrity.find_fault(layout) is None

    @pytest.mark.parametrize(
        "edit",
        [
            lambda launch: (launch / "b.launch.xml").write_text("<launch/>"),
            lambda launch: (launch / "a.launch.xml").unlink(),
            lambda launch: (launch / "a.launch.xml").rename(launch / "c.launch.xml"),
        ],
    )
    def test_new_or_deleted_launch_file_asks_for_an_update(self, layout, edit):
        integrity.write_stamp(layout)
        edit(layout.root / "launch")
        assert integrity.find_fault(layout).startswith("changed:")


class TestDomain:
    def test_same_checkout_keeps_its_domain(self, tmp_path):
        checkout = tmp_path / "a"
        checkout.mkdir()
        assert len({claim_domain(checkout, tmp_path / "reg") for _ in range(3)}) == 1

    def test_checkouts_never_share(self, tmp_path):
        checkouts = [tmp_path / f"clone{i}" for i in range(len(CHECKOUT_DOMAINS))]
        for checkout in checkouts:
            checkout.mkdir()
        domains = [claim_domain(checkout, tmp_path / "reg") for checkout in checkouts]
        assert sorted(domains) == list(CHECKOUT_DOMAINS)

    def test_domain_of_a_deleted_checkout_is_free_again(self, tmp_path):
        for i in range(len(CHECKOUT_DOMAINS)):
            claim_domain(tmp_path / f"gone{i}", tmp_path / "reg")
        fresh = tmp_path / "fresh"
        fresh.mkdir()
        domain = claim_domain(fresh, tmp_path / "reg")
        assert (tmp_path / "reg" / str(domain)).read_text() == str(fresh)


class TestLock:
    @pytest.mark.parametrize("section", ["jazzy", "kilted", "tools"])
    def test_every_requirement_is_pinned(self, section):
        lines = read_lock(ROOT / "requirements.lock", section)
        assert len(lines) > 20
        assert all(re.match(r"^[\w.-]+==[\w.+!-]+( ; .+)?$", line) for line in lines)

    def test_no_address_is_committed(self):
        assert "://" not in (ROOT / "requirements.lock").read_text()

    def test_unknown_section(self):
        with pytest.raises(SetupError, match="no section 'humble'; it has jazzy, kilted, tools"):
            read_lock(ROOT / "requirements.lock", "humble")

    def test_missing_file(self, tmp_path):
        with pytest.raises(SetupError, match="cannot be read"):
            read_lock(tmp_path / "requirements.lock", "jazzy")


class TestSystem:
    def test_missing_compiler_is_named(self):
        missing = system.find_missing({"PATH": "/nonexistent"})
        assert {need.package for need in missing} >= {"gcc", "g++"}

    def test_chosen_compiler_is_looked_for(self):
        missing = system.find_missing({"PATH": "/nonexistent", "CXX": "clang++ -O1"})
        assert any("clang++" in need.what for need in missing)

    def test_nothing_may_be_installed(self, monkeypatch):
        monkeypatch.setattr(system, "_find_privilege", lambda: None)
        with pytest.raises(
            SetupError, match=r"lacks a thing, and .*ask an administrator for `apt-get install a-thing`"
        ):
            system.provide([system.Need("a thing", "a-thing")], lambda _: None)

    @pytest.mark.parametrize(
        ("user", "programs", "installed", "said"),
        [
            (0, ("apt-get", "chromium"), [], ""),
            (0, ("apt-get",), ["chromium"], ""),
            (0, (), [], "apt-get install chromium"),
            (1000, ("apt-get",), [], "apt-get install chromium"),
            (1000, ("google-chrome",), [], ""),
        ],
    )
    def test_a_browser_is_installed_by_root_only(self, monkeypatch, user, programs, installed, said):
        asked, lines = [], []
        monkeypatch.setattr(system.os, "geteuid", lambda: user)
        monkeypatch.setattr(system.shutil, "which", lambda name: name if name in programs else None)
        monkeypatch.setattr(system, "provide", lambda needs, say: asked.extend(need.package for need in needs))
        system.provide_browser(lines.append)
        assert asked == installed
        assert said in "".join(lines)
        assert bool(lines) == bool(said)

    def test_a_browser_that_cannot_be_installed_is_no_failure(self, monkeypatch):
        def fail(needs, say):
            raise SetupError("`apt-get install chromium` failed")

        lines = []
        monkeypatch.setattr(system.os, "geteuid", lambda: 0)
        monkeypatch.setattr(system.shutil, "which", lambda name: name if name == "apt-get" else None)
        monkeypatch.setattr(system, "provide", fail)
        system.provide_browser(lines.append)
        assert lines == ["the browser tests of the console are skipped: `apt-get install chromium` failed"]


class TestEnvironment:
    @pytest.fixture
    def prefix(self, tmp_path):
        (tmp_path / "share" / "rclpy").mkdir(parents=True)
        (tmp_path / "share" / "rclpy" / "package.xml").touch()
        (tmp_path / ".cablecell").mkdir()
        (tmp_path / ".cablecell" / "domain").write_text("17\n")
        return tmp_path

    def test_what_a_setup_script_would_set(self, prefix):
        env = {"PATH": "/bin"}
        environment.apply(env, prefix)
        assert env["AMENT_PREFIX_PATH"] == str(prefix)
        assert env["PATH"] == f"{prefix}/bin:/bin"
        assert env["ROS_DOMAIN_ID"] == "17"
        assert env["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
        assert env["FASTDDS_BUILTIN_TRANSPORTS"] == environment.TRANSPORTS
        again = dict(env)
        environment.apply(again, prefix)
        assert again == env

    def test_what_the_user_set_stays(self, prefix):
        chosen = {
            "ROS_DOMAIN_ID": "5",
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET",
            "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4",
            "AMENT_PREFIX_PATH": "/overlay",
        }
        env = dict(chosen)
        environment.apply(env, prefix)
        assert env["AMENT_PREFIX_PATH"] == f"{prefix}:/overlay"
        assert {key: env[key] for key in chosen if key != "AMENT_PREFIX_PATH"} == {
            key: value for key, value in chosen.items() if key != "AMENT_PREFIX_PATH"
        }

    def test_without_loopback_shared_memory_carries_everything(self, prefix, monkeypatch):
        monkeypatch.setattr(environment, "has_loopback", lambda: False)
        env: dict[str, str] = {}
        environment.apply(env, prefix)
        assert (env["FASTDDS_BUILTIN_TRANSPORTS"], env["ROS_AUTOMATIC_DISCOVERY_RANGE"]) == ("SHM", "SUBNET")

    def test_a_ros_install_keeps_its_own_paths(self, tmp_path):
        env = {"AMENT_PREFIX_PATH": "/opt/ros/jazzy"}
        environment.apply(env, tmp_path)
        assert env["AMENT_PREFIX_PATH"] == "/opt/ros/jazzy"
