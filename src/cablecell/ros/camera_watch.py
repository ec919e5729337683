"""The cameras as `port_estimator` listens to them: always, slowly and in small pieces while nobody looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
from std_msgs.msg import Float64

from cablecell.core.config.port_estimator import PortEstimatorParameters
from cablecell.core.perception.stream_health import StreamFault
from cablecell.ports import Region
from cablecell.ros import qos
from cablecell.ros.estimator_listener import Listener
from cablecell.ros.estimator_messages import to_region
from cablecell.ros.stream_watch import StreamWatch

_LOOK_S = 0.05
"""Time between two looks for silent cameras."""

_MOVED_PX = 30
"""A part of the image that moves by less is not asked for anew: cameras expose at once when they are asked."""

Taker = Callable[[str, Any], None]


class CameraWatch:
    """Listens to images and calibrations from `start` to `stop`, judges them, and hands them on to whoever looks.

    It also says what is wanted of the cameras: their rate on `camera_rate`, and of each the part of the image. A camera
    that does not take such wishes is judged by the rate that is asked for: it must not be slower.
    """

    def __init__(self, node: Any, settings: PortEstimatorParameters, watch: StreamWatch) -> None:
        """Create the publishers; nothing is listened to yet."""
        self._node, self._settings, self._watch = node, settings, watch
        self._created = ExitStack()
        self._rate = self._publisher(Float64, "camera_rate")
        self._regions = {name: self._publisher(RegionOfInterest, f"{name}_camera/region") for name in settings.cameras}
        self._takers: tuple[Taker, Taker] | None = None
        self._is_idle = True
        self._idle_for: dict[str, bool] = {}
        self._asked: dict[str, Region] = {}
        self._listener: Listener | None = None

    def destroy(self) -> None:
        """Destroy the publishers."""
        self._created.close()

    def start(self) -> None:
        """Begin to listen."""
        self._listener = Listener(self._node, "cameras")
        for name in self._settings.cameras:
            self._listener.listen(CameraInfo, f"{name}_camera/camera_info", self._info_taker(name), qos.IMAGE)
            self._listener.listen(Image, f"{name}_camera/image", self._image_taker(name), qos.IMAGE)
        self._listener.node.create_timer(_LOOK_S, self._watch.look)
        self._watch.open()
        self.rest()
        self._listener.start()

    def stop(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.close()
            self._watch.close()
            self._listener = None

    @property
    def faults(self) -> Mapping[str, StreamFault]:
        """Cameras that are not trusted."""
        return self._watch.faults

    def hand_on(self, take_image: Taker, take_info: Taker, rate_hz: float) -> None:
        """Hand images and calibrations on from now on, by camera, in the thread that receives them."""
        self._takers, self._asked = (take_image, take_info), {}
        self._is_idle = False
        self._ask_rate(rate_hz)

    def ask(self, regions: Mapping[str, Region | None]) -> None:
        """Ask for parts of images; of cameras without one for the whole."""
        for name, publisher in self._regions.items():
            publisher.publish(to_region(regions.get(name)))

    def ask_for_these(self, regions: Mapping[str, Region]) -> None:
        """Ask for parts of images that have moved by enough to matter; other cameras stay with their small piece."""
        for name, publisher in self._regions.items():
            wanted, asked = regions.get(name) or self._piece(), self._asked.get(name)
            if asked is None or _is_elsewhere(wanted, asked):
                self._asked[name] = wanted
                publisher.publish(to_region(wanted))

    def rest(self) -> None:
        """Hand nothing on, and ask for no more than the streams are watched by."""
        self._takers, self._is_idle, self._idle_for = None, True, {}
        self._ask_rate(self._settings.idle_rate_hz)
        self.look_around()

    def look_around(self) -> None:
        """While nobody looks: ask for a small piece of the images that nobody else listens to; call it now and then."""
        if not self._is_idle:
            return
        for name, publisher in self._regions.items():
            is_alone = self._node.count_subscribers(f"{name}_camera/image") <= 1
            if self._idle_for.get(name) is not is_alone:
                self._idle_for[name] = is_alone
                publisher.publish(to_region(self._piece() if is_alone else None))

    def _piece(self) -> Region:
        size = self._settings.idle_region_px
        return Region(size, size, size, size)

    def _ask_rate(self, rate_hz: float) -> None:
        self._watch.expect(1.0 / rate_hz, is_needed=not self._is_idle)
        self._rate.publish(Float64(data=rate_hz))

    def _publisher(self, kind: Any, topic: str) -> Any:
        publisher = self._node.create_lifecycle_publisher(kind, topic, qos.STATE)
        self._created.callback(self._node.destroy_publisher, publisher)
        return publisher

    def _image_taker(self, name: str) -> Callable[[Any], None]:
        size = self._settings.idle_region_px

        def take(message: Any) -> None:
            self._watch.take(name, message)
            # A piece that only the watch asked for may still be under way when somebody begins to look.
            if self._takers is not None and (message.width, message.height) != (size, size):
                self._takers[0](name, message)

        return take

    def _info_taker(self, name: str) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            self._watch.take_info(name, message)
            if self._takers is not None:
                self._takers[1](name, message)

        return take


def _is_elsewhere(a: Region, b: Region) -> bool:
    edges = (a.x - b.x, a.y - b.y, a.x + a.width - b.x - b.width, a.y + a.height - b.y - b.height)
    return max(abs(edge) for edge in edges) > _MOVED_PX
