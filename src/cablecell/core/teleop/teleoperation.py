"""Teleoperation as one object without clock or middleware: commands and requests in, the next target out.

Rules that hold whatever is sent: nothing moves while disabled or paused; enabling moves nothing, since a target starts
on the measured tcp when somebody takes control; one holder at a time; silence stops the arm; a refused command changes
nothing. The limits of the motion itself are those of `LimitedTarget`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cablecell.core.config.teleop import TeleopSettings
from cablecell.core.control.errors import NonFiniteCommandError
from cablecell.core.control.validation import require_finite
from cablecell.core.errors import WorkcellError
from cablecell.core.geometry import Array, is_pose, make_pose
from cablecell.core.teleop.assist import SnapAssist
from cablecell.core.teleop.commands import POSE, TWIST, CommandType, Observation, Source
from cablecell.core.teleop.errors import (
    CommandTypeError,
    DeadmanError,
    LeashError,
    StateLostError,
    TeleopDisabledError,
    TeleopPausedError,
    WorkspaceError,
)
from cablecell.core.teleop.guard import read_contact
from cablecell.core.teleop.lease import Lease
from cablecell.core.teleop.output import Setpoint, TeleopOutput, TeleopState
from cablecell.core.teleop.target import REST, Limit, LimitedTarget, Wish

_LONGEST_STEP = 2.5
"""Longest step in periods: after a hiccup the target goes on, it does not catch up."""


@dataclass
class _Drag:
    """A marker that is held: where it and the target were when the mouse was pressed."""

    X_base_marker: Array
    X_base_anchor: Array


class Teleoperation:
    """Control of the arm by hand; `step` once per period.

    Attributes:
        assist: Holds the target to a port near by, where it is on.
        command_type: The topic that is listened to.
        speed_scale: Share of the highest speeds.
    """

    def __init__(self, settings: TeleopSettings, *, period_s: float) -> None:
        self._settings = settings
        self._longest_s = _LONGEST_STEP * period_s
        self._lease = Lease(settings.lease_s)
        self.assist = SnapAssist(settings)
        self._is_enabled = self._is_paused = False
        self._target: LimitedTarget | None = None
        self._drag: _Drag | None = None
        self._wish = REST
        self._wished_s = -math.inf
        self._stepped_s: float | None = None
        self.command_type = CommandType.TWIST
        self.speed_scale = settings.speed_scale

    # Requests ------------------------------------------------------------------------------------------------

    @property
    def is_enabled(self) -> bool:
        """Whether commands are taken."""
        return self._is_enabled

    @property
    def is_dragging(self) -> bool:
        """Whether somebody holds the marker."""
        return self._drag is not None

    def enable(self, seen: Observation) -> None:
        """Take commands from now on; nothing moves by that.

        Raises:
            StateLostError: The arm's state is not fresh (code 706).
            WorkspaceError: The tool is outside the box (code 707).
        """
        self.require_enabling(seen)
        if not self._is_enabled:
            self._let_go()
            self._is_enabled, self._is_paused = True, False

    def require_enabling(self, seen: Observation) -> None:
        """Refuse what `enable` would refuse.

        Raises:
            StateLostError: The arm's state is not fresh (code 706).
            WorkspaceError: The tool is outside the box (code 707).
        """
        self._require_state(seen)
        self._require_in_box(seen.X_base_tcp)

    def disable(self) -> None:
        """Take no commands any more; the arm stops where it is."""
        self._is_enabled = False
        self._let_go()
        self.assist.end()

    def pause(self, is_paused: bool) -> None:
        """Refuse commands for a while, or take them again; a target that moves brakes."""
        self._is_paused = is_paused
        if is_paused:
            self._let_go()

    def stop(self) -> None:
        """Take control from whoever has it; a target that moves brakes."""
        self._let_go()

    def switch_command_type(self, number: int) -> None:
        """Choose the topic that is listened to.

        Raises:
            CommandTypeError: The type is not supported (code 705); nothing was changed.
        """
        if number not in (CommandType.TWIST, CommandType.POSE):
            raise CommandTypeError(
                f"command_type = {number} is not supported; valid are 1 (TWIST), 2 (POSE)",
                quantity="command_type",
                value=number,
                limit="1 (TWIST), 2 (POSE)",
            )
        if number != self.command_type:
            self.command_type = CommandType(number)
            if self._lease.holder in (TWIST, POSE):
                self._let_go()

    def set_speed_scale(self, scale: float) -> None:
        """Choose the share of the highest speeds."""
        self.speed_scale = min(1.0, max(0.01, scale))

    # Commands ------------------------------------------------------------------------------------------------

    def command_twist(self, twist_base: Array, seen: Observation) -> None:
        """Move with a velocity, shape (6,), in base axes, m/s, rad/s. Zero stops, but does not hold control.

        Raises:
            TeleopError: Disabled, paused, another type or holder, or no state (codes 701, 702, 704 to 707).
            NonFiniteCommandError: A number is not finite (code 301).
        """
        require_finite("twist", twist_base, "m/s and rad/s")
        self._require_ready(TWIST, seen, CommandType.TWIST)
        if twist_base.any():
            self._take(TWIST, seen)
            self._wish, self._wished_s = Wish(twist=twist_base.copy()), seen.time_s
        elif self._lease.holder == TWIST:
            self._wish = REST

    def command_pose(self, X_base_goal: Array, seen: Observation) -> None:
        """Move towards a pose, shape (4, 4), as long as it is sent again and again.

        Raises:
            TeleopError: Disabled, paused, another type or holder, or no state (codes 701, 702, 704 to 707).
            NonFiniteCommandError: It is not a pose (code 301).
        """
        _require_pose(X_base_goal)
        self._require_ready(POSE, seen, CommandType.POSE)
        self._take(POSE, seen)
        self._wish, self._wished_s = Wish(X_base_goal=X_base_goal.copy()), seen.time_s

    def press_marker(self, source: Source, X_base_marker: Array, seen: Observation) -> None:
        """Begin to drag: what the marker moves from now on, the target moves.

        Raises:
            TeleopError: Disabled, paused, another holder, or no state (codes 701, 702, 704, 706, 707).
            NonFiniteCommandError: It is not a pose (code 301).
        """
        _require_pose(X_base_marker)
        self._require_ready(source, seen, None)
        self._take(source, seen)
        target = self._target
        assert target is not None
        self._drag = _Drag(X_base_marker.copy(), target.X_base_target)
        self._wish, self._wished_s = REST, seen.time_s

    def drag_marker(self, source: Source, X_base_marker: Array, seen: Observation) -> None:
        """Move the target as the held marker moved since it was pressed.

        Raises:
            TeleopError: As `press_marker`, or the mouse was not pressed since control was free (code 703).
            NonFiniteCommandError: It is not a pose (code 301).
        """
        _require_pose(X_base_marker)
        drag = self._require_drag(source, seen)
        R_turn = X_base_marker[:3, :3] @ drag.X_base_marker[:3, :3].T
        goal = make_pose(
            R_turn @ drag.X_base_anchor[:3, :3],
            drag.X_base_anchor[:3, 3] + X_base_marker[:3, 3] - drag.X_base_marker[:3, 3],
        )
        self._lease.take(source, seen.time_s)
        self._wish, self._wished_s = Wish(X_base_goal=goal), seen.time_s

    def keep_marker(self, source: Source, seen: Observation) -> None:
        """Say that the mouse is still held.

        Raises:
            TeleopError: As `drag_marker`.
        """
        self._require_drag(source, seen)
        self._lease.take(source, seen.time_s)
        self._wished_s = seen.time_s

    def release_marker(self, source: Source) -> None:
        """End a drag; the target brakes."""
        if self._lease.holder == source:
            self._let_go()

    # Step ----------------------------------------------------------------------------------------------------

    def step(self, seen: Observation) -> TeleopOutput:
        """Return what to send to the arm now."""
        dt_s = 0.0 if self._stepped_s is None else min(max(0.0, seen.time_s - self._stepped_s), self._longest_s)
        self._stepped_s = seen.time_s
        if not self._is_enabled and self._target is None:
            return self._output(seen, Limit.NONE, None)
        try:
            self._require_state(seen)
        except StateLostError as error:
            return self._drop(seen, error)
        held = self._lease.holder
        self._lease.lapse(seen.time_s)
        if held is not None and self._lease.holder is None:
            self._let_go()
        if self._target is not None and self._lease.holder is None and self._target.is_at_rest:
            self._target = None
        if self._target is None:
            return self._output(seen, Limit.NONE, None)
        limits = Limit.NONE
        if dt_s > 0.0:
            contact = read_contact(seen.wrench_base, self._settings)
            wish = self.assist.guide(self._fresh_wish(seen.time_s), self._target.X_base_target, dt_s)
            limits = self._target.step(wish, seen.X_base_tcp, contact, self.speed_scale, dt_s)
        distance, angle = self._target.ahead(seen.X_base_tcp)
        if distance > self._settings.leash_m or angle > self._settings.leash_rad:
            return self._drop(seen, self._leash_error(distance, angle))
        return self._output(seen, limits, None)

    def _fresh_wish(self, now_s: float) -> Wish:
        if self._lease.holder is None:
            return REST
        timeout_s = self._settings.command_timeout_s if self._drag is None else self._settings.marker_timeout_s
        return self._wish if now_s - self._wished_s <= timeout_s else REST

    def _output(self, seen: Observation, limits: Limit, fault: WorkcellError | None) -> TeleopOutput:
        target, holder = self._target, self._lease.holder
        state = TeleopState.DISABLED
        if self._is_enabled:
            state = TeleopState.READY if target is None else TeleopState.MOVING
            if self._is_paused:
                state = TeleopState.PAUSED
        is_seen = math.isfinite(seen.age_s) and bool(np.isfinite(seen.wrench_base).all())
        assist, setpoint = self.assist.view(), None
        if target is not None:
            setpoint = Setpoint(target.X_base_target, target.twist, target.acceleration, assist.X_tcp_tip)
        return TeleopOutput(
            state=state,
            setpoint=setpoint,
            holder="" if holder is None else holder.name,
            limits=limits,
            contact=read_contact(seen.wrench_base, self._settings) if is_seen else None,
            leash=(0.0, 0.0) if target is None else target.ahead(seen.X_base_tcp),
            fault=fault,
            assist=assist,
        )

    def _drop(self, seen: Observation, fault: WorkcellError) -> TeleopOutput:
        """Send nothing any more; without the arm's state teleoperation ends, a slack leash only ends the motion."""
        if isinstance(fault, StateLostError):
            self._is_enabled = False
            self.assist.end()
        self._let_go()
        self._target = None
        return self._output(seen, Limit.NONE, fault)

    def _let_go(self) -> None:
        self._lease.free()
        self.assist.end_hold()
        self._drag = None
        self._wish, self._wished_s = REST, -math.inf

    def _take(self, source: Source, seen: Observation) -> None:
        if self._lease.holder != source:
            self._drag = None
        self._lease.take(source, seen.time_s)
        if self._target is None:
            self._target = LimitedTarget(self._settings, seen.X_base_tcp)

    # Refusals ------------------------------------------------------------------------------------------------

    def _require_ready(self, source: Source, seen: Observation, command_type: CommandType | None) -> None:
        if not self._is_enabled:
            raise TeleopDisabledError(
                "teleoperation is disabled; enable it first", quantity="state", value="disabled", limit="enabled"
            )
        if self._is_paused:
            raise TeleopPausedError(
                "teleoperation is paused; end the pause first", quantity="state", value="paused", limit="not paused"
            )
        if command_type is not None and command_type is not self.command_type:
            raise CommandTypeError(
                f"a {command_type.name} command came while {self.command_type.name} is selected; switch first",
                quantity="command_type",
                value=command_type.name,
                limit=self.command_type.name,
            )
        self._require_state(seen)
        self._lease.require_available(source, seen.time_s)
        if self._target is None:
            self._require_in_box(seen.X_base_tcp)

    def _require_drag(self, source: Source, seen: Observation) -> _Drag:
        self._require_ready(source, seen, None)
        if self._drag is None or self._lease.holder != source:
            raise DeadmanError(
                f"'{source.name}' moves a marker that it does not hold; press the mouse button on it again",
                quantity="marker",
                value="not held",
                limit="held",
            )
        return self._drag

    def _require_state(self, seen: Observation) -> None:
        limit_s = self._settings.state_age_limit_s
        if not seen.age_s <= limit_s:
            raise StateLostError(
                f"state or force of the arm is {seen.age_s:.3f} s old; the limit is {limit_s} s",
                quantity="state_age",
                value=seen.age_s,
                limit=limit_s,
                unit="s",
            )
        if not np.isfinite(seen.wrench_base).all() or not is_pose(seen.X_base_tcp):
            raise StateLostError("state or force of the arm is not a number", quantity="state", value="nan")

    def _require_in_box(self, X_base_tcp: Array) -> None:
        for i, axis in enumerate("xyz"):
            value = float(X_base_tcp[i, 3])
            low = getattr(self._settings, f"box_{axis}_min_m")
            high = getattr(self._settings, f"box_{axis}_max_m")
            if not low <= value <= high:
                raise WorkspaceError(
                    f"the tool is outside the workspace box: {axis} = {value:.4f} m is not in [{low}, {high}] m",
                    quantity=axis,
                    value=value,
                    limit=f"[{low}, {high}]",
                    unit="m",
                    frame="base_link",
                )

    def _leash_error(self, distance_m: float, angle_rad: float) -> LeashError:
        settings = self._settings
        if distance_m > settings.leash_m:
            quantity, value, limit, unit = "leash", distance_m, settings.leash_m, "m"
        else:
            quantity, value, limit, unit = "leash_angle", angle_rad, settings.leash_rad, "rad"
        return LeashError(
            f"the arm is {value:.4f} {unit} from its target; the leash is {limit} {unit}",
            quantity=quantity,
            value=value,
            limit=limit,
            unit=unit,
            frame="base_link",
        )


def _require_pose(X: Array) -> None:
    if not is_pose(X):
        raise NonFiniteCommandError(
            "the pose is not a rigid motion", quantity="pose", value="not rigid", limit="finite"
        )
