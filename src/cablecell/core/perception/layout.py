"""Where the ports are on the task board by design: read from the board's description with the nominal rail positions.

The description is the same one that simulation and planning use, expanded with the *configured* translations; where
the modules really sit differs from it by the layout tolerance.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cablecell.core.errors import ConfigurationError
from cablecell.core.geometry import pose_from_xyz_rpy

Matrix = NDArray[np.float64]

_ENTRANCE = "_link_entrance"


class LayoutError(ConfigurationError):
    """The description of the task board cannot be used as a layout."""

    code = 922


@dataclass(frozen=True)
class NominalPort:
    """A port as designed.

    Attributes:
        name: `<module>/<port>`, for example `nic_card_mount_0/sfp_port_0`.
        X_board_entrance: Pose of the port's mouth in `task_board`, z into the port, shape (4, 4).
        depth_m: From the mouth to the seated tip along z, m.
    """

    name: str
    X_board_entrance: Matrix
    depth_m: float

    @property
    def module(self) -> str:
        """Name of the module that carries it."""
        return self.name.rpartition("/")[0]


def read_layout(urdf: str, *, board_frame: str = "task_board") -> dict[str, NominalPort]:
    """Return every port of a task board by name.

    Ports are links `<board>/<module>/<port>_link` with a link `…_link_entrance` in front of them.

    Args:
        urdf: URDF text of the board with its modules.
        board_frame: Root link.

    Raises:
        LayoutError: The text is no URDF, or the board's frame is not in it (code 922).
    """
    poses = fixed_frames(urdf, board_frame)
    ports = {}
    prefix = f"{board_frame}/"
    for link, X_board_entrance in poses.items():
        if not (link.startswith(prefix) and link.endswith(_ENTRANCE)):
            continue
        seat = link.removesuffix("_entrance")
        if seat not in poses:
            raise LayoutError(f"link '{link}' has no link '{seat}' behind it", quantity="link", value=seat, frame=link)
        name = link.removeprefix(prefix).removesuffix(_ENTRANCE)
        depth = float((poses[seat][:3, 3] - X_board_entrance[:3, 3]) @ X_board_entrance[:3, 2])
        ports[name] = NominalPort(name, X_board_entrance, depth)
    return ports


def fixed_frames(urdf: str, root: str) -> dict[str, Matrix]:
    """Return the pose of every link that is fixed to a root, by name, in the root; parents before children.

    Raises:
        LayoutError: The text is no URDF, or the root is not in it (code 922).
    """
    try:
        robot = ElementTree.fromstring(urdf)
    except ElementTree.ParseError as error:
        raise LayoutError(f"the description of the task board is not XML: {error}", quantity="urdf") from error
    links = {element.attrib["name"] for element in robot.iter("link")}
    if root not in links:
        raise LayoutError(
            f"link '{root}' is not in the description; it has {', '.join(sorted(links)) or 'no link'}",
            quantity="link",
            value=root,
            limit=", ".join(sorted(links)),
        )
    children: dict[str, list[tuple[str, Matrix]]] = {}
    for joint in robot.iter("joint"):
        parent, child = joint.find("parent"), joint.find("child")
        if joint.attrib.get("type") == "fixed" and parent is not None and child is not None:
            children.setdefault(parent.attrib["link"], []).append((child.attrib["link"], origin_of(joint)))
    poses = {root: np.eye(4)}
    waiting = [root]
    while waiting:
        parent_name = waiting.pop()
        for child_name, X_parent_child in children.get(parent_name, ()):
            poses[child_name] = poses[parent_name] @ X_parent_child
            waiting.append(child_name)
    return poses


def origin_of(joint: ElementTree.Element) -> Matrix:
    """Return the pose that the `origin` of a joint or a visual states; none is no displacement."""
    element = joint.find("origin")
    attributes: Mapping[str, str] = {} if element is None else element.attrib
    xyz, rpy = ([float(number) for number in attributes.get(key, "0 0 0").split()] for key in ("xyz", "rpy"))
    return pose_from_xyz_rpy(xyz, rpy)
