"""The simulated machine: arm, gripper and force sensor of a world, behind the ports that a real machine has too."""

from __future__ import annotations

import hashlib
import pickle
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.config.trial import HomeJoints
from cablecell.ports import WrenchSample
from cablecell.simulation.arm import SimulatedArm
from cablecell.simulation.clock import SimulatedClock
from cablecell.simulation.errors import MachineCommandError, MachineNotConnectedError
from cablecell.simulation.gripper import SimulatedGripper
from cablecell.simulation.kinematic_errors import as_built
from cablecell.simulation.saved_state import ObjectState, StateError
from cablecell.simulation.scene import Scene
from cablecell.simulation.scene_state import SceneState, observe_scene
from cablecell.simulation.truth import Truth
from cablecell.simulation.world import World
from cablecell.simulation.wrench_faults import WrenchFault


class SimulatedWrenchSensor:
    """The force/torque sensor at the wrist.

    Attributes:
        fault: What is wrong with it on purpose; None when nothing is.
    """

    def __init__(self, clock: SimulatedClock) -> None:
        self.fault: WrenchFault | None = None
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
        sample = WrenchSample(self._clock.stamp_s(sensor.stamp_s), force, torque, sensor.is_overloaded)
        return sample if self.fault is None else self.fault.alter(sample)

    def attach(self, world: World | None) -> None:
        """Read the sensor of another world."""
        self._world = world


Objects = Mapping[str, object]
"""Objects by the names they have in a saved state."""


@dataclass(frozen=True)
class SavedMachine:
    """Complete state of a machine at one moment.

    Attributes:
        fingerprint: Which machine it belongs to.
        physics: Bodies and contacts, as the engine writes them.
        objects: Everything around the engine.
    """

    fingerprint: str
    physics: bytes
    objects: bytes

    def write(self, path: Path) -> None:
        """Write the state to a file."""
        path.write_bytes(pickle.dumps((self.fingerprint, self.physics, self.objects)))

    @classmethod
    def read(cls, path: Path) -> SavedMachine:
        """Return a state from a file; like every pickle, of nobody but yourself.

        Raises:
            StateError: The file holds something else.
        """
        try:
            fingerprint, physics, objects = pickle.loads(path.read_bytes())
        except (pickle.UnpicklingError, EOFError, ValueError, TypeError) as error:
            raise StateError(f"{path} holds no state of a rollout") from error
        return cls(fingerprint, physics, objects)


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

    def state_hash(self, anchors: Objects | None = None, shared: Objects | None = None) -> str:
        """Return a hash of everything that decides how the simulation goes on, sources of randomness included.

        Args:
            anchors: Objects with state beside the machine, by name.
            shared: Objects without state that these refer to, by name.
        """
        hashed = hashlib.sha256(self._object_state(anchors, shared).digest().encode())
        values = self.world.physics_values()
        hashed.update(struct.pack(f"<{len(values)}d", *values))
        return hashed.hexdigest()

    def save(self, anchors: Objects | None = None, shared: Objects | None = None) -> SavedMachine:
        """Return the complete state: physics, drives, plug, cable, latches, sensors, and all that is random.

        Args:
            anchors: Objects with state beside the machine, by name.
            shared: Objects without state that these refer to, by name.
        """
        objects = self._object_state(anchors, shared).save()
        return SavedMachine(self._fingerprint(), self.world.save_physics(), objects)

    def restore(self, saved: SavedMachine, anchors: Objects | None = None, shared: Objects | None = None) -> None:
        """Put a state back, so that everything goes on as it did after `save`.

        Args:
            saved: What `save` returned, with the same names of other objects.
            anchors: Objects with state beside the machine, by name.
            shared: Objects without state that these refer to, by name.

        Raises:
            StateError: It is of a machine with another scene, other settings or another seed; nothing was changed.
        """
        if saved.fingerprint != self._fingerprint():
            raise StateError("the state is of a machine with another scene, other settings or another seed")
        self._object_state(anchors, shared).restore(saved.objects)
        self.world.restore_physics(saved.physics)

    def _object_state(self, anchors: Objects | None, shared: Objects | None) -> ObjectState:
        """Return the state of the objects around the physics engine, together with others that go with them."""
        # The world is built as the arm really is, and so has a scene of its own.
        scene = self.world.built
        own: dict[str, object] = {
            "machine": self,
            "world": self.world,
            "truth": self.truth,
            "clock": self.clock,
            "arm": self.arm,
            "gripper": self.gripper,
            "wrench_sensor": self.wrench_sensor,
        }
        fixed: dict[str, object] = {"scene": scene, "described": self._scene, "settings": self._settings}
        fixed.update({f"static/{i}": body for i, body in enumerate(scene.statics)})
        fixed.update({f"port/{name}": port for name, port in scene.ports.items()})
        return ObjectState({**own, **(anchors or {})}, {**fixed, **(shared or {})}, self.world.client)

    def _fingerprint(self) -> str:
        scene = self.world.built
        connectors = [(name, port.connector.name, port.X_WE) for name, port in sorted(scene.ports.items())]
        held = "" if scene.plug is None else scene.plug.connector.name
        described = (scene.board, connectors, scene.target, held, self._seed, self._settings.model_dump_json())
        return hashlib.sha256(repr(described).encode()).hexdigest()

    def _build(self) -> None:
        scene = as_built(self._scene, self._settings.kinematics, self._seed)
        world = World(scene, self._settings, self._seed, self._home)
        self._world, self._truth, self._watched = world, Truth(world), 0
        self.clock.follow(world)
        self.arm.attach(world)
        self.gripper.attach(world)
        self.wrench_sensor.attach(world)
