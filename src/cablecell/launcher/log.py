"""What a launch says: lines on the screen and in the log files of the run, formatted as `ros2 launch` does."""

from __future__ import annotations

import datetime
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from cablecell.launcher.plan import OUTPUT_MODES


def log_directory(environment: Mapping[str, str]) -> Path:
    """Return a fresh folder for one run, below `ROS_LOG_DIR`, `ROS_HOME`/log or `~/.ros/log`; it is not created."""
    base = environment.get("ROS_LOG_DIR")
    if not base:
        base = str(Path(environment.get("ROS_HOME") or "~/.ros") / "log")
    stamp = datetime.datetime.now().strftime("%Y-%m-%d-%H-%M-%S-%f")
    return Path(os.path.normpath(Path(base).expanduser())) / f"{stamp}-{socket.gethostname()}-{os.getpid()}"


class LaunchLog:
    """Writes events of the launcher and output of the processes.

    Args:
        directory: Folder of the log files; created here, with a link `latest` beside it.
        screen: Where the user looks.

    Raises:
        OSError: The folder cannot be created.
    """

    def __init__(self, directory: Path, screen: TextIO) -> None:
        self.directory = directory
        self.screen_closed = False
        self._screen = screen
        self._files: dict[str, TextIO] = {}
        directory.mkdir(parents=True)
        self._link_latest()

    def event(self, level: str, name: str, message: str) -> None:
        """Write a line `[LEVEL] [name]: message` to the screen and to `launch.log`."""
        line = f"[{level}] [{name}]: {message}"
        self._show(line)
        self._append("launch.log", f"{time.time():.7f} {line}")

    def output(self, label: str, stream: str, mode: str, text: str) -> None:
        """Write one output line of a process to where its output mode sends it.

        Args:
            label: The process.
            stream: `stdout` or `stderr`.
            mode: Key of `OUTPUT_MODES`.
            text: The line, without its end.
        """
        line = f"[{label}] {text}"
        destinations = OUTPUT_MODES[mode][stream == "stderr"]
        if "screen" in destinations:
            self._show(line)
        if "log" in destinations:
            self._append("launch.log", f"{time.time():.7f} {line}")
        if "own_log" in destinations:
            self._append(f"{label}-{stream}.log", line)
            self._append(f"{label}.log", line)

    def close(self) -> None:
        """Close the log files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _show(self, line: str) -> None:
        if self.screen_closed:
            return
        try:
            self._screen.write(line + "\n")
            self._screen.flush()
        except BrokenPipeError:
            self.screen_closed = True

    def _append(self, name: str, line: str) -> None:
        if name not in self._files:
            self._files[name] = (self.directory / name).open("a", buffering=1, encoding="utf-8", errors="replace")
        self._files[name].write(line + "\n")

    def _link_latest(self) -> None:
        latest = self.directory.parent / "latest"
        if latest.exists() and not latest.is_symlink():
            return
        try:
            latest.unlink(missing_ok=True)
            latest.symlink_to(self.directory, target_is_directory=True)
        except OSError:
            # Another launch made its link at the same moment; the link is a convenience, the run goes on.
            return
