"""Messages of a NEXUS line from and to the cell's own types."""

from __future__ import annotations

from typing import Any

import yaml
from geometry_msgs.msg import Pose
from nexus_alarm_msgs.msg import EmergencyStop
from nexus_orchestrator_msgs.msg import (
    ItemAtStation,
    ItemTypeToStationAssignment,
    TaskState,
    WorkcellDescription,
    WorkcellState,
)
from rclpy.time import Time

from cablecell.core.config.nexus_workcell import NexusWorkcellParameters
from cablecell.core.supervision.line import BadTaskError, Item, LineTask, Stations
from cablecell.core.supervision.line_tasks import TaskRecord, TaskStatus


def task_from_message(message: Any) -> LineTask:
    """Return a task.

    Raises:
        BadTaskError: Its payload, or the results of tasks before it, are no YAML (code 758).
    """
    for name in ("payload", "previous_results"):
        load_yaml(getattr(message, name), name)
    return LineTask(
        message.work_order_id,
        message.task_id,
        message.type,
        tuple(Item(item.item_id, item.item_type) for item in message.input_items),
        tuple(Item(item.item_id, item.item_type) for item in message.output_items),
    )


def load_yaml(text: str, name: str) -> object:
    """Return YAML of a task as plain data.

    Raises:
        BadTaskError: It is none (code 758).
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        first = str(error).splitlines()[0]
        raise BadTaskError(f"{name} is no YAML: {first}", quantity=name, value=text[:100]) from error


def result_text(previous: str, task_type: str, facts: dict[str, Any]) -> str:
    """Return the results of earlier tasks with those of this one under its type, YAML."""
    known = yaml.safe_load(previous)
    results = dict(known) if isinstance(known, dict) else {}
    results[task_type] = facts
    return str(yaml.safe_dump(results, sort_keys=False))


def items_at_stations(assigned: list[tuple[Item, str]]) -> list[Any]:
    """Return items with their stations."""
    return [
        ItemAtStation(
            item_id=item.item_id,
            assignment=ItemTypeToStationAssignment(item_type=item.item_type, station_id=station),
        )
        for item, station in assigned
    ]


def description_message(
    settings: NexusWorkcellParameters, workcell_id: str, capabilities: tuple[str, ...], stations: Stations
) -> Any:
    """Return what the cell tells of itself."""
    location = Pose()
    place, turn = location.position, location.orientation
    place.x, place.y, place.z, turn.x, turn.y, turn.z, turn.w = settings.location
    return WorkcellDescription(
        workcell_id=workcell_id,
        workcell_name=settings.workcell_name or workcell_id,
        level_name=settings.level_name,
        location=location,
        capabilities=list(capabilities),
        inputs=[ItemTypeToStationAssignment(item_type=one, station_id=at) for one, at in stations.inputs.items()],
        outputs=[ItemTypeToStationAssignment(item_type=one, station_id=at) for one, at in stations.outputs.items()],
    )


def task_state_message(workcell_id: str, task: TaskRecord, status: TaskStatus, finish_ns: int | None) -> Any:
    """Return the state of a task; `finish_ns` is when it is expected to end, None where nobody knows."""
    message = TaskState(workcell_id=workcell_id, task_id=task.task_id, status=int(status))
    message.progress.current_progress, message.progress.max_progress = task.done, task.total
    if finish_ns is not None:
        message.progress.estimated_finish_time = Time(nanoseconds=finish_ns).to_msg()
    if status is TaskStatus.FAILED and task.error:
        message.error_messages = [task.error]
    return message


def workcell_state_message(workcell_id: str, front: TaskRecord | None, own_job: str) -> Any:
    """Return whether the cell works for the line, or on a job of its own, whose name is then given."""
    message = WorkcellState(workcell_id=workcell_id, status=WorkcellState.STATUS_IDLE)
    if front is not None:
        message.status, message.task_id = WorkcellState.STATUS_BUSY, front.task_id
        message.work_order_id = "" if front.order is None else front.order.work_order_id
    elif own_job:
        message.status, message.message = WorkcellState.STATUS_BUSY, f"busy with job {own_job} of the cell's own"
    return message


def is_stop(message: Any) -> bool:
    """Return whether an emergency stop is active, by its state or by its button."""
    return bool(message.emergency_button_stop) or message.emergency_state == EmergencyStop.STATE_ACTIVE
