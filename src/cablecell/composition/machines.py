"""Make the machine that an `arm_controller` owns, by the name of its kind, with everything the controller needs of it.

A node knows `Backend` and nothing of physics; what only a simulation has is behind `SimulationControl`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.robot_description import load_robot_description
from cablecell.composition.simulated_cell import load_scene
from cablecell.core.control.admittance import ContactLoop
from cablecell.core.control.frames import rotation_from_quat_xyzw, transform
from cablecell.core.control.model import ArmModel
from cablecell.core.control.robot_arm import RobotArm
from cablecell.core.errors import ConfigurationError
from cablecell.core.fusion.wrench import Payload
from cablecell.core.motion.model import RobotModel
from cablecell.ports import CommandMode, Machine
from cablecell.simulation.files import config_folder, load_connectors, load_simulation, load_trials
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.scene import Scene

Array = NDArray[np.float64]

TOOL_PAYLOAD = Payload(1.0, np.array([0.0, 0.0, 0.0658]))
"""Gripper behind the sensor as the description of the arm has it: mass, kg, and centre in `ft_frame`, m."""


class MachineKindError(ConfigurationError):
    """The kind of machine is unknown; nothing was connected."""

    code = 902


class UnknownTrialError(ConfigurationError):
    """The trials file has no trial of that name; the old scene stays."""

    code = 903


@dataclass(frozen=True)
class MachineOptions:
    """What is configured about a machine.

    Attributes:
        trials_file: File of the trials of a simulation; empty is the sample of the cell.
        trial: Name of the trial it starts with.
        seed: Seed of every random error of its scene.
    """

    trials_file: str = ""
    trial: str = "trial_1"
    seed: int = 0


@dataclass(frozen=True)
class TrialSource:
    """Which scene a simulation shows: all that a renderer needs to build the same one.

    Attributes:
        trials_file: Absolute path of the trials file.
        trial: Name of the trial.
        seed: Seed of every random error.
    """

    trials_file: str
    trial: str
    seed: int


class SimulationControl(Protocol):
    """What only a simulated machine offers. What decides in the cell never sees it."""

    @property
    def source(self) -> TrialSource:
        """Which scene is shown."""
        ...

    def scene_state(self) -> list[float]:
        """Return where everything that moves is, as `SceneState.flatten`; its first number is the machine's time."""
        ...

    def truth(self) -> dict[str, object]:
        """Return what really happens, ready to be written as JSON."""
        ...

    def prepare(self, trial: str, seed: int) -> Callable[[], None]:
        """Read another trial without touching the machine, and return what makes the machine show it.

        Raises:
            WorkcellError: The trial does not exist or has a mistake (family 900, or code 853).
        """
        ...


@dataclass(frozen=True)
class Backend:
    """A machine, and what a controller has to know of it.

    Attributes:
        machine: The machine, not yet connected.
        model: Kinematics and inertia of its arm.
        command_mode: What its arm is told.
        contact_loop: Delay and stiffness of a position-controlled arm; None for a torque-controlled one.
        tool_frames: Poses of `tcp`, `tool0` and `ft_frame` in `tcp`, shape (4, 4) each.
        description: URDF text of the arm in its cell.
        tool_payload: What hangs on the force sensor without anything gripped.
        payload: Returns what hangs on it with the plug that is gripped now, nominally.
        set_arm_payload: Tells the arm what it carries beyond its tool: mass, kg, and centre in `tcp`, m.
        simulation: What only a simulation has; None for a real machine.
    """

    machine: Machine
    model: ArmModel
    command_mode: CommandMode
    contact_loop: ContactLoop | None
    tool_frames: Mapping[str, Array]
    description: str
    tool_payload: Payload
    payload: Callable[[], Payload]
    set_arm_payload: Callable[[float, Array], None]
    simulation: SimulationControl | None = None


def make_machine(kind: str, options: MachineOptions) -> Backend:
    """Return the machine of a kind, not yet connected.

    Raises:
        MachineKindError: There is no such kind (code 902).
        WorkcellError: What is configured for it has a mistake (family 900).
    """
    if kind not in MACHINES:
        valid = ", ".join(sorted(MACHINES))
        raise MachineKindError(
            f"hardware = '{kind}' is not a kind of machine; valid are {valid}",
            quantity="hardware",
            value=kind,
            limit=valid,
        )
    return MACHINES[kind](options)


def combine_payloads(a: Payload, b: Payload) -> Payload:
    """Return two rigid payloads as one; both centres are in `ft_frame`."""
    mass = a.mass_kg + b.mass_kg
    if mass <= 0.0:
        return Payload(0.0, np.zeros(3))
    return Payload(mass, (a.mass_kg * a.centre + b.mass_kg * b.centre) / mass)


class _SimulatedCell:
    """The simulated machine of one trials file."""

    def __init__(self, options: MachineOptions) -> None:
        path = Path(options.trials_file) if options.trials_file else config_folder() / "trials" / "aic_sample.yaml"
        self._path = path.absolute()
        self._trials = load_trials(self._path)
        self._connectors = load_connectors()
        self.settings = load_simulation()
        self._scene = self._load(options.trial)
        self._source = TrialSource(str(self._path), options.trial, options.seed)
        home = self._trials.robot.home_joint_positions
        self.machine = SimulatedMachine(self._scene, self.settings, seed=options.seed, home=home)

    @property
    def source(self) -> TrialSource:
        return self._source

    def scene_state(self) -> list[float]:
        return self.machine.scene_state().flatten()

    def truth(self) -> dict[str, object]:
        truth = self.machine.truth
        found: dict[str, object] = {
            "trial": self._source.trial,
            "seated": truth.is_seated,
            "inserted": truth.inserted,
            "offlimit_contacts": len(truth.contacts),
        }
        if self._scene.plug is not None:
            where = truth.plug_in_port()
            found["depth_m"] = where.depth_m
            found["lateral_m"] = math.hypot(*where.lateral_m)
            found["tip_port_distance_m"] = math.dist(truth.tip().p, truth.target().p)
        return found

    def prepare(self, trial: str, seed: int) -> Callable[[], None]:
        scene = self._load(trial)

        def show() -> None:
            self.machine.set_up(scene, seed)
            self._scene = scene
            self._source = TrialSource(str(self._path), trial, seed)

        return show

    def payload(self, X_tcp_ft: Array) -> Payload:
        """Return tool and nominally gripped plug as one payload in `ft_frame`."""
        plug = self._scene.plug
        if plug is None:
            return TOOL_PAYLOAD
        tip = self.machine.world.X_tcp_tip_nominal
        com = transform(rotation_from_quat_xyzw(tip.q), tip.p) @ np.array([*plug.connector.plug.com_m, 1.0])
        centre = X_tcp_ft[:3, :3].T @ (com[:3] - X_tcp_ft[:3, 3])
        return combine_payloads(TOOL_PAYLOAD, Payload(plug.connector.plug.mass_kg, centre))

    def _load(self, name: str) -> Scene:
        trials = self._trials.trials
        if name not in trials:
            valid = ", ".join(trials)
            raise UnknownTrialError(
                f"{self._path.name} has no trial '{name}'; valid are {valid}", quantity="trial", value=name, limit=valid
            )
        return load_scene(trials[name], self._connectors)


def _simulated(options: MachineOptions) -> Backend:
    cell = _SimulatedCell(options)
    robot = RobotModel(load_robot_description(with_enclosure=False))
    tool_frames = {name: robot.relative_pose("tcp", name) for name in ("tcp", "tool0", "ft_frame")}
    return Backend(
        machine=cell.machine,
        model=RobotArm(robot, rotor_inertia=np.array(cell.settings.arm.rotor_inertia_kg_m2)),
        command_mode=CommandMode.EFFORT,
        contact_loop=None,
        tool_frames=tool_frames,
        description=load_robot_description(),
        tool_payload=TOOL_PAYLOAD,
        payload=lambda: cell.payload(tool_frames["ft_frame"]),
        set_arm_payload=lambda mass, centre: cell.machine.arm.set_payload(mass, centre.tolist()),
        simulation=cell,
    )


MACHINES: Mapping[str, Callable[[MachineOptions], Backend]] = {"sim": _simulated}
"""Maker of every kind of machine."""
