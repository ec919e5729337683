"""The simulated machine: arm, gripper and force sensor of a world, behind the ports that a real machine has too."""

from __future__ import annotations

import numpy as np

from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.config.trial import HomeJoints
from cablecell.ports import WrenchSample
from cablecell.simulation.arm import SimulatedArm
from cablecell.simulation.clock import SimulatedClock
from cablecell.simulation.errors import MachineCommandError, MachineNotConnectedError
from cablecell.simulation.gripper import SimulatedGripper
from cablecell.simulation.kinematic_errors import as_built
from cablecell.simulation.scene import Scene
from cablecell.simulation.scene_state import SceneState, observe_scene
from cablecell.simulation.truth import Truth
from cablecell.simulation.world import World


class SimulatedWrenchSensor:
    """The force/torque sensor at the wrist."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._world: World | None = None

    def read(self) -> WrenchSample:
        """Return the newest sample.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
        """
        if self._world is None:
            raise MachineNotConnectedError(
                "the simulated force sensor is not connected; call connect first", quantity="wrench"
            )
        sensor = self._world.sensor
        force, torque = np.array(sensor.reading[:3]), np.array(sensor.reading[3:])
        return WrenchSample(self._clock.stamp_s(sensor.stamp_s), force, torque, sensor.is_overloaded)

    def attach(self, world: World | None) -> None:
        """Read the sensor of another world."""
        self._world = world


class SimulatedMachine:
    """Everything one `arm_controller` owns, simulated.

    Attributes:
        arm: The arm.
        gripper: The gripper.
        wrench_sensor: The force/torque sensor.
        clock: The clock of all stamps.
    """

    def __init__(
        self, scene: Scene, settings: SimulationSettings | None = None, seed: int = 0, home: HomeJoints | None = None
    ) -> None:
        self._scene, self._seed = scene, seed
        self._settings = settings or SimulationSettings()
        self._home = (home or HomeJoints()).in_order()
        self._world: World | None = None
        self._truth: Truth | None = None
        self._watched = 0
        self.clock = SimulatedClock()
        self.arm = SimulatedArm(self.clock)
        self.gripper = SimulatedGripper(self.clock)
        self.wrench_sensor = SimulatedWrenchSensor(self.clock)

    def connect(self) -> None:
        """Build the scene with the arm at home; does nothing when connected."""
        if self._world is None:
            self._build()

    def disconnect(self) -> None:
        """Free the scene; does nothing when not connected."""
        if self._world is None:
            return
        self.arm.stop()
        self.clock.follow(None)
        self.arm.detach()
        self.gripper.detach()
        self.wrench_sensor.attach(None)
        self._world.close()
        self._world, self._truth = None, None

    def set_up(self, scene: Scene, seed: int) -> None:
        """Replace the scene: another board, a new plug in the gripper, the arm at home; time goes on.

        Args:
            scene: The new scene.
            seed: Seed of every error of the new scene.
        """
        connected = self._world is not None
        self.disconnect()
        self._scene, self._seed = scene, seed
        if connected:
            self._build()

    def cycle(self, period_s: float) -> None:
        """Carry out the last commands for exactly `period_s`.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
            MachineCommandError: The period is not a whole number of physics steps (code 852).
        """
        world = self.world
        steps = round(period_s / world.dt_s)
        if steps < 1 or abs(steps * world.dt_s - period_s) > 1e-9:
            raise MachineCommandError(
                f"period_s = {period_s} s is not a whole number of physics steps of {world.dt_s} s",
                quantity="period_s",
                value=period_s,
                limit=world.dt_s,
                unit="s",
            )
        self.arm.drive(steps)
        world.advance(steps)
        watch = int(world.time_s * self._settings.contacts.watch_rate_hz + 1e-9)
        if watch != self._watched:
            self._watched = watch
            self.gripper.update()
            self.truth.look()
        self.arm.measure()

    @property
    def world(self) -> World:
        """The physics, for evaluation and tests.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
        """
        if self._world is None:
            raise MachineNotConnectedError(
                "the simulated machine is not connected; call connect first", quantity="machine"
            )
        return self._world

    @property
    def truth(self) -> Truth:
        """What really happens, for evaluation and tests.

        Raises:
            MachineNotConnectedError: Not connected (code 851).
        """
        if self._truth is None:
            raise MachineNotConnectedError(
                "the simulated machine is not connected; call connect first", quantity="machine"
            )
        return self._truth

    def scene_state(self) -> SceneState:
        """Return where everything that moves is, for a renderer."""
        return observe_scene(self.world, self.clock.now_s())

    def state_hash(self) -> str:
        """Return a hash of everything that decides how the simulation goes on."""
        return self.world.state_hash()

    def _build(self) -> None:
        scene = as_built(self._scene, self._settings.kinematics, self._seed)
        world = World(scene, self._settings, self._seed, self._home)
        self._world, self._truth, self._watched = world, Truth(world), 0
        self.clock.follow(world)
        self.arm.attach(world)
        self.gripper.attach(world)
        self.wrench_sensor.attach(world)
