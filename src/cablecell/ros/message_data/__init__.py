"""Messages as plain data and YAML, in both directions, without a node.

`message_to_data` and `message_to_yaml` show what a message holds; `fill_message` takes what a person typed and puts it
into a message, or says which field, value and type do not fit. `interfaces` finds types by name.
"""

from cablecell.ros.message_data.errors import MessageDataError, UnknownInterfaceError
from cablecell.ros.message_data.reading import fill_message, message_from_yaml, stamp_now
from cablecell.ros.message_data.writing import Shortening, message_to_csv, message_to_data, message_to_yaml

__all__ = [
    "MessageDataError",
    "Shortening",
    "UnknownInterfaceError",
    "fill_message",
    "message_from_yaml",
    "message_to_csv",
    "message_to_data",
    "message_to_yaml",
    "stamp_now",
]
