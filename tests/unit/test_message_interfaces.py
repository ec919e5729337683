"""Finding types by name, and what is said when there is none."""

from __future__ import annotations

import pytest
from std_msgs.msg import String
from std_srvs.srv import Trigger

from cablecell.ros.message_data import UnknownInterfaceError
from cablecell.ros.message_data.errors import suggestion
from cablecell.ros.message_data.interfaces import (
    all_interfaces,
    complete_name,
    definition_path,
    find_interface,
    interface_packages,
    interfaces_of,
)


def test_full_and_short_names() -> None:
    assert find_interface("std_msgs/msg/String", "msg") is String
    assert find_interface("std_msgs/String", "msg") is String
    assert find_interface("std_srvs/Trigger", "srv") is Trigger
    assert find_interface("std_srvs/srv/Trigger") is Trigger


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        (
            "std_msgs/msg/Stringg",
            "msg",
            "Unknown message type 'std_msgs/msg/Stringg'; did you mean 'std_msgs/msg/String'",
        ),
        ("std_mgs/msg/String", "msg", "Unknown package 'std_mgs' in 'std_mgs/msg/String'; did you mean 'std_msgs'"),
        (
            "std_srvs/srv/Trigge",
            "srv",
            "Unknown service type 'std_srvs/srv/Trigge'; did you mean 'std_srvs/srv/Trigger'",
        ),
        ("std_srvs/srv/Trigger", "msg", "is a service type, expected a message type"),
        ("String", "msg", "Invalid type name 'String', expected a name like std_msgs/msg/String"),
        ("std_msgs/String", None, "Invalid type name"),
        ("std_msgs/msg/../x", "msg", "Invalid type name"),
        ("os/msg/path", "msg", "Unknown package 'os'"),
    ],
)
def test_unknown_types(name: str, kind: str | None, message: str) -> None:
    with pytest.raises(UnknownInterfaceError) as caught:
        find_interface(name, kind)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_index() -> None:
    assert {"std_msgs", "geometry_msgs", "std_srvs"} <= set(interface_packages())
    assert interfaces_of("std_srvs") == ["std_srvs/srv/Empty", "std_srvs/srv/SetBool", "std_srvs/srv/Trigger"]
    assert interfaces_of("std_srvs", ("msg",)) == []
    assert all(name.split("/")[1] == "srv" for name in all_interfaces(("srv",)))
    with pytest.raises(UnknownInterfaceError, match="did you mean 'std_srvs'"):
        interfaces_of("std_srv")


def test_every_listed_type_imports_and_has_a_definition() -> None:
    for name in interfaces_of("sensor_msgs") + interfaces_of("rcl_interfaces"):
        assert find_interface(name) is not None
        assert definition_path(name).suffix[1:] == name.split("/")[1]


def test_index_is_found_without_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    assert "std_msgs" in interface_packages()


def test_short_name_is_completed() -> None:
    assert complete_name("std_msgs/String", "msg") == "std_msgs/msg/String"


def test_suggestions() -> None:
    names = ["/arm/joint_states", "/arm/wrench", "/clock"]
    assert suggestion("/joint_state", names) == "; did you mean '/arm/joint_states'?"
    assert suggestion("/Clock", names) == "; did you mean '/clock'?"
    assert suggestion("/zzz", names) == ""
    assert suggestion("", names) == ""
