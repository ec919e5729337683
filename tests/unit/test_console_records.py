"""What the pages say of ledger, recording and calibration records: quality, OEE, calibration, settings."""

from __future__ import annotations

import asyncio
import time

import pytest
from nicegui import ui

from cablecell.configuration import load_connectors
from cablecell.console.calibrations import list_records, roll_back
from cablecell.console.curves import Recordings
from cablecell.console.drawing import Bar, Stretch, bars, strip
from cablecell.console.errors import NoCalibrationError
from cablecell.console.quality import chosen, read_rows
from cablecell.console.sessions import Role
from cablecell.core.calibration.record import RecordError
from cablecell.records.calibration import CalibrationStore
from cablecell.records.shift import read_shift
from tests.support.console_desk import Desk
from tests.support.console_records import BEGIN_NS, S, write_ledger, write_recording, write_records


@pytest.fixture
def ledger(tmp_path):
    return write_ledger(tmp_path / "cell.ledger")


def _rows(user, marker):
    return next(iter(user.find(marker=marker, kind=ui.table).elements)).rows


def _element(user, marker, kind):
    return next(iter(user.find(marker=marker, kind=kind).elements))


class TestQuality:
    def test_rows_are_flagged_for_what_happened_to_them(self, ledger):
        rows = read_rows(ledger, load_connectors())
        assert [row.number for row in rows] == list(range(10, 0, -1))
        assert {row.number: row.flags for row in rows if row.flags} == {10: ("force",), 9: ("failed",)}

    @pytest.mark.parametrize(
        ("connector", "flags", "text", "numbers"),
        [
            ("", [], "", 10),
            ("sfp", [], "", 10),
            ("sc", [], "", 0),
            ("", ["failed"], "", 1),
            ("", [], "sn-3", 1),
            ("", [], "CARD_9", 1),
            ("", [], "night", 10),
        ],
    )
    def test_a_filter_leaves_what_it_says(self, ledger, connector, flags, text, numbers):
        assert len(chosen(read_rows(ledger, load_connectors()), connector, flags, text)) == numbers

    def test_the_curve_is_of_the_insertion_and_nothing_around_it(self, tmp_path):
        recording = write_recording(tmp_path / "run.mcap")
        begin_ns = BEGIN_NS + 560 * S
        curve = Recordings(str(recording), "/contact_state").curve(begin_ns, begin_ns + 10 * S)
        assert (curve.depth_mm[0], curve.depth_mm[-1]) == pytest.approx((0.0, 47.0))
        assert curve.axial_n[-1] == pytest.approx(47.0), "what holds the plug back is positive"
        assert set(curve.side_n) == {2.0}

    def test_a_curve_is_looked_for_in_the_numbered_recordings_and_nowhere_else(self, tmp_path):
        recordings = Recordings(str(tmp_path / "run.mcap"), "/contact_state")
        begin_ns = BEGIN_NS + 560 * S
        assert recordings.curve(begin_ns, begin_ns + S) is None
        (tmp_path / "run.mcap").write_bytes(b"no recording")
        write_recording(tmp_path / "run.other.mcap")
        assert recordings.curve(begin_ns, begin_ns + S) is None
        write_recording(tmp_path / "run.2.mcap")
        assert recordings.curve(begin_ns, begin_ns + S).depth_mm[0] == 0.0
        assert recordings.curve(0, S) is None

    def test_the_page_shows_parts_curve_and_reports(self, ledger, tmp_path):
        recording = write_recording(tmp_path / "run.mcap")

        async def look():
            desk = Desk(ledger_file=str(ledger), recording_file=str(recording))
            async with desk.at("/quality", Role.VIEWER) as user:
                await user.should_see("No. 10: sfp into card_9", retries=50)
                assert len(_rows(user, "parts")) == 10
                assert _rows(user, "parts")[1]["outcome"] == "404 stuck 3 mm deep"
                await user.should_see("9 seated")
                curve = _element(user, "curve", ui.echart).options["series"][0]["data"]
                assert curve[-1] == [93.53, 93.53]
                hrefs = [_element(user, f"report-{form}", ui.button).props["href"] for form in ("html", "pdf")]
                assert hrefs == ["/api/reports/insertion/10.html", "/api/reports/insertion/10.pdf"]
                _element(user, "flag", ui.select).value = "failed"
                assert [row["number"] for row in _rows(user, "parts")] == [9]
                _element(user, "search", ui.input).value = "SN-1"
                assert _rows(user, "parts") == []

        asyncio.run(look())

    def test_without_a_recording_it_says_how_to_have_the_curve(self, ledger):
        async def look():
            async with Desk(ledger_file=str(ledger)).at("/quality") as user:
                await user.should_see("record:=FILE", retries=50)

        asyncio.run(look())


class TestOee:
    def test_the_figures_are_those_of_the_ledger(self, ledger):
        shift = read_shift(ledger)

        async def look():
            async with Desk(ledger_file=str(ledger)).at("/oee") as user:
                await user.should_see("Availability", retries=50)
                assert _element(user, "share-oee", ui.label).text == f"{shift.figures['oee']:.1%}"
                assert _element(user, "figure-good_parts", ui.label).text == "9"
                # Aborted for 120 s by code 312, the longest of what kept it from producing.
                pareto = _element(user, "pareto", ui.html).content
                assert pareto.index("ABORTED · 312") < pareto.index("STOPPED")
                assert "2.0 min · 1 x" in pareto
                assert _element(user, "shift-pdf", ui.button).props["href"] == "/api/reports/shift/0.pdf"

        asyncio.run(look())

    def test_an_hour_in_which_nothing_happened(self, ledger):
        async def look():
            async with Desk(ledger_file=str(ledger)).at("/oee") as user:
                await user.should_see("Availability", retries=50)
                _element(user, "hours", ui.toggle).value = 1
                await user.should_see("Nothing happened in this time", retries=50)
                assert _element(user, "shift-html", ui.button).props["href"] == "/api/reports/shift/1.html"

        asyncio.run(look())

    @pytest.mark.parametrize("path", ["/quality", "/oee"])
    def test_without_a_ledger_it_says_how_to_have_one(self, path):
        async def look():
            async with Desk().at(path) as user:
                await user.should_see("ledger:=FILE")

        asyncio.run(look())


class TestCalibration:
    @pytest.fixture
    def records(self, tmp_path):
        return write_records(tmp_path / "records", time.time())

    def test_records_are_listed_with_what_is_wrong_with_them(self, records):
        views = list_records({"wrench": records}, "sim-0")
        assert [(view.number, view.is_current, getattr(view.problem, "code", 0)) for view in views] == [
            (3, False, 955),
            (2, True, 0),
            (1, False, 952),
        ]
        assert views[0].worst == ("force_residual_n", pytest.approx(1.5))
        assert {view.problem.code for view in list_records({"wrench": records}, "sim-7") if view.is_current} == {953}

    def test_a_damaged_record_is_shown_as_such(self, records):
        (records / "wrench" / "0002.yaml").write_text("passed: true\n")
        damaged = list_records({"wrench": records}, "sim-0")[1]
        assert (damaged.record, damaged.problem.code, damaged.worst) == (None, 951, None)

    def test_rolling_back_is_what_the_next_start_takes(self, records):
        assert "0001" in roll_back({"wrench": records}, "wrench", "1")
        assert CalibrationStore(records).current("wrench") == 1

    @pytest.mark.parametrize(
        ("kind", "number"),
        [("camera", "1"), ("../wrench", "1"), ("wrench", "0"), ("wrench", "-1"), ("wrench", "../1"), ("wrench", "²")],
    )
    def test_rolling_back_to_what_is_not_there_is_refused(self, records, kind, number):
        with pytest.raises(NoCalibrationError) as refused:
            roll_back({"wrench": records}, kind, number)
        assert refused.value.code == 743

    def test_rolling_back_to_what_failed_is_refused(self, records):
        with pytest.raises(RecordError, match="did not pass"):
            roll_back({"wrench": records}, "wrench", "3")
        assert CalibrationStore(records).current("wrench") == 2

    @pytest.mark.parametrize(("role", "may"), [(Role.VIEWER, False), (Role.OPERATOR, False), (Role.ENGINEER, True)])
    def test_the_page_lets_an_engineer_go_back(self, records, role, may):
        async def look():
            desk = Desk(wrench_record=str(records), cell_id="sim-0")
            async with desk.at("/calibration", role) as user:
                await user.should_see("Force sensor 0002", retries=50)
                rows = _rows(user, "records")
                assert [row["state"] for row in rows] == ["failed", "in use", "expired"]
                assert not _element(user, "roll-back", ui.button).enabled, "it is in use"
                assert "force_residual_n" in _element(user, "residuals", ui.html).content
                user.find(marker="records").trigger("rowClick", [None, rows[2], 2])
                await user.should_see("Force sensor 0001")
                assert _element(user, "roll-back", ui.button).enabled is may
                if may:
                    user.find(marker="roll-back").click()
                    await user.should_see("from the next start")
                    user.find(marker="roll-back-yes").click()
                    await user.should_see("roll_back done")
            assert desk.given == ([("roll_back", {"kind": "wrench", "number": "1"})] if may else [])

        asyncio.run(look())

    def test_without_records_it_says_how_to_have_some(self):
        async def look():
            async with Desk().at("/calibration") as user:
                await user.should_see("calibration:=FOLDER")

        asyncio.run(look())


def test_settings_are_what_the_cell_was_started_with(tmp_path):
    zones = tmp_path / "zones.yaml"
    zones.write_text("zones:\n  - {name: door, low_m: [0, 0, 0], high_m: [1, 1, 2], speed_scale: 0.25}\n")

    async def look():
        desk = Desk(hardware="mock", zones_file=str(zones), recording_file="night.mcap")
        desk.state.speed_scale = 0.25
        async with desk.at("/settings", Role.VIEWER) as user:
            assert _element(user, "setting-hardware", ui.label).text == "mock"
            assert _element(user, "setting-recording_file", ui.label).text == "night.mcap"
            assert _element(user, "setting-ledger_file", ui.label).text == "none"
            await user.should_see("door: slows it to 25%")
            await user.should_see("speed now 25%")
            await user.should_see("1 of 2 are not the default", retries=50)
            assert [row["parameter"] for row in _rows(user, "parameters")] == ["works_queue"]
            _element(user, "changed-only", ui.switch).value = False
            for _ in range(50):
                if len(_rows(user, "parameters")) == 2:
                    break
                await asyncio.sleep(0.05)
            assert [row["value"] for row in _rows(user, "parameters")] == ["True", "30"]

    asyncio.run(look())


class TestDrawing:
    def test_what_others_wrote_is_never_markup(self):
        drawn = bars([Bar("<script>", 1.0, "<b>", "#fff")]) + strip([Stretch(0, 1, "#fff", "<i>")], "<u>", "")
        assert not any(text in drawn for text in ("<script>", "<b>", "<i>", "<u>"))

    def test_bars_are_as_long_as_their_values(self):
        drawn = bars([Bar("a", 4.0, "", "red"), Bar("b", 1.0, "", "red")], mark=2.0, cumulative=True)
        assert 'width="354.0"' in drawn
        assert 'width="88.5"' in drawn
        assert 'x1="367.0"' in drawn, "the mark is at half of the longest"
        assert 'points="473.2,' in drawn, "the first is 80 % of the sum"
