"""Calibration records as nodes take them: valid and of this cell, or refused by their code."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cablecell.core.calibration.record import CalibrationRecord, require_usable
from cablecell.core.fusion.wrench import Payload
from cablecell.core.geometry import Array
from cablecell.core.insertion.grasp import HeldPlug
from cablecell.records.calibration import CalibrationStore


def load_record(folder: str, kind: str, cell: str, cameras: Sequence[str] = ()) -> CalibrationRecord | None:
    """Return the valid record of a kind; None where no folder is given.

    Raises:
        RecordError: There is none, it is damaged, expired, of another cell, or has failed (codes 950 to 956).
    """
    if not folder:
        return None
    record = CalibrationStore(Path(folder)).load(kind)
    require_usable(record, now_s=time.time(), cell=cell, cameras=cameras)
    return record


def sensed_load(record: CalibrationRecord | None) -> tuple[Payload, Array] | None:
    """Return what hangs on the force sensor and its bias, of a `wrench` record."""
    if record is None or record.mass_kg is None or record.centre_m is None or record.bias is None:
        return None
    return Payload(record.mass_kg, np.array(record.centre_m)), np.array(record.bias)


def gripped_as_measured(held: HeldPlug | None, record: CalibrationRecord | None) -> HeldPlug | None:
    """Return a held plug with its tip where a `plug` record of its connector has measured it.

    Its uncertainty stays: every grasp shifts a plug anew.
    """
    if held is None or record is None or record.X_tcp_tip is None or record.connector != held.connector:
        return held
    return replace(held, X_tcp_tip=np.array(record.X_tcp_tip))
