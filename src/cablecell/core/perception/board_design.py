"""The modules of a task board, from its description in the middle of every rail."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cablecell.core.config.connector import Connector
from cablecell.core.perception.boxes import Boxes
from cablecell.core.perception.layout import fixed_frames, origin_of, read_layout
from cablecell.core.perception.modules import Freedom, ModuleDesign, design_module

Matrix = NDArray[np.float64]

_SHELL = "_shell"


def read_modules(
    urdf: str,
    freedoms: Mapping[str, Freedom],
    connectors: Mapping[str, Connector],
    *,
    board_frame: str = "task_board",
) -> dict[str, ModuleDesign]:
    """Return the modules that carry ports, by name.

    Walls of ports come from the connectors, the rest of a module from the boxes of its links; links `…_shell` are the
    description's own drawing of the walls and are left out. A module turns about its first link's origin.

    Args:
        urdf: Description of the board with every module in the middle of its rail and not turned.
        freedoms: How modules may be displaced, by name.
        connectors: Connector of every port, by full name of the port.
        board_frame: Root link.

    Raises:
        LayoutError: The text is no URDF, or the board's frame is not in it (code 922).
    """
    frames = fixed_frames(urdf, board_frame)
    layout = read_layout(urdf, board_frame=board_frame)
    modules = {}
    for name in dict.fromkeys(port.module for port in layout.values()):
        ports = {port.name: port for port in layout.values() if port.module == name}
        links = [link for link in frames if link.startswith(f"{board_frame}/{name}/")]
        first = links[0]  # parents come before children
        modules[name] = design_module(
            name,
            frames[first][:3, 3],
            freedoms[name],
            ports,
            {port: connectors[port] for port in ports},
            _boxes(urdf, frames, [link for link in links if not link.endswith(_SHELL)]),
        )
    return modules


def _boxes(urdf: str, frames: Mapping[str, Matrix], links: list[str]) -> Boxes:
    sizes: list[list[float]] = []
    poses: list[Matrix] = []
    for link in ElementTree.fromstring(urdf).iter("link"):
        if link.attrib["name"] not in links:
            continue
        for visual in link.iter("visual"):
            box = visual.find("geometry/box")
            if box is not None:
                sizes.append([float(value) for value in box.attrib["size"].split()])
                poses.append(frames[link.attrib["name"]] @ origin_of(visual))
    return Boxes.of(np.array(sizes).reshape(-1, 3), np.array(poses).reshape(-1, 4, 4))
