"""Make, update or repair the environment of a checkout; `./cell` calls this before every command.

Standard library only: this runs on the system's Python before anything is installed. Prints the path of a shell
file to source on standard output, and everything meant for people on standard error.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cablecell.installation import system
from cablecell.installation.domain import claim_domain, default_registry
from cablecell.installation.integrity import RESUMABLE, find_fault, fingerprint, linked_files, write_stamp
from cablecell.installation.layout import Layout, SetupError, find_layout
from cablecell.installation.lock import read_lock

_held_lock: int | None = None


def main() -> int:
    """Bring the environment up to date and print the shell file that activates it; exit code 2 on failure."""
    # An interrupted set-up leaves no stamp, so the next start repairs it: ending at once is safe.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        layout = find_layout(Path(__file__).resolve().parents[3])
        ensure(layout)
    except SetupError as error:
        _say(f"{error}")
        return 2
    except KeyboardInterrupt:
        _say("set-up interrupted; the next start goes on with it")
        return 130
    sys.stdout.write(f"{layout.state / 'activate.sh'}\n")
    return 0


def ensure(layout: Layout) -> None:
    """Make the environment whole; does nothing when it already is.

    Raises:
        SetupError: Something needed is missing or a step failed.
    """
    if find_fault(layout) is None:
        return
    with _exclusive(layout.lock_file):
        fault = find_fault(layout)  # another command may have finished the set-up while this one waited
        if fault is None:
            return
        _build(layout, fault)


def _build(layout: Layout, fault: str) -> None:
    started = time.monotonic()
    kind, _, reason = fault.partition(": ")
    source = f"the ROS {layout.distribution} install in {layout.ros_prefix}" if layout.ros_prefix else "wheels"
    missing = system.find_missing()
    if missing:
        system.provide(missing, _say)
        if system.find_missing():
            listed = ", ".join(need.what for need in system.find_missing())
            raise SetupError(f"{listed}: still missing after the installation")
    _say(f"setting up {layout.venv.name} with ROS 2 {layout.distribution} from {source} ({reason}); once, some minutes")
    (layout.state / "stamp").unlink(missing_ok=True)
    (layout.state / RESUMABLE).unlink(missing_ok=True)
    if kind != "changed" and layout.venv.exists():
        shutil.rmtree(layout.venv)
    contents = fingerprint(layout.root)
    steps = _steps_on_install(layout) if layout.ros_prefix else _steps_on_wheels(layout)
    for number, (title, step) in enumerate(steps, start=1):
        begun = time.monotonic()
        _say(f"[{number}/{len(steps)}] {title}", end="")
        try:
            step()
        except SetupError:
            _say("", prefix="")
            (layout.state / RESUMABLE).touch()
            raise
        _say(f" {time.monotonic() - begun:.0f} s", prefix="")
    write_stamp(layout, contents)
    _say(f"ready after {time.monotonic() - started:.0f} s")


def _steps_on_wheels(layout: Layout) -> list[tuple[str, Callable[[], None]]]:
    return [
        ("environment", lambda: _make_venv(layout)),
        ("ROS 2 and Python packages of the lock file", lambda: _install_locked(layout, layout.distribution)),
        ("message packages, compiled here", lambda: _install_messages(layout)),
        ("cablecell", lambda: _install_project(layout)),
        ("loops of simulation, control and planning, compiled here", lambda: _compile_kernels(layout)),
        ("check", lambda: _check(layout)),
    ]


def _steps_on_install(layout: Layout) -> list[tuple[str, Callable[[], None]]]:
    return [
        ("environment", lambda: _make_venv(layout)),
        ("Python packages of the lock file", lambda: _install_locked(layout, "tools")),
        ("colcon build", lambda: _build_workspace(layout)),
        ("check", lambda: _check(layout)),
    ]


def _make_venv(layout: Layout) -> None:
    if not layout.python.exists():
        options = ["--system-site-packages"] if layout.ros_prefix else []
        _run(layout, [sys.executable, "-m", "venv", *options, str(layout.venv)])
    layout.state.mkdir(exist_ok=True)
    domain = claim_domain(layout.root, default_registry())
    (layout.state / "domain").write_text(f"{domain}\n", encoding="utf-8")
    lines = [f"CELL_BIN={shlex.quote(str(layout.venv / 'bin' / 'cablecell'))}\n"]
    if layout.ros_prefix:
        lines = [
            f". {shlex.quote(str(layout.ros_prefix / 'setup.sh'))}\n",
            f". {shlex.quote(str(layout.workspace / 'install' / 'local_setup.bash'))}\n",
            *lines,
        ]
    (layout.state / "activate.sh").write_text("".join(lines), encoding="utf-8")


def _install_locked(layout: Layout, section: str) -> None:
    pins = read_lock(layout.root / "requirements.lock", section)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as requirements:
        requirements.write("\n".join(pins) + "\n")
        requirements.flush()
        # The lock is the complete, resolved set: nothing is left to resolve, and `pip check` proves it afterwards.
        _pip(layout, "install", "--no-deps", "-r", requirements.name)
    # The robotics wheels bring 200 MB of C++ headers (Boost, Eigen) that nothing here compiles against.
    for headers in layout.venv.glob("lib/python3.*/site-packages/cmeel.prefix/include"):
        shutil.rmtree(headers)


def _install_messages(layout: Layout) -> None:
    reinstall = ("install", "--no-deps", "--force-reinstall", "--no-build-isolation")
    backend = layout.root / "rospip" / "build_backend"
    shutil.rmtree(backend / "build", ignore_errors=True)  # setuptools would pack files that were deleted since
    _pip(layout, *reinstall, str(backend))
    # Without isolation the generators just installed are used, and ROS is not downloaded a second time.
    _pip(layout, *reinstall, str(layout.root / "interfaces"), str(layout.root / "rospip" / "standard"))


def _install_project(layout: Layout) -> None:
    """Install the package editable and lay out the prefix as `colcon build --symlink-install` would."""
    _pip(layout, "install", "--no-deps", "--no-build-isolation", "--editable", str(layout.root))
    share = layout.venv / "share"
    marker = share / "ament_index" / "resource_index" / "packages" / "cablecell"
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    package = share / "cablecell"
    shutil.rmtree(package, ignore_errors=True)
    for path in (*linked_files(layout.root), Path("package.xml")):
        _link(package / path, layout.root / path)
    executables = layout.venv / "lib" / "cablecell"
    shutil.rmtree(executables, ignore_errors=True)
    executables.mkdir(parents=True)
    query = (
        "from importlib.metadata import distribution\n"
        "print(*(e.name for e in distribution('cablecell').entry_points if e.group == 'console_scripts'))"
    )
    for name in _run(layout, [str(layout.python), "-c", query]).split():
        _link(executables / name, layout.venv / "bin" / name)


def _compile_kernels(layout: Layout) -> None:
    _run(layout, [str(layout.python), "-m", "cablecell.composition.kernels"])


def _build_workspace(layout: Layout) -> None:
    """Build the interfaces and the package with colcon on top of the ROS install."""
    root, workspace = layout.root, layout.workspace
    build = " ".join(
        shlex.quote(word)
        for word in (
            *(str(layout.python), "-m", "colcon", "--log-base", str(workspace / "log"), "build", "--symlink-install"),
            *("--base-paths", str(root), str(root / "interfaces")),
            *("--build-base", str(workspace / "build"), "--install-base", str(workspace / "install")),
            *("--cmake-args", f"-DPython3_EXECUTABLE={layout.python}", "-DBUILD_TESTING=OFF"),
        )
    )
    setup = shlex.quote(str(layout.ros_prefix / "setup.sh")) if layout.ros_prefix else "/dev/null"
    _run(layout, ["sh", "-c", f". {setup} && {build}"])
    _link(layout.venv / "bin" / "cablecell", workspace / "install" / "cablecell" / "lib" / "cablecell" / "cablecell")


def _check(layout: Layout) -> None:
    if layout.ros_prefix:
        return  # the packages of the distribution's own Python are not ours to check
    _run(layout, [str(layout.python), "-m", "pip", "check"])
    _run(
        layout,
        [
            str(layout.python),
            "-c",
            "import rclpy, cablecell_interfaces.msg, tf2_ros, interactive_markers, aic_model.policy",
        ],
    )


def _link(link: Path, target: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _pip(layout: Layout, *words: str) -> str:
    return _run(layout, [str(layout.python), "-m", "pip", "--quiet", *words])


def _run(layout: Layout, command: list[str]) -> str:
    """Run one step, append its output to the log, and return its standard output.

    Raises:
        SetupError: The command failed; the message carries the last lines that say why.
    """
    layout.state.mkdir(parents=True, exist_ok=True)
    environ = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE")}
    environ["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    # A step inherits the lock: should this process be killed, the next start waits until the orphan has ended.
    held = () if _held_lock is None else (_held_lock,)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environ, stdin=subprocess.DEVNULL, pass_fds=held
    )
    with (layout.state / "setup.log").open("a", encoding="utf-8") as log:
        log.write(f"$ {shlex.join(command)}\n{done.stdout}{done.stderr}")
    if done.returncode != 0:
        raise SetupError(_explain(command, done.stdout + done.stderr, layout.state / "setup.log"))
    return done.stdout


def _explain(command: list[str], output: str, log: Path) -> str:
    unreachable = ("Temporary failure in name resolution", "Name or service not known", "Network is unreachable")
    if any(sign in output for sign in unreachable):
        return "the Python package index cannot be reached; set-up needs a network once, afterwards nothing does"
    if "No space left on device" in output:
        return "the disk is full; set-up needs about 2 GB"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() and "subprocess-exited" not in line]
    last = (telling or lines or ["no output"])[-1]
    return f"`{Path(command[0]).name} {' '.join(command[1:4])} …` failed: {last} (all of it: {log})"


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    global _held_lock
    with path.open("w", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another command is setting this checkout up; waiting for it")
            fcntl.flock(stream, fcntl.LOCK_EX)
        _held_lock = stream.fileno()
        try:
            yield
        finally:
            _held_lock = None


def _say(text: str, end: str = "\n", prefix: str = "cell: ") -> None:
    sys.stderr.write(f"{prefix}{text}{end}")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
