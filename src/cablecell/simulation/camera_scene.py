"""The scene as the wrist cameras see it: everything of a trial in front of them, and the fiducials on its board."""

from __future__ import annotations

from dataclasses import replace

from cablecell.core.config.perception import FiducialSet
from cablecell.simulation.description import Body, Shape
from cablecell.simulation.fiducials import fiducial_plates
from cablecell.simulation.render_scene import RenderScene
from cablecell.simulation.scene import Scene
from cablecell.simulation.visual_scene import add_scene

_BEHIND_CAMERAS = ("world", "shoulder_link", "upper_arm_link", "forearm_link", "wrist_1_link", "wrist_2_link")
_TABLE_TOP_M = 1.14
_CAMERA_BODIES = ("camera_mount_link", "center_camera_link", "left_camera_link", "right_camera_link")


def build_camera_scene(scene: Scene, fiducials: FiducialSet) -> RenderScene:
    """Return a render scene of a trial; `visual_scene.show_state` moves what moves.

    What the wrist cameras cannot see is left out, because it would cost time all the same: the arm behind
    them, their own housings, and the posts and the ceiling of the enclosure.

    Args:
        scene: The trial.
        fiducials: What is glued on its task board.
    """
    render = RenderScene()
    add_scene(render, _in_front_of_cameras(scene))
    render.add_body("fiducials", fiducial_plates(fiducials), scene.board.matrix())
    return render


def _in_front_of_cameras(scene: Scene) -> Scene:
    bodies = {name: _without_cameras(name, body) for name, body in scene.robot.bodies.items()}
    statics = [
        replace(static, visuals=_low(static.visuals)) for static in scene.statics if static.entity == "enclosure"
    ]
    others = [static for static in scene.statics if static.entity != "enclosure"]
    return replace(scene, robot=replace(scene.robot, bodies=bodies), statics=(*statics, *others))


def _without_cameras(name: str, body: Body) -> Body:
    if name in _BEHIND_CAMERAS:
        return replace(body, visuals=[])
    return replace(body, visuals=[shape for shape in body.visuals if shape.link not in _CAMERA_BODIES])


def _low(shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """Return the shapes of the enclosure whose middle is below the table top: the table itself."""
    return tuple(shape for shape in shapes if shape.X_BS.p[2] < _TABLE_TOP_M)
