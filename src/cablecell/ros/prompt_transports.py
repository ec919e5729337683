"""Keep shared memory out of processes that must never be held up by who comes and goes.

Before Fast DDS writes into the shared memory of another process it looks whether somebody reads there, and may wait a
third of a second for the answer (Fast DDS issue 6535). It holds a lock of the participant meanwhile, so that nothing
else of this process is published: an arm at 500 Hz falls silent because somebody began to listen to some topic. Small
messages go through the loopback just as fast. Only who sends or takes images needs shared memory.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

PROFILE = Path(__file__).with_name("prompt_transports.xml")
"""What the discovery range LOCALHOST sets up, without shared memory."""

_RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
_TRANSPORTS = "FASTDDS_BUILTIN_TRANSPORTS"
_PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
"""Where Fast DDS looks for settings: until version 2, and from version 3 on."""


def use_prompt_transports(environ: MutableMapping[str, str] | None = None) -> None:
    """Have this process do without shared memory; call it before anything joins the graph.

    What the user has configured stays: settings of Fast DDS, another middleware, transports of their own.

    Args:
        environ: Environment to change; this process's own by default.
    """
    env = os.environ if environ is None else environ
    is_other = env.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp") not in ("rmw_fastrtps_cpp", "rmw_fastrtps_dynamic_cpp")
    if is_other or any(env.get(name) for name in _PROFILES):
        return
    if env.get(_RANGE, "").upper() == "LOCALHOST":
        # In this range the client library installs transports of its own and listens to no settings.
        env[_RANGE] = "SYSTEM_DEFAULT"
        for name in _PROFILES:
            env[name] = str(PROFILE)
    elif env.get(_TRANSPORTS, "DEFAULT") == "DEFAULT":
        env[_TRANSPORTS] = "UDPv4"
