"""Reports of an insertion, a calibration and a benchmark: what is in them is what the records say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.core.calibration.record import CalibrationRecord
from cablecell.core.insertion.errors import JammedError
from cablecell.core.supervision.faults import Action
from cablecell.core.supervision.recovery import Deed
from cablecell.evaluation.reports.document import ReportDocument, ReportTable, to_html
from cablecell.records.calibration import CalibrationStore
from cablecell.records.ledger import Ledger
from cablecell.records.ledger_recoveries import note_deed
from cablecell.records.ledger_rows import InsertionBegin, InsertionEnd, JobRecord

S = 1_000_000_000
NIGHT_NS = 1_790_000_000 * S


def cell(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["report", "build", *map(str, words)])
    return done.exit_code, done.stdout, done.stderr


def cells(page: str, first: str) -> list[str]:
    """Return the cells of the row that begins so."""
    row = next(row for row in re.findall(r"<tr>(.*?)</tr>", page, re.S) if f">{first}<" in row.split("</td>")[0] + "<")
    return re.findall(r"<td[^>]*>(.*?)</td>", row)


@pytest.fixture
def ledger_file(tmp_path: Path) -> Path:
    """Ten good insertions of an sfp, then one that failed and was taken up again."""
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        ledger.begin_job(JobRecord("night", "rack", "abcdef0123456789", "{}", "9.9"), 2, NIGHT_NS)
        for i in range(11):
            begin = InsertionBegin("sfp", "sfp_module", f"card_{i}", "9.9", 2.0e-4, 3.0e-3, f"SN-{i}")
            row = ledger.begin_insertion("night", f"step {i}", begin, NIGHT_NS + 60 * i * S)
            if i < 10:
                end = InsertionEnd(0, "", 1, 1, 0.0467, 10.0 + i, 12.0, True, 5.0 + 0.1 * i, "", 30.0)
            else:
                end = InsertionEnd(404, "stuck 3 mm deep <here>", 4, 2, 0.003, 41.5, 0.0, False, 17.5)
            ledger.end_insertion(row, end, NIGHT_NS + (60 * i + 20) * S)
        note_deed(ledger, "night", "step 10", Deed(JammedError("stuck"), "jam", 1, Action.RETRY), NIGHT_NS + 610 * S)
    return path


def test_a_failed_insertion_beside_the_good_ones_before_it(ledger_file: Path, tmp_path: Path) -> None:
    page = tmp_path / "insertion.html"
    assert cell("insertion", ledger_file, "--out", page) == (0, f"{page}\n", "")
    text = page.read_text(encoding="utf-8")
    assert "code 404: jammed" in text
    assert "Ended jammed after 2 attempts" in text
    assert "stuck 3 mm deep &lt;here&gt;" in text, "what others wrote is never markup"
    # Nearest rank of 10 to 19 N: the fifth and the tenth; 60 N is what damages an sfp.
    assert cells(text, "largest force, N") == ["largest force, N", "41.5", "14", "19", "60"]
    assert cells(text, "energy of the joints, J") == ["energy of the joints, J", "-", "30", "30", "-"]
    assert cells(text, "serial")[1] == "SN-10"
    assert cells(text, "recipe")[1] == "rack (abcdef012345)"
    assert "retry" in text
    assert "<svg" in text
    assert not re.search(r'(src|href)="(?!#)', text.replace("xlink:href", "href")), "it needs nothing beside it"


def test_one_by_its_number_and_as_pdf(ledger_file: Path, tmp_path: Path) -> None:
    page, sheet = tmp_path / "third.html", tmp_path / "third.pdf"
    assert cell("insertion", ledger_file, "--number", 3, "--out", page)[0] == 0
    text = page.read_text(encoding="utf-8")
    assert "Insertion 3: sfp_module into card_2" in text
    assert cells(text, "largest force, N") == ["largest force, N", "12", "10", "11", "60"]
    assert cell("insertion", ledger_file, "--number", 3, "--out", sheet)[0] == 0
    assert sheet.read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--number", 99), 640, "no insertion 99 that ended; there are 1 to 11"),
        (("--out", "x.doc"), 918, "an .html or a .pdf file, not 'x.doc'"),
        (("--out", "/nowhere/at/all.html"), 918, "cannot be written: No such file"),
        (("--recording", "none.mcap"), 934, "none.mcap"),
    ],
)
def test_what_cannot_be_told_is_one_line(ledger_file: Path, words: tuple[object, ...], code: int, said: str) -> None:
    done = cell("insertion", ledger_file, *words)
    assert done[:2] == (1, "")
    assert done[2].startswith(f"code {code}: ")
    assert said in done[2]


def test_a_shift(ledger_file: Path, tmp_path: Path) -> None:
    page = tmp_path / "shift.html"
    assert cell("shift", ledger_file, "--out", page)[0] == 0
    text = page.read_text(encoding="utf-8")
    assert cells(text, "good_parts")[1] == "10"
    assert "10 good, 1 flagged" in text
    assert cell("shift", ledger_file, "--from", "tomorrow")[2].startswith("code 914: ")


def weighing(passed: bool) -> CalibrationRecord:
    return CalibrationRecord(
        version=1,
        kind="wrench",
        cell="cell 7",
        arm="ur5e",
        created_s=1_790_000_000.0,
        expires_s=1_797_000_000.0,
        software="9.9",
        method="four orientations",
        passed=passed,
        figures={"force_residual_n": 0.75, "mass_sigma_kg": 0.001},
        limits={"force_residual_n": 0.5},
        mass_kg=1.07,
        centre_m=[0.0, 0.001, 0.07],
        bias=[0.1, 0.2, 0.3, 0.0, 0.0, 0.0],
    )


def test_a_calibration_that_failed(tmp_path: Path) -> None:
    store = CalibrationStore(tmp_path / "records")
    store.save(weighing(passed=False))
    page, sheet = tmp_path / "one.html", tmp_path / "one.pdf"
    assert cell("calibration", "wrench", "--records", tmp_path / "records", "--number", 1, "--out", page)[0] == 0
    text = page.read_text(encoding="utf-8")
    assert "failed: not in use" in text
    assert cells(text, "force_residual_n") == ["force_residual_n", "0.75", "0.5"]
    assert cells(text, "mass_sigma_kg") == ["mass_sigma_kg", "0.001", "-"]
    assert "1.07" in cells(text, "mass of what hangs on it, kg")
    assert cell("calibration", "wrench", "--records", tmp_path / "records", "--number", 1, "--out", sheet)[0] == 0
    none = cell("calibration", "wrench", "--records", tmp_path / "records")
    assert none[2].startswith("code 954: "), "none has passed, so none is in use"


def test_a_benchmark_from_its_json(tmp_path: Path) -> None:
    result, page = tmp_path / "ik.json", tmp_path / "ik.html"
    done = CliRunner().invoke(app, ["bench", "ik", "--n", "3", "--json", str(result)])
    assert done.exit_code == 0, done.output
    assert cell("bench", result, "--out", page)[0] == 0
    assert "ik" in page.read_text(encoding="utf-8")
    assert cell("bench", result, "--out", "ik.pdf")[2].startswith("code 918: ")
    result.write_text(json.dumps({"name": "nothing"}), encoding="utf-8")
    assert cell("bench", result, "--out", page)[2].startswith("code 918: ")


def test_a_table_without_rows_says_so() -> None:
    document = ReportDocument("t", (), [ReportTable("nothing", ("a", "b"), [])])
    assert '<td colspan="2">none</td>' in to_html(document)
