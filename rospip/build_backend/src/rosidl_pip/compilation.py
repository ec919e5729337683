"""Compiles generated sources and links the shared libraries rclpy loads.

Sources of one kind are compiled together, as one translation unit: reading the headers of Fast CDR takes longer than
compiling what follows, so this halves the time. The libraries end up inside the Python package and find each other
through `$ORIGIN`, so that no library path is needed at run time.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rosidl_pip.errors import CompilationError, CompilerError
from rosidl_pip.generation import GENERATORS, Workspace

__all__ = ["UNITS", "Toolchain", "compile_unit", "find_toolchain", "link_package"]

_ADVICE = (
    "Install a C and C++ compiler and the Python headers, for example `apt-get install g++ python3-dev`, "
    "or set CC and CXX to compilers you have."
)

# Kinds of source that are compiled together, costliest first: generator, pattern, and whether they may share one
# translation unit. Descriptions may not: each defines its own copy of the names it refers to.
UNITS: dict[str, tuple[str, str, bool]] = {
    "fastrtps": ("fastrtps", "*.cpp", True),
    "functions": ("c", "*__functions.c", True),
    "conversions": ("py", "*_s.c", True),
    "description": ("c", "*__description.c", False),
    "introspection": ("introspection", "*.c", True),
    "handles": ("c", "*__type_support.c", True),
    "dispatch": ("dispatch", "*.cpp", True),
    "module": ("py", "*.ep.rosidl_typesupport_c.c", True),
}

_RUNTIME_LIBRARIES = (
    "rosidl_runtime_c",
    "rosidl_typesupport_c",
    "rosidl_typesupport_fastrtps_c",
    "rosidl_typesupport_fastrtps_cpp",
    "rosidl_typesupport_introspection_c",
    "fastcdr",
    "rcutils",
)
_PACKAGE_LIBRARIES = (
    "rosidl_generator_c",
    "rosidl_generator_py",
    "rosidl_typesupport_c",
    "rosidl_typesupport_fastrtps_c",
    "rosidl_typesupport_introspection_c",
)


@dataclass(frozen=True)
class Toolchain:
    """The compilers and the headers that are no part of ROS.

    Attributes:
        c: Command of the C compiler.
        cxx: Command of the C++ compiler.
        includes: Folders of the Python and numpy headers.
    """

    c: tuple[str, ...]
    cxx: tuple[str, ...]
    includes: tuple[Path, ...]


def find_toolchain() -> Toolchain:
    """Finds the compilers (CC and CXX, else gcc and g++, cc and c++) and proves that they work.

    Raises:
        CompilerError: A compiler or `Python.h` is missing, or the compiler cannot compile a three-line program.
    """
    numpy = __import__("numpy")
    c = _command("CC", ("gcc", "cc", "clang"))
    cxx = _command("CXX", ("g++", "c++", "clang++"))
    python = Path(sysconfig.get_path("include"))
    if not (python / "Python.h").is_file():
        raise CompilerError(f"The Python headers are missing: no Python.h in {python}. {_ADVICE}")
    toolchain = Toolchain(c, cxx, (python, Path(numpy.get_include())))
    for command, language, header in ((c, "c", "stdlib.h"), (cxx, "c++", "string")):
        probe = f"#include <{header}>\n#include <Python.h>\nint main() {{ return 0; }}\n"
        flags = ["-x", language, "-fsyntax-only", "-w", f"-I{python}", "-"]
        result = subprocess.run([*command, *flags], input=probe, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise CompilerError(f"`{' '.join(command)}` does not work: {_first_lines(result.stderr)}. {_ADVICE}")
    return toolchain


def compile_unit(work: Workspace, tools: Toolchain, package: str, unit: str, part: int, parts: int) -> None:
    """Compiles one part of the sources of one kind.

    Args:
        work: Folders of this build; the sources must have been generated.
        tools: Compilers.
        package: Name of the package.
        unit: Key of `UNITS`.
        part: Which part, 0 to parts - 1.
        parts: Into how many parts the sources are divided.

    Raises:
        CompilationError: The compiler rejected a source.
    """
    generator, pattern, together = UNITS[unit]
    sources = sorted((work.generated(generator) / package).rglob(pattern))[part::parts]
    if not sources:
        return
    folder = work.objects(package) / unit / str(part)
    folder.mkdir(parents=True)
    batches = {folder: sources}
    if together:
        joined = folder / f"joined{sources[0].suffix}"
        joined.write_text("".join(f'#include "{source}"\n' for source in sources), encoding="utf-8")
        batches = {folder: [joined]}
    elif len({source.name for source in sources}) < len(sources):
        # A message and an action may have the same name: the object of one must not overwrite that of the other.
        batches = {}
        for source in sources:
            batches.setdefault(folder / source.parents[1].name, []).append(source)
    command = [*tools.cxx, "-std=c++17"] if sources[0].suffix == ".cpp" else [*tools.c, "-std=c11"]
    includes = [work.generated(name) for name in GENERATORS]
    root = work.prefix / "include"
    includes += [*tools.includes, root, *sorted(path for path in root.iterdir() if path.is_dir())]
    flags = ["-O1", "-fPIC", "-w", *(f"-I{path}" for path in includes)]
    for place, batch in batches.items():
        place.mkdir(exist_ok=True)
        _run([*command, *flags, "-c", *map(str, batch)], place, f"compiling {unit} of package {package}")


def link_package(work: Workspace, tools: Toolchain, package: str, needed: Sequence[str]) -> None:
    """Copies the Python files of a package to the output and links its four libraries and the extension module.

    Args:
        work: Folders of this build; everything must have been compiled, needed packages of the project linked.
        tools: Compilers.
        package: Name of the package.
        needed: Names of all interface packages it needs, directly or not.

    Raises:
        CompilationError: The linker failed.
    """
    out = work.output() / package
    shutil.copytree(work.generated("py") / package, out, ignore=shutil.ignore_patterns("*.c"))
    # The generator leaves this one to its CMake macros.
    (out / "__init__.py").touch()
    own = [work.output() / name for name in needed if (work.output() / name).is_dir()]
    libraries = list(_RUNTIME_LIBRARIES)
    for name in needed:
        for kind in _PACKAGE_LIBRARIES:
            if any((folder / f"lib{name}__{kind}.so").exists() for folder in (work.prefix / "lib", *own)):
                libraries.append(f"{name}__{kind}")
    # site-packages/<package> -> its neighbours, and lib of the environment.
    rpath = ":".join(["$ORIGIN", *(f"$ORIGIN/../{folder.name}" for folder in own), "$ORIGIN/../../.."])

    def link(file: str, units: Sequence[str], after: Sequence[str]) -> None:
        objects = [str(path) for unit in units for path in sorted((work.objects(package) / unit).rglob("*.o"))]
        search = [f"-L{out}", *(f"-L{folder}" for folder in own), f"-L{work.prefix / 'lib'}"]
        options = [f"-Wl,-rpath,{rpath}", f"-Wl,-soname,{file}", "-Wl,-s", "-Wl,--allow-shlib-undefined"]
        # The middleware opens these libraries by bare name, so they must be loaded even if no symbol asks for them.
        kept = ["-Wl,--no-as-needed", *(f"-l{package}__{kind}" for kind in after), "-Wl,--as-needed"]
        command = [*tools.cxx, "-shared", "-o", file, *objects, *search, *options, *kept]
        _run([*command, *(f"-l{name}" for name in libraries)], out, f"linking {file}")

    fastrtps, introspection = "rosidl_typesupport_fastrtps_c", "rosidl_typesupport_introspection_c"
    link(f"lib{package}__rosidl_generator_c.so", ["functions", "handles", "description"], [])
    link(f"lib{package}__{fastrtps}.so", ["fastrtps"], ["rosidl_generator_c"])
    link(f"lib{package}__{introspection}.so", ["introspection"], ["rosidl_generator_c"])
    conversions = f"lib{package}__rosidl_generator_py.so"
    link(conversions, ["conversions", "dispatch", "module"], ["rosidl_generator_c", fastrtps, introspection])
    # Python finds the module's entry point in the library this empty one needs.
    link(f"{package}_s__rosidl_typesupport_c{sysconfig.get_config_var('EXT_SUFFIX')}", [], ["rosidl_generator_py"])


def _command(variable: str, candidates: Sequence[str]) -> tuple[str, ...]:
    chosen = shlex.split(os.environ.get(variable, ""))
    if chosen:
        if shutil.which(chosen[0]) is None:
            raise CompilerError(f"{variable} is {chosen[0]!r}, which is not an executable on PATH. {_ADVICE}")
        return tuple(chosen)
    for candidate in candidates:
        if shutil.which(candidate) is not None:
            return (candidate,)
    raise CompilerError(f"No compiler found: none of {', '.join(candidates)} is on PATH. {_ADVICE}")


def _run(command: Sequence[str], folder: Path, what: str) -> None:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise CompilationError(f"{what} failed with exit code {result.returncode}: {_first_lines(result.stderr)}")


def _first_lines(text: str) -> str:
    lines = [line for line in text.splitlines() if "error" in line.lower()] or text.splitlines() or ["no message"]
    return "\n".join(lines[:5])
