"""A connector file to start from: a plug of one size in a port around it, or a copy of a known one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cablecell.configuration import config_folder, find_connector, load_connector, parse_document
from cablecell.core.config.connector import MIN_PLUG_INERTIA_KG_M2, MIN_PLUG_MASS_KG, parse_connector
from cablecell.core.config.documents import DocumentError
from cablecell.plugins import PluginKind
from cablecell.scaffold.packages import data_package
from cablecell.scaffold.writing import render, require_module_name, require_name, write_all

_NAME_LINE = re.compile(r"^name:.*$", re.MULTILINE)

_GAP_M = 1.0e-3
"""How far the grip stays above the port when the plug is in."""
_GRIP_M = 14.0e-3
"""Length of the grip, along the axis."""
_PAD_M = 10.0e-3
"""How much of that a pad may cover."""
_LEAST_GRIP_M = 6.0e-3
_CABLE_KG_PER_M3 = 1300.0


@dataclass(frozen=True)
class ConnectorSizes:
    """What a rectangular connector is asked for by; lengths in m, forces in N.

    Attributes:
        width_m: Of the part that goes into the port, along x.
        height_m: Of it, along y.
        depth_m: How deep it goes in, from the rim to the stop.
        clearance_m: Between plug and port on every side.
        lead_in_m: Chamfer of the port's mouth.
        latch_n: Force that closes the latch; 0 for none.
        insertion_n: Largest force of a correct insertion.
        lateral_n: Largest force across.
        damage_n: Force from which something suffers.
        friction: Coefficient of friction.
        cable_diameter_m: Diameter of the cable.
    """

    width_m: float
    height_m: float
    depth_m: float
    clearance_m: float
    lead_in_m: float = 0.4e-3
    latch_n: float = 0.0
    insertion_n: float = 20.0
    lateral_n: float = 8.0
    damage_n: float = 30.0
    friction: float = 0.3
    cable_diameter_m: float = 4.0e-3


def new_connector(
    name: str, out: Path, *, sizes: ConnectorSizes | None = None, like: str = "", as_package: bool = False
) -> list[Path]:
    """Write a connector file that is good at once, and return what was written.

    Args:
        name: Its name.
        out: Folder.
        sizes: What is asked for; None with `like`.
        like: Begin with the numbers of this connector instead: a name of the catalogue or a file.
        as_package: Write a Python package around it that brings it to every cell it is installed beside.

    Raises:
        PluginNameError: The name may not be (code 962).
        DocumentError: There is no connector `like`, or no good connector has these sizes (code 910).
        ScaffoldPlaceError: It cannot be written there (code 963); nothing was.
    """
    require_name(name, PluginKind.CONNECTOR, [path.stem for path in (config_folder() / "connectors").glob("*.yaml")])
    text = _copied(name, like) if sizes is None else render("connector.yaml", name=name, **_drawn(sizes))
    parse_connector(parse_document(text, f"{name}.yaml"), f"{name}.yaml")
    if not as_package:
        return write_all(out, {f"{name}.yaml": text})
    require_module_name(name)
    return write_all(out / name, data_package(name, PluginKind.CONNECTOR, text))


def _copied(name: str, like: str) -> str:
    path = find_connector(Path(like))
    load_connector(path)
    text = _NAME_LINE.sub(f"name: {name}", path.read_text(encoding="utf-8"), count=1)
    return f"# {name}: every number below is still that of '{path.stem}'; change what differs, and its source.\n{text}"


def _drawn(sizes: ConnectorSizes) -> dict[str, object]:
    """Return what the template names: the sizes, and what follows from them.

    Raises:
        DocumentError: The lead-in is more than half of the depth (code 910).
    """
    if sizes.lead_in_m > 0.5 * sizes.depth_m:
        raise DocumentError(
            f"lead_in = {sizes.lead_in_m} m is above half of the depth, {0.5 * sizes.depth_m} m",
            quantity="lead_in",
            value=sizes.lead_in_m,
            limit=0.5 * sizes.depth_m,
            unit="m",
        )
    half_x, half_y = 0.5 * sizes.width_m + sizes.clearance_m, 0.5 * sizes.height_m + sizes.clearance_m
    thick = max(1.5e-3, 2.0 * sizes.lead_in_m)
    grip = [max(size + 2.0e-3, _LEAST_GRIP_M) for size in (sizes.width_m, sizes.height_m)]
    body_m = sizes.depth_m + _GAP_M
    total_m = body_m + _GRIP_M
    latch_m = min(1.2e-3, 0.3 * sizes.depth_m)
    mass_kg = MIN_PLUG_MASS_KG + 0.01
    return {
        "sizes": sizes,
        "body_m": body_m,
        "total_m": total_m,
        "half": (half_x, half_y),
        "outer": (half_x + thick, half_y + thick),
        "grip": (*grip, _GRIP_M),
        "grip_z_m": -(body_m + 0.5 * _GRIP_M),
        "pad_m": _PAD_M,
        # The fingers close over the narrower way.
        "grip_axis": 0 if grip[0] <= grip[1] else 1,
        "edge_m": min(1.0e-4, 0.4 * min(sizes.width_m, sizes.height_m)),
        "latch_m": latch_m,
        "mass_kg": mass_kg,
        "inertia": max(MIN_PLUG_INERTIA_KG_M2, mass_kg * total_m**2 / 12.0),
        "cable_kg_per_m": _CABLE_KG_PER_M3 * 0.785 * sizes.cable_diameter_m**2,
        "wall_end_m": sizes.depth_m + 1.0e-3,
    }
