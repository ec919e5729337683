"""The benchmark contract: what the JSON holds, and what is printed."""

import json

import pytest

from cablecell.evaluation import bench, bench_perception


def test_summary_keys_end_in_their_unit():
    summary = bench.summarise([{"plan_s": 1.0}, {"plan_s": 3.0}], "plan_s")
    assert list(summary) == ["plan_median_s", "plan_p95_s", "plan_p99_s"]


def test_json_has_what_the_contract_asks_for(tmp_path, monkeypatch):
    monkeypatch.setitem(bench.BENCHMARKS, "sample", ("tests.support.sample_benchmark:run", "a sample"))
    path = tmp_path / "out.json"
    assert bench.run_from_cli("sample", n=4, seed=9, workers=2, json_file=str(path)) == 0
    result = json.loads(path.read_text())
    assert set(result) == {"name", "version", "machine", "settings", "results", "summary"}
    assert result["settings"]["n"] == 4
    assert result["settings"]["seed"] == 9
    assert len(result["results"]) == 4
    assert result["machine"]["cores"] >= 1


def test_unknown_benchmark_names_the_known(capsys):
    assert bench.run_from_cli("nope", n=1, seed=0, workers=1, json_file="") == 2
    assert f"there are {', '.join(bench.BENCHMARKS)}" in capsys.readouterr().err


def test_an_interrupted_benchmark_keeps_what_was_measured(monkeypatch, tmp_path):
    """Ended in its fourth scene, the benchmark of perception answers with three; before the first, with nothing."""

    def scenes(interrupted_at):
        def scene(index, seed):
            if index == interrupted_at:
                raise KeyboardInterrupt
            return {"scene": index}

        return scene

    told = []
    monkeypatch.setattr(bench_perception, "run_scene", scenes(3))
    monkeypatch.setattr(bench_perception, "summarise", lambda rows: {"n": float(len(rows))})
    monkeypatch.setattr(bench_perception, "figures", lambda name, rows: [])
    where = tmp_path / "result.json"
    assert bench.run_from_cli("perception", n=10, seed=1, workers=1, json_file=str(where)) == 0
    result = json.loads(where.read_text())
    assert [row["scene"] for row in result["results"]] == [0, 1, 2]
    assert result["summary"] == {"n": 3.0}
    bench_perception.run(n=3, seed=1, workers=1, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    monkeypatch.setattr(bench_perception, "run_scene", scenes(0))
    with pytest.raises(KeyboardInterrupt):
        bench_perception.run(n=10, seed=1, workers=1)
