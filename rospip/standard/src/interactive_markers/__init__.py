"""Interactive markers for machines where the real ``interactive_markers`` is not installed.

The names are upstream's Python ones; the code is our own. ``rospip/README.md`` tells what is covered.
"""

from interactive_markers.interactive_marker_server import InteractiveMarkerServer
from interactive_markers.menu_handler import MenuHandler

__all__ = ["InteractiveMarkerServer", "MenuHandler"]
