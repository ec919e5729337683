"""The action `identify_payload` of `arm_controller`: a short motion that finds what the tool carries.

The goal runs in a thread of its own and only looks at what the control loop measures; the loop does the motion, and the
executor goes on serving stops.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
from cablecell_interfaces.action import IdentifyPayload

from cablecell.composition.machines import Backend
from cablecell.core.config.arm_controller import ArmControllerParameters
from cablecell.core.control.held_weight import HeldPayload, HeldTorques, corrected_payload, sensed_payload
from cablecell.core.control.modes import ControllerMode
from cablecell.core.control.payload_motion import TILT_RAD, PayloadMotion, PayloadMotionError, plan_payload_motion
from cablecell.core.control.standstill import REST_RAD_PER_S, is_slow
from cablecell.core.control.trajectory import FollowState, Tolerances, TrajectoryFollower
from cablecell.core.errors import NotActiveError
from cablecell.core.fusion.payload import CarriedPayload, PayloadReadings, carried_payload
from cablecell.core.fusion.wrench import PayloadEstimate
from cablecell.core.geometry import Array
from cablecell.ports import CommandMode
from cablecell.ros.arm_errors import PreemptedError
from cablecell.ros.control_loop import ControlLoop, Cycle
from cablecell.ros.conversions import FT_FRAME, TCP_FRAME, fill_time, fill_xyz
from cablecell.ros.goals import GoalRunner, RunningGoal

_POLL_S = 0.003
_FEEDBACK_S = 0.1
_REST_S = 1.0
"""Longest wait for the arm to rest after a cancel."""


class PayloadAction:
    """`identify_payload`: one goal at a time; another is rejected meanwhile, any other motion takes over."""

    def __init__(self, node: Any, loop: ControlLoop, backend: Backend, settings: ArmControllerParameters) -> None:
        """Create the server.

        Args:
            node: The node.
            loop: The control loop.
            backend: What it controls.
            settings: Margin of the joints, gain error of the force sensor.
        """
        self._loop, self._backend, self._settings = loop, backend, settings
        self._X_tcp_ft = backend.tool_frames[FT_FRAME]
        self._runner = GoalRunner(node, IdentifyPayload, "identify_payload", self._run, threading.Lock())

    def destroy(self) -> None:
        """Destroy the server."""
        self._runner.destroy()

    def end(self) -> None:
        """Wait for a running goal, which ends when the node is not active."""
        self._runner.join()

    def _run(self, goal: RunningGoal) -> Any:
        q, J, R = self._loop.request(self._posture)
        motion = plan_payload_motion(
            q,
            J,
            R,
            self._backend.model.joint_limits,
            goal.request.tilt or TILT_RAD,
            limit_margin_rad=self._settings.joint_limit_margin,
        )
        readings = PayloadReadings(tuple(look.orientation for look in motion.looks))
        follower, begin = self._loop.request(lambda: self._begin(motion))
        goal.result.attempts = 1
        torques = HeldTorques(len(motion.looks))
        try:
            end = self._read(goal, motion, follower, begin, readings, torques)
        except Exception:
            self._rest(follower)
            raise
        estimate = readings.identify()
        carried = carried_payload(estimate, self._backend.tool_payload, gain_error=self._settings.wrench_gain_error)
        found = self._loop.request(lambda: self._find(follower, carried, torques))
        result = goal.result
        fill_time(result.duration, end.stamp_ns - begin.stamp_ns)
        result.payload.header.frame_id = TCP_FRAME
        fill_time(result.payload.header.stamp, end.stamp_ns)
        result.payload.inertia.m = found.mass_kg
        fill_xyz(result.payload.inertia.com, found.centre)
        result.mass_std, result.com_std = found.mass_sigma_kg, found.centre_sigma_m
        result.force_residual = estimate.force_residual_n
        if goal.request.apply:
            self._loop.request(lambda: self._apply(follower, estimate, found))
        return result

    def _read(
        self,
        goal: RunningGoal,
        motion: PayloadMotion,
        follower: TrajectoryFollower,
        begin: Cycle,
        readings: PayloadReadings,
        torques: HeldTorques,
    ) -> Cycle:
        """Take readings until the motion is over, and return its last cycle."""
        seen, feedback_s = begin.number, 0.0
        while True:
            goal.check()
            if not self._loop.is_running:
                raise NotActiveError("the control loop ended during the motion")
            cycle = self._loop.last
            if cycle is None or cycle.number == seen:
                time.sleep(_POLL_S)
                continue
            seen = cycle.number
            if follower.state.is_final:
                self._judge_end(follower, cycle)
                return cycle
            self._require_own(follower, cycle)
            look = motion.look_at(follower.progress * motion.duration_s)
            if look is not None:
                readings.add(look, cycle.report.X_base_tcp[:3, :3] @ self._X_tcp_ft[:3, :3], cycle.sample)
                torques.add(look, cycle.state.q, cycle.command.values)
            if time.monotonic() - feedback_s > _FEEDBACK_S:
                feedback_s = time.monotonic()
                goal.publish_feedback(_feedback(follower, is_reading=look is not None))
            time.sleep(_POLL_S)

    def _judge_end(self, follower: TrajectoryFollower, cycle: Cycle) -> None:
        if follower.fault is not None:
            raise follower.fault
        if follower.state is not FollowState.SUCCEEDED:
            raise self._taken(cycle)

    def _require_own(self, follower: TrajectoryFollower, cycle: Cycle) -> None:
        if self._loop.controller.follower is not follower or cycle.report.mode is not ControllerMode.TRAJECTORY:
            raise self._taken(cycle)

    def _taken(self, cycle: Cycle) -> Exception:
        """Return why the motion is not this goal's any more."""
        return cycle.report.fault or PreemptedError(
            f"another command took over from the motion; the controller is in mode {cycle.report.mode.value}",
            quantity="mode",
            value=cycle.report.mode.value,
        )

    def _rest(self, follower: TrajectoryFollower) -> None:
        """Stop the motion where it is still this goal's, and wait until it rests."""
        follower.cancel()  # one word that the loop reads at its next step
        end_s = time.monotonic() + _REST_S
        while (
            self._loop.is_running
            and self._loop.controller.follower is follower
            and self._loop.controller.report.mode is ControllerMode.TRAJECTORY
            and not follower.state.is_final
            and time.monotonic() < end_s
        ):
            time.sleep(_POLL_S)

    # Called by the loop --------------------------------------------------------------------------------------

    def _posture(self) -> tuple[Array, Array, Array]:
        """Return joint positions, Jacobian and orientation of the tool of an arm at rest."""
        state = self._backend.machine.arm.read()
        if not is_slow(state.dq):
            fastest = int(np.abs(state.dq).argmax())
            raise PayloadMotionError(
                f"joint {fastest} moves with {abs(float(state.dq[fastest])):.3f} rad/s; the motion begins at rest, "
                f"below {REST_RAD_PER_S} rad/s",
                quantity=f"dq[{fastest}]",
                value=float(state.dq[fastest]),
                limit=REST_RAD_PER_S,
                unit="rad/s",
            )
        dynamics = self._backend.model.dynamics(state.q)
        return state.q.copy(), dynamics.J_base_tcp.copy(), dynamics.X_base_tcp[:3, :3].copy()

    def _begin(self, motion: PayloadMotion) -> tuple[TrajectoryFollower, Cycle]:
        begin = self._loop.last
        assert begin is not None  # there was a cycle before any request was served twice
        follower = self._loop.controller.start_trajectory(motion.trajectory, Tolerances(), self._loop.measured_q())
        return follower, begin

    def _find(self, follower: TrajectoryFollower, carried: CarriedPayload, torques: HeldTorques) -> HeldPayload:
        """Return what is carried: by the torques of the arm where they tell, else by the force sensor."""
        self._require_same(follower)
        backend, held = self._backend, None
        believed = backend.arm_payload()
        if backend.command_mode is CommandMode.EFFORT and believed is not None:
            held = corrected_payload(believed, torques.identify(backend.model.dynamics), carried)
        return held or sensed_payload(carried, self._X_tcp_ft)

    def _apply(self, follower: TrajectoryFollower, estimate: PayloadEstimate, found: HeldPayload) -> None:
        self._require_same(follower)
        # First what may refuse: on an error everything is as it was.
        self._backend.set_arm_payload(max(found.mass_kg, 0.0), found.centre)
        self._loop.compensator.set_payload(estimate.payload)
        self._loop.compensator.set_bias(estimate.bias)

    def _require_same(self, follower: TrajectoryFollower) -> None:
        """Refuse to go on when something else has come since: by now this may be another scene."""
        last = self._loop.last
        if self._loop.controller.follower is not follower and last is not None:
            raise self._taken(last)


def _feedback(follower: TrajectoryFollower, *, is_reading: bool) -> Any:
    feedback = IdentifyPayload.Feedback(progress=follower.progress)
    feedback.phase = feedback.PHASE_READING if is_reading else feedback.PHASE_MOVING
    return feedback
