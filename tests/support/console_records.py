"""A ledger, a recording and calibration records such as a cell leaves them, for pages that show them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cablecell_interfaces.msg import ContactEstimate
from rclpy.serialization import serialize_message

from cablecell.core.calibration.record import CalibrationRecord
from cablecell.core.supervision.packml import Mode, State
from cablecell.records.calibration import CalibrationStore
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_rows import InsertionBegin, InsertionEnd, JobRecord
from cablecell.records.writing import RecordingWriter

S = 1_000_000_000
BEGIN_NS = 1_790_000_000 * S


def write_ledger(path: Path) -> Path:
    """Ten parts in ten minutes: the ninth jammed, the tenth pressed with 70 N; then a stop by contact."""
    with Ledger(path) as ledger:
        ledger.begin_job(JobRecord("night", "rack", "abcdef0123456789", "{}", "9.9"), 2, BEGIN_NS)
        ledger.note_state(
            BEGIN_NS, state=State.IDLE, previous=0, mode=Mode.PRODUCTION, cause_code=0, reason="", job_id=""
        )
        _state(ledger, 10, State.EXECUTE, State.IDLE, 0)
        for number in range(10):
            begin = InsertionBegin("sfp", "sfp_module", f"card_{number}", "9.9", 2.0e-4, 3.0e-3, f"SN-{number}")
            row = ledger.begin_insertion("night", f"step {number}", begin, BEGIN_NS + (20 + 60 * number) * S)
            if number == 8:
                end = InsertionEnd(404, "stuck 3 mm deep", 4, 2, 0.003, 41.5, 0.0, False, 17.5)
            else:
                force = 70.0 if number == 9 else 10.0 + number
                end = InsertionEnd(0, "", 1, 1, 0.0467, force, 12.0, True, 5.0 + 0.1 * number, "", 30.0)
            ledger.end_insertion(row, end, BEGIN_NS + (40 + 60 * number) * S)
        _state(ledger, 610, State.ABORTED, State.EXECUTE, 312)
        _state(ledger, 730, State.STOPPED, State.ABORTED, 0)
        _state(ledger, 760, State.IDLE, State.STOPPED, 0)
    return path


def _state(ledger: Ledger, after_s: int, state: State, previous: State, code: int) -> None:
    ledger.note_state(
        BEGIN_NS + after_s * S,
        state=state,
        previous=previous,
        mode=Mode.PRODUCTION,
        cause_code=code,
        reason="61 N, limit 60 N" if code else "",
        job_id="night",
    )


def write_recording(path: Path, number: int = 10) -> Path:
    """Record what was felt in one insertion of `write_ledger`: 4.7 mm/s, 1 N a mm, 2 N to the side."""
    prefixes = [Path(one) for one in os.environ.get("AMENT_PREFIX_PATH", sys.prefix).split(os.pathsep) if one]
    begin_ns = BEGIN_NS + (20 + 60 * (number - 1)) * S
    with RecordingWriter(path, prefixes) as writer:
        channel = writer.add_channel("/contact_state", "cablecell_interfaces/msg/ContactEstimate")
        other = None
        for step in range(-100, 200):
            message = ContactEstimate(depth=0.047 * step / 100)
            message.wrench.force.z = -47.0 * step / 100
            message.wrench.force.x = 2.0
            stamp_ns = begin_ns + step * S // 10
            writer.add(channel, serialize_message(message), stamp_ns, stamp_ns)
            if step == -80:  # while nobody inserts, somebody else begins to say something
                other = writer.add_channel("/later", "cablecell_interfaces/msg/ContactEstimate")
            if other is not None:
                writer.add(other, serialize_message(message), stamp_ns, stamp_ns)
            if step % 50 == 0:
                writer.flush()
    return path


def write_records(folder: Path, now_s: float) -> Path:
    """Three calibrations of the force sensor: good but old, good and in use, failed."""
    store = CalibrationStore(folder)
    for days, passed in ((120, True), (10, True), (1, False)):
        store.save(
            CalibrationRecord(
                version=1,
                kind="wrench",
                cell="sim-0",
                arm="ur5e",
                created_s=now_s - days * 86400.0,
                expires_s=now_s + (90 - days) * 86400.0,
                software="9.9",
                method="four orientations",
                passed=passed,
                figures={"force_residual_n": 0.2 if passed else 0.75, "mass_sigma_kg": 0.001},
                limits={"force_residual_n": 0.5, "mass_sigma_kg": 0.01},
                mass_kg=1.07,
                centre_m=[0.0, 0.001, 0.07],
                bias=[0.1, 0.2, 0.3, 0.0, 0.0, 0.0],
            )
        )
    return folder
