"""What every transform buffer offers, and how message types learn to be transformed and converted."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.time import Time
from std_msgs.msg import Header

TransformFunction = Callable[[Any, TransformStamped], Any]
ConvertFunction = Callable[[Any], Any]


class TypeException(Exception):  # noqa: N818 - upstream name
    """No transformation or conversion is registered for a type.

    Args:
        errstr: The sentence that says so.
    """

    def __init__(self, errstr: str) -> None:
        super().__init__(errstr)
        self.errstr = errstr


class NotImplementedException(Exception):  # noqa: N818 - upstream name
    """A buffer was asked for something its class does not implement."""

    def __init__(self) -> None:
        self.errstr = "CanTransform or LookupTransform not implemented"
        super().__init__(self.errstr)


class TransformRegistration:
    """The functions that transform an object of a type; one table for the whole process."""

    _functions: ClassVar[dict[type, TransformFunction]] = {}

    def add(self, key: type, callback: TransformFunction) -> None:
        """Register a function.

        Args:
            key: Type of the object to transform.
            callback: Takes the object and the transform, returns the transformed object.
        """
        self._functions[key] = callback

    def get(self, key: type) -> TransformFunction:
        """Return the function for a type.

        Args:
            key: Type of the object to transform.

        Raises:
            TypeException: None is registered.
        """
        return _registered(self._functions, key)


class ConvertRegistration:
    """The functions that convert between types, directly or by way of a message; one table for the whole process."""

    _to_msg: ClassVar[dict[Any, ConvertFunction]] = {}
    _from_msg: ClassVar[dict[Any, ConvertFunction]] = {}
    _convert: ClassVar[dict[Any, ConvertFunction]] = {}

    def add_from_msg(self, key: type, callback: ConvertFunction) -> None:
        """Register how a message becomes an object.

        Args:
            key: Type of the object.
            callback: Takes the message, returns the object.
        """
        self._from_msg[key] = callback

    def add_to_msg(self, key: type, callback: ConvertFunction) -> None:
        """Register how an object becomes a message.

        Args:
            key: Type of the object.
            callback: Takes the object, returns the message.
        """
        self._to_msg[key] = callback

    def add_convert(self, key: tuple[type, type], callback: ConvertFunction) -> None:
        """Register a direct conversion.

        Args:
            key: Type converted from and type converted to.
            callback: Takes the one, returns the other.
        """
        self._convert[key] = callback

    def get_from_msg(self, key: type) -> ConvertFunction:
        """Return how a message becomes an object of a type.

        Args:
            key: Type of the object.

        Raises:
            TypeException: None is registered.
        """
        return _registered(self._from_msg, key)

    def get_to_msg(self, key: type) -> ConvertFunction:
        """Return how an object of a type becomes a message.

        Args:
            key: Type of the object.

        Raises:
            TypeException: None is registered.
        """
        return _registered(self._to_msg, key)

    def get_convert(self, key: tuple[type, type]) -> ConvertFunction:
        """Return the direct conversion between two types.

        Args:
            key: Type converted from and type converted to.

        Raises:
            TypeException: None is registered.
        """
        return _registered(self._convert, key)


class BufferInterface:
    """Base of all buffers: `transform` on top of the look-ups that a subclass implements."""

    def __init__(self) -> None:
        self.registration = TransformRegistration()

    def transform(
        self,
        object_stamped: Any,
        target_frame: str,
        timeout: Duration = Duration(),  # noqa: B008 - upstream signature; durations are immutable
        new_type: type | None = None,
    ) -> Any:
        """Return a stamped object expressed in another frame.

        Args:
            object_stamped: Object with a header, of a registered type.
            target_frame: Frame to express it in.
            timeout: How long to wait for the transform.
            new_type: Type to convert the result to; None keeps it.

        Raises:
            TypeException: The type is not registered, or cannot be converted.
            TransformException: The transform is not known.
        """
        do_transform = self.registration.get(type(object_stamped))
        header = object_stamped.header
        result = do_transform(
            object_stamped, self.lookup_transform(target_frame, header.frame_id, header.stamp, timeout)
        )
        return result if new_type is None else convert(result, new_type)

    def transform_full(
        self,
        object_stamped: Any,
        target_frame: str,
        target_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),  # noqa: B008 - upstream signature; durations are immutable
        new_type: type | None = None,
    ) -> Any:
        """Return a stamped object expressed in another frame at another time.

        Args:
            object_stamped: Object with a header, of a registered type.
            target_frame: Frame to express it in.
            target_time: Time of the target frame.
            fixed_frame: Frame that stands still between the object's time and the target time.
            timeout: How long to wait for the transform.
            new_type: Type to convert the result to; None keeps it.

        Raises:
            TypeException: The type is not registered, or cannot be converted.
            TransformException: The transform is not known.
        """
        do_transform = self.registration.get(type(object_stamped))
        header = object_stamped.header
        transform = self.lookup_transform_full(
            target_frame, target_time, header.frame_id, header.stamp, fixed_frame, timeout
        )
        result = do_transform(object_stamped, transform)
        return result if new_type is None else convert(result, new_type)

    def lookup_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = Duration(),  # noqa: B008 - upstream signature; durations are immutable
    ) -> TransformStamped:
        """Return the pose of the source frame in the target frame; a subclass implements it.

        Args:
            target_frame: Frame to express the result in.
            source_frame: Frame whose pose is asked for.
            time: Time of the pose; 0 for the latest.
            timeout: How long to wait for it.
        """
        raise NotImplementedException

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),  # noqa: B008 - upstream signature; durations are immutable
    ) -> TransformStamped:
        """Return the pose of the source frame at one time in the target frame at another; a subclass implements it.

        Args:
            target_frame: Frame to express the result in.
            target_time: Time of the target frame.
            source_frame: Frame whose pose is asked for.
            source_time: Time of the source frame.
            fixed_frame: Frame that stands still between the two times.
            timeout: How long to wait for it.
        """
        raise NotImplementedException

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = Duration(),  # noqa: B008 - upstream signature; durations are immutable
    ) -> bool:
        """Tell whether `lookup_transform` would answer; a subclass implements it.

        Args:
            target_frame: Frame to express the result in.
            source_frame: Frame whose pose is asked for.
            time: Time of the pose; 0 for the latest.
            timeout: How long to wait for it.
        """
        raise NotImplementedException

    def can_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),  # noqa: B008 - upstream signature; durations are immutable
    ) -> bool:
        """Tell whether `lookup_transform_full` would answer; a subclass implements it.

        Args:
            target_frame: Frame to express the result in.
            target_time: Time of the target frame.
            source_frame: Frame whose pose is asked for.
            source_time: Time of the source frame.
            fixed_frame: Frame that stands still between the two times.
            timeout: How long to wait for it.
        """
        raise NotImplementedException


def Stamped(obj: Any, stamp: Any, frame_id: str) -> Any:  # noqa: N802 - upstream name
    """Give an object a header and return it.

    Args:
        obj: Any object that takes a ``header`` attribute.
        stamp: Time message for the header.
        frame_id: Frame for the header.
    """
    obj.header = Header(frame_id=frame_id, stamp=stamp)
    return obj


def convert(a: Any, b_type: type) -> Any:
    """Return an object as another type: directly where that is registered, else by way of its message.

    Args:
        a: Object to convert.
        b_type: Type to convert it to; its own type gives a deep copy.

    Raises:
        TypeException: No conversion is registered.
    """
    registration = ConvertRegistration()
    try:
        direct = registration.get_convert((type(a), b_type))
    except TypeException:
        if type(a) is b_type:
            return deepcopy(a)
        return registration.get_from_msg(b_type)(registration.get_to_msg(type(a))(a))
    return direct(a)


def _registered(table: dict[Any, Callable[..., Any]], key: Any) -> Callable[..., Any]:
    try:
        return table[key]
    except KeyError:
        raise TypeException(f"Type {key} is not loaded or supported") from None
