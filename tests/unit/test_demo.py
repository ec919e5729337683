"""What the demo makes of a trial: peak force, depth, score, summary; and what it refuses before it starts."""

import datetime
import json
from dataclasses import replace

import numpy as np
import pytest

from cablecell.core.errors import ConfigurationError
from cablecell.evaluation import demo
from cablecell.evaluation.demo import DemoOptions
from cablecell.evaluation.demo_trial import (
    EMPTY_SERIES,
    TrialRun,
    evaluate_trial,
    parse_truth,
    read_series,
    summarise_demo,
)
from cablecell.evaluation.run_folder import create_run_folder
from cablecell.records.writing import RecordingWriter
from tests.support.demo_runs import CYCLE_S, START_S, TARGET, make_run, make_series, make_truth


def test_peak_force_is_what_the_contact_adds_to_the_first_reading():
    row = evaluate_trial(make_run(), make_series(peak_n=8.0))
    assert row["peak_force_n"] == pytest.approx(8.0, abs=0.01)
    assert row["over_20n_s"] == 0.0
    assert row["cycle_s"] == pytest.approx(CYCLE_S)
    assert row["wrench_gap_max_s"] == pytest.approx(0.004, abs=1e-6)


def test_forces_before_and_after_the_job_do_not_count():
    series = make_series()
    force = series.force.copy()
    force[series.force_t_s < START_S] += 100.0
    force[series.force_t_s > START_S + CYCLE_S] += 100.0
    row = evaluate_trial(make_run(), replace(series, force=force))
    assert row["peak_force_n"] == pytest.approx(8.0, abs=0.01)


def test_a_gap_in_the_recording_is_reported():
    series = make_series()
    keep = (series.force_t_s < START_S + 3.0) | (series.force_t_s > START_S + 3.5)
    row = evaluate_trial(make_run(), replace(series, force_t_s=series.force_t_s[keep], force=series.force[keep]))
    assert row["wrench_gap_max_s"] == pytest.approx(0.5, abs=0.01)


def test_a_seated_plug_earns_the_full_insertion_score():
    row = evaluate_trial(make_run(), make_series())
    assert (row["seated"], row["outcome"], row["inserted"]) == (True, "seated", TARGET)
    assert row["score_parts"]["tier3"] == 75.0
    assert row["score_parts"]["duration"] == pytest.approx(12.0 * (60.0 - CYCLE_S) / 55.0)
    assert row["score_parts"]["efficiency"] == pytest.approx(6.0)
    assert 75.0 + 1.0 < row["score"] <= 100.0


@pytest.mark.parametrize(
    ("changes", "truth", "outcome", "tier3"),
    [
        ({}, {"seated": False}, "false_success", 50.0),
        ({"error_code": 401, "error_msg": "jammed"}, {"seated": False}, "failed", 0.0),
        ({"error_code": 401, "error_msg": "slow"}, {}, "failed_but_seated", 0.0),
        ({}, {"inserted": "nic_card_mount_0/sfp_port_1"}, "seated", -12.0),
        ({"end_s": None}, {"seated": False}, "no_result", 0.0),
    ],
)
def test_outcomes_are_told_apart(changes, truth, outcome, tier3):
    row = evaluate_trial(make_run(**changes, truth=make_truth(**truth)), make_series())
    assert row["outcome"] == outcome
    assert row["score_parts"]["tier3"] == pytest.approx(tier3, abs=0.1)


def test_half_way_in_earns_a_part_by_depth():
    truth = [sample for sample in make_truth(seated=False) if sample.time_s <= START_S + 8.5]
    row = evaluate_trial(make_run(truth=truth), make_series())
    assert row["depth_m"] == pytest.approx(0.0229, abs=1e-3)
    assert row["score_parts"]["tier3"] == pytest.approx(44.0, abs=0.5)


def test_contacts_and_long_force_cost_points():
    calm = evaluate_trial(make_run(), make_series())
    touched = evaluate_trial(make_run(truth=make_truth(contacts=2)), make_series())
    assert touched["offlimit_contacts"] == 2
    assert touched["score"] == pytest.approx(calm["score"] - 24.0)
    pushed = evaluate_trial(make_run(), make_series(peak_n=40.0))
    assert pushed["over_20n_s"] > 1.0
    assert pushed["score"] == pytest.approx(calm["score"] - 12.0)


def test_a_trial_that_never_began_stays_in_the_denominator():
    missing = evaluate_trial(TrialRun("trial_2", TARGET, 0), EMPTY_SERIES)
    assert (missing["seated"], missing["outcome"], missing["score"]) == (False, "not_started", 0.0)
    summary = summarise_demo([evaluate_trial(make_run(), make_series()), missing])
    assert (summary["trials"], summary["seated"], summary["success_rate"]) == (2, 1, 0.5)
    assert summary["score_min"] == 0.0
    assert 0.0 < summary["wilson_low"] < 0.5
    assert "peak_force_max_n" not in summarise_demo([missing])
    json.dumps([missing, summary], allow_nan=False)


def test_phases_are_timed_from_the_start_of_the_job():
    phases = evaluate_trial(make_run(), make_series())["phases"]
    assert [phase["phase"] for phase in phases] == ["STAGING", "APPROACH", "CONTACT", "SEARCH", "INSERT", "VERIFY"]
    assert phases[1]["start_s"] == pytest.approx(4.0)
    assert sum(phase["duration_s"] for phase in phases) == pytest.approx(CYCLE_S - 0.1)


def test_a_job_that_fails_before_the_first_phase_has_none():
    assert evaluate_trial(make_run(phases=[], error_code=501), make_series())["phases"] == []


def test_series_come_out_of_a_recording_sorted_by_stamp(tmp_path):
    import sys
    from pathlib import Path

    from aic_control_interfaces.msg import ControllerState
    from geometry_msgs.msg import WrenchStamped
    from rclpy.serialization import serialize_message

    path = tmp_path / "run.mcap"
    with RecordingWriter(path, (Path(sys.prefix),)) as writer:
        raw = writer.add_channel("/wrench_raw", "geometry_msgs/msg/WrenchStamped")
        state = writer.add_channel("/controller_state", "aic_control_interfaces/msg/ControllerState")
        for number in (2, 0, 1):
            wrench = WrenchStamped()
            wrench.header.stamp.sec, wrench.header.frame_id = number, "ft_frame"
            wrench.wrench.force.y = 10.0 + number
            writer.add(raw, serialize_message(wrench), number, number)
            message = ControllerState()
            message.header.stamp.sec = number
            message.tcp_pose.position.z, message.tcp_velocity.linear.x = 0.1 * number, -0.5 * number
            writer.add(state, serialize_message(message), number, number)
    series = read_series(path)
    np.testing.assert_allclose(series.force_t_s, [0, 1, 2])
    np.testing.assert_allclose(series.force[:, 1], [10, 11, 12])
    np.testing.assert_allclose(series.position[:, 2], [0.0, 0.1, 0.2])
    np.testing.assert_allclose(series.velocity[:, 0], [0.0, -0.5, -1.0])


def test_truth_with_a_missing_number_is_refused():
    with pytest.raises(ValueError, match="no truth of the simulation: KeyError"):
        parse_truth('{"stamp": 1.0, "trial": "trial_1"}')


def test_run_folders_count_up_within_a_day(tmp_path):
    day = datetime.date(2026, 11, 22)
    names = [create_run_folder(tmp_path / "runs", day).path.name for _ in range(3)]
    assert names == ["2026-11-22_1", "2026-11-22_2", "2026-11-22_3"]
    (tmp_path / "runs" / "2026-11-22_9").mkdir()
    assert create_run_folder(tmp_path / "runs", day).path.name == "2026-11-22_10"
    assert create_run_folder(tmp_path / "runs", datetime.date(2026, 11, 23)).path.name == "2026-11-23_1"
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be created"):
        create_run_folder(tmp_path / "file")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": ("trial_9",)}, "no trial 'trial_9' in aic_sample.yaml; there are trial_1, trial_2, trial_3"),
        ({"trials_file": "missing.yaml"}, "cannot be read"),
        ({"seed": -1}, "seed = -1 is refused"),
        ({"json_file": "no/such/folder/out.json"}, "no folder"),
        ({"runs": "file"}, "run folder in"),
    ],
)
def test_what_cannot_work_is_refused_with_one_line(tmp_path, capsys, changes, message):
    (tmp_path / "file").write_text("")
    paths = {key: tmp_path / value for key, value in changes.items() if key in ("trials_file", "json_file", "runs")}
    assert demo.run(replace(DemoOptions(runs=tmp_path / "runs"), **{**changes, **paths})) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert not (tmp_path / "runs").exists()
