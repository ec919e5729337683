"""Where everything that moves is, compact enough to send to a renderer at its frame rate."""

from __future__ import annotations

from dataclasses import dataclass

from cablecell.core.geometry.scalar import Vec3
from cablecell.simulation.rigid import Pose
from cablecell.simulation.world import World

CABLE_POINTS = 41
"""Points a cable is sent with, whatever its number of segments is."""
_HEAD = 1 + 6 + 1 + 1
_SIZE = _HEAD + 7 + 3 * CABLE_POINTS


@dataclass(frozen=True)
class SceneState:
    """State of the moving parts of a scene.

    Attributes:
        stamp_s: Time, s.
        q: True positions of the arm's joints, rad.
        finger_width_m: Distance between the pads, m.
        X_world_tip: Pose of the plug's tip, or None without a plug.
        cable: Centre line of the cable in `world`, m; empty without a cable.
    """

    stamp_s: float
    q: tuple[float, ...]
    finger_width_m: float
    X_world_tip: Pose | None
    cable: tuple[Vec3, ...]

    def flatten(self) -> list[float]:
        """Return the state as a list of fixed length."""
        has_plug = self.X_world_tip is not None
        tip = self.X_world_tip or Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
        line = [value for point in self.cable for value in point]
        flags = float(has_plug) + 2.0 * float(bool(line))
        line += [0.0] * (3 * CABLE_POINTS - len(line))
        return [self.stamp_s, *self.q, self.finger_width_m, flags, *tip.p, *tip.q, *line]

    @classmethod
    def from_list(cls, values: list[float]) -> SceneState:
        """Return the state that `flatten` made a list of.

        Raises:
            ValueError: The list has the wrong length.
        """
        if len(values) != _SIZE:
            raise ValueError(f"a scene state has {_SIZE} numbers, not {len(values)}")
        flags = round(values[8])
        tip = Pose((values[9], values[10], values[11]), (values[12], values[13], values[14], values[15]))
        points = values[16:]
        line = tuple((points[3 * i], points[3 * i + 1], points[3 * i + 2]) for i in range(CABLE_POINTS))
        return cls(
            stamp_s=values[0],
            q=tuple(values[1:7]),
            finger_width_m=values[7],
            X_world_tip=tip if flags % 2 else None,
            cable=line if flags >= 2 else (),
        )


def observe_scene(world: World, stamp_s: float) -> SceneState:
    """Return the state of a world's moving parts."""
    q, _, _ = world.joint_states()
    line: tuple[Vec3, ...] = ()
    if world.cable is not None:
        line = world.cable.centre_line(CABLE_POINTS)
    return SceneState(
        stamp_s=stamp_s,
        q=tuple(q),
        finger_width_m=world.finger_width(),
        X_world_tip=None if world.plug is None else world.plug_tip(),
        cable=line,
    )
