"""The simulated machine as a backend of `arm_controller`: physics of one trials file, another trial on request."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cablecell.composition.machines import (
    Backend,
    BackendExtras,
    ExtrasHost,
    MachineOptions,
    TrialSource,
    UnknownTrialError,
    combine_payloads,
)
from cablecell.composition.robot_description import load_robot_description
from cablecell.composition.simulated_cell import load_scene
from cablecell.configuration import find_trials, load_connectors, load_simulation, load_trials
from cablecell.core.config.connector import Connector
from cablecell.core.control.modes import preferred_mode
from cablecell.core.control.robot_arm import RobotArm
from cablecell.core.fusion.wrench import Payload
from cablecell.core.geometry import make_pose, rotation_from_quat
from cablecell.core.motion.model import RobotModel
from cablecell.simulation.board_push import push_board
from cablecell.simulation.machine import SimulatedMachine
from cablecell.simulation.rigid import Pose
from cablecell.simulation.scene import Scene
from cablecell.simulation.wrench_faults import WrenchFault

Array = NDArray[np.float64]

_PUSH_CYCLES = 100
"""Cycles of control in which a push of the board is spread, so that it hits what it touches as a body does."""

TOOL_PAYLOAD = Payload(1.0, np.array([0.0, 0.0, 0.0658]))
"""Gripper behind the sensor as the description of the arm has it: mass, kg, and centre in `ft_frame`, m."""


def payload_with_plug(connector: Connector, X_tcp_tip: Pose, X_tcp_ft: Array) -> Payload:
    """Return the gripper and a plug held at `X_tcp_tip` as one payload in `ft_frame`."""
    com = make_pose(rotation_from_quat(X_tcp_tip.q), X_tcp_tip.p) @ np.array([*connector.plug.com_m, 1.0])
    centre = X_tcp_ft[:3, :3].T @ (com[:3] - X_tcp_ft[:3, 3])
    return combine_payloads(TOOL_PAYLOAD, Payload(connector.plug.mass_kg, centre))


class SimulatedCell:
    """The simulated machine of one trials file, and what only a simulation offers; what decides never sees it."""

    def __init__(self, options: MachineOptions) -> None:
        path = find_trials(Path(options.trials_file) if options.trials_file else None)
        self._path = path.absolute()
        self._trials = load_trials(self._path)
        self._connectors = load_connectors()
        self.settings = load_simulation()
        trial = options.trial or next(iter(self._trials.trials))
        self._scene = self._load(trial)
        self._source = TrialSource(str(self._path), trial, options.seed)
        self._pushes: deque[tuple[float, ...]] = deque()
        home = self._trials.robot.home_joint_positions
        self.machine = SimulatedMachine(self._scene, self.settings, seed=options.seed, home=home)

    @property
    def source(self) -> TrialSource:
        """Which scene is shown."""
        return self._source

    def scene_state(self) -> list[float]:
        """Return where everything that moves is, as `SceneState.flatten`; its first number is the machine's time."""
        return self.machine.scene_state().flatten()

    def truth(self) -> dict[str, object]:
        """Return what really happens, ready to be written as JSON."""
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

    def inject(self, faults: Mapping[str, object]) -> None:
        """Break the force sensor as `faults['wrench']` says, a kind of `WrenchFaultKind` and an axis; else mend it.

        `faults['board']` pushes the task board by six numbers in its own axes, m and rad, within 0.2 s and for good.

        Raises:
            ValueError: There is no such kind or axis, or no such push; nothing was changed.
        """
        described = faults.get("board") or ()
        if not isinstance(described, Sequence):
            raise ValueError(f"board = {described} is not six numbers")
        push = [float(value) for value in described]
        if push and (len(push) != 6 or not all(map(math.isfinite, push))):
            raise ValueError(f"board = {push} is not six numbers")
        self.machine.wrench_sensor.fault = WrenchFault.parse(faults.get("wrench"))
        if push:
            self._pushes = deque([tuple(value / _PUSH_CYCLES for value in push)] * _PUSH_CYCLES)

    def go_on(self) -> None:
        """Let a push of the board go on by one cycle; called by who steps the machine, between two cycles."""
        if self._pushes:
            x, y, z, rx, ry, rz = self._pushes.popleft()
            push_board(self.machine.world, (x, y, z), (rx, ry, rz))

    def prepare(self, trial: str, seed: int) -> Callable[[], None]:
        """Read another trial without touching the machine, and return what makes the machine show it.

        Raises:
            WorkcellError: The trial does not exist or has a mistake (family 900, or code 853).
        """
        scene = self._load(trial)

        def show() -> None:
            self._pushes.clear()
            self.machine.set_up(scene, seed)
            self._scene = scene
            self._source = TrialSource(str(self._path), trial, seed)

        return show

    def payload(self, X_tcp_ft: Array) -> Payload:
        """Return tool and nominally gripped plug as one payload in `ft_frame`."""
        plug = self._scene.plug
        if plug is None:
            return TOOL_PAYLOAD
        return payload_with_plug(plug.connector, self.machine.world.X_tcp_tip_nominal, X_tcp_ft)

    def _load(self, name: str) -> Scene:
        trials = self._trials.trials
        if name not in trials:
            valid = ", ".join(trials)
            raise UnknownTrialError(
                f"{self._path.name} has no trial '{name}'; valid are {valid}", quantity="trial", value=name, limit=valid
            )
        return load_scene(trials[name], self._connectors)


def make_simulated(options: MachineOptions) -> Backend:
    """Return the simulated machine, not yet connected.

    Raises:
        WorkcellError: What is configured for it has a mistake (family 900).
    """
    return backend_of(SimulatedCell(options))


def backend_of(cell: SimulatedCell) -> Backend:
    """Return a simulated cell as a backend, not yet connected."""
    robot = RobotModel(load_robot_description(with_enclosure=False))
    tool_frames = {name: robot.relative_pose("tcp", name) for name in ("tcp", "tool0", "ft_frame")}
    return Backend(
        machine=cell.machine,
        model=RobotArm(robot, rotor_inertia=np.array(cell.settings.arm.rotor_inertia_kg_m2)),
        command_mode=preferred_mode(cell.machine.arm.command_modes),
        contact_loop=None,
        tool_frames=tool_frames,
        description=load_robot_description(),
        tool_payload=TOOL_PAYLOAD,
        payload=lambda: cell.payload(tool_frames["ft_frame"]),
        set_arm_payload=lambda mass, centre: cell.machine.arm.set_payload(mass, centre.tolist()),
        arm_payload=lambda: (cell.machine.arm.payload[0], np.array(cell.machine.arm.payload[1])),
        make_extras=lambda host: _extras(host, cell),
    )


def _extras(host: ExtrasHost, cell: SimulatedCell) -> BackendExtras:
    # Not before it is asked for: the composition itself needs no ROS.
    from cablecell.ros.simulation_extras import SimulationExtras

    return SimulationExtras(host, cell)
