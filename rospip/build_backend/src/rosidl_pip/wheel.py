"""Writes wheels, their metadata and source distributions."""

from __future__ import annotations

import base64
import hashlib
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

from rosidl_pip.configuration import Project

__all__ = ["metadata_files", "source_files", "wheel_tag", "write_sdist", "write_wheel"]

# The zip format begins in 1980; one time for all files makes the wheel of the same tree the same file.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)


def wheel_tag() -> str:
    """Returns the tag of a wheel compiled here, for example `cp311-cp311-linux_x86_64`."""
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"{python}-{python}-{platform}"


def metadata_files(project: Project, pins: Iterable[str]) -> dict[str, bytes]:
    """Returns the files of `.dist-info` by name, without RECORD.

    Args:
        project: What is built.
        pins: Requirements that tie the wheel to what it was compiled against.
    """
    lines = ["Metadata-Version: 2.1", f"Name: {project.name}", f"Version: {project.version}"]
    lines += [f"Summary: {project.summary}"] if project.summary else []
    lines += [f"License: {project.license}"] if project.license else []
    lines += [f"Requires-Python: {project.requires_python}"] if project.requires_python else []
    lines += [f"Requires-Dist: {requirement}" for requirement in dict.fromkeys((*project.dependencies, *pins))]
    wheel = ["Wheel-Version: 1.0", "Generator: rosidl-pip", "Root-Is-Purelib: false", f"Tag: {wheel_tag()}"]
    files = {"METADATA": _text(lines), "WHEEL": _text(wheel)}
    if project.scripts:
        files["entry_points.txt"] = _text(["[console_scripts]", *(f"{k} = {v}" for k, v in project.scripts)])
    return files


def write_wheel(project: Project, tree: Path, pins: Iterable[str], folder: Path, *, editable: bool) -> str:
    """Writes a wheel.

    Args:
        project: What is built.
        tree: What `build_tree` wrote.
        pins: Requirements that tie the wheel to what it was compiled against.
        folder: Where the wheel goes.
        editable: True: pure Python packages are referred to where they are, by a `.pth` file. The compiled interfaces
            are in the wheel either way.

    Returns:
        File name of the wheel.
    """
    name = f"{project.file_stem}-{wheel_tag()}.whl"
    content: dict[str, bytes] = dict(_tree_files(tree / "python", ""))
    content.update(_tree_files(tree / "share", f"{project.file_stem}.data/data/share/"))
    if project.python_packages is not None:
        if editable:
            content[f"_{project.file_stem}.pth"] = _text([str(project.python_packages)])
        else:
            content.update(_tree_files(project.python_packages, ""))
    info = f"{project.file_stem}.dist-info"
    content.update({f"{info}/{file}": data for file, data in metadata_files(project, pins).items()})
    record = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in content.items()]
    content[f"{info}/RECORD"] = _text([*record, f"{info}/RECORD,,"])
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for path, data in content.items():
            entry = zipfile.ZipInfo(path, _TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100755 if path.endswith(".so") else 0o100644) << 16
            archive.writestr(entry, data)
    return name


def write_sdist(project: Project, folder: Path) -> str:
    """Writes a source distribution: `pyproject.toml` and the folders it names.

    Args:
        project: What is packed.
        folder: Where the archive goes.

    Returns:
        File name of the archive.
    """
    name = f"{project.file_stem}.tar.gz"
    with tarfile.open(folder / name, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        content = {path.relative_to(project.root).as_posix(): path.read_bytes() for path in source_files(project)}
        content["PKG-INFO"] = metadata_files(project, ())["METADATA"]
        for path, data in content.items():
            entry = tarfile.TarInfo(f"{project.file_stem}/{path}")
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, BytesIO(data))
    return name


def source_files(project: Project) -> list[Path]:
    """Returns the files of a project a build reads, sorted."""
    folders = [*project.interface_folders, *(path for _, paths in project.distribution_folders for path in paths)]
    folders += [project.python_packages] if project.python_packages is not None else []
    files = {project.root / "pyproject.toml"}
    for folder in folders:
        files.update(path for path in folder.rglob("*") if path.is_file() and not _is_by_product(path, folder))
    return sorted(files)


def _tree_files(folder: Path, prefix: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not _is_by_product(path, folder):
            yield prefix + path.relative_to(folder).as_posix(), path.read_bytes()


def _is_by_product(path: Path, folder: Path) -> bool:
    return any(part == "__pycache__" or part.startswith(".") for part in path.relative_to(folder).parts)


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
