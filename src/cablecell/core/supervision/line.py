"""Tasks of a line of workcells (NEXUS), and which job of the cell each of them is.

A task has the name of a recipe as its type, or a type that is mapped to one. Its job has the task's name: so a task
that is requested again, because line or cell were restarted, is the same job, and what is done is not done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field, RootModel, ValidationError

from cablecell.core.config.documents import DocumentSchema
from cablecell.core.errors import WorkcellError

REQUESTER = "line"
"""How jobs of the line begin to say who put them in."""

EVERY_TYPE = "*"
"""Type in `remap_task_types` that stands for all."""

_LONGEST_ID = 200


class LineError(WorkcellError):
    """A fault between cell and line that has no class of its own."""

    code = 756


class UnknownTaskTypeError(LineError):
    """The type of a task is neither a capability of the cell nor mapped to one."""

    code = 757


class BadTaskError(LineError):
    """A task has no usable name, names a part twice, or its payload is no YAML."""

    code = 758


class NoStationError(LineError):
    """An item of a task has a type that no station of the cell takes or gives."""

    code = 759


class LineSettingsError(LineError):
    """The types or stations that the cell is configured with cannot be read, or contradict each other."""

    code = 760


@dataclass(frozen=True)
class Item:
    """One item of a task: its name, and what it is."""

    item_id: str
    item_type: str


@dataclass(frozen=True)
class LineTask:
    """A task as the line asks for it.

    Attributes:
        work_order_id: Order that it belongs to.
        task_id: Its unique name.
        type: What is to be done.
        inputs: What goes in.
        outputs: What comes out: the parts, each of which gets all steps of the recipe.
    """

    work_order_id: str
    task_id: str
    type: str
    inputs: tuple[Item, ...] = ()
    outputs: tuple[Item, ...] = ()


@dataclass(frozen=True)
class JobOrder:
    """The job that a task is.

    Attributes:
        job_id: Its name, that of the task.
        work_order_id: Order of the task.
        recipe: Name of its recipe.
        serials: Parts; none is one that nobody has named.
    """

    job_id: str
    work_order_id: str
    recipe: str
    serials: tuple[str, ...] = ()

    @property
    def requester(self) -> str:
        """Who puts it into the queue of the cell."""
        return f"{REQUESTER} {self.work_order_id}".strip()


def work_order_of(requester: str) -> str | None:
    """Return the work order of a job in the queue by who put it in; None where that was not the line."""
    word, _, order = requester.partition(" ")
    return order if word == REQUESTER else None


class _Station(DocumentSchema):
    inputs: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), strict=False)
    outputs: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), strict=False)


class _Stations(RootModel[dict[str, _Station]]):
    pass


class _Remap(RootModel[dict[str, list[str]]]):
    pass


@dataclass(frozen=True)
class Stations:
    """Which station takes, and which gives, items of a type.

    Attributes:
        inputs: Station by the type that goes in.
        outputs: Station by the type that comes out.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: object, source: str) -> Stations:
        """Return a parsed YAML document, `station: {inputs: [type, …], outputs: [type, …]}`.

        Raises:
            LineSettingsError: It is something else, or two stations take or give one type (code 760).
        """
        try:
            stations = _Stations.model_validate({} if data is None else data).root
        except ValidationError as error:
            raise _refusal(error, source) from error
        ways: dict[str, dict[str, str]] = {"inputs": {}, "outputs": {}}
        for name, station in stations.items():
            for way, types in (("inputs", station.inputs), ("outputs", station.outputs)):
                for item_type in types:
                    other = ways[way].setdefault(item_type, name)
                    if other != name:
                        raise LineSettingsError(
                            f"{source}: {way} of type '{item_type}' are at {other} and at {name}; only one can be told",
                            quantity=way,
                            value=item_type,
                        )
        return cls(**ways)

    def assign(self, task: LineTask) -> tuple[list[tuple[Item, str]], list[tuple[Item, str]]]:
        """Return every item that goes in, and every one that comes out, with its station.

        Raises:
            NoStationError: No station is there for the type of an item (code 759).
        """
        return (
            [(item, _station(self.inputs, item, "takes")) for item in task.inputs],
            [(item, _station(self.outputs, item, "gives")) for item in task.outputs],
        )


def _station(stations: Mapping[str, str], item: Item, what: str) -> str:
    if item.item_type not in stations:
        valid = ", ".join(sorted(stations)) or "none"
        raise NoStationError(
            f"no station {what} items of type '{item.item_type}'; types are {valid}",
            quantity="item_type",
            value=item.item_type,
            limit=valid,
        )
    return stations[item.item_type]


def parse_remap(data: object, source: str) -> dict[str, str]:
    """Return `{capability: [type, …]}`, a parsed YAML document, as capability by type.

    Raises:
        LineSettingsError: It is something else, or a type is mapped to two capabilities (code 760).
    """
    try:
        remaps = _Remap.model_validate({} if data is None else data).root
    except ValidationError as error:
        raise _refusal(error, source) from error
    capabilities: dict[str, str] = {}
    for capability, types in remaps.items():
        for task_type in types:
            other = capabilities.setdefault(task_type, capability)
            if other != capability:
                raise LineSettingsError(
                    f"{source}: type '{task_type}' is mapped to {other} and to {capability}",
                    quantity="remap_task_types",
                    value=task_type,
                )
    return capabilities


def _refusal(error: ValidationError, source: str) -> LineSettingsError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return LineSettingsError(f"{source}: {where or 'all of it'} is refused: {first['msg']}", quantity=where)


def recipe_of_type(task_type: str, capabilities: Iterable[str], remap: Mapping[str, str]) -> str:
    """Return the recipe that does tasks of a type: what it is mapped to, else the capability of its name.

    Raises:
        UnknownTaskTypeError: There is none (code 757); the message lists the valid types.
    """
    known = tuple(capabilities)
    recipe = remap.get(task_type, remap.get(EVERY_TYPE, task_type))
    if recipe not in known:
        valid = ", ".join(dict.fromkeys((*known, *(one for one, to in remap.items() if to in known)))) or "none"
        raise UnknownTaskTypeError(
            f"task type '{task_type}' is no capability of this cell; valid are {valid}",
            quantity="type",
            value=task_type,
            limit=valid,
        )
    return recipe


def job_of_task(task: LineTask, capabilities: Iterable[str], remap: Mapping[str, str]) -> JobOrder:
    """Return the job that a task is.

    Raises:
        UnknownTaskTypeError: No recipe does it (code 757).
        BadTaskError: It has no name, one that is too long or not printable, or names a part twice (code 758).
    """
    for name, value in (("task_id", task.task_id), ("work_order_id", task.work_order_id)):
        if (name == "task_id" and not value) or len(value) > _LONGEST_ID or not value.isprintable():
            raise BadTaskError(
                f"{name} '{value[:_LONGEST_ID]}' is refused: printable characters, at most {_LONGEST_ID}",
                quantity=name,
                value=value,
                limit=_LONGEST_ID,
            )
    serials = tuple(item.item_id for item in task.outputs if item.item_id)
    twice = next((serial for serial in serials if serials.count(serial) > 1), None)
    if twice is not None:
        raise BadTaskError(f"task {task.task_id} names part {twice} twice", quantity="output_items", value=twice)
    recipe = recipe_of_type(task.type, capabilities, remap)
    return JobOrder(task.task_id, task.work_order_id, recipe, serials)
