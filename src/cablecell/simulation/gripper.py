"""The simulated gripper behind the `Gripper` port."""

from __future__ import annotations

from cablecell.core.geometry.scalar import norm, subtract
from cablecell.ports import GripperState
from cablecell.simulation.clock import SimulatedClock
from cablecell.simulation.errors import MachineCommandError, MachineNotConnectedError
from cablecell.simulation.world import FINGER_FORCE_N, World

GRIP_REACH_M = 3.0e-3
"""Fingers that close on a plug nearer than this to `tcp` hold it."""
GRIP_SLACK_M = 0.5e-3
"""Fingers further apart than the plug is wide by more than this do not hold it."""
MAX_WIDTH_M = 0.05


class SimulatedGripper:
    """The parallel gripper. Opening lets the plug go; closing on a plug between the fingers holds it where it is."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._world: World | None = None
        self._width_m = MAX_WIDTH_M
        self._force_n = FINGER_FORCE_N

    def read(self) -> GripperState:
        """Return the newest state.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
        """
        world = self._connected()
        holding = world.grasp is not None
        return GripperState(self._clock.now_s(), world.finger_width(), self._force_n if holding else 0.0, holding)

    def command(self, width_m: float, force_n: float) -> None:
        """Move the fingers to a width, m, with at most a force, N.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
            MachineCommandError: Width or force is out of range or not finite (code 852).
        """
        world = self._connected()
        for name, value, limit, unit in (("width", width_m, MAX_WIDTH_M, "m"), ("force", force_n, FINGER_FORCE_N, "N")):
            if not 0.0 <= value <= limit:
                raise MachineCommandError(
                    f"gripper {name} = {value} {unit} is outside 0 to {limit} {unit}",
                    quantity=name,
                    value=value,
                    limit=limit,
                    unit=unit,
                )
        self._width_m, self._force_n = width_m, force_n
        held = world.scene.plug
        if held is not None and self._plug_is_between():
            width_m = max(width_m, held.connector.grasp.width_m)
            if world.grasp is not None and self._width_m <= held.connector.grasp.width_m:
                world.grasp.hold_with(force_n)
        world.move_fingers(width_m, force_n)

    def attach(self, world: World) -> None:
        """Move the fingers of another world."""
        self._world = world
        self._width_m = world.finger_width()

    def detach(self) -> None:
        """Be disconnected."""
        self._world = None

    def update(self) -> None:
        """Let the plug go or hold it, as the fingers are now."""
        world = self._connected()
        held = world.scene.plug
        if held is None:
            return
        width = held.connector.grasp.width_m
        is_open = world.finger_width() > width + GRIP_SLACK_M
        if world.grasp is not None and is_open:
            world.release_plug()
        elif world.grasp is None and not is_open and self._width_m <= width and self._plug_is_between():
            world.grip_plug()

    def _plug_is_between(self) -> bool:
        world = self._connected()
        if world.plug is None:
            return False
        return norm(subtract(world.held_point(), world.tcp().p)) < GRIP_REACH_M

    def _connected(self) -> World:
        if self._world is None:
            raise MachineNotConnectedError(
                "the simulated gripper is not connected; call connect first", quantity="gripper"
            )
        return self._world
