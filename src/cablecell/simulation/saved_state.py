"""The state of live objects: save it, put it back, and a digest that is equal for equal states.

Objects that others hold on to (anchors) keep their identity: their attributes are saved and put back in place. What
they own comes with them, whatever it is, so that a new attribute of a sensor or a phase cannot be forgotten. What
never changes (shared: a scene, settings, the kinematic model) is referred to by name and not saved.
"""

from __future__ import annotations

import copyreg
import hashlib
import io
import pickle
import random
import struct
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from enum import Enum
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from pydantic import BaseModel

NOT_STATE = frozenset({"client", "_client"})
"""Attributes that name a connection to the physics engine: another process may have another number."""

_CLIENT = object()
"""Stands for that number in a saved state."""


class StateError(ValueError):
    """A saved state does not belong to these objects."""


class ObjectState:
    """State of a group of objects, known by name."""

    def __init__(self, anchors: Mapping[str, object], shared: Mapping[str, object], client: int) -> None:
        """Take over the objects.

        Args:
            anchors: Objects with state, by name; each keeps its identity when a state is put back.
            shared: Objects without state of their own that anchors refer to, by name.
            client: Connection to the physics engine.
        """
        self._client = client
        self._anchors = dict(anchors)
        self._shared = dict(shared)
        self._names = {id(value): f"shared/{name}" for name, value in shared.items()}
        self._names.update({id(value): f"anchor/{name}" for name, value in anchors.items()})

    def save(self) -> bytes:
        """Return the state.

        Raises:
            TypeError: An object cannot be saved; the message names the attribute.
        """
        state = {name: _attributes(anchor) for name, anchor in self._anchors.items()}
        try:
            return self._dump(state)
        except (pickle.PicklingError, TypeError, AttributeError):
            for name, attributes in state.items():
                for key, value in attributes.items():
                    try:
                        self._dump(value)
                    except (pickle.PicklingError, TypeError, AttributeError) as error:
                        raise TypeError(f"{name}.{key} cannot be saved: {error}") from error
            raise

    def _dump(self, value: object) -> bytes:
        names, buffer = self._names, io.BytesIO()

        class Pickler(pickle.Pickler):
            def persistent_id(self, obj: object) -> str | None:
                return "client" if obj is _CLIENT else names.get(id(obj))

            def reducer_override(self, obj: Any) -> Any:
                if isinstance(obj, type) or not NOT_STATE & getattr(obj, "__dict__", {}).keys():
                    return NotImplemented
                state = {key: _CLIENT if key in NOT_STATE else item for key, item in vars(obj).items()}
                return copyreg.__newobj__, (type(obj),), state  # type: ignore[attr-defined]

        Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
        return buffer.getvalue()

    def restore(self, saved: bytes) -> None:
        """Put a state back that `save` of the same group of objects returned, here or in another process.

        Raises:
            StateError: It is of another group of objects; nothing was changed.
        """
        found: dict[str, object] = {"client": self._client}
        found.update({f"shared/{name}": value for name, value in self._shared.items()})
        found.update({f"anchor/{name}": value for name, value in self._anchors.items()})

        class Unpickler(pickle.Unpickler):
            def persistent_load(self, pid: str) -> object:
                if pid not in found:
                    raise StateError(f"the state refers to '{pid}', which these objects do not have")
                return found[pid]

        state = Unpickler(io.BytesIO(saved)).load()
        if set(state) != set(self._anchors):
            raise StateError(f"the state is of {', '.join(sorted(state))}, not of {', '.join(sorted(self._anchors))}")
        for name, anchor in self._anchors.items():
            kept = {key: value for key, value in vars(anchor).items() if key in NOT_STATE}
            vars(anchor).clear()
            vars(anchor).update(state[name])
            vars(anchor).update(kept)

    def digest(self) -> str:
        """Return a hash of the state, equal in any process for equal states."""
        walker = _Walker(self._names)
        for name, anchor in sorted(self._anchors.items()):
            walker.feed(name.encode())
            walker.mapping(_attributes(anchor))
        return walker.hash.hexdigest()


class _Walker:
    """Feeds a hash with values in an order that depends on nothing but the state."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self.hash = hashlib.sha256()
        self._names = names
        self._seen: dict[int, int] = {}
        self._kept: list[object] = []

    def feed(self, data: bytes) -> None:
        self.hash.update(struct.pack("<I", len(data)))
        self.hash.update(data)

    def value(self, value: Any) -> None:
        if value is None or isinstance(value, bool | int | str | bytes | Enum):
            self.feed(repr(value).encode())
        elif isinstance(value, float):
            self.feed(b"f" + struct.pack("<d", value))
        elif id(value) in self._names:
            self.feed(self._names[id(value)].encode())
        elif isinstance(value, np.ndarray):
            self.feed(f"array {value.dtype} {value.shape}".encode())
            self.feed(np.ascontiguousarray(value).tobytes())
        elif isinstance(value, np.generic):
            self.feed(value.tobytes())
        elif isinstance(value, tuple | frozenset | set):
            self.sequence(sorted(value, key=repr) if isinstance(value, set | frozenset) else value)
        elif isinstance(value, BaseModel):
            self.feed(value.model_dump_json().encode())
        elif isinstance(value, type | FunctionType | BuiltinFunctionType | ModuleType):
            self.feed(f"{value.__module__ if hasattr(value, '__module__') else ''}.{value.__name__}".encode())
        else:
            self._object(value)

    def sequence(self, values: Sequence[Any]) -> None:
        self.feed(f"sequence {len(values)}".encode())
        for value in values:
            self.value(value)

    def mapping(self, values: Mapping[Any, Any]) -> None:
        self.feed(f"mapping {len(values)}".encode())
        for key in sorted(values, key=repr):
            self.value(key)
            self.value(values[key])

    def _object(self, value: Any) -> None:
        """Feed something that can be referred to from several places: the second time only that it is the same."""
        if id(value) in self._seen:
            self.feed(f"again {self._seen[id(value)]}".encode())
            return
        self._seen[id(value)] = len(self._seen)
        # What is made on the way, such as a bound method, must not be freed: its number would be used again.
        self._kept.append(value)
        if isinstance(value, list | deque):
            self.sequence(value)
        elif isinstance(value, Mapping):
            self.mapping(value)
        elif isinstance(value, random.Random):
            self.value(value.getstate())
        elif isinstance(value, np.random.Generator):
            self.feed(repr(value.bit_generator.state).encode())
        elif isinstance(value, MethodType):
            self.feed(value.__func__.__qualname__.encode())
            self.value(value.__self__)
        elif isinstance(value, partial):
            self.sequence((value.func, value.args, value.keywords))
        else:
            self.feed(type(value).__qualname__.encode())
            self.mapping(_attributes(value))


def _attributes(value: object) -> dict[str, Any]:
    """Return the attributes of an object that are state."""
    if hasattr(value, "__dict__"):
        found = dict(vars(value))
    elif is_dataclass(value) or hasattr(value, "__slots__"):
        found = {name: getattr(value, name) for name in getattr(value, "__slots__", ()) if hasattr(value, name)}
    else:
        raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} has no state that could be read")
    return {name: item for name, item in found.items() if name not in NOT_STATE}
