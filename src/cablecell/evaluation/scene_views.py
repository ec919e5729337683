"""Pictures of a scene as it begins: the cell from the side, and the port that is the target from near by."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import load_fiducials
from cablecell.core.config.camera import CameraIntrinsics, RenderSettings
from cablecell.core.config.scenario import Scenario
from cablecell.evaluation.draw import draw_run
from cablecell.ports import Region
from cablecell.simulation.fiducials import fiducial_plates
from cablecell.simulation.lens import Lens
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.render_scene import RenderScene
from cablecell.simulation.scene import Scene
from cablecell.simulation.scene_state import observe_scene
from cablecell.simulation.visual_scene import add_scene, show_state

Array = NDArray[np.float64]

_WIDTH, _FOCAL = 1280, 1400.0
_SUPERSAMPLING = 2
_ABOVE_BOARD_M = np.array([-0.1, 0.05, 0.2])
"""What the picture of the cell has in its middle, relative to the board: a point between board and arm."""
_CELL_FROM_M = np.array([1.1, 0.75, 0.65])
"""From where the cell is seen, relative to that point."""
_PORT_FROM_M = np.array([0.09, 0.07, 0.12])
"""From where the port is seen, relative to its entrance."""


def save_views(scenario: Scenario, seed: int, stem: Path) -> list[Path]:
    """Draw one seed of a scenario as it begins and return the files: the cell and its target port, as PNG.

    Args:
        scenario: What to draw.
        seed: Of everything random.
        stem: Files without what they show; the folder is made when it is not there.
    """
    draw = draw_run(scenario, seed)
    scene = load_scene(draw.trial, scenario.connectors, draw.fixture)
    machine = SimulatedMachine(scene, draw.simulation, seed=seed, home=scenario.home)
    machine.connect()
    state = observe_scene(machine.world, 0.0)
    machine.disconnect()
    render = compose(scene)
    show_state(render, scene, state)
    middle, entrance = np.array(scene.board.p) + _ABOVE_BOARD_M, np.array(scene.ports[scene.target].X_WE.p)
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = []
    for what, target, away in (("cell", middle, _CELL_FROM_M), ("port", entrance, _PORT_FROM_M)):
        path = stem.with_name(f"{stem.name}_{what}.png")
        pixels = look(render, looking_at(target + away, target))
        cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        paths.append(path)
    return paths


def looking_at(eye: Array, target: Array) -> Array:
    """Return X_world_optical (4, 4) of a camera at a point that looks at another, its picture upright in `world`."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    X = np.eye(4)
    X[:3, 0], X[:3, 1], X[:3, 2], X[:3, 3] = right, np.cross(forward, right), forward, eye
    return X


def compose(scene: Scene) -> RenderScene:
    """Return everything of a scene that can be seen, the moving parts not yet in their places."""
    render = RenderScene()
    add_scene(render, scene)
    render.add_body("fiducials", fiducial_plates(load_fiducials()), scene.board.matrix())
    return render


def look(render: RenderScene, X_world_optical: Array, width: int = _WIDTH) -> NDArray[np.uint8]:
    """Return an RGB picture of 4 to 3, shape (3/4 width, width, 3); `show_state` has put the parts in their places.

    Args:
        render: What is seen.
        X_world_optical: From where, shape (4, 4).
        width: Of the picture.
    """
    share, height = width / _WIDTH, round(0.75 * width)
    lens = Lens(
        CameraIntrinsics(
            width=width,
            height=height,
            fx=_FOCAL * share,
            fy=_FOCAL * share,
            cx=0.5 * (width - 1),
            cy=0.5 * (height - 1),
        )
    )
    fine = render.render(X_world_optical, lens.rays(Region(0, 0, width, height), _SUPERSAMPLING), RenderSettings())
    return np.asarray(cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
