"""The report: complete, self-contained, and honest about what is missing."""

import re

import numpy as np

from cablecell.evaluation.bench import describe_machine
from cablecell.evaluation.demo_trial import TrialRun, evaluate_trial, summarise_demo
from cablecell.evaluation.report import render_report
from cablecell.evaluation.report_plots import MAX_POINTS, thin
from tests.support.demo_runs import TARGET, make_picture, make_run, make_series


def render(runs, series):
    rows = [evaluate_trial(run, series) for run in runs]
    document = {
        "name": "demo",
        "version": "0.1.0",
        "machine": describe_machine(),
        "settings": {"run_folder": "2026-11-22_1", "score": "AIC rubric, our PyBullet cell", "peak_force": "as said"},
        "results": rows,
        "summary": summarise_demo(rows),
    }
    return render_report(document, runs, series)


def test_report_holds_plots_pictures_and_table_and_needs_no_other_file():
    run = make_run(pictures=[make_picture(3.0), make_picture(13.0)])
    html = render([run], make_series())
    assert html.count("<svg") == 2
    assert html.count("data:image/jpeg;base64,") == 2
    assert TARGET in html
    assert "AIC rubric, our PyBullet cell" in html
    assert "8.00" in html
    for name in ("staging", "approach", "insert"):
        assert f">{name}<" in html
    links = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert not [link for link in links if not link.startswith(("#", "data:"))]


def test_report_of_a_trial_without_measurements_says_so_and_escapes_texts():
    lost = TrialRun("trial_2", TARGET, 0, error_msg="<b>node</b> died")
    html = render([make_run(), lost], make_series())
    assert "No measurements of this trial" in html
    assert "&lt;b&gt;node&lt;/b&gt; died" in html
    assert "1 of 2 connectors seated" in html


def test_thinning_keeps_the_peak():
    x = np.linspace(0.0, 1.0, 100_000)
    y = np.zeros_like(x)
    y[54_321] = 17.0
    thin_x, thin_y = thin(x, y)
    assert len(thin_x) <= MAX_POINTS
    assert thin_y.max() == 17.0
    assert np.all(np.diff(thin_x) > 0.0)
