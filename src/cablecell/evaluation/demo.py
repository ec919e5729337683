"""`./cell demo`: bring up the whole cell, plug the trials, score them, and leave a run folder."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from cablecell.core.config.trial import TrialFile
from cablecell.core.errors import ConfigurationError, SupervisionError
from cablecell.evaluation.bench import describe_machine
from cablecell.evaluation.demo_cell import AFTER_LOSS_S, GENTLE_S, URGENT_S, CellLostError, CellProcess
from cablecell.evaluation.demo_pictures import add_recorded_pictures
from cablecell.evaluation.demo_trial import (
    EMPTY_SERIES,
    PEAK_FORCE_MEANING,
    SCORE_MEANING,
    Picture,
    TrialRun,
    evaluate_trial,
    read_series,
    summarise_demo,
)
from cablecell.evaluation.live_view import Progress, View, open_view, result_table
from cablecell.evaluation.run_folder import RunFolder, create_run_folder

EXIT_SEATED, EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 0, 1, 2, 130

BRING_UP_LIMIT_S = 90.0
STAY_S = 1.0
"""How long the plug has to stay after the cell's answer, when no skill presses it any more."""
SETTLE_LIMIT_S = 3.0
"""How long after the cell's answer the plug may take to count as seated; the rule is one second at the stop."""
PICTURE_LIMIT_S = 6.0
"""How long after the answer a picture may take; a second where the machine has nothing else to do."""
DEATH_NOTICE_S = 0.5
TABLE_WIDTH = 140
"""Columns of the table where no terminal says how many there are."""
OVERTIME_S = 10.0
"""Beyond a task's own limit the demo waits this long before it cancels the job."""

OWN_LAUNCH_FILE = "demo.launch.xml"
"""Of the cell; it keeps a ledger beside the recording."""


@dataclass(frozen=True)
class DemoOptions:
    """What the command line asks for.

    Attributes:
        trials_file: File of trials; None for the sample trials.
        trials: Names of the trials to run; empty for all of the file.
        seed: Seed of everything random.
        runs: Folder of all runs.
        json_file: Where to write the results besides the run folder; None for nowhere.
        is_headless: Plain lines instead of a live display.
        launch_file: What brings up the cell and its recorder.
    """

    trials_file: Path | None = None
    trials: tuple[str, ...] = ()
    seed: int = 0
    runs: Path = Path("runs")
    json_file: Path | None = None
    is_headless: bool = False
    launch_file: str = OWN_LAUNCH_FILE


@dataclass
class _Demo:
    """State of one demo."""

    options: DemoOptions
    trials_path: Path
    trials: TrialFile
    names: list[str]
    folder: RunFolder
    begun_s: float
    runs: list[TrialRun] = field(default_factory=list)
    bring_up_s: float | None = None
    loss: str = ""


def run(options: DemoOptions) -> int:
    """Run the demo and return the exit code of the process.

    Args:
        options: What was asked for.

    Returns:
        0 all trials seated, 1 otherwise or the cell was lost, 2 nothing could be started, 130 interrupted.
    """
    begun_s = time.monotonic()
    try:
        with _terminated_like_interrupted():
            demo = _prepare(options, begun_s)
            return _run(demo)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except ConfigurationError as error:
        sys.stderr.write(f"demo: {error}\n")
        return EXIT_USAGE


def _prepare(options: DemoOptions, begun_s: float) -> _Demo:
    """Check everything that can be checked before something starts.

    Raises:
        ConfigurationError: The trials, a name, or a place to write is wrong.
    """
    from cablecell.configuration import find_trials, load_trials

    path = find_trials(options.trials_file).resolve()
    trials = load_trials(path)
    names = list(options.trials) or list(trials.trials)
    for name in names:
        if name not in trials.trials:
            valid = ", ".join(trials.trials)
            raise ConfigurationError(f"no trial '{name}' in {path.name}; there are {valid}", value=name, limit=valid)
    if options.seed < 0 or options.seed >= 2**32:
        raise ConfigurationError(f"seed = {options.seed} is refused: it must be 0 to {2**32 - 1}", quantity="seed")
    if options.json_file is not None and not options.json_file.absolute().parent.is_dir():
        raise ConfigurationError(
            f"--json {options.json_file}: no folder {options.json_file.absolute().parent}", quantity="json"
        )
    return _Demo(options, path, trials, names, create_run_folder(options.runs), begun_s)


def _run(demo: _Demo) -> int:
    view = open_view(is_headless=demo.options.is_headless)
    view.say(f"run folder {demo.folder.path}")
    words = [
        *demo.options.launch_file.split(),
        f"trials_file:={demo.trials_path}",
        f"trial:={demo.names[0]}",
        f"seed:={demo.options.seed}",
        f"recording:={demo.folder.recording}",
    ]
    if words[0] == OWN_LAUNCH_FILE:  # another one need not know the argument
        words.append(f"ledger:={demo.folder.ledger}")
    schedule_s = GENTLE_S
    cell = CellProcess(words, demo.folder.log)
    try:
        _run_trials(demo, cell, view)
    except KeyboardInterrupt:
        schedule_s = URGENT_S
        raise
    except SupervisionError as error:
        demo.loss = _explain(error, cell)
        schedule_s = AFTER_LOSS_S if isinstance(error, CellLostError) else GENTLE_S
        view.say(f"cell lost: {demo.loss}")
    finally:
        view.close()
        # A second Ctrl-C must not stop the stopping, which is bounded in time.
        with _interrupts_ignored():
            cell.stop(schedule_s)
    return _conclude(demo)


def _explain(error: SupervisionError, cell: CellProcess) -> str:
    """Return why the cell was lost; the launcher may know of a death a moment after the cell has aborted."""
    with contextlib.suppress(ConfigurationError):
        end_s = time.monotonic() + DEATH_NOTICE_S
        while isinstance(error, CellLostError) and time.monotonic() < end_s:
            try:
                cell.check()
            except CellLostError as death:
                return str(death) if str(death) == str(error) else f"{death}; {error}"
            time.sleep(0.05)
    # Its process may take longer to end than anybody wants to wait for the reason.
    words = cell.last_words()
    return f"{words}; {error}" if words else str(error)


def _run_trials(demo: _Demo, cell: CellProcess, view: View) -> None:
    """Wait for the cell and run every trial.

    Raises:
        CellLostError: A node died or the cell ended.
        SupervisionError: The cell does not come up, or does not take a job.
    """
    from cablecell.evaluation.demo_client import DemoClient

    client = DemoClient(cell.check)
    try:
        view.say(f"bringing up the cell ({len(demo.names)} trials of {demo.trials_path.name})")
        if not client.spin_until(client.is_ready, BRING_UP_LIMIT_S):
            raise SupervisionError(
                f"the cell is not ready after {BRING_UP_LIMIT_S:g} s; its state is {client.state_name}"
            )
        demo.bring_up_s = time.monotonic() - demo.begun_s
        view.say(f"cell is up after {demo.bring_up_s:.1f} s")
        for name in demo.names:
            task = demo.trials.trials[name].task
            run = TrialRun(name, f"{task.target_module_name}/{task.port_name}", demo.options.seed)
            demo.runs.append(run)
            _run_trial(run, client, view, float(task.time_limit))
    finally:
        client.close()


def _run_trial(run: TrialRun, client: Any, view: View, time_limit_s: float) -> None:
    """Run one trial and keep what is seen of it."""
    from cablecell.evaluation.demo_client import NoAnswerError

    view.say(f"{run.trial}: {run.target}")
    client.load_trial(run.trial, run.seed)
    client.spin_until(lambda: client.state_name == "IDLE", 10.0)
    client.truth.clear()
    client.phases.clear()
    client.job_phase = ""
    if not client.spin_until(lambda: client.truth and client.truth[-1].trial == run.trial, 5.0):
        raise NoAnswerError(f"no /sim/truth of {run.trial} within 5 s: the simulation does not run")
    del client.truth[:-1]
    run.truth = client.truth
    run.phases = client.phases
    handle, run.start_s = client.start_job(run.trial)
    answer = handle.get_result_async()
    deadline_s = time.monotonic() + time_limit_s + OVERTIME_S
    while not client.spin_until(answer.done, 0.1):
        _watch(run, client, view)
        if time.monotonic() > deadline_s:
            run.error_msg = f"no result within {time_limit_s + OVERTIME_S:g} s; the job was cancelled"
            client.cancel(handle)
            break
    if answer.done():
        run.end_s = time.time()
        result = answer.result().result
        run.error_code, run.error_msg, run.attempts = result.error_code, result.error_msg, result.attempts
    _settle(run, client)
    # The lists belong to the client and go on with the next trial.
    run.truth, run.phases = list(client.truth), [entry for entry in client.phases if entry.time_s >= run.start_s]
    last = run.truth[-1]
    verdict = "seated" if last.is_seated else "NOT seated"
    took = "no result" if run.end_s is None else f"{run.end_s - run.start_s:.1f} s"
    reason = f" ({run.error_msg})" if run.error_msg else ""
    view.finish(f"{run.trial}: {verdict}, {took}, depth {1e3 * last.depth_m:.1f} mm{reason}")


def _watch(run: TrialRun, client: Any, view: View) -> None:
    """Show progress."""
    latest = client.phases[-1] if client.phases else None
    is_current = latest is not None and run.start_s is not None and latest.time_s >= run.start_s
    view.show(
        Progress(
            trial=run.trial,
            step=client.job_phase,
            phase=latest.phase if latest is not None and is_current else "",
            reason=latest.reason if latest is not None and is_current else "",
            elapsed_s=time.time() - (run.start_s or time.time()),
            depth_m=client.truth[-1].depth_m if client.truth else None,
        )
    )


def _settle(run: TrialRun, client: Any) -> None:
    """Wait until the plug counts as seated and has stayed; take a picture meanwhile: the camera may cost time now."""
    ended_s = time.time()
    found: list[Picture] = []

    def has_come() -> bool:
        picture = client.take_picture("after the trial", ended_s) if client.is_looking else None
        found.extend([picture] if picture is not None else [])
        return bool(found)

    def has_settled() -> bool:
        waited_s = time.time() - ended_s
        return waited_s > SETTLE_LIMIT_S or (waited_s > STAY_S and client.truth[-1].is_seated)

    client.look()
    client.spin_until(lambda: has_come() and has_settled(), PICTURE_LIMIT_S)
    client.look_away()
    run.pictures.extend(found)


def _conclude(demo: _Demo) -> int:
    """Evaluate, write the files, print the table, and return the exit code."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = TABLE_WIDTH
    series = EMPTY_SERIES
    if demo.folder.recording.is_file():
        series = read_series(demo.folder.recording)
        if not demo.loss:
            add_recorded_pictures(demo.runs, demo.folder.recording)
    rows = [evaluate_trial(trial, series) for trial in demo.runs]
    missing = demo.names[len(rows) :]
    rows += [_missing_row(demo, name) for name in missing]
    if demo.loss:
        for row in rows[max(0, len(demo.runs) - 1) :]:
            row["outcome"], row["error_msg"] = "cell_lost", demo.loss
    document = _document(demo, rows)
    console.print(result_table(rows))
    if not demo.loss:
        from cablecell.evaluation.report import write_report

        write_report(demo.folder.report, document, demo.runs, series)
        console.print(f"report    {demo.folder.report}", markup=False, soft_wrap=True)
    document["settings"]["wall_s"] = time.monotonic() - demo.begun_s
    text = json.dumps(document, indent=2, allow_nan=False)
    demo.folder.results.write_text(text, encoding="utf-8")
    console.print(f"results   {demo.folder.results}", markup=False, soft_wrap=True)
    if demo.options.json_file is not None:
        shutil.copyfile(demo.folder.results, demo.options.json_file)
    summary = document["summary"]
    console.print(
        f"{summary['seated']} of {summary['trials']} seated, {document['settings']['wall_s']:.1f} s in all",
        markup=False,
    )
    return EXIT_SEATED if not demo.loss and all(row["seated"] for row in rows) else EXIT_FAILED


def _missing_row(demo: _Demo, name: str) -> dict[str, Any]:
    """Return the row of a trial that was never begun: it stays in the denominator."""
    task = demo.trials.trials[name].task
    run = TrialRun(name, f"{task.target_module_name}/{task.port_name}", demo.options.seed, error_msg="never begun")
    return evaluate_trial(run, EMPTY_SERIES)


def _document(demo: _Demo, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    options = demo.options
    return {
        "name": "demo",
        "version": version("cablecell"),
        "machine": describe_machine(),
        "settings": {
            "trials_file": demo.trials_path.name,
            "trials": demo.names,
            "seed": options.seed,
            "headless": options.is_headless,
            "launch_file": options.launch_file,
            "run_folder": demo.folder.path.name,
            "score": SCORE_MEANING,
            "peak_force": PEAK_FORCE_MEANING,
            "bring_up_s": demo.bring_up_s,
        },
        "results": list(rows),
        "summary": summarise_demo(rows),
    }


@contextlib.contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the demo as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    old = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, old, strict=True):
            signal.signal(number, handler)


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    old = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, old, strict=True):
            signal.signal(number, handler)
