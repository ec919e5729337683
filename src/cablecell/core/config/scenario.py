"""The scenario schema: everything that decides a run. With a seed it determines the run to the last bit.

A scenario holds contents, never references: the file may name a trial, a connector or settings that are elsewhere, and
whoever reads it puts them in place. So two scenarios with the same hash are the same, wherever they came from.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from cablecell.core.config.connector import Connector
from cablecell.core.config.control import ControlSettings
from cablecell.core.config.documents import DocumentSchema, validate_document
from cablecell.core.config.insertion import InsertionSettings
from cablecell.core.config.simulation import SimulationSettings
from cablecell.core.config.trial import HomeJoints, Trial

PLATE_TOP_M = 0.012
"""Top of the task board's plate above its origin, m."""

CARD_YAW_RAD = 0.1745
"""Published limit of a card's yaw: 10 degrees."""
FIXTURE_YAW_RAD = 1.0472
"""Published limit of a pick fixture's yaw: 60 degrees."""


Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
"""[lowest, highest] of a uniform draw; both within what the key allows."""
Counts = Annotated[list[int], Field(min_length=2, max_length=2)]


Strategy = Literal["hybrid", "straight", "passive", "spiral", "tilt", "oracle"]
"""What inserts the plug: "hybrid" is the skill, the others are what it is compared with."""


def _within(lowest: float, highest: float, unit: str = "") -> AfterValidator:
    """Return the check of a pair: in order, and inside what is allowed."""

    def check(pair: list[float]) -> list[float]:
        low, high = pair
        suffix = f" {unit}" if unit else ""
        if low > high:
            raise ValueError(f"[{low}, {high}]{suffix} must be [lowest, highest]")
        if low < lowest or high > highest:
            raise ValueError(f"[{low}, {high}]{suffix} is outside the allowed [{lowest}, {highest}]{suffix}")
        return pair

    return AfterValidator(check)


class BoardSpread(DocumentSchema):
    """How far the task board may be from where the trial has it, m and rad."""

    x_m: Annotated[Pair, _within(-0.1, 0.1, "m")] = Field(default=[0.0, 0.0])
    y_m: Annotated[Pair, _within(-0.1, 0.1, "m")] = Field(default=[0.0, 0.0])
    yaw_rad: Annotated[Pair, _within(-0.6, 0.6, "rad")] = Field(default=[0.0, 0.0])


class CardSpread(DocumentSchema):
    """NIC cards: how many are mounted, and where on their rails; the target's card is always one of them."""

    count: Annotated[Counts, _within(1, 5)] = Field(default=[1, 1])
    translation_m: Annotated[Pair, _within(-0.048, 0.036, "m")]
    yaw_rad: Annotated[Pair, _within(-CARD_YAW_RAD, CARD_YAW_RAD, "rad")] = Field(default=[0.0, 0.0])


class AdapterSpread(DocumentSchema):
    """SC adapters: how many are mounted, and where on their rails; the target's adapter is always one of them."""

    count: Annotated[Counts, _within(0, 2)] = Field(default=[1, 1])
    translation_m: Annotated[Pair, _within(-0.055, 0.055, "m")]


class DistractorSpread(DocumentSchema):
    """Pick fixtures, which are only in the way: how many stand on the six rails, and where.

    Attributes:
        count: Fixtures.
        parts: How many of them hold a spare connector; all, where there are fewer than that.
        translation_m: Along their rails.
        yaw_rad: How they are turned.
    """

    count: Annotated[Counts, _within(0, 6)]
    parts: Annotated[Counts, _within(0, 6)] = Field(default=[0, 0])
    translation_m: Annotated[Pair, _within(-0.09425, 0.09425, "m")]
    yaw_rad: Annotated[Pair, _within(-FIXTURE_YAW_RAD, FIXTURE_YAW_RAD, "rad")] = Field(default=[0.0, 0.0])

    @model_validator(mode="after")
    def _parts_have_fixtures(self) -> DistractorSpread:
        if self.parts[1] > self.count[1]:
            raise ValueError(f"parts = {self.parts} are more than the fixtures that hold them: count = {self.count}")
        return self


class Randomise(DocumentSchema):
    """What is drawn anew for every seed, uniformly within limits; what is not named stays as the trial has it.

    Attributes:
        board: Pose of the board.
        cards: NIC cards.
        adapters: SC adapters.
        distractors: Pick fixtures.
        any_port: The target is any mounted port the plug fits, instead of the trial's.
        friction_scale: Factor on the friction between plug and port.
        fixture_yaw_rad: Yaw of the bench fixture relative to the scenario's, rad.
    """

    board: BoardSpread | None = None
    cards: CardSpread | None = None
    adapters: AdapterSpread | None = None
    distractors: DistractorSpread | None = None
    any_port: bool = False
    friction_scale: Annotated[Pair, _within(0.1, 3.0)] | None = None
    fixture_yaw_rad: Annotated[Pair, _within(-3.1416, 3.1416, "rad")] | None = None


class EstimateErrors(DocumentSchema):
    """Error model of what the skill is told; the covariance that goes with it is the true one.

    The default port error is a little more than the running cell's: benchmark `perception` (45 scenes) finds 0.46 mm in
    the median and 0.83 mm at 95 %, which is a Gaussian of 0.30 mm an axis, and 3.1 mrad. The default grasp is harder
    than the running cell's, which sees the plug: here the skill knows its design only.

    Attributes:
        port_sigma_m: Standard deviation of the port's position, each axis, m.
        port_sigma_rad: Likewise of its orientation, rad.
        grasp: "nominal": the skill knows the trial's nominal grasp and the gripper's tolerance; "measured": the true
            grasp disturbed by the two following numbers, as an in-hand camera would give it.
        grasp_sigma_m: Standard deviation of a measured grasp, each axis, m.
        grasp_sigma_rad: Likewise, rad.
        port_offset_m: Distance of the port, in a random direction across its axis, that comes on top, m.
    """

    port_sigma_m: Annotated[float, Field(ge=0.0, le=0.01)] = 0.00035
    port_sigma_rad: Annotated[float, Field(ge=0.0, le=0.2)] = 0.003
    grasp: Literal["nominal", "measured"] = "nominal"
    grasp_sigma_m: Annotated[float, Field(ge=0.0, le=0.01)] = 0.0003
    grasp_sigma_rad: Annotated[float, Field(ge=0.0, le=0.2)] = 0.005
    port_offset_m: Annotated[float, Field(ge=0.0, le=0.01)] = 0.0


class Seeing(DocumentSchema):
    """What finds port and plug in place of an error model: the wrist cameras and the estimator of the running cell.

    Attributes:
        views: Looks, the first from home; the others are where the port is seen best near `height_m`.
        height_m: Of the tip above the mouth of the port, about, m.
        rest_s: How long the arm rests for a look, s: only its images are used, and reading them takes time.
    """

    views: Annotated[int, Field(ge=1, le=8)] = 3
    height_m: Annotated[float, Field(ge=0.02, le=0.2)] = 0.05
    rest_s: Annotated[float, Field(ge=0.0, le=2.0)] = 0.3


class BenchFixture(DocumentSchema):
    """A block on the board that holds the port of any connector, open upwards; the plug hangs straight in the gripper.

    The trial's own cable and target are put aside: the connector's plug is gripped at its first grasp surface, and its
    port is the target.

    Attributes:
        connector: The connector.
        x_m: Entrance along x of the board, m.
        y_m: Entrance along y of the board, m.
        z_m: Height of the entrance above the board's origin, m.
        yaw_rad: Yaw of the port's x axis in the board, rad.
    """

    connector: Connector
    x_m: Annotated[float, Field(ge=-0.12, le=0.12)] = -0.075
    y_m: Annotated[float, Field(ge=-0.18, le=0.18)] = 0.05
    z_m: Annotated[float, Field(ge=0.02, le=0.2)] = 0.08
    yaw_rad: Annotated[float, Field(ge=-3.1416, le=3.1416)] = 0.0

    @model_validator(mode="after")
    def _port_is_above_the_plate(self) -> BenchFixture:
        lowest = PLATE_TOP_M + self.connector.port.wall_end_m
        if self.z_m < lowest:
            raise ValueError(
                f"z_m = {self.z_m} m is below {lowest:.4f} m: the walls of connector '{self.connector.name}' reach "
                f"{self.connector.port.wall_end_m} m down and would stand in the plate"
            )
        return self


class Scenario(DocumentSchema):
    """Everything that decides a run, but its seed.

    Attributes:
        name: For people.
        description: For people.
        seed: First seed when none is given; it is not part of what is hashed.
        trial: Scene and task.
        home: Where the arm starts, rad.
        connectors: Of the ports and the plug, by name.
        fixture: A port that the board does not have, or None.
        simulation: Physics, sensors and their errors.
        control: Of the arm controller.
        insertion: Of the skill.
        estimates: Errors of what the skill is told, where it does not see.
        seeing: How it sees; None: it is told.
        task: What is done: insert, and then check the seat (verify) or take the plug out again (unplug).
        randomise: What is drawn for every seed, or None.
        strategy: What inserts the plug.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)]
    description: str = ""
    seed: Annotated[int, Field(ge=0)] = 0
    trial: Trial
    home: HomeJoints = HomeJoints()
    connectors: dict[str, Connector]
    fixture: BenchFixture | None = None
    simulation: SimulationSettings = SimulationSettings()
    control: ControlSettings = ControlSettings()
    insertion: InsertionSettings = InsertionSettings()
    estimates: EstimateErrors = EstimateErrors()
    seeing: Seeing | None = None
    task: Literal["insert", "unplug", "verify"] = "insert"
    randomise: Randomise | None = None
    strategy: Strategy = "hybrid"

    @model_validator(mode="after")
    def _connectors_are_there(self) -> Scenario:
        missing = [name for name in ("sc", "sfp") if name not in self.connectors]
        if missing:
            raise ValueError(f"connectors.{missing[0]} is missing: the board has such ports")
        return self

    @model_validator(mode="after")
    def _rates_go_together(self) -> Scenario:
        physics, control = self.simulation.physics.rate_hz, self.control.rate_hz
        if physics % control:
            raise ValueError(f"control.rate_hz = {control} Hz must divide simulation.physics.rate_hz = {physics} Hz")
        return self

    @model_validator(mode="after")
    def _what_is_seen_is_on_the_board(self) -> Scenario:
        if self.seeing is not None and self.fixture is not None:
            raise ValueError("seeing is for ports of the board: a fixture is not in the board's design")
        if self.seeing is not None and self.strategy == "oracle":
            raise ValueError("strategy = oracle is told the truth: it has no meaning with seeing")
        return self

    @model_validator(mode="after")
    def _draws_stay_on_the_rails(self) -> Scenario:
        draws, limits = self.randomise, self.trial.task_board_limits
        if draws is None:
            return self
        for name, spread, rail in (
            ("cards", draws.cards, limits.nic_rail),
            ("adapters", draws.adapters, limits.sc_rail),
            ("distractors", draws.distractors, limits.mount_rail),
        ):
            if spread is None:
                continue
            low, high = spread.translation_m
            if low < rail.min_translation or high > rail.max_translation:
                raise ValueError(
                    f"randomise.{name}.translation_m = [{low}, {high}] m is outside the rail's "
                    f"[{rail.min_translation}, {rail.max_translation}] m"
                )
        if draws.any_port and self.fixture is not None:
            raise ValueError("randomise.any_port = True has no meaning with a fixture: its port is the target")
        if draws.fixture_yaw_rad is not None and self.fixture is None:
            raise ValueError("randomise.fixture_yaw_rad is given, but there is no fixture")
        return self

    def with_task(self, task: str) -> Scenario:
        """Return this scenario with another task: `insert`, `verify` or `unplug`."""
        return Scenario.model_validate({**self.model_dump(), "task": task})

    @property
    def content_hash(self) -> str:
        """Hash of the content, 16 hexadecimal digits: equal for equal runs, whatever the file looks like."""
        # What came later is left out where it is not used: scenarios keep the hash that their results have.
        left_out: dict[str, Any] = dict.fromkeys(("name", "description", "seed"), True)
        if self.seeing is None:
            left_out["seeing"] = True
        if self.task == "insert":
            left_out["task"] = True
        if self.strategy == "hybrid":
            left_out["strategy"] = True
        if self.estimates.port_offset_m == 0.0:
            left_out["estimates"] = {"port_offset_m"}
        content = self.model_dump(mode="json", exclude=left_out)
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_scenario(data: object, source: str) -> Scenario:
    """Return a parsed document, with everything it names put in place, as a scenario.

    Args:
        data: The document.
        source: Name of the file, for messages.

    Raises:
        DocumentError: Unknown key, wrong type, value out of range, or parts that contradict each other (code 910).
    """
    return validate_document(Scenario, data, source)
