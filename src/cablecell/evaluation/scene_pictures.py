"""What `cell scene render` does: read a file, draw it, say where the pictures are."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from cablecell.composition.scenario_files import load_scenario
from cablecell.composition.trial_scenarios import load_trial_scenarios
from cablecell.configuration import find_connector, load_connector
from cablecell.core.config.connector import Connector
from cablecell.core.config.documents import DocumentError
from cablecell.core.errors import WorkcellError


def render_connector(file: str, *, clearance_m: float | None, out: Path) -> int:
    """Draw a connector file, say where the pictures are, and return the exit code: 2 when the file has a mistake.

    Args:
        file: The file, or the name of a shipped connector.
        clearance_m: Clearance on every side in place of the file's, m.
        out: Folder of the pictures.
    """
    from cablecell.evaluation.connector_drawing import save_drawing

    console = Console(highlight=False)
    path = find_connector(Path(file))
    try:
        connector = _read(path, clearance_m)
        stem = path.stem if clearance_m is None else f"{path.stem}_{clearance_m * 1.0e6:g}um"
        title = f"{connector.name} ({path.name})"
        if clearance_m is not None:
            title += f", clearance {clearance_m * 1.0e3:g} mm on every side"
        paths = save_drawing(connector, out / stem, title)
    except (DocumentError, OSError) as error:
        Console(stderr=True).print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 2
    for picture in paths:
        console.print(str(picture), markup=False, soft_wrap=True)
    return 0


def render_scenario(file: str, *, seed: int | None, out: Path) -> int:
    """Draw one seed of a scenario as it begins; print and return as `render_connector` does.

    Args:
        file: Scenario file.
        seed: Of everything random; the scenario's own when not given.
        out: Folder of the pictures.
    """
    from cablecell.evaluation.scene_views import save_views

    console, path = Console(highlight=False), Path(file)
    try:
        scenario = load_scenario(path)
        number = scenario.seed if seed is None else seed
        paths = save_views(scenario, number, out / f"{path.stem}_{number}")
    except (WorkcellError, OSError) as error:
        Console(stderr=True).print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 2
    for picture in paths:
        console.print(str(picture), markup=False, soft_wrap=True)
    return 0


def show_trials(file: str, *, is_drawn: bool, seed: int, out: Path | None) -> int:
    """Print what the trials of an AIC trial file ask for, draw them, and return as `render_connector` does.

    Args:
        file: The trial file.
        is_drawn: The trials are drawn anew from `seed`, within the published limits.
        seed: Of everything random.
        out: Folder of the pictures; None for none.
    """
    from cablecell.evaluation.draw import draw_run
    from cablecell.evaluation.scene_views import save_views

    console, path = Console(highlight=False), Path(file)
    table = Table(box=None, pad_edge=False)
    for head in ("trial", "plug", "port", "limit s", "board x y yaw", "mounted"):
        table.add_column(head)
    pictures: list[Path] = []
    try:
        for scenario in load_trial_scenarios(path, is_drawn=is_drawn):
            trial = draw_run(scenario, seed).trial
            task, board = trial.task, trial.scene.task_board
            mounted = [
                f"{name.replace('_rail', '')} {1e3 * rail.entity_pose.translation:+.1f} mm {rail.entity_pose.yaw:+.2f}"
                for name, rail in board.rails()
                if rail.entity_pose is not None
            ]
            place = f"{board.pose.x:.3f} {board.pose.y:.3f} {board.pose.yaw:.3f}"
            port = f"{task.target_module_name}/{task.port_name}"
            table.add_row(scenario.name, task.plug_type, port, str(task.time_limit), place, ", ".join(mounted))
            if out is not None:
                pictures += save_views(scenario, seed, out / f"{path.stem}_{scenario.name}_{seed}")
    except (WorkcellError, OSError) as error:
        Console(stderr=True).print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 2
    console.print(table)
    for picture in pictures:
        console.print(str(picture), markup=False, soft_wrap=True)
    return 0


def _read(path: Path, clearance_m: float | None) -> Connector:
    connector = load_connector(path)
    if clearance_m is None:
        return connector
    try:
        return connector.with_clearance(clearance_m)
    except ValueError as error:
        raise DocumentError(f"{path.name}: {error}", quantity="clearance", value=clearance_m, unit="m") from error
