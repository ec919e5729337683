"""The connector schema: a plug and its port as data, from which contact geometry, latch and grasp are built.

Frames: the plug is described in `<plug>_tip` (z along insertion, origin at the leading face), the port in
`<port>_entrance` (z into the port). Both x axes and both y axes coincide when the plug is in the port.
"""

from __future__ import annotations

from cablecell.core.config.connector.cable import CableProperties
from cablecell.core.config.connector.connector import Clearance, Connector, parse_connector
from cablecell.core.config.connector.forces import ForceBudget
from cablecell.core.config.connector.grasp import FixedPose, Grasp, GraspSurface
from cablecell.core.config.connector.latch import AnyLatch, Latch, ToothLatch
from cablecell.core.config.connector.plug import MIN_PLUG_INERTIA_KG_M2, MIN_PLUG_MASS_KG, Plug, PlugPart
from cablecell.core.config.connector.port import LeadIn, Port, Taper, Wall
from cablecell.core.config.connector.round_fit import RoundFit

__all__ = [
    "MIN_PLUG_INERTIA_KG_M2",
    "MIN_PLUG_MASS_KG",
    "AnyLatch",
    "CableProperties",
    "Clearance",
    "Connector",
    "FixedPose",
    "ForceBudget",
    "Grasp",
    "GraspSurface",
    "Latch",
    "LeadIn",
    "Plug",
    "PlugPart",
    "Port",
    "RoundFit",
    "Taper",
    "ToothLatch",
    "Wall",
    "parse_connector",
]
