"""A recipe is run in the simulator before it may be put into the queue."""

import json

from typer.testing import CliRunner

from cablecell.cli import app
from cablecell.records.ledger import Ledger


def test_a_preview_seats_the_plug_and_releases_the_recipe(tmp_path):
    path = str(tmp_path / "ledger.db")
    done = CliRunner().invoke(app, ["recipe", "release", path, "trial_3", "--json"])
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)["preview"]
    assert (row["is_good"], row["outcome"], row["offlimit_contacts"]) == (True, "seated", 0)
    assert 2.0 < row["cycle_s"] < 30.0
    assert 5.0 < row["peak_force_n"] < 20.0
    assert CliRunner().invoke(app, ["job", "add", path, "trial_3", "--name", "one"]).exit_code == 0
    with Ledger(tmp_path / "ledger.db") as ledger:
        assert [kept["recipe"] for kept in ledger.rows("releases")] == ["trial_3"]
        assert json.loads(ledger.rows("releases")[0]["preview"])[0]["cycle_s"] == row["cycle_s"]


def test_a_recipe_that_cannot_be_found_releases_nothing(tmp_path):
    done = CliRunner().invoke(app, ["recipe", "release", str(tmp_path / "x.db"), "trial_far"])
    assert (done.exit_code, "code 933" in done.output) == (1, True)
    assert not (tmp_path / "x.db").exists()
