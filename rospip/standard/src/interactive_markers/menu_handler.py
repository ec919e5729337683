"""Context menus of interactive markers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rclpy.logging import get_logger
from visualization_msgs.msg import InteractiveMarkerFeedback, MenuEntry

from interactive_markers.interactive_marker_server import InteractiveMarkerServer


@dataclass
class _Entry:
    title: str
    command: str
    command_type: int
    callback: Callable[[InteractiveMarkerFeedback], None] | None
    is_visible: bool = True
    check_state: int = 0
    children: list[int] = field(default_factory=list)


class MenuHandler:
    """Builds a menu and calls a function for the entry that was chosen; one menu may serve many markers.

    Changes to the menu reach the markers with `apply` or `reApply`, and the clients with the server's ``applyChanges``.
    """

    NO_CHECKBOX = 0
    CHECKED = 1
    UNCHECKED = 2

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}
        self._top_level: list[int] = []
        self._markers: set[str] = set()

    def insert(
        self,
        title: str,
        parent: int | None = None,
        command_type: int = MenuEntry.FEEDBACK,
        command: str = "",
        callback: Callable[[InteractiveMarkerFeedback], None] | None = None,
    ) -> int | None:
        """Add an entry.

        Args:
            title: What the operator reads.
            parent: Entry whose sub-menu it goes to; None for the top level.
            command_type: What the client does when it is chosen: ``MenuEntry.FEEDBACK``, ``ROSRUN`` or ``ROSLAUNCH``.
            command: The command for the latter two.
            callback: Called with the feedback when it is chosen.

        Returns:
            Handle of the entry; None, with a logged error, when there is no such parent.
        """
        if parent is not None and parent not in self._entries:
            get_logger("menu_handler").error(
                f"Parent menu entry '{parent}' not found, entry '{title}' not added; handles: {sorted(self._entries)}"
            )
            return None
        handle = len(self._entries) + 1
        self._entries[handle] = _Entry(title, command, command_type, callback)
        (self._top_level if parent is None else self._entries[parent].children).append(handle)
        return handle

    def setVisible(self, handle: int, visible: bool) -> bool:  # noqa: N802 - upstream name
        """Show or hide an entry with all below it.

        Args:
            handle: Which entry.
            visible: Whether it is shown.

        Returns:
            False when there is no such entry.
        """
        if handle not in self._entries:
            return False
        self._entries[handle].is_visible = visible
        return True

    def setCheckState(self, handle: int, check_state: int) -> bool:  # noqa: N802 - upstream name
        """Set the check box of an entry.

        Args:
            handle: Which entry.
            check_state: ``NO_CHECKBOX``, ``CHECKED`` or ``UNCHECKED``.

        Returns:
            False when there is no such entry.
        """
        if handle not in self._entries:
            return False
        self._entries[handle].check_state = check_state
        return True

    def getCheckState(self, handle: int) -> int | None:  # noqa: N802 - upstream name
        """Return the state of an entry's check box; None when there is no such entry.

        Args:
            handle: Which entry.
        """
        return self._entries[handle].check_state if handle in self._entries else None

    def getTitle(self, handle: int) -> str | None:  # noqa: N802 - upstream name
        """Return the title of an entry; None when there is no such entry.

        Args:
            handle: Which entry.
        """
        return self._entries[handle].title if handle in self._entries else None

    def apply(self, server: InteractiveMarkerServer, marker_name: str) -> bool:
        """Put the menu as it is now into a marker, and take over its menu feedback.

        Args:
            server: Whose marker it is.
            marker_name: Which marker.

        Returns:
            False when there is no such marker.
        """
        marker = server.get(marker_name)
        if marker is None:
            self._markers.discard(marker_name)
            return False
        marker.menu_entries = list(self._listing(self._top_level, 0))
        server.insert(
            marker, feedback_callback=self.processFeedback, feedback_type=InteractiveMarkerFeedback.MENU_SELECT
        )
        self._markers.add(marker_name)
        return True

    def reApply(self, server: InteractiveMarkerServer) -> bool:  # noqa: N802 - upstream name
        """Put the menu as it is now into all markers it was applied to.

        Args:
            server: Whose markers they are.

        Returns:
            False when one of them is gone.
        """
        return all([self.apply(server, name) for name in sorted(self._markers)])

    def processFeedback(self, feedback: InteractiveMarkerFeedback) -> None:  # noqa: N802 - upstream name
        """Call the function of the chosen entry.

        Args:
            feedback: A ``MENU_SELECT`` feedback.
        """
        entry = self._entries.get(feedback.menu_entry_id)
        if entry is not None and entry.callback is not None:
            entry.callback(feedback)

    def _listing(self, handles: list[int], parent: int) -> list[MenuEntry]:
        listed: list[MenuEntry] = []
        box = {self.NO_CHECKBOX: "", self.CHECKED: "[x] ", self.UNCHECKED: "[ ] "}
        for handle in handles:
            entry = self._entries[handle]
            if not entry.is_visible:
                continue
            listed.append(
                MenuEntry(
                    id=handle,
                    parent_id=parent,
                    title=box[entry.check_state] + entry.title,
                    command=entry.command,
                    command_type=entry.command_type,
                )
            )
            listed += self._listing(entry.children, handle)
        return listed
