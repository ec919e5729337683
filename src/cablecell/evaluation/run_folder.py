"""One folder for everything a run leaves behind."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from cablecell.core.errors import ConfigurationError


@dataclass(frozen=True)
class RunFolder:
    """Where the files of one run are.

    Attributes:
        path: The folder, `runs/<date>_<n>`.
    """

    path: Path

    @property
    def results(self) -> Path:
        """Results and summary, JSON."""
        return self.path / "results.json"

    @property
    def recording(self) -> Path:
        """Everything that went over the wire, MCAP."""
        return self.path / "recording.mcap"

    @property
    def ledger(self) -> Path:
        """Jobs, insertions, states and commands, SQLite."""
        return self.path / "ledger.db"

    @property
    def report(self) -> Path:
        """The report, one HTML file."""
        return self.path / "report.html"

    @property
    def log(self) -> Path:
        """What the processes printed."""
        return self.path / "cell.log"


def create_run_folder(runs: Path, today: datetime.date | None = None) -> RunFolder:
    """Create the next free folder `<date>_<n>`, n from 1, also when several runs begin at once.

    Args:
        runs: Folder of all runs; created if needed.
        today: Date of the run; today by default.

    Raises:
        ConfigurationError: The folder cannot be created (code 900).
    """
    date = (today or datetime.date.today()).isoformat()
    try:
        runs.mkdir(parents=True, exist_ok=True)
        taken = [entry.name.rpartition("_")[2] for entry in runs.glob(f"{date}_*")]
        number = max((int(text) for text in taken if text.isdigit()), default=0) + 1
        while True:
            path = runs / f"{date}_{number}"
            try:
                path.mkdir()
            except FileExistsError:
                number += 1
                continue
            return RunFolder(path.resolve())
    except OSError as error:
        raise ConfigurationError(
            f"run folder in {runs} cannot be created: {error.strerror}", quantity="runs", value=runs
        ) from error
