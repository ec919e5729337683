"""Status and diagnostics of teleoperation as messages."""

from __future__ import annotations

from typing import Any

from cablecell_interfaces.msg import TeleopStatus
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from cablecell.core.errors import WorkcellError
from cablecell.core.teleop.output import TeleopOutput, TeleopState
from cablecell.ros.conversions import BASE_FRAME, fill_pose


def status_message(
    out: TeleopOutput, *, is_enabling: bool, error: WorkcellError | None, refused: int, speed_scale: float, stamp: Any
) -> Any:
    """Return what teleoperation does as `cablecell_interfaces/TeleopStatus`."""
    message = TeleopStatus(
        state=TeleopStatus.STATE_ENABLING if is_enabling else int(out.state),
        holder=out.holder,
        limits=int(out.limits),
        refused_count=refused,
        leash_distance=out.leash[0],
        leash_angle=out.leash[1],
        speed_scale=speed_scale,
        is_assist_on=out.assist.is_on,
        assist_port=out.assist.port,
        assist_reason=out.assist.reason,
    )
    message.header.stamp, message.header.frame_id = stamp, BASE_FRAME
    if error is not None:
        message.error_code, message.error_msg = error.code, str(error)
    if out.contact is not None:
        message.contact_force, message.contact_torque = out.contact.force_n, out.contact.torque_nm
    if out.setpoint is not None:
        fill_pose(message.target, out.setpoint.X_base_target)
    return message


def diagnostics_message(name: str, status: Any) -> Any:
    """Return a status as diagnostics: a warning while there is an error, as long as nobody has solved it."""
    is_well = status.error_code == 0
    values = {
        "state": _STATES[status.state],
        "holder": status.holder,
        "limits": str(status.limits),
        "refused_commands": str(status.refused_count),
        "leash_m": f"{status.leash_distance:.4f}",
        "contact_force_n": f"{status.contact_force:.2f}",
        "speed_scale": f"{status.speed_scale:.2f}",
        "assist": status.assist_port or ("on" if status.is_assist_on else "off"),
    }
    diagnosis = DiagnosticStatus(
        level=DiagnosticStatus.OK if is_well else DiagnosticStatus.WARN,
        name=f"{name}: teleoperation",
        message="OK" if is_well else f"code {status.error_code}: {status.error_msg}",
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
    array = DiagnosticArray(status=[diagnosis])
    array.header.stamp = status.header.stamp
    return array


_STATES = {
    **{int(state): state.name.lower() for state in TeleopState},
    int(TeleopStatus.STATE_ENABLING): "enabling",
}
