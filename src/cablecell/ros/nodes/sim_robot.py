"""Node `sim_robot`: the simulated arm as a robot is met from outside, for the loop-back of the drivers of real arms.

It offers what a real robot's controllers do and nothing else. The renderer and evaluation find their own topics under
/sim.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from cablecell.composition.loopback import make_robot, make_servo, watch_cut
from cablecell.composition.machines import ExtrasHost, MachineOptions
from cablecell.core.config.sim_robot import SimRobotParameters
from cablecell.ros.arm_priority import lock_memory, set_realtime_priority
from cablecell.ros.control_loop import Cycle
from cablecell.ros.lifecycle import CellNode, run_node
from cablecell.ros.robot_interfaces import make_interfaces
from cablecell.ros.robot_loop import RobotLoop
from cablecell.ros.simulation_extras import SimulationExtras

_SWITCH_INTERVAL_S = 0.0005


class SimRobot(CellNode[SimRobotParameters]):
    """Plays the ros2_control robot that `robot_file` describes, or a UR at `rtde_address`."""

    def __init__(self) -> None:
        super().__init__("sim_robot", SimRobotParameters)
        values = self.parameters.values
        self._backend, self._simulation = make_robot(
            MachineOptions(trials_file=values.trials_file, trial=values.trial, seed=values.seed)
        )

    def setup(self) -> None:
        """Build the scene and create the interfaces."""
        backend, values = self._backend, self.parameters.values
        backend.machine.connect()
        self._loop = RobotLoop(backend, values, make_servo(backend.machine, values), self._publish)
        host = ExtrasHost(self, self._loop, lambda: self._simulated.publish_latched())
        self._watch: Callable[[], object] | None = None
        self._free_n = backend.machine.wrench_sensor.read().force
        self._simulated = SimulationExtras(host, self._simulation, self._show, self._cut)
        self._interfaces = make_interfaces(self, backend, self._loop, values)

    def teardown(self) -> None:
        """Destroy the interfaces; also what is left of a setup that failed."""
        for name in ("_interfaces", "_simulated"):
            made = self.__dict__.pop(name, None)
            if made is not None:
                made.destroy()
        self._backend.machine.disconnect()

    def wind_down(self) -> bool:
        """Outlive whoever commands: a robot that goes first is a lost link."""
        return not (self.is_active and self._interfaces.is_commanded)

    def start(self) -> None:
        """Start the loop."""
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        if self.parameters.values.realtime_priority:
            set_realtime_priority(self.parameters.values.realtime_priority)
            lock_memory()
        self._loop.on_stall = lambda stall: self.get_logger().warning(f"the robot was silent, {stall}")
        self._loop.start()
        self._simulated.publish_latched()

    def stop(self) -> None:
        """Fall silent; the arm holds."""
        self._interfaces.end()
        self._loop.stop()
        set_realtime_priority(0)
        kept = self._loop.statistics.report()
        self.get_logger().info(
            f"{kept.count} cycles; time between two: median {kept.median_s:.4f} s, 99.9 % below {kept.p999_s:.4f} s, "
            f"longest {kept.longest_s:.4f} s; given up {self._loop.pacer.lost_s:.3f} s"
        )

    def _publish(self, cycle: Cycle) -> None:
        self._interfaces.publish(cycle)
        self._simulated.publish(cycle)
        watch = self._watch
        report = None if watch is None else watch()
        if report is not None:
            self._watch = None
            self.get_logger().info(f"the link was cut: {report}")

    def _show(self, change: Callable[[], None]) -> None:
        self._loop.show(change)
        self._free_n = self._backend.machine.wrench_sensor.read().force

    def _cut(self, how: object) -> None:
        self._interfaces.cut(how)
        self._watch = None if how is None else watch_cut(self._backend.machine, self._free_n)


def main() -> None:
    """Run the node."""
    sys.exit(run_node(SimRobot))
