"""The gallery of failures: what is on the page, and that its command does the same run again."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import cv2

from cablecell.evaluation import bench, bench_comparators, rollout_command
from cablecell.evaluation.scenario_run import comparable


def test_a_failure_on_the_page_is_done_again_by_its_command(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_comparators, "STRATEGIES", ("straight",))
    monkeypatch.setattr(bench_comparators, "OFFSETS_M", (0.0, 0.005))
    path = tmp_path / "out.json"
    assert bench.run_from_cli("comparators", n=1, seed=9000, workers=1, json_file=str(path)) == 0
    rows = json.loads(path.read_text(encoding="utf-8"))["results"]
    (failed,) = [row for row in rows if not row["success"]]
    page = path.with_suffix(".html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 1
    assert "fixture, straight, 5 mm, seed 9000: NOT_SEATED" in page
    (command,) = re.findall(r"<pre>(.*?)</pre>", page)
    words = shlex.split(command.replace("&#39;", "'"))
    assert words[:2] == ["./cell", "rollout"]
    assert words[3:] == ["--n", "1", "--seed", "9000", "--strip", "9000.png"]
    options = rollout_command.RolloutOptions(
        scenario=Path(words[2]),
        connector=None,
        trials=None,
        is_drawn=False,
        n=1,
        seed=9000,
        workers=1,
        out=tmp_path / "again",
        resume=False,
        strip=tmp_path / "pictures" / "9000.png",
    )
    assert rollout_command.run(options) == 0
    again = json.loads((tmp_path / "again" / "results.jsonl").read_text(encoding="utf-8"))
    assert comparable(again) == comparable({key: value for key, value in failed.items() if key != "offset_m"})
    strip = cv2.imread(str(tmp_path / "pictures" / "9000.png"))
    assert strip.shape == (240, 6 * 320, 3)
    frames = [strip[40:, 320 * k : 320 * (k + 1)] for k in range(6)]
    # Moments, not six times the same picture; while it is pressed on the land little moves.
    assert len({frame.tobytes() for frame in frames}) >= 4
