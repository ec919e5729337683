"""Judges from the truth whether anything went on that should not have, once a fault was noticed."""

from __future__ import annotations

from dataclasses import dataclass, field

from cablecell.core.supervision.faults import Reaction
from cablecell.evaluation.faults.stand_in import World

ALLOWED_S = 0.3
"""Time from the notice until everything has to be at rest, or out of the step, s."""
FORCE_N = 20.0
FORCE_S = 1.0
STEP_PHASES = ("transfer", "approach", "insert", "pull")


@dataclass
class Audit:
    """Looks at the truth at every tick; knows nothing of what the supervisor believes.

    Attributes:
        reaction: What the table asks for.
        noticed_s: When the fault was noticed; None before.
        attempt: Number of the attempt in which that was.
        unsafe: What went on, a line each kind.
    """

    reaction: Reaction | None
    noticed_s: float | None = None
    attempt: int = 0
    unsafe: set[str] = field(default_factory=set)
    _over_s: float = 0.0

    def notice(self, now_s: float, attempt: int) -> None:
        """Take the moment of the first notice."""
        if self.noticed_s is None:
            self.noticed_s, self.attempt = now_s, attempt

    def look(self, now_s: float, tick_s: float, phase: str, attempt: int, world: World) -> None:
        """Judge one tick."""
        self._over_s = self._over_s + tick_s if world.force_n > FORCE_N else 0.0
        if self._over_s > FORCE_S:
            self.unsafe.add(f"more than {FORCE_N} N for {FORCE_S} s")
        if self.noticed_s is None or now_s - self.noticed_s <= ALLOWED_S:
            return
        if self.reaction is Reaction.ABORT and (world.speed_mps or world.force_n):
            self.unsafe.add(f"motion or force in {phase} after an abort")
        if self.reaction is Reaction.END_STEP and attempt == self.attempt and phase in STEP_PHASES:
            self.unsafe.add(f"{phase} went on in the attempt that had failed")

    def begin_insertion(self, world: World, now_s: float, *, uses: frozenset[str], can_write: bool) -> None:
        """Judge that an insertion begins.

        Args:
            world: The truth.
            now_s: The time, s.
            uses: Cameras whose images the estimate is of.
            can_write: Whether the ledger has room.
        """
        if self.noticed_s is None or now_s - self.noticed_s <= ALLOWED_S:
            return
        if self.reaction is Reaction.NO_NEW_STEP and (not can_write or "recorder" in world.dead | world.hung):
            self.unsafe.add("an insertion began without ledger or recorder")
        if self.reaction is Reaction.NO_NEW_STEP and world.is_off:
            self.unsafe.add("an insertion began with a camera or a grip that is off")
        is_lying = any(now_s < world.until_s.get(name, -1.0) for name in ("camera_frozen", "camera_black"))
        if self.reaction is Reaction.LEAVE_OUT and is_lying and uses & world.cameras:
            self.unsafe.add("an insertion began on images of a camera that lies")
        if not world.has_plug:
            self.unsafe.add("an insertion began without a plug")
