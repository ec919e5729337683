"""The work of the wrist cameras as the cell uses them, for measuring what they cost beside physics and control.

Once a second of simulated time all three cameras are triggered for the part of the full-resolution image that shows
the fiducials and the plug, and five times a second one of them gives a preview of 640x480. The running cell looks a
handful of times in a whole insertion.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.camera_rig import SIDES, CameraRig, camera_mounts
from cablecell.composition.camera_stream import CameraStream
from cablecell.configuration import load_fiducials
from cablecell.core.config.camera import CameraIntrinsics
from cablecell.core.config.estimator import EstimatorSettings
from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.fusion.board_looks import Viewer, fiducial_region, palm_outline
from cablecell.core.fusion.board_state import CameraRig as CalibratedRig
from cablecell.core.geometry import invert_pose
from cablecell.core.perception.fiducials import build_patches
from cablecell.core.perception.plug_body import plug_body
from cablecell.core.perception.plug_fit import plug_region
from cablecell.ports import Frame, Region
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.scene import Scene

Matrix = NDArray[np.float64]

LOOK_RATE_HZ = 1.0
PREVIEW_RATE_HZ = 5.0
PREVIEW_SIDE = "center"
_MARGIN_PX = 40


class CameraLoad:
    """Takes the images that are due whenever it is asked, from one simulated machine.

    Attributes:
        images: Number of images taken, by kind: "look" and "preview".
        wall_s: Time they took, by kind, s.
        cpu_s: Processor time they took, by kind, s.
        pixels: Their pixels, by kind.
    """

    def __init__(self, machine: SimulatedMachine, scene: Scene, settings: SimulationSettings, seed: int) -> None:
        """Make the cameras of a machine.

        Args:
            machine: The machine, connected.
            scene: Its scene, with the arm as described.
            settings: Of the machine.
            seed: Of the machine.
        """
        self._machine, self._scene = machine, scene
        self._rig = CameraRig(CameraIntrinsics(), settings)
        self._rig.show_scene(scene, seed)
        mounts = camera_mounts(scene)
        calibrated = CalibratedRig.calibrated(mounts, EstimatorSettings())
        self._viewer = Viewer(calibrated, {side: CameraIntrinsics() for side in SIDES}, palm_outline())
        self._patches = build_patches(load_fiducials())
        latency_s = settings.cameras.latency_s
        self._looks = [CameraStream(partial(self._look, side), rate_hz=None, latency_s=latency_s) for side in SIDES]
        self._preview = CameraStream(self._take_preview, rate_hz=PREVIEW_RATE_HZ, latency_s=latency_s)
        self._next_look_s = machine.clock.now_s()
        # What a camera computes once, where its pixels look, is not part of any second.
        self._rig.set_state(machine.scene_state().flatten())
        for side in SIDES:
            self._rig.capture(side)
        self._rig.capture_preview(PREVIEW_SIDE)
        kinds = ("look", "preview")
        self.images = dict.fromkeys(kinds, 0)
        self.wall_s, self.cpu_s = dict.fromkeys(kinds, 0.0), dict.fromkeys(kinds, 0.0)
        self.pixels = dict.fromkeys(kinds, 0)

    def run(self, now_s: float) -> None:
        """Take what is due at a time, s, on the machine's clock."""
        if now_s >= self._next_look_s:
            self._next_look_s += 1.0 / LOOK_RATE_HZ
            for stream in self._looks:
                stream.trigger()
        streams = [*self._looks, self._preview]
        if any(stream.is_due(now_s) for stream in streams):
            self._rig.set_state(self._machine.scene_state().flatten())
        for stream in streams:
            stream.poll(now_s)

    def frame_s(self, kind: str) -> float:
        """Return the mean processor time of an image of a kind, s."""
        return self.cpu_s[kind] / max(1, self.images[kind])

    def region(self, side: str) -> Region | None:
        """Return what a look needs of a camera's image: fiducials and plug; None when it shows neither."""
        world, K = self._machine.world, CameraIntrinsics()
        X_base_tcp = (world.frame("base_link").inverse() @ world.tcp()).matrix()
        X_base_board = (world.frame("base_link").inverse() @ self._scene.board).matrix()
        fiducials = fiducial_region(self._viewer, side, X_base_tcp, X_base_board, self._patches, _MARGIN_PX)
        plug = None
        if self._scene.plug is not None:
            X_optical_tip = invert_pose(self._viewer.rig.mounts[side]) @ world.X_tcp_tip_nominal.matrix()
            plug = plug_region(
                plug_body(self._scene.plug.connector), X_optical_tip, K.matrix(), (K.width, K.height), _MARGIN_PX
            )
        found = [region for region in (fiducials, plug) if region is not None]
        if not found:
            return None
        x, y = min(r.x for r in found), min(r.y for r in found)
        right, bottom = max(r.x + r.width for r in found), max(r.y + r.height for r in found)
        return Region(x, y, right - x, bottom - y)

    def _look(self, side: str) -> Frame:
        return self._timed("look", lambda: self._rig.capture(side, self.region(side)))

    def _take_preview(self) -> Frame:
        return self._timed("preview", lambda: self._rig.capture_preview(PREVIEW_SIDE))

    def _timed(self, kind: str, take: Callable[[], Frame]) -> Frame:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        frame = take()
        self.wall_s[kind] += time.perf_counter() - wall_s
        self.cpu_s[kind] += time.process_time() - cpu_s
        self.images[kind] += 1
        self.pixels[kind] += frame.region.width * frame.region.height
        return frame
