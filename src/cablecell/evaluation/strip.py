"""A picture strip of one insertion: some moments from staging to the answer, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.scenario import Scenario
from cablecell.evaluation.rollout import Rollout
from cablecell.evaluation.scenario_run import run_scenario
from cablecell.evaluation.scene_views import compose, look, looking_at
from cablecell.simulation.scene import Scene
from cablecell.simulation.scene_state import SceneState, observe_scene
from cablecell.simulation.visual_scene import show_state

Row = dict[str, Any]
Image = NDArray[np.uint8]

FRAMES = 6
WIDTH = 320
"""Of a frame, pixels."""

_EVERY_S = 0.1
_FROM_M = np.array([0.085, 0.07, 0.06])
"""From where the port is seen, relative to its entrance."""
_ABOVE_M = np.array([0.0, 0.0, 0.012])
"""What is in the middle of a frame, relative to the entrance."""
_LINE_PX = 15


@dataclass(frozen=True)
class Moment:
    """What is known of one moment.

    Attributes:
        time_s: Since staging, s.
        phase: Of the strategy.
        is_new: The phase has just begun.
        depth_m: Tip below the believed entrance, m.
        force_n: Contact force, N.
        state: Where everything is.
    """

    time_s: float
    phase: str
    is_new: bool
    depth_m: float
    force_n: float
    state: SceneState


class StripRecorder:
    """Keeps moments of a rollout: every beginning of a phase, and some between.

    Attributes:
        moments: In order of time.
        scene: What is simulated; None before the first moment.
    """

    def __init__(self) -> None:
        self.moments: list[Moment] = []
        self.scene: Scene | None = None
        self._latest: Moment | None = None

    def watch(self, rollout: Rollout) -> None:
        """Look at a rollout after a period."""
        trace, world = rollout.trace, rollout.machine.world
        if not trace.time_s:
            return
        phase, time_s = rollout.skill.phase.name, trace.time_s[-1] - trace.time_s[0]
        is_new = not self.moments or self.moments[-1].phase != phase
        if not is_new and time_s - self.moments[-1].time_s < _EVERY_S:
            return
        self.scene = world.scene
        force_n = float(np.linalg.norm(trace.force[-1] - trace.force[0]))
        state = observe_scene(world, trace.time_s[-1])
        self.moments.append(Moment(time_s, phase, is_new, trace.depth_m[-1], force_n, state))

    def draw(self) -> Image | None:
        """Return the strip, RGB, shape (h, w, 3); None when the run ended before staging."""
        if self.scene is None:
            return None
        return draw_strip(self.scene, choose(self.moments, FRAMES))


def run_with_strip(scenario: Scenario, seed: int) -> tuple[Row, Image | None]:
    """Run one seed of a scenario; return its row and its strip."""
    recorder = StripRecorder()
    row = run_scenario(scenario, seed, recorder.watch)
    return row, recorder.draw()


def choose(moments: Sequence[Moment], n: int) -> list[Moment]:
    """Return at most `n` moments in order: the first and the last, beginnings of phases, and what fills the gaps."""
    last = len(moments) - 1
    marked = sorted({0, last} | {i for i, moment in enumerate(moments) if moment.is_new})
    if len(marked) > n:
        marked = sorted({marked[round(k * (len(marked) - 1) / (n - 1))] for k in range(n)})
    while len(marked) < min(n, len(moments)):
        # The moment that is farthest in time from all that were chosen.
        times = np.array([moments[i].time_s for i in marked])
        gaps = [
            float(np.abs(times - moment.time_s).min()) if i not in marked else -1.0 for i, moment in enumerate(moments)
        ]
        marked = sorted({*marked, int(np.argmax(gaps))})
    return [moments[i] for i in marked]


def draw_strip(scene: Scene, moments: Sequence[Moment]) -> Image:
    """Return the moments side by side as an RGB picture, each with its time, phase, depth and force."""
    render, entrance = compose(scene), np.array(scene.ports[scene.target].X_WE.p)
    X = looking_at(entrance + _FROM_M, entrance + _ABOVE_M)
    frames = []
    for moment in moments:
        show_state(render, scene, moment.state)
        frame = np.ascontiguousarray(look(render, X, WIDTH))
        lines = (
            f"{moment.time_s:.2f} s  {moment.phase}",
            f"{1e3 * moment.depth_m:.1f} mm  {moment.force_n:.1f} N",
        )
        cv2.rectangle(frame, (0, 0), (WIDTH, _LINE_PX * len(lines) + 6), (255, 255, 255), cv2.FILLED)
        for k, line in enumerate(lines):
            at = (6, _LINE_PX * (k + 1))
            cv2.putText(frame, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (31, 41, 51), 1, cv2.LINE_AA)
        frames.append(frame)
    return np.hstack(frames)


def encode(strip: Image) -> bytes:
    """Return a strip as PNG."""
    _, data = cv2.imencode(".png", cv2.cvtColor(strip, cv2.COLOR_RGB2BGR))
    return bytes(data.tobytes())
