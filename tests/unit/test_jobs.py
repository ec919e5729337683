"""Recipes are checked to the last key, and a job counts its steps."""

import pytest

from cablecell.configuration import config_folder, load_trials, read_document
from cablecell.core.config.documents import DocumentError
from cablecell.core.errors import CancelledError
from cablecell.core.insertion.errors import JammedError
from cablecell.core.supervision.jobs import Job, Status, parse_recipe, recipe_of_layout

STEP = {"name": "one", "layout": "trial_1"}


def test_shipped_recipes_are_valid_and_name_layouts_that_exist():
    paths = sorted((config_folder() / "recipes").glob("*.yaml"))
    assert paths
    layouts = load_trials().trials
    for path in paths:
        recipe = parse_recipe(read_document(path), path.name)
        assert recipe.name == path.stem
        assert all(step.layout in layouts for step in recipe.steps)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"name": "r", "steps": []}, "r.yaml: steps"),
        ({"name": "r", "steps": [STEP], "retries": 3}, "r.yaml: unknown key 'retries' = 3 valid are name, steps"),
        (
            {"name": "r", "steps": [{**STEP, "insert": {"atempts": 3}}]},
            "r.yaml: unknown key 'steps.0.insert.atempts' = 3; did you mean 'attempts'?",
        ),
        (
            {"name": "r", "steps": [{**STEP, "insert": {"time_limit_s": 0.1}}]},
            "r.yaml: steps.0.insert.time_limit_s = 0.1 s is below the minimum of 1.0 s",
        ),
        (
            {"name": "r", "steps": [{**STEP, "observe": {"position_std_m": 1.0}}]},
            "r.yaml: steps.0.observe.position_std_m = 1.0 .*is above the maximum of 0.02",
        ),
        ({"name": "r", "steps": [STEP, STEP]}, "step name 'one' is used more than once"),
        ({"name": "r", "steps": [{"name": "one"}]}, "r.yaml: key 'steps.0.layout' is missing"),
        (["r"], "r.yaml: a mapping of keys is expected, not list"),
    ],
)
def test_a_mistake_is_one_line_with_file_key_value_and_limit(document, message):
    with pytest.raises(DocumentError, match=message) as caught:
        parse_recipe(document, "r.yaml")
    assert "\n" not in str(caught.value)


def _job(steps=2):
    recipe = parse_recipe({"name": "r", "steps": [{**STEP, "name": f"s{k}"} for k in range(steps)]}, "r.yaml")
    return Job("id", recipe, 0.0)


def test_a_job_succeeds_with_its_last_step():
    job = _job()
    for step in job.recipe.steps:
        assert job.status is not Status.SUCCEEDED
        job.begin_step(step)
        assert job.current_step == step.name
        job.count_attempts(2)
        job.end_step()
    assert (job.status, job.succeeded, job.failed, job.attempts, job.current_step) == (Status.SUCCEEDED, 2, 0, 4, "")


def test_a_failed_step_ends_the_job_with_its_error():
    job = _job()
    job.begin_step(job.recipe.steps[0])
    error = JammedError("stuck")
    job.fail(error)
    assert (job.status, job.succeeded, job.failed, job.error) == (Status.FAILED, 0, 1, error)


def test_a_cancelled_step_is_not_a_failed_one():
    job = _job()
    job.begin_step(job.recipe.steps[0])
    job.fail(CancelledError("cancelled"), is_cancelled=True)
    assert (job.status, job.failed, job.current_step) == (Status.CANCELED, 0, "")


def test_a_layout_is_a_recipe_of_one_step():
    recipe = recipe_of_layout("trial_2")
    assert [step.layout for step in recipe.steps] == ["trial_2"]
