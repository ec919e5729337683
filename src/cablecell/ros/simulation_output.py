"""What a simulated machine publishes beside its measurements: the scene for renderers, and the truth for evaluation."""

from __future__ import annotations

import json
from typing import Any

from std_msgs.msg import Float64MultiArray, String

from cablecell.composition.machines import SimulationControl
from cablecell.ros import qos


class SimulationOutput:
    """The publishers under /sim."""

    def __init__(self, node: Any, simulation: SimulationControl) -> None:
        self._node, self._simulation = node, simulation
        make = node.create_lifecycle_publisher
        self._scene = make(Float64MultiArray, "/sim/scene_state", qos.SENSOR)
        self._trial = make(String, "/sim/trial", qos.STATE)
        self._truth = make(String, "/sim/truth", qos.MEASUREMENT)

    def destroy(self) -> None:
        """Destroy the publishers."""
        for publisher in (self._scene, self._trial, self._truth):
            self._node.destroy_publisher(publisher)

    def publish_trial(self) -> None:
        """Publish which scene is shown."""
        source = self._simulation.source
        text = json.dumps({"trials_file": source.trials_file, "trial": source.trial, "seed": source.seed})
        self._trial.publish(String(data=text))

    def publish_scene(self, cycle: Any) -> None:
        """Publish where everything that moves is."""
        values = self._simulation.scene_state()
        values[0] = cycle.stamp_ns * 1e-9
        self._scene.publish(Float64MultiArray(data=values))

    def publish_truth(self, cycle: Any) -> None:
        """Publish what really happens."""
        truth = {"stamp": cycle.stamp_ns * 1e-9, **self._simulation.truth()}
        self._truth.publish(String(data=json.dumps(truth)))
