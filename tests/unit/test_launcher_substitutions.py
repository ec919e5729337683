"""The template grammar of launch files, and what single substitutions answer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from cablecell.launcher.context import Context, GlobalParameter
from cablecell.launcher.errors import SubstitutionError
from cablecell.launcher.substitution_functions import SUBSTITUTIONS
from cablecell.launcher.substitutions import parse_template


@pytest.fixture
def context(tmp_path):
    made = Context({"HOME_TOWN": "Ulm", "PATH": "/usr/bin:/bin"}, tmp_path / "log")
    made.configurations.update(a="1", b="a", spaced="x y")
    made.file = made.upstream_file = Path("/launch/cell.launch.xml")
    return made


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("", ""),
        ("plain ) text ' with \" quotes", "plain ) text ' with \" quotes"),
        ("$", "$"),
        ("5$ and $x", "5$ and $x"),
        (r"\$(var a)", "$(var a)"),
        (r"\a\\b", r"a\b"),
        ("$(var a)", "1"),
        ("x$(var a)y$(var b)", "x1ya"),
        ("$(var $(var b))", "1"),
        ("$(var none 'a b')", "a b"),
        ('$(var none "it\'s")', "it's"),
        (r"$(var none 'it\'s')", "it's"),
        ("$(var none '')", ""),
        ("$(var none '$(var a) $(var spaced)')", "1 x y"),
        ("$(var none x$(var a)$(var b)z)", "x1az"),
        (r"$(var none \(a\))", "(a)"),
        (r"$(var none '\$(var a)')", "$(var a)"),
        ("$(var none a$b)", "a$b"),
        ("$(var none a\tb)", "a\tb"),
        ("$(env HOME_TOWN)", "Ulm"),
        ("$(env NOWHERE $(var a))", "1"),
        ("$(dirname)|$(filename)", "/launch|/launch/cell.launch.xml"),
        ("$(find-exec sh)", "/usr/bin/sh"),
    ],
)
def test_template_expands(context, text, expanded):
    assert parse_template(text).expand(context) == expanded


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$(", r"expected the name of a substitution after '\$\(', at character 3 of '\$\('"),
        ("$()", "expected the name"),
        ("$( var a)", "expected the name"),
        ("$(1a)", "expected the name"),
        ("$(var a", r"expected '\)' or one space and an argument .* '\$\(var', at character 8"),
        ("$(var a )", "expected an argument"),
        ("$(var  a)", "expected an argument"),
        ("$(var a(b))", r"expected '\)'"),
        ("$(var 'a'b)", r"expected '\)'"),
        ("$(var b'a')", r"expected '\)'"),
        ("$(var 'a)", "the quote ' is never closed, at character 7"),
        ("$(var)", r"\$\(var …\) is written \$\(var name \[default\]\), got 0"),
        ("$(var a b c)", "got 3"),
        ("$(dirname x)", "got 1"),
        ("$(nope)", "unknown substitution .*, known: and, anon, command"),
        ("$(any true)", r"write \$\(or"),
        ("$(all true)", r"write \$\(and"),
        ("$(equals a '')", r"text \[\]"),
        ("$(eval 'x' $(var a))", "plain text"),
    ],
)
def test_malformed_template_is_refused_while_reading(text, message):
    with pytest.raises(SubstitutionError, match=message):
        parse_template(text)


def test_escaped_text_stands_for_itself():
    rng = random.Random(1)
    for _ in range(500):
        text = "".join(rng.choice("ab $()'\"\\") for _ in range(rng.randint(1, 12)))
        escaped = "".join(f"\\{character}" for character in text)

        assert parse_template(escaped).literal == text


def test_template_without_substitution_is_literal():
    assert parse_template("a b").literal == "a b"
    assert parse_template("a $(var b)").literal is None


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(not true)", "false"),
        ("$(not 0)", "true"),
        ("$(and yes on)", "true"),
        ("$(and 1 off)", "false"),
        ("$(or no 1)", "true"),
        ("$(equals 1 1.000)", "true"),
        ("$(equals 1 true)", "true"),
        ("$(equals 01 1)", "true"),
        ("$(equals a A)", "false"),
        ("$(not-equals a b)", "true"),
        ("$(if true x)", "x"),
        ("$(if false x)", ""),
        ("$(if 0 x 'y z')", "y z"),
        ("$(eval '1 + 1')", "2"),
        ("$(eval 'sqrt(9) + math.floor(2.5)')", "5.0"),
        ("$(eval 'json.dumps([1])' json)", "[1]"),
        ("$(command 'printf %s \"a b\"')", "a b"),
        ("$(command 'sh -c \"echo x; echo y >&2\"' capture)", "x\ny\n"),
        ("$(command 'sh -c \"echo $HOME_TOWN\"')", "Ulm\n"),
        ("$(param speed)", "2.5"),
        ("$(param none 7)", "7"),
    ],
)
def test_substitution_answers(context, text, expanded):
    context.add_global_parameter(GlobalParameter("speed", 2.5))

    assert parse_template(text).expand(context) == expanded


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("$(var none)", "'none' is not set, set here: a, b, spaced"),
        ("$(env NOWHERE)", "'NOWHERE' is not set"),
        ("$(not maybe)", r"'maybe' is not a bool \(true, false, 1 or 0\)"),
        ("$(not '')", "is not a bool"),
        ("$(if maybe x)", "is not a bool"),
        ("$(eval 'nope')", "NameError"),
        ("$(eval '1' no_such_module)", "ModuleNotFoundError"),
        ("$(command 'no_such_program_here')", "cannot run"),
        ("$(command 'false')", "exit code 1"),
        ("$(command 'sh -c \"echo oops >&2\"')", "wrote to stderr: oops"),
        ("$(command 'true' sometimes)", "on_stderr is 'sometimes', valid: fail, ignore, warn, capture"),
        ("$(param none)", "no <set_parameter> has set 'none'"),
        ("$(find-exec no_such_program_here)", "is not on the PATH /usr/bin:/bin"),
        ("$(file-content /no/such/file)", "No such file"),
    ],
)
def test_substitution_that_cannot_be_evaluated_says_why(context, text, message):
    with pytest.raises(SubstitutionError, match=message):
        parse_template(text).expand(context)


def test_command_can_warn_about_stderr(context):
    assert parse_template("$(command 'sh -c \"echo x; echo y >&2\"' warn)").expand(context) == "x\n"
    assert context.warnings == ["'sh -c \"echo x; echo y >&2\"' wrote to stderr: y"]


def test_anonymous_name_is_stable_per_argument(context):
    first, again, other = (parse_template(f"$(anon {name})").expand(context) for name in ("arm", "arm", "leg"))

    assert first == again
    assert first.startswith("arm_")
    assert other != first
    assert not set(first) & set(".:-")


def test_every_substitution_shows_its_usage():
    for name, substitution in SUBSTITUTIONS.items():
        assert substitution.usage.startswith(f"$({name}")
