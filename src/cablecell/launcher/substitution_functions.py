"""What each `$(name …)` does: the substitutions that the XML frontend of both Jazzy and Kilted accepts.

`$(any …)` and `$(all …)` are registered upstream but fail there for every argument in an XML file, so they are refused
here with the alternative that works in both.
"""

from __future__ import annotations

import importlib
import math
import os
import random
import re
import shlex
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cablecell.launcher.context import Context
from cablecell.launcher.errors import SubstitutionError, ValueTypeError
from cablecell.launcher.substitutions import Call, Template
from cablecell.launcher.values import coerce

_BROKEN_UPSTREAM = {"any": "or", "all": "and"}
_ON_STDERR = ("fail", "ignore", "warn", "capture")


@dataclass(frozen=True)
class Substitution:
    """A known substitution: how it is written, how many arguments it takes, and what it does."""

    usage: str
    minimum: int
    maximum: int
    function: Callable[[Context, tuple[Template, ...]], str]


def check(call: Call) -> None:
    """Refuse unknown substitutions and wrong argument counts while the file is read.

    Raises:
        SubstitutionError: Unknown name, wrong number of arguments, or an argument that misbehaves upstream.
    """
    if call.name in _BROKEN_UPSTREAM:
        other = _BROKEN_UPSTREAM[call.name]
        raise SubstitutionError(
            f"$({call.name} …) fails in the XML files of ros2 launch, write $({other} $({other} a b) c) instead"
        )
    known = SUBSTITUTIONS.get(call.name)
    if known is None:
        raise SubstitutionError(f"unknown substitution $({call.name} …), known: {', '.join(sorted(SUBSTITUTIONS))}")
    if not known.minimum <= len(call.arguments) <= known.maximum:
        raise SubstitutionError(
            f"$({call.name} …) is written {known.usage}, got {len(call.arguments)} argument(s);"
            " quote an argument that holds spaces"
        )
    if call.name in ("equals", "not-equals") and any(not argument.parts for argument in call.arguments):
        raise SubstitutionError(
            f"$({call.name} …) with '' compares with the text [] in ros2 launch; write $(eval \"'…' == ''\")"
        )
    if call.name == "eval" and len(call.arguments) == 2 and call.arguments[1].literal is None:
        raise SubstitutionError("the modules of $(eval 'expression' 'modules') are plain text, without substitutions")


def evaluate(call: Call, context: Context) -> str:
    """Return the text of a checked call."""
    return SUBSTITUTIONS[call.name].function(context, call.arguments)


def _variable(context: Context, arguments: tuple[Template, ...]) -> str:
    name = arguments[0].expand(context)
    context.names_read.add(name)
    value = context.configurations.get(name)
    if value is not None:
        return value
    if len(arguments) == 2:
        return arguments[1].expand(context)
    raise SubstitutionError(
        f"launch configuration '{name}' is not set, set here: {', '.join(sorted(context.configurations)) or 'none'}"
    )


def _environment(context: Context, arguments: tuple[Template, ...]) -> str:
    default = arguments[1].expand(context) if len(arguments) == 2 else None
    name = arguments[0].expand(context)
    value = context.environment.get(name, default)
    if value is None:
        raise SubstitutionError(f"environment variable '{name}' is not set; give a default: $(env {name} default)")
    return value


def _find_share(context: Context, arguments: tuple[Template, ...]) -> str:
    return str(context.packages.share(arguments[0].expand(context)))


def _find_prefix(context: Context, arguments: tuple[Template, ...]) -> str:
    return str(context.packages.prefix(arguments[0].expand(context)))


def _executable_in_package(context: Context, arguments: tuple[Template, ...]) -> str:
    return str(context.packages.executable(arguments[1].expand(context), arguments[0].expand(context)))


def _find_executable(context: Context, arguments: tuple[Template, ...]) -> str:
    name = arguments[0].expand(context)
    found = shutil.which(name, path=context.environment.get("PATH"))
    if found is None:
        raise SubstitutionError(f"executable '{name}' is not on the PATH {context.environment.get('PATH', '')}")
    return found


def _dirname(context: Context, _: tuple[Template, ...]) -> str:
    return str(context.this_file("dirname").parent)


def _filename(context: Context, _: tuple[Template, ...]) -> str:
    return str(context.this_file("filename"))


def _log_directory(context: Context, _: tuple[Template, ...]) -> str:
    return str(context.log_directory)


def _file_content(context: Context, arguments: tuple[Template, ...]) -> str:
    path = Path(arguments[0].expand(context))
    try:
        return path.read_text()
    except OSError as error:
        raise SubstitutionError(f"cannot read '{path}' for $(file-content …): {error.strerror}") from error


def _python(context: Context, arguments: tuple[Template, ...]) -> str:
    expression = arguments[0].expand(context)
    modules = ["math"] if len(arguments) == 1 else [name.strip() for name in (arguments[1].literal or "").split(",")]
    names: dict[str, object] = {}
    try:
        for name in modules:
            module = importlib.import_module(name)
            if module is math:
                names.update(vars(math))
            names[name] = module
        # The launch file is trusted code: it names the programs to run. ros2 launch evaluates it the same way.
        return str(eval(expression, {}, names))
    except Exception as error:
        raise SubstitutionError(f"$(eval …) of '{expression}' failed: {type(error).__name__}: {error}") from error


def _command(context: Context, arguments: tuple[Template, ...]) -> str:
    text = arguments[0].expand(context)
    on_stderr = arguments[1].expand(context) if len(arguments) == 2 else "fail"
    if on_stderr not in _ON_STDERR:
        raise SubstitutionError(f"$(command …): on_stderr is '{on_stderr}', valid: {', '.join(_ON_STDERR)}")
    try:
        result = subprocess.run(
            shlex.split(text),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if on_stderr == "capture" else subprocess.PIPE,
            text=True,
            env=context.environment,
            check=False,
        )
    except (OSError, ValueError) as error:
        raise SubstitutionError(f"$(command …): cannot run '{text}': {error}") from error
    complaint = (result.stderr or "").strip()
    if result.returncode != 0:
        raise SubstitutionError(
            f"$(command …): '{text}' ended with exit code {result.returncode}" + (f": {complaint}" if complaint else "")
        )
    if complaint and on_stderr == "fail":
        raise SubstitutionError(
            f"$(command …): '{text}' wrote to stderr: {complaint} (allow it with 'warn' or 'ignore')"
        )
    if complaint and on_stderr == "warn":
        context.warn(f"'{text}' wrote to stderr: {complaint}")
    return result.stdout


def _anonymous(context: Context, arguments: tuple[Template, ...]) -> str:
    """Return a name that is unique to this launch; the same argument gives the same name again."""
    name = arguments[0].expand(context)
    key = f"anon{name}"
    if key not in context.configurations:
        unique = f"{name}_{socket.gethostname()}_{os.getpid()}_{random.randrange(2**63)}"
        context.configurations[key] = re.sub(r"[.:-]", "_", unique)
    return context.configurations[key]


def _parameter(context: Context, arguments: tuple[Template, ...]) -> str:
    name = arguments[0].expand(context)
    for parameter in context.global_parameters or ():
        if not isinstance(parameter, Path) and parameter.name == name:
            return str(parameter.value)
    if len(arguments) == 2:
        return arguments[1].expand(context)
    raise SubstitutionError(f"no <set_parameter> has set '{name}' before; give a default: $(param {name} default)")


def _truth(context: Context, argument: Template) -> bool:
    text = argument.expand(context)
    try:
        return coerce(text, "bool") is True
    except ValueTypeError as error:
        raise SubstitutionError(str(error)) from error


def _bool_text(value: bool) -> str:
    return "true" if value else "false"


def _not(context: Context, arguments: tuple[Template, ...]) -> str:
    return _bool_text(not _truth(context, arguments[0]))


def _and(context: Context, arguments: tuple[Template, ...]) -> str:
    return _bool_text(all([_truth(context, argument) for argument in arguments]))


def _or(context: Context, arguments: tuple[Template, ...]) -> str:
    return _bool_text(any([_truth(context, argument) for argument in arguments]))


def _if(context: Context, arguments: tuple[Template, ...]) -> str:
    if _truth(context, arguments[0]):
        return arguments[1].expand(context)
    return arguments[2].expand(context) if len(arguments) == 3 else ""


def _as_float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _same(context: Context, arguments: tuple[Template, ...]) -> bool:
    """Compare as bools if both are true/false/1/0, else as numbers if both are, else as texts."""
    left, right = (argument.expand(context) for argument in arguments)
    truths = {"true": True, "1": True, "false": False, "0": False}
    if left.lower() in truths and right.lower() in truths:
        return truths[left.lower()] is truths[right.lower()]
    left_number, right_number = _as_float(left), _as_float(right)
    if left_number is not None and right_number is not None:
        return math.isclose(left_number, right_number)
    return left == right


def _equals(context: Context, arguments: tuple[Template, ...]) -> str:
    return _bool_text(_same(context, arguments))


def _not_equals(context: Context, arguments: tuple[Template, ...]) -> str:
    return _bool_text(not _same(context, arguments))


SUBSTITUTIONS: dict[str, Substitution] = {
    "var": Substitution("$(var name [default])", 1, 2, _variable),
    "env": Substitution("$(env NAME [default])", 1, 2, _environment),
    "find-pkg-share": Substitution("$(find-pkg-share package)", 1, 1, _find_share),
    "find-pkg-prefix": Substitution("$(find-pkg-prefix package)", 1, 1, _find_prefix),
    "exec-in-pkg": Substitution("$(exec-in-pkg executable package)", 2, 2, _executable_in_package),
    "find-exec": Substitution("$(find-exec name)", 1, 1, _find_executable),
    "dirname": Substitution("$(dirname)", 0, 0, _dirname),
    "filename": Substitution("$(filename)", 0, 0, _filename),
    "log_dir": Substitution("$(log_dir)", 0, 0, _log_directory),
    "launch_log_dir": Substitution("$(launch_log_dir)", 0, 0, _log_directory),
    "file-content": Substitution("$(file-content path)", 1, 1, _file_content),
    "eval": Substitution("$(eval 'expression' ['modules'])", 1, 2, _python),
    "command": Substitution("$(command 'command line' [on_stderr])", 1, 2, _command),
    "anon": Substitution("$(anon name)", 1, 1, _anonymous),
    "param": Substitution("$(param name [default])", 1, 2, _parameter),
    "not": Substitution("$(not value)", 1, 1, _not),
    "and": Substitution("$(and left right)", 2, 2, _and),
    "or": Substitution("$(or left right)", 2, 2, _or),
    "if": Substitution("$(if condition value [other])", 2, 3, _if),
    "equals": Substitution("$(equals left right)", 2, 2, _equals),
    "not-equals": Substitution("$(not-equals left right)", 2, 2, _not_equals),
}
