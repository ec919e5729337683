"""Calls the rosidl generators as their CMake macros would, one package and one generator at a time.

Each of them parses every interface again, which takes half of the time; `prepare_worker` makes them share one parse.
All functions here run in worker processes and communicate through files of a `Workspace`.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosidl_pip.errors import GenerationError
from rosidl_pip.packages import InterfacePackage

__all__ = ["GENERATORS", "Workspace", "adapt", "describe", "generate", "prepare_worker"]

_FASTRTPS = "rosidl_typesupport_fastrtps_c"
_INTROSPECTION = "rosidl_typesupport_introspection_c"

# Short name: (module, function, package whose templates it uses, further arguments). Slowest first.
GENERATORS: dict[str, tuple[str, str, str, tuple[list[str], ...]]] = {
    "py": ("rosidl_generator_py.generate_py_impl", "generate_py", "rosidl_generator_py", (["rosidl_typesupport_c"],)),
    "fastrtps": (_FASTRTPS, "generate_typesupport_fastrtps_c", _FASTRTPS, ()),
    "c": ("rosidl_generator_c", "generate_c", "rosidl_generator_c", ()),
    "introspection": (_INTROSPECTION, "generate_c", _INTROSPECTION, ()),
    "dispatch": ("rosidl_typesupport_c", "generate_c", "rosidl_typesupport_c", ([_FASTRTPS, _INTROSPECTION],)),
}


@dataclass(frozen=True)
class Workspace:
    """Folders of one build.

    Attributes:
        root: Temporary folder, removed after the build.
        prefix: Prefix of the installed ROS packages.
    """

    root: Path
    prefix: Path

    def source(self, package: str) -> Path:
        """Returns the folder with copies of a package's interface files, merged from all places."""
        return self.root / "source" / package

    def share(self, package: str) -> Path:
        """Returns the folder with a package's `.idl` and `.json` files: generated here, or installed."""
        own = self.root / "share" / package
        return own if (self.root / "source" / package).is_dir() else self.prefix / "share" / package

    def generated(self, generator: str) -> Path:
        """Returns the folder that holds one folder a package with what a generator wrote."""
        return self.root / "generated" / generator

    def objects(self, package: str) -> Path:
        """Returns the folder of a package's object files."""
        return self.root / "objects" / package

    def output(self) -> Path:
        """Returns the folder with the finished Python packages."""
        return self.root / "python"


def prepare_worker() -> None:
    """Replaces the IDL parser by one that keeps each parsed file beside the IDL, for the other processes.

    Must run before a generator is imported: they bind the parser's function at import.
    """
    parser: Any = importlib.import_module("rosidl_parser.parser")
    parse = parser.parse_idl_file

    def parse_once(locator: Any, *arguments: Any, **options: Any) -> Any:
        stored = Path(f"{locator.get_absolute_path()}.parsed")
        if not stored.is_file():
            return parse(locator, *arguments, **options)
        # A fresh object for every caller: generators may modify what they get.
        return pickle.loads(stored.read_bytes())

    parser.parse_idl_file = parse_once


def adapt(work: Workspace, package: InterfacePackage) -> None:
    """Turns the interface files of a package into IDL and parses that, once for all generators.

    Raises:
        GenerationError: The adapter or the IDL parser failed.
    """
    definition = importlib.import_module("rosidl_parser.definition")
    parser = importlib.import_module("rosidl_parser.parser")
    adapter = importlib.import_module("rosidl_adapter")
    share = work.share(package.name)
    for relative in package.files:
        with _quiet(f"rosidl_adapter failed for {package.files[relative]}"):
            adapter.convert_to_idl(work.source(package.name), package.name, Path(relative), share)
            idl = Path(relative).with_suffix(".idl")
            content = parser.parse_idl_file(definition.IdlLocator(share, idl))
            (share / f"{idl}.parsed").write_bytes(pickle.dumps(content))


def describe(work: Workspace, package: InterfacePackage, needed: tuple[str, ...]) -> None:
    """Computes type descriptions and RIHS01 hashes of a package; those of the packages it needs must exist.

    Raises:
        GenerationError: The generator failed.
    """
    module = importlib.import_module("rosidl_generator_type_description")
    with _quiet(f"rosidl_generator_type_description failed for package {package.name}"):
        module.generate_type_hash(_arguments(work, package, needed, "describe", work.share(package.name), ""))


def generate(work: Workspace, package: InterfacePackage, needed: tuple[str, ...], generator: str) -> None:
    """Runs one generator for a package whose type descriptions exist.

    Args:
        work: Folders of this build.
        package: The package.
        needed: Names of all interface packages it needs, directly or not.
        generator: Key of `GENERATORS`.

    Raises:
        GenerationError: The generator failed.
    """
    module, function, templates, further = GENERATORS[generator]
    out = work.generated(generator) / package.name
    with _quiet(f"{module} failed for package {package.name}"):
        arguments = _arguments(work, package, needed, generator, out, templates)
        getattr(importlib.import_module(module), function)(arguments, *further)
    for template in (work.prefix / "share" / templates / "resource").glob("*visibility_control.h.in"):
        header = out / "msg" / template.name.removesuffix(".in")
        header.parent.mkdir(parents=True, exist_ok=True)
        text = template.read_text(encoding="utf-8").replace("@PROJECT_NAME_UPPER@", package.name.upper())
        header.write_text(text.replace("@PROJECT_NAME@", package.name), encoding="utf-8")


def _arguments(
    work: Workspace, package: InterfacePackage, needed: tuple[str, ...], name: str, out: Path, templates: str
) -> str:
    """Writes the JSON argument file the CMake macros write, and returns its path."""
    out.mkdir(parents=True, exist_ok=True)
    share = work.share(package.name)
    idl = {relative: Path(relative).with_suffix(".idl") for relative in package.files}
    arguments = {
        "package_name": package.name,
        "output_dir": str(out),
        "template_dir": str(work.prefix / "share" / templates / "resource"),
        "target_dependencies": [],
        "idl_tuples": [f"{share}:{path}" for path in idl.values()],
        "ros_interface_files": [str(work.source(package.name) / relative) for relative in package.files],
        "ros_interface_dependencies": [
            f"{other}:{path}" for other in needed for path in sorted(work.share(other).glob("*/*.idl"))
        ],
        "include_paths": [f"{other}:{work.share(other)}" for other in needed],
        "type_description_tuples": [f"{path}:{share / path.with_suffix('.json')}" for path in idl.values()],
    }
    file = work.root / f"{package.name}.{name}.arguments.json"
    file.write_text(json.dumps(arguments), encoding="utf-8")
    return str(file)


@contextlib.contextmanager
def _quiet(what: str) -> Iterator[None]:
    """Keeps the generators' chatter off the terminal, and shows the end of it when one fails."""
    chatter = io.StringIO()
    try:
        with contextlib.redirect_stdout(chatter), contextlib.redirect_stderr(chatter):
            yield
    except Exception as error:  # whatever a generator raises is reported the same way
        tail = "\n".join(chatter.getvalue().splitlines()[-5:])
        raise GenerationError(f"{what}: {type(error).__name__}: {error}\n{tail}".rstrip()) from error
