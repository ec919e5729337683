"""What really happens in the simulation: poses, depth, seating, forbidden contacts, forces.

Only simulation and evaluation may use this. What decides in the cell never sees it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pybullet as p

from cablecell.core.cable.condition import CableCondition, CableFault
from cablecell.core.geometry.scalar import Vec3, add, norm, quat_from_rotvec, rotate, rotvec_from_quat, scale
from cablecell.simulation.rigid import Pose
from cablecell.simulation.scene import Scene, ScenePort
from cablecell.simulation.world import World

SEAT_DWELL_S = 1.0
"""A plug counts as seated when it stays at the stop this long (the published task's rule)."""
SEAT_LATERAL_M = 2.0e-3
SEAT_TURN_RAD = 0.3
_ROUNDING_M = 1.0e-9


@dataclass(frozen=True)
class PlugInPort:
    """Where the plug's tip is relative to a port.

    Attributes:
        port: Name of the port.
        depth_m: Depth below the entrance; negative above it.
        lateral_m: Offset along x and y of the port.
        turn_rad: Rotation vector from port to plug, in the port.
    """

    port: str
    depth_m: float
    lateral_m: tuple[float, float]
    turn_rad: Vec3

    @property
    def tilt_rad(self) -> float:
        """Angle between the axes of plug and port, whatever the turn about them."""
        return math.acos(max(-1.0, min(1.0, rotate(quat_from_rotvec(self.turn_rad), (0.0, 0.0, 1.0))[2])))


@dataclass(frozen=True)
class OffLimitContact:
    """The arm touched what it must not touch.

    Attributes:
        time_s: When it was seen first, s.
        link: Link of the arm.
        entity: "enclosure" or "task_board".
        part: Link that was touched.
        force_n: Normal force when it was seen first, N.
    """

    time_s: float
    link: str
    entity: str
    part: str
    force_n: float


class Truth:
    """The truth about one world.

    Attributes:
        inserted: Name of the port in which the plug was seated first, or None.
        inserted_at_s: When the dwell was over, s.
        contacts: First contact of every pair of arm link and forbidden part.
        peak_grasp_n: Largest force between gripper and plug so far, N.
        cable_faults: When each thing that must not happen to the cable was seen first, s.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._at_stop: tuple[str, float] | None = None
        self._links = {index: name for name, index in self._link_names().items()}
        self._placed: Scene | None = None
        self._stops: dict[str, tuple[Vec3, Vec3]] = {}
        self.inserted: str | None = None
        self.inserted_at_s: float | None = None
        self.contacts: list[OffLimitContact] = []
        self.peak_grasp_n = 0.0
        self.cable_faults: dict[CableFault, float] = {}

    def _link_names(self) -> dict[str, int]:
        return {joint.child: self._world.joints[joint.name] for joint in self._world.scene.robot.joints}

    def plug_in_port(self, port: str | None = None) -> PlugInPort:
        """Return where the plug is relative to a port, by default the trial's target.

        Raises:
            LookupError: No such port, or no plug.
        """
        name = port or self._world.scene.target
        ports = self._world.scene.ports
        if name not in ports:
            raise LookupError(f"no port '{name}'; there are {', '.join(sorted(ports))}")
        X_ET = ports[name].X_WE.inverse() @ self._world.plug_tip()
        x, y, z = X_ET.p
        return PlugInPort(name, z, (x, y), rotvec_from_quat(X_ET.q))

    def is_at_stop(self, port: str) -> bool:
        """Return whether the plug is at the bottom of a port, in the right orientation.

        A round plug has no right turn about its axis: nothing in its port would hold it.
        """
        where = self.plug_in_port(port)
        connector = self._world.scene.ports[port].connector
        data = connector.port
        turn = norm(where.turn_rad) if connector.round_fit is None else where.tilt_rad
        fits = self._world.scene.plug is not None and (
            self._world.scene.plug.connector.name == self._world.scene.ports[port].connector.name
        )
        return (
            fits
            and where.depth_m >= data.stop_depth_m - data.seat_tolerance_m
            and where.depth_m < data.stop_depth_m + 2.0e-3
            and max(abs(where.lateral_m[0]), abs(where.lateral_m[1])) < SEAT_LATERAL_M
            and turn < SEAT_TURN_RAD
        )

    @property
    def is_seated(self) -> bool:
        """Whether the plug has been at the bottom of the trial's target for the whole dwell, and still is."""
        return (
            self._at_stop is not None
            and self._at_stop[0] == self._world.scene.target
            and self._world.time_s - self._at_stop[1] >= SEAT_DWELL_S
        )

    def tip(self) -> Pose:
        """Return the pose of the plug's tip in `world`."""
        return self._world.plug_tip()

    def target(self) -> Pose:
        """Return the pose of the target's port frame in `world`."""
        return self._world.scene.ports[self._world.scene.target].X_WP

    def target_entrance(self) -> Pose:
        """Return the pose of the target's entrance in `world`."""
        return self._world.scene.ports[self._world.scene.target].X_WE

    def tip_in_tcp(self) -> Pose:
        """Return `X_tcp_tip`, the true grasp."""
        return self._world.tcp().inverse() @ self._world.plug_tip()

    def grasp_force_n(self) -> float:
        """Return the force between gripper and plug, N."""
        return 0.0 if self._world.grasp is None else norm(self._world.grasp.force)

    def cable(self) -> CableCondition | None:
        """Return how the plug's cable is, or None where there is none."""
        return None if self._world.cable is None else self._world.cable.condition()

    def latch_engaged(self, port: str | None = None) -> bool:
        """Return whether the latch of a port holds the plug; False where there is none."""
        latch = self._world.latches.get(port or self._world.scene.target)
        return latch is not None and latch.is_engaged

    def contact_force_n(self) -> float:
        """Return the sum of the normal forces of the plug's contacts, N."""
        world = self._world
        if world.plug is None:
            return 0.0
        points = p.getContactPoints(bodyA=world.plug, physicsClientId=world.client)
        return sum(float(point[9]) for point in points) + world.port_forces.contact_force_n()

    def look(self) -> None:
        """Follow seating, forbidden contacts and the cable; called at the watch rate."""
        self.peak_grasp_n = max(self.peak_grasp_n, self.grasp_force_n())
        cable = self.cable()
        for fault in cable.faults if cable is not None else ():
            self.cable_faults.setdefault(fault, self._world.time_s)
        self._follow_seating()
        self._follow_contacts()

    def _follow_seating(self) -> None:
        world = self._world
        port = None
        if self._placed is not world.scene:  # most ports are too far to be asked more than this
            self._placed = world.scene
            self._stops = {name: _stop(one) for name, one in world.scene.ports.items()}
        if world.plug is not None:
            tip = world.plug_tip().p
            deep = [name for name, place in self._stops.items() if _depth(tip, place) >= 0.0]
            port = next((name for name in deep if self.is_at_stop(name)), None)
        if port is None:
            self._at_stop = None
        elif self._at_stop is None or self._at_stop[0] != port:
            self._at_stop = (port, world.time_s)
        elif self.inserted is None and world.time_s - self._at_stop[1] >= SEAT_DWELL_S:
            self.inserted, self.inserted_at_s = port, world.time_s

    def _follow_contacts(self) -> None:
        world = self._world
        seen = {(contact.link, contact.part) for contact in self.contacts}
        for point in p.getContactPoints(bodyA=world.arm, physicsClientId=world.client):
            other, link, distance = point[2], point[3], point[8]
            if link < 0 or distance > 0.0:  # the base stands on the table
                continue
            entity, part = self._forbidden(other)
            name = self._links.get(link, str(link))
            if entity and (name, part) not in seen:
                seen.add((name, part))
                self.contacts.append(OffLimitContact(world.time_s, name, entity, part, float(point[9])))

    def _forbidden(self, body: int) -> tuple[str, str]:
        static = self._world.statics.get(body)
        if static is not None:
            return static.entity, static.name
        for name, bodies in self._world.ports.items():
            if body in bodies:
                return "task_board", f"task_board/{name}"
        return "", ""


def _stop(port: ScenePort) -> tuple[Vec3, Vec3]:
    """Return where a seated plug's tip is at least, in `world`, m, and the direction into the port."""
    data, axis = port.connector.port, rotate(port.X_WE.q, (0.0, 0.0, 1.0))
    return add(port.X_WE.p, scale(axis, data.stop_depth_m - data.seat_tolerance_m - _ROUNDING_M)), axis


def _depth(tip: Vec3, place: tuple[Vec3, Vec3]) -> float:
    (x, y, z), axis = place
    return (tip[0] - x) * axis[0] + (tip[1] - y) * axis[1] + (tip[2] - z) * axis[2]
