"""Schemas of node parameters: defaults are valid, refusals say name, value, limit and unit."""

import math

import pytest

from cablecell.core.config.link import LinkMonitorParameters, LinkResponderParameters
from cablecell.core.config.parameters import describe, validate
from cablecell.core.errors import ParameterError

SCHEMAS = (LinkMonitorParameters, LinkResponderParameters)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_defaults_are_valid_and_described(schema):
    values = validate(schema, {})
    for info in describe(schema):
        assert getattr(values, info.name) == info.default
        assert info.description.endswith(".")
        if isinstance(info.default, float):
            assert info.unit, f"{info.name} has no unit"
            assert info.minimum is not None, f"{info.name} has no minimum"
            assert info.maximum is not None, f"{info.name} has no maximum"


@pytest.mark.parametrize("schema", SCHEMAS)
def test_each_bound_is_enforced(schema):
    for info in describe(schema):
        for bound, beyond in ((info.minimum, -1), (info.maximum, 1)):
            if bound is None:
                continue
            value = type(info.default)(bound) + beyond
            with pytest.raises(ParameterError, match=rf"{info.name} = .*imum of") as caught:
                validate(schema, {info.name: value})
            assert caught.value.unit == info.unit
            assert caught.value.code == 901


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": 3.0}, "unknown parameter 'rate'; valid are autostart, rate_hz"),
        ({"rate_hz": "fast"}, "rate_hz = 'fast' is refused"),
        ({"rate_hz": math.nan}, "rate_hz = nan is refused"),
        ({"rate_hz": math.inf}, "rate_hz = inf"),
        ({"burst_count_limit": 2.5}, "burst_count_limit = 2.5 is refused"),
        ({"autostart": 1}, "autostart = 1 is refused"),
    ],
)
def test_refusal_names_the_offender(values, message):
    with pytest.raises(ParameterError) as caught:
        validate(LinkResponderParameters, values)
    assert message in str(caught.value)


def test_whole_number_is_accepted_for_a_quantity():
    assert validate(LinkResponderParameters, {"rate_hz": 20}).rate_hz == 20.0


def test_fields_cannot_cross():
    with pytest.raises(ParameterError, match=r"latency_limit_s = 0.6 s must be below silence_limit_s = 0.5 s"):
        validate(LinkMonitorParameters, {"latency_limit_s": 0.6})
    both = validate(LinkMonitorParameters, {"latency_limit_s": 0.6, "silence_limit_s": 0.7})
    assert both.silence_limit_s == 0.7


def test_snapshot_is_immutable():
    with pytest.raises(ValueError, match="frozen"):
        validate(LinkMonitorParameters, {}).silence_limit_s = 1.0
