"""The scene as the wrist cameras see it: everything of a trial, the mouths of its ports, the fiducials on its board."""

from __future__ import annotations

import numpy as np

from cablecell.core.config.connector import Connector
from cablecell.core.config.perception import FiducialSet
from cablecell.core.geometry import make_pose
from cablecell.simulation.fiducials import fiducial_plates
from cablecell.simulation.render_scene import Box, RenderScene, Visual
from cablecell.simulation.scene import Scene
from cablecell.simulation.visual_scene import add_scene

_FLOOR = (0.08, 0.08, 0.09, 1.0)
_NO_TURN = np.eye(3)


def build_camera_scene(scene: Scene, fiducials: FiducialSet) -> RenderScene:
    """Return a render scene of a trial; `visual_scene.show_state` moves what moves, `close` frees it.

    Args:
        scene: The trial.
        fiducials: What is glued on its task board.
    """
    render = RenderScene()
    add_scene(render, scene)
    for name, port in scene.ports.items():
        render.add_body(f"port/{name}", _mouth(port.connector), port.X_WE.matrix())
    render.add_body("fiducials", fiducial_plates(fiducials), scene.board.matrix())
    return render


def _mouth(connector: Connector) -> list[Visual]:
    """Return the walls of a port as boxes in its entrance frame, and its floor; lead-ins are too small to be seen."""
    port = connector.port
    color = (port.color[0], port.color[1], port.color[2], 1.0)
    visuals: list[Visual] = []
    length = port.wall_end_m - port.rim_depth_m
    for wall in port.walls:
        (x0, x1), (y0, y1) = wall.x_m, wall.y_m
        centre = ((x0 + x1) / 2.0, (y0 + y1) / 2.0, port.rim_depth_m + length / 2.0)
        visuals.append(Box((x1 - x0, y1 - y0, length), color, make_pose(_NO_TURN, centre)))
    (x0, x1), (y0, y1) = port.floor_x_m, port.floor_y_m
    floor = make_pose(_NO_TURN, ((x0 + x1) / 2.0, (y0 + y1) / 2.0, port.stop_depth_m))
    visuals.append(Box((x1 - x0, y1 - y0, 0.0005), _FLOOR, floor))
    return visuals
