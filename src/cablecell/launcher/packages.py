"""Finds packages and their executables in the ament prefixes."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from cablecell.launcher.errors import PackageError


class Packages:
    """Looks packages up in `AMENT_PREFIX_PATH`, or in the Python prefix where that variable is not set.

    The environment is read at every look-up, because a launch file may change it.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    @property
    def prefixes(self) -> list[Path]:
        """The prefixes to search, first wins."""
        text = self._environment.get("AMENT_PREFIX_PATH", "")
        return [Path(entry) for entry in text.split(os.pathsep) if entry] or [Path(sys.prefix)]

    def prefix(self, package: str) -> Path:
        """Return the prefix that holds a package.

        Raises:
            PackageError: No prefix has an index entry for it.
        """
        for prefix in self.prefixes:
            if package and (prefix / "share/ament_index/resource_index/packages" / package).is_file():
                return prefix
        searched = ", ".join(str(prefix) for prefix in self.prefixes)
        raise PackageError(f"package '{package}' is not installed, searched in {searched}")

    def share(self, package: str) -> Path:
        """Return `<prefix>/share/<package>`.

        Raises:
            PackageError: The package, or the folder, does not exist.
        """
        share = self.prefix(package) / "share" / package
        if not share.is_dir():
            raise PackageError(f"package '{package}' has no folder {share}")
        return share

    def executable(self, package: str, name: str) -> Path:
        """Return the executable file of a package.

        Raises:
            PackageError: The package or the executable does not exist; names the ones that do.
        """
        folder = self.prefix(package) / "lib" / package
        found = shutil.which(name, path=str(folder)) if name else None
        if found is None:
            files = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
            raise PackageError(
                f"package '{package}' has no executable '{name}' in {folder}; it has: {', '.join(files) or 'none'}"
            )
        return Path(found)
