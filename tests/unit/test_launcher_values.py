"""Texts read as parameter values."""

from __future__ import annotations

import pytest

from cablecell.launcher.errors import ValueTypeError
from cablecell.launcher.values import TYPE_NAMES, coerce, coerce_list, require_uniform


@pytest.mark.parametrize(
    ("text", "type_name", "value"),
    [
        ("1", None, 1),
        ("1.0", None, 1.0),
        ("true", None, True),
        ("off", None, False),
        ("a: b", "str", "a: b"),
        ("", None, ""),
        ("'1'", None, "1"),
        ("[1, 2]", None, [1, 2]),
        ("[]", None, []),
        ("1", "float", 1.0),
        ("-3", "int", -3),
        ("1", "bool", True),
        ("no", "bool", False),
        ("[a, b]", "list_of_str", ["a", "b"]),
        ("[1.0]", "list_of_float", [1.0]),
        ("[1, 2]", "yaml", [1, 2]),
    ],
)
def test_text_is_read_as_type(text, type_name, value):
    result = coerce(text, type_name)

    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "type_name", "message"),
    [
        ("1.5", "int", "'1.5' is not of type int"),
        ("x", "float", "'x' is not of type float"),
        ("2", "bool", "'2' is not a bool"),
        ("null", None, "a YAML NoneType, expected a str, int, float or bool"),
        ("{a: 1}", None, "a YAML dict"),
        ("2020-01-01", None, "a YAML date"),
        ("[1, 2.0]", None, "a list of mixed types"),
        ("[[1]]", None, "a list of mixed types"),
        ("[1, a]", "list_of_int", "a list of mixed types"),
        ("[1, 2]", "list_of_float", "is not a list of float"),
        ("1", "list_of_int", "is not a list of int"),
        ("[", None, "is not readable as YAML"),
    ],
)
def test_text_that_does_not_fit_is_refused(text, type_name, message):
    with pytest.raises(ValueTypeError, match=message):
        coerce(text, type_name)


def test_lenient_reading_keeps_what_may_be_expanded_later():
    assert coerce("$(var x)", "int", lenient=True) == "$(var x)"
    assert coerce("[1, $(var x)]", "list_of_int", lenient=True) == [1, "$(var x)"]
    assert coerce("{", None, lenient=True) == "{"


def test_pieces_of_a_separated_list_are_typed_one_by_one():
    assert coerce_list(["1", "2"], "list_of_float") == [1.0, 2.0]
    assert coerce_list(["1", "a"], None, lenient=True) == [1, "a"]
    with pytest.raises(ValueTypeError, match="cannot be of type int"):
        coerce_list(["1"], "int")
    with pytest.raises(ValueTypeError, match="mixed types"):
        coerce_list(["1", "a"], None)


@pytest.mark.parametrize("type_name", [name for name in TYPE_NAMES if name not in ("yaml", "list_of_str", "str")])
def test_final_value_has_to_be_of_its_type(type_name):
    with pytest.raises(ValueTypeError, match=f"is not of type {type_name}"):
        require_uniform(["a"] if type_name.startswith("list") else "a", type_name)
