"""The full text of a message definition, with everything it depends on, as MCAP files carry it (`ros2msg`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from cablecell.records.errors import RecordingError

SEPARATOR = "=" * 80
_PRIMITIVES = frozenset(
    {
        "bool",
        "byte",
        "char",
        "float32",
        "float64",
        "int8",
        "uint8",
        "int16",
        "uint16",
        "int32",
        "uint32",
        "int64",
        "uint64",
        "string",
        "wstring",
    }
)
_TYPE = re.compile(r"^([A-Za-z]\w*(?:/\w+)*)")


def full_definition(type_name: str, prefixes: Sequence[Path]) -> str:
    """Return the text of a message type followed by the texts of all types it is made of, each once.

    Args:
        type_name: For example `sensor_msgs/msg/JointState`.
        prefixes: Folders that hold `share/<package>/msg`; the first that has the file counts.

    Raises:
        RecordingError: A definition is not installed, or the type is not a message (code 934).
    """
    own = _short(type_name)
    parts = [_text(own, tuple(prefixes))]
    seen, waiting = {own}, list(_dependencies(own, parts[0]))
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        text = _text(name, tuple(prefixes))
        parts.append(f"{SEPARATOR}\nMSG: {name}\n{text}")
        waiting.extend(_dependencies(name, text))
    return "\n".join(parts)


def _short(type_name: str) -> str:
    """Return `package/Name` of `package/msg/Name`."""
    words = type_name.split("/")
    if len(words) != 3 or words[1] != "msg":
        raise RecordingError(f"type '{type_name}' cannot be recorded; only messages, package/msg/Name, can")
    return f"{words[0]}/{words[2]}"


@lru_cache(maxsize=512)
def _text(short_name: str, prefixes: tuple[Path, ...]) -> str:
    package, name = short_name.split("/")
    for prefix in prefixes:
        path = prefix / "share" / package / "msg" / f"{name}.msg"
        if path.is_file():
            return path.read_text(encoding="utf-8").rstrip("\n") + "\n"
    looked = ", ".join(str(prefix) for prefix in prefixes) or "no folder"
    raise RecordingError(
        f"the definition share/{package}/msg/{name}.msg is not installed; looked in {looked}", quantity=short_name
    )


def _dependencies(short_name: str, text: str) -> list[str]:
    package = short_name.split("/")[0]
    found = []
    for line in text.splitlines():
        match = _TYPE.match(line.partition("#")[0].strip())
        if match is None or match[1] in _PRIMITIVES:
            continue
        words = match[1].split("/")
        if match[1] == "Header":
            words = ["std_msgs", "Header"]
        elif len(words) == 1:
            words = [package, words[0]]
        found.append(f"{words[0]}/{words[-1]}")
    return found
