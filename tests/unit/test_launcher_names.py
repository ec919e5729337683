"""Node names and namespaces."""

from __future__ import annotations

import pytest

from cablecell.launcher.errors import LaunchError
from cablecell.launcher.names import check_namespace, check_node_name, join_namespace


@pytest.mark.parametrize(
    ("base", "namespace", "joined"),
    [
        (None, None, None),
        (None, "a", "a"),
        ("/a", None, "/a"),
        ("/a", "b", "/a/b"),
        ("/a", "/b", "/b"),
        ("/", "b", "/b"),
        ("", "b", "b"),
        ("/a", "", "/a"),
        ("/a", "b/", "/a/b"),
        ("/a", "/", "/"),
    ],
)
def test_namespaces_join(base, namespace, joined):
    assert join_namespace(base, namespace) == joined


@pytest.mark.parametrize("namespace", ["/", "/a", "/a/b_1/_c", "/" + "a" * 244])
def test_valid_namespace_is_accepted(namespace):
    check_namespace(namespace)


@pytest.mark.parametrize("namespace", ["", "a", "/a/", "//a", "/a//b", "/1a", "/a-b", "/a b", "/" + "a" * 245])
def test_invalid_namespace_is_refused(namespace):
    with pytest.raises(LaunchError, match="namespace"):
        check_namespace(namespace)


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a/b", "a b", "ä", "a" * 256])
def test_invalid_node_name_is_refused(name):
    with pytest.raises(LaunchError, match="node name"):
        check_node_name(name)
