"""The state that a launch file reads and changes while it is evaluated, and the scopes that restore it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cablecell.launcher.errors import SubstitutionError
from cablecell.launcher.packages import Packages
from cablecell.launcher.values import Scalar

#: Launch configurations that ros2 launch itself reads, so that `name:=value` may set them without an <arg>.
RESERVED_CONFIGURATIONS = (
    "emulate_tty",
    "launch-prefix",
    "launch-prefix-filter",
    "ros_namespace",
    "sigkill_timeout",
    "sigterm_timeout",
)


@dataclass(frozen=True)
class GlobalParameter:
    """A `<set_parameter>`: name and value for every node started later in its scope."""

    name: str
    value: Scalar


@dataclass(frozen=True)
class _Scope:
    configurations: dict[str, str]
    environment: dict[str, str]
    global_parameters: list[GlobalParameter | Path] | None
    remaps: list[tuple[str, str]] | None


class Context:
    """Launch configurations, environment, global parameters and remaps, and the file being evaluated.

    Attributes:
        configurations: Launch configurations by name; `ros_namespace` is the pushed namespace, as upstream.
        environment: What children inherit.
        global_parameters: `<set_parameter>` values and `<set_parameters_from_file>` paths in order; None before the
            first. A scope that starts while it is None forgets what is added inside; one that starts later shares
            the list, so additions inside leak out. That is what ros2 launch does.
        remaps: `<set_remap>` pairs, with the same scoping.
        names_read: Every launch configuration that a `$(var …)` asked for.
        warnings: What the user should know but does not stop the launch.
        log_directory: Folder of the log files of this run (it need not exist yet).
    """

    def __init__(self, environment: Mapping[str, str], log_directory: Path) -> None:
        self.configurations: dict[str, str] = {}
        self.environment: dict[str, str] = dict(environment)
        self.global_parameters: list[GlobalParameter | Path] | None = None
        self.remaps: list[tuple[str, str]] | None = None
        self.names_read: set[str] = set()
        self.warnings: list[str] = []
        self.log_directory = log_directory
        self.packages = Packages(self.environment)
        self._initial_environment = dict(environment)
        self._scopes: list[_Scope] = []
        self.file = Path()
        self.upstream_file = Path()

    @property
    def depth(self) -> int:
        """Number of scopes that are open."""
        return len(self._scopes)

    def warn(self, message: str) -> None:
        """Note something the user should know."""
        self.warnings.append(message)

    def push(self) -> None:
        """Open a scope: what changes from here on is restored by `pop`."""
        self._scopes.append(
            _Scope(self.configurations.copy(), self.environment.copy(), self.global_parameters, self.remaps)
        )

    def pop(self) -> None:
        """Close the innermost scope."""
        scope = self._scopes.pop()
        self.configurations = scope.configurations
        self._replace_environment(scope.environment)
        self.global_parameters = scope.global_parameters
        self.remaps = scope.remaps

    def reset_configurations(self, keep: Mapping[str, str]) -> None:
        """Forget every launch configuration, pushed namespace, global parameter and remap, except `keep`."""
        self.configurations.clear()
        self.configurations.update(keep)
        self.global_parameters = None
        self.remaps = None

    def reset_environment(self) -> None:
        """Go back to the environment that the launcher was started with."""
        self._replace_environment(self._initial_environment)

    def add_global_parameter(self, parameter: GlobalParameter | Path) -> None:
        """Append a parameter for every node started from now on."""
        if self.global_parameters is None:
            self.global_parameters = []
        self.global_parameters.append(parameter)

    def add_remap(self, source: str, target: str) -> None:
        """Append a remap rule for every node started from now on."""
        if self.remaps is None:
            self.remaps = []
        self.remaps.append((source, target))

    def this_file(self, substitution: str) -> Path:
        """Return the launch file being evaluated.

        ros2 launch keeps the path of an included file after the include is over, and already uses it for the
        arguments of the include. Where that would give another answer than the file itself, there is no answer that
        holds in both engines.

        Raises:
            SubstitutionError: The answer would differ from the one of ros2 launch.
        """
        differs = self.file != self.upstream_file
        if substitution == "dirname":
            differs = self.file.parent != self.upstream_file.parent
        if differs:
            raise SubstitutionError(
                f"$({substitution}) after or inside an <include> means '{self.upstream_file}' in ros2 launch, not"
                f" '{self.file}'; keep it in a variable before the include:"
                f' <let name="here" value="$({substitution})"/>'
            )
        return self.file

    def _replace_environment(self, environment: Mapping[str, str]) -> None:
        self.environment.clear()
        self.environment.update(environment)
