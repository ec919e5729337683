"""What a calibration leaves behind: values with covariance, how good they are, for which cell, and until when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from cablecell.core.calibration.camera_model import LensModel
from cablecell.core.config.documents import DocumentError, DocumentSchema, validate_document
from cablecell.core.errors import ConfigurationError
from cablecell.core.geometry import is_pose

Matrix = NDArray[np.float64]

VERSION = 1
KINDS = ("camera", "handeye", "plug", "wrench")
_DAY_S = 86400.0

Rows = Annotated[list[list[float]], Field(min_length=1)]
Numbers = dict[str, float]


class RecordError(ConfigurationError):
    """A calibration record cannot be used, for a reason that has no class of its own."""

    code = 950


class CorruptRecordError(RecordError):
    """A calibration record is not what was written: not readable, a wrong hash, or values that cannot be."""

    code = 951


class ExpiredRecordError(RecordError):
    """A calibration record is too old, or from the future; the cell must be calibrated again."""

    code = 952


class ForeignRecordError(RecordError):
    """A calibration record belongs to another cell, arm or set of cameras."""

    code = 953


class MissingRecordError(RecordError):
    """There is no calibration record of this kind or number."""

    code = 954


class FailedRecordError(RecordError):
    """The calibration did not pass its limits; it is kept, but never used."""

    code = 955


class RecordVersionError(RecordError):
    """A calibration record was written by a newer version of the software."""

    code = 956


class Lens(DocumentSchema):
    """A calibrated lens.

    Attributes:
        width: Columns of the full image, px.
        height: Rows of the full image, px.
        values: fx, fy, cx, cy, px, and k1, p1, p2.
        covariance: Of `values`, shape (7, 7).
    """

    width: int
    height: int
    values: Annotated[list[float], Field(min_length=7, max_length=7)]
    covariance: Rows

    def model(self) -> LensModel:
        """Return it as the core takes it."""
        return LensModel(self.width, self.height, np.array(self.values))


class CalibrationRecord(DocumentSchema):
    """One calibration, as it is kept for ever.

    Attributes:
        version: Of this layout.
        kind: What was calibrated.
        cell: Which cell.
        arm: Which arm.
        cameras: Which cameras, in the order of covariances.
        created_s: When, s since 1970.
        expires_s: Until when it may be used, s since 1970.
        software: Version of the software.
        method: How it was taken, for people.
        passed: Whether every figure is within its limit.
        figures: Residuals and standard deviations; the unit is the end of the key.
        limits: Largest allowed figures.
        lenses: Of `camera` and `handeye`.
        mounts: X_tcp_optical by camera, 4 rows of 4; of `handeye`.
        mount_covariance: Of the stacked right perturbations (v, w) of the mounts; of `handeye`.
        X_tcp_tip: Of `plug`, 4 rows of 4.
        tip_covariance: Of its right perturbation.
        connector: Of `plug`.
        mass_kg: Of `wrench`: what hangs on the sensor.
        centre_m: Its centre in `ft_frame`.
        bias: Of the sensor, N and N·m, shape (6,).
        sha256: Of everything else.
    """

    version: int
    kind: Literal["camera", "handeye", "plug", "wrench"]
    cell: str
    arm: str
    cameras: list[str] = Field(default_factory=list)
    created_s: float
    expires_s: float
    software: str
    method: str
    passed: bool
    figures: Numbers
    limits: Numbers
    lenses: dict[str, Lens] = Field(default_factory=dict)
    mounts: dict[str, Rows] = Field(default_factory=dict)
    mount_covariance: Rows | None = None
    X_tcp_tip: Rows | None = None
    tip_covariance: Rows | None = None
    connector: str = ""
    mass_kg: float | None = None
    centre_m: list[float] | None = None
    bias: list[float] | None = None
    sha256: str = ""

    @model_validator(mode="after")
    def _holds_what_its_kind_needs(self) -> CalibrationRecord:
        needs = {
            "camera": ("lenses",),
            "handeye": ("lenses", "mounts", "mount_covariance"),
            "plug": ("X_tcp_tip", "tip_covariance"),
            "wrench": ("mass_kg", "centre_m", "bias"),
        }[self.kind]
        for name in needs:
            if getattr(self, name) in (None, {}, []):
                raise ValueError(f"a record of kind '{self.kind}' needs '{name}'")
        poses = [*self.mounts.values(), *([self.X_tcp_tip] if self.X_tcp_tip else [])]
        for rows in poses:
            if not is_pose(np.array(rows, dtype=float)):
                raise ValueError("a pose is no rigid motion")
        sizes = ((self.mount_covariance, 6 * len(self.mounts)), (self.tip_covariance, 6))
        for covariance, size in (*sizes, *((lens.covariance, 7) for lens in self.lenses.values())):
            if covariance is not None and not _is_covariance(np.array(covariance, dtype=float), size):
                raise ValueError(f"a covariance is not symmetric and positive, shape ({size}, {size})")
        if list(self.mounts) and list(self.mounts) != self.cameras:
            raise ValueError(f"mounts are of {list(self.mounts)}, cameras are {self.cameras}")
        return self

    def mount_matrices(self) -> dict[str, Matrix]:
        """Return X_tcp_optical by camera, shape (4, 4)."""
        return {name: np.array(rows) for name, rows in self.mounts.items()}


def _is_covariance(P: Matrix, size: int) -> bool:
    if P.shape != (size, size) or not np.allclose(P, P.T, rtol=1e-9, atol=1e-30):
        return False
    scale = np.sqrt(np.abs(np.diag(P)))
    return bool(np.all(np.diag(P) > 0.0)) and bool(np.linalg.eigvalsh(P / np.outer(scale, scale))[0] > -1e-9)


def rows_of(matrix: Matrix) -> list[list[float]]:
    """Return a matrix as a record holds it."""
    return [[float(value) for value in row] for row in np.asarray(matrix)]


def content_hash(data: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's content, whatever its own hash says."""
    content = {key: value for key, value in data.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def signed(record: CalibrationRecord) -> CalibrationRecord:
    """Return a record with its hash."""
    return record.model_copy(update={"sha256": content_hash(record.model_dump())})


def parse_record(data: object, source: str) -> CalibrationRecord:
    """Return the record of a parsed file.

    Raises:
        CorruptRecordError: It is not what was written (code 951).
        RecordVersionError: It was written by a newer version (code 956).
    """
    if isinstance(data, Mapping) and isinstance(data.get("version"), int) and data["version"] > VERSION:
        raise RecordVersionError(
            f"{source} has version {data['version']}; this software reads up to {VERSION}",
            quantity="version",
            value=data["version"],
            limit=VERSION,
        )
    try:
        record = validate_document(CalibrationRecord, data, source)
    except DocumentError as error:
        raise CorruptRecordError(
            f"{error}", quantity=error.quantity, value=error.value, limit=error.limit, unit=error.unit
        ) from error
    expected = content_hash(record.model_dump())
    if record.sha256 != expected:
        raise CorruptRecordError(
            f"{source}: sha256 = {record.sha256[:12]}… is not that of its content, {expected[:12]}…",
            quantity="sha256",
            value=record.sha256,
            limit=expected,
        )
    return record


def require_usable(record: CalibrationRecord, *, now_s: float, cell: str, cameras: Sequence[str] = ()) -> None:
    """Check that a record may be used here and now.

    Args:
        record: The record.
        now_s: The time, s since 1970.
        cell: The cell that wants to use it.
        cameras: Cameras that must be in it.

    Raises:
        FailedRecordError: It did not pass (code 955).
        ForeignRecordError: It belongs to another cell or lacks a camera (code 953).
        ExpiredRecordError: It is too old, or from the future (code 952).
    """
    if not record.passed:
        worst = [name for name, limit in record.limits.items() if not record.figures.get(name, np.inf) <= limit]
        raise FailedRecordError(
            f"the {record.kind} calibration did not pass: {', '.join(worst) or 'unknown'}",
            quantity=worst[0] if worst else "passed",
            value=record.figures.get(worst[0], "") if worst else False,
            limit=record.limits.get(worst[0], "") if worst else True,
        )
    if record.cell != cell:
        raise ForeignRecordError(
            f"the {record.kind} calibration is of cell '{record.cell}', this is '{cell}'",
            quantity="cell",
            value=record.cell,
            limit=cell,
        )
    missing = [name for name in cameras if name not in record.cameras]
    if missing:
        raise ForeignRecordError(
            f"the {record.kind} calibration has no camera '{missing[0]}'; it has {', '.join(record.cameras)}",
            quantity="cameras",
            value=missing[0],
            limit=", ".join(record.cameras),
        )
    if now_s > record.expires_s or now_s < record.created_s - _DAY_S:
        late, word = now_s - record.expires_s, "expired"
        if late <= 0.0:
            late, word = record.created_s - now_s, "will only be taken in"
        raise ExpiredRecordError(
            f"the {record.kind} calibration {word} {late / _DAY_S:.1f} days{' ago' if word == 'expired' else ''}; "
            f"it is valid for {(record.expires_s - record.created_s) / _DAY_S:.1f} days: calibrate again",
            quantity="expires_s",
            value=now_s,
            limit=record.expires_s,
            unit="s",
        )
