"""Recipes and the progress of a job: a list of insertions, one after the other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Annotated

from pydantic import Field, field_validator

from cablecell.core.config.documents import DocumentSchema, validate_document
from cablecell.core.errors import ConfigurationError, WorkcellError

Seconds = Annotated[float, Field(ge=1.0, le=600.0)]


class UnknownRecipeError(ConfigurationError):
    """There is no recipe of this name."""

    code = 933


class ObserveStep(DocumentSchema):
    """How well the port has to be known before it is touched."""

    position_std_m: Annotated[float, Field(ge=0.0001, le=0.02)] = 0.002
    orientation_std_rad: Annotated[float, Field(ge=0.001, le=0.2)] = 0.02
    max_views: Annotated[int, Field(ge=1, le=50)] = 4
    time_limit_s: Seconds = 60.0


class InsertStep(DocumentSchema):
    """How the plug is put in; 0 leaves force and attempts to the skill."""

    force_limit_n: Annotated[float, Field(ge=0.0, le=200.0)] = 0.0
    attempts: Annotated[int, Field(ge=0, le=10)] = 2
    time_limit_s: Seconds = 30.0
    pull_test: bool = True


class Step(DocumentSchema):
    """One insertion: the layout names board, port and plug."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    layout: Annotated[str, Field(min_length=1, max_length=100)]
    observe: ObserveStep = ObserveStep()
    insert: InsertStep = InsertStep()


class Recipe(DocumentSchema):
    """A named list of insertions."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    steps: Annotated[list[Step], Field(min_length=1, max_length=1000)]

    @field_validator("steps")
    @classmethod
    def _names_differ(cls, steps: list[Step]) -> list[Step]:
        names = [step.name for step in steps]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"step name '{twice}' is used more than once")
        return steps


def recipe_text(recipe: Recipe) -> str:
    """Return all of a recipe, defaults filled in, as JSON; two files that mean the same have the same text."""
    return json.dumps(recipe.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))


def recipe_hash(recipe: Recipe) -> str:
    """Return the SHA-256 of `recipe_text`."""
    return hashlib.sha256(recipe_text(recipe).encode()).hexdigest()


def parse_recipe(data: object, source: str) -> Recipe:
    """Return a parsed YAML document as a recipe.

    Args:
        data: The parsed document.
        source: Name of the file, for messages.

    Raises:
        DocumentError: Unknown key, wrong type, or value out of range (code 910).
    """
    return validate_document(Recipe, data, source)


def recipe_of_layout(layout: str) -> Recipe:
    """Return the recipe that does the task of one layout with the default numbers."""
    return Recipe(name=layout, steps=[Step(name=layout, layout=layout)])


def for_serials(recipe: Recipe, serials: Sequence[str]) -> Recipe:
    """Return a recipe that does all steps for one part after the other; its steps are named SERIAL/STEP.

    Without serials it is the recipe itself: one part that nobody has named.
    """
    steps = [step.model_copy(update={"name": f"{serial}/{step.name}"}) for serial in serials for step in recipe.steps]
    return recipe.model_copy(update={"steps": steps}) if serials else recipe


class Status(IntEnum):
    """Numbers of cablecell_interfaces/JobStatus."""

    QUEUED = 1
    RUNNING = 2
    HELD = 3
    SUCCEEDED = 4
    FAILED = 5
    CANCELED = 6


@dataclass
class Job:
    """A recipe while it runs; steps that are not finished are still to do.

    Attributes:
        job_id: Unique name.
        recipe: What is done, for all serials.
        start_s: When it started, s.
        status: How far it is.
        succeeded: Steps that ended well.
        failed: Steps that ended badly.
        attempts: Attempts over all steps, those that failed among them.
        current_step: The step being worked on; empty when the job is not running.
        error: What ended it; None otherwise.
        paused_s: Time spent waiting in pauses that are over, s.
        pause_began_s: When the present pause began, s; None while it goes on.
        follows: Job that failed and whose steps that were done are not done again.
    """

    job_id: str
    recipe: Recipe
    start_s: float
    status: Status = Status.QUEUED
    succeeded: int = 0
    failed: int = 0
    attempts: int = 0
    current_step: str = ""
    error: WorkcellError | None = field(default=None)
    paused_s: float = 0.0
    pause_began_s: float | None = None
    follows: str = ""

    def begin_step(self, step: Step) -> None:
        """Work on a step from now on."""
        self.status, self.current_step = Status.RUNNING, step.name

    def pause(self, now_s: float) -> None:
        """Wait from now on."""
        self.status, self.pause_began_s = Status.HELD, now_s

    def go_on(self, now_s: float) -> None:
        """Go on after a pause."""
        self.status = Status.RUNNING
        if self.pause_began_s is not None:
            self.paused_s += now_s - self.pause_began_s
            self.pause_began_s = None

    def running_s(self, now_s: float) -> float:
        """Return the time it has run, pauses left out, s."""
        until_s = now_s if self.pause_began_s is None else self.pause_began_s
        return until_s - self.start_s - self.paused_s

    def count_attempts(self, attempts: int) -> None:
        """Count attempts of the current step, however they ended."""
        self.attempts += attempts

    def end_step(self) -> None:
        """Count the current step as done; the last one ends the job."""
        self.succeeded += 1
        self.current_step = ""
        if self.succeeded == len(self.recipe.steps):
            self.status = Status.SUCCEEDED

    def skip_step(self, error: WorkcellError) -> None:
        """Leave the current step; the job goes on, and ends as failed with the first of such errors."""
        self.failed += 1
        self.current_step = ""
        self.error = self.error or error

    def fail(self, error: WorkcellError, *, is_cancelled: bool = False) -> None:
        """End the job with the current step."""
        if self.current_step and not is_cancelled:
            self.failed += 1
        self.current_step = ""
        self.status = Status.CANCELED if is_cancelled else Status.FAILED
        self.error = error
