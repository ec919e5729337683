"""Everything that can go wrong in a build, as types a caller can tell apart."""

from __future__ import annotations

__all__ = [
    "CompilationError",
    "CompilerError",
    "ConfigurationError",
    "DependencyError",
    "DistributionError",
    "GenerationError",
    "GeneratorsMissingError",
    "InterfaceError",
    "ManifestError",
    "RosidlPipError",
    "WorkerError",
]


class RosidlPipError(Exception):
    """Base of all errors of this backend; its text is a complete sentence for the person who typed `pip install`."""


class ConfigurationError(RosidlPipError):
    """`pyproject.toml` of the project being built is wrong; the text names the table and key."""


class ManifestError(RosidlPipError):
    """A `package.xml` is missing or wrong; the text names the file."""


class DependencyError(RosidlPipError):
    """An interface package depends on one that is neither in the project nor installed, or in a circle."""


class InterfaceError(RosidlPipError):
    """A `.msg`, `.srv` or `.action` file is wrong; the text names file, line and field."""


class DistributionError(RosidlPipError):
    """The installed ROS wheels are absent or of a distribution this backend does not know."""


class GeneratorsMissingError(RosidlPipError):
    """The rosidl generator wheels are not installed; the text names the packages to install."""


class CompilerError(RosidlPipError):
    """No usable C/C++ compiler or no Python headers; the text names what to install."""


class GenerationError(RosidlPipError):
    """A rosidl generator failed; the text names package and generator."""


class CompilationError(RosidlPipError):
    """The compiler or linker rejected generated code; the text carries its first messages."""


class WorkerError(RosidlPipError):
    """A worker process disappeared without an error of its own, in practice because memory ran out."""
