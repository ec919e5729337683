"""What a simulated machine offers beside its arm: the scene for renderers, the truth for evaluation, other trials."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from cablecell_interfaces.srv import LoadTrial
from std_msgs.msg import Float64MultiArray, String

from cablecell.composition.machines import ExtrasHost, TrialSource
from cablecell.core.errors import NotActiveError, WorkcellError
from cablecell.ros import qos
from cablecell.ros.arm_priority import less_urgent
from cablecell.ros.error_codes import fill_result

_LOAD_TIME_S = 30.0
_SCENE_PHASE, _TRUTH_PHASE = 7, 9
"""Cycles in which they are published: in different ones, so that no cycle has to send both."""


class Simulation(Protocol):
    """A simulated machine as its extras know it."""

    @property
    def source(self) -> TrialSource:
        """Which scene is shown."""
        ...

    def scene_state(self) -> list[float]:
        """Return where everything that moves is; the first number is the machine's time."""
        ...

    def truth(self) -> dict[str, object]:
        """Return what really happens, ready to be written as JSON."""
        ...

    def inject(self, faults: Mapping[str, object]) -> None:
        """Break what the faults name, and mend everything else."""
        ...

    def go_on(self) -> None:
        """Let faults that take time go on by one cycle."""
        ...

    def prepare(self, trial: str, seed: int) -> Callable[[], None]:
        """Read another trial and return what makes the machine show it."""
        ...


class SimulationExtras:
    """The publishers and the service under /sim."""

    def __init__(
        self,
        host: ExtrasHost,
        simulation: Simulation,
        show: Callable[[Callable[[], None]], None] | None = None,
        cut: Callable[[object], None] | None = None,
    ) -> None:
        """Create them.

        Args:
            host: Who runs them.
            simulation: What they show.
            show: Changes the scene, called by the control loop; where it is None the loop does so and begins anew.
            cut: Cuts the link of a robot as a fault says, or mends it with None; None where there is no link.
        """
        self._host, self._simulation = host, simulation
        self._show = show or self._show_and_begin_anew
        self._cut = cut or _refuse_cut
        node, settings = host.node, host.node.parameters.values
        make = node.create_lifecycle_publisher
        self._scene = make(Float64MultiArray, "sim/scene_state", qos.SENSOR)
        self._trial = make(String, "sim/trial", qos.STATE)
        self._truth = make(String, "sim/truth", qos.MEASUREMENT)
        self._every = max(1, round(settings.rate_hz / settings.scene_rate_hz))
        self._load = node.create_service(LoadTrial, "sim/load_trial", self._load_trial)
        self._faults = node.create_subscription(String, "sim/faults", self._take_faults, qos.STATE)

    def destroy(self) -> None:
        """Destroy publishers and service."""
        for publisher in (self._scene, self._trial, self._truth):
            self._host.node.destroy_publisher(publisher)
        self._host.node.destroy_service(self._load)
        self._host.node.destroy_subscription(self._faults)

    def publish_latched(self) -> None:
        """Publish which scene is shown."""
        source = self._simulation.source
        text = json.dumps({"trials_file": source.trials_file, "trial": source.trial, "seed": source.seed})
        self._trial.publish(String(data=text))

    def publish(self, cycle: Any) -> None:
        """Publish where everything that moves is, and what really happens, when they are due; faults go on."""
        self._simulation.go_on()
        phase = cycle.number % self._every
        if phase == _SCENE_PHASE % self._every:
            values = self._simulation.scene_state()
            values[0] = cycle.stamp_ns * 1e-9
            self._scene.publish(Float64MultiArray(data=values))
        if phase == _TRUTH_PHASE % self._every:
            truth = {"stamp": cycle.stamp_ns * 1e-9, **self._simulation.truth()}
            self._truth.publish(String(data=json.dumps(truth)))

    def _take_faults(self, message: Any) -> None:
        try:
            faults = json.loads(message.data)
            self._cut(faults.pop("link", None))
            self._simulation.inject(faults)
        except (WorkcellError, TypeError, ValueError, AttributeError) as error:
            self._host.node.get_logger().error(f"sim/faults cannot be injected: {error}")

    def _load_trial(self, request: Any, response: Any) -> Any:
        node = self._host.node
        try:
            if not node.is_active:
                raise NotActiveError(f"{node.get_fully_qualified_name()} is not active; activate it first")
            started_s = time.monotonic()
            with less_urgent():
                change = self._simulation.prepare(request.trial, request.seed)
            self._host.loop.request(lambda: self._show(change), deadline_s=_LOAD_TIME_S)
        except WorkcellError as error:
            return fill_result(response, error)
        self._host.republish()
        took_s = time.monotonic() - started_s
        node.get_logger().info(f"{request.trial} with seed {request.seed} shown after {took_s:.2f} s")
        return fill_result(response, None)

    def _show_and_begin_anew(self, change: Callable[[], None]) -> None:
        change()
        self._host.loop.reset()


def _refuse_cut(how: object) -> None:
    if how is not None:
        raise ValueError("this machine has no link that could be cut")
