"""Options: each is declared once, at its setting, and the parser says what the setting says."""

import ast
import dataclasses
import re
import shlex
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import typer.main
from commands import invoke

import birefcli.cli
from birefcli.cli import app, choices, cut, peel, train
from birefcli.cli.command import EXAMPLES, Command
from birefcli.settings.options import Setting, offered

ALL = {command.name or command.action.__name__: command for command in birefcli.cli.COMMANDS}
NESTED = {f"models {one.name or one.action.__name__}": one for one in birefcli.cli.models.COMMANDS}
each = pytest.mark.parametrize(("name", "command"), {**ALL, **NESTED}.items(), ids=[*ALL, *NESTED])
# Options whose words or kinds differ from command to command though the meaning is one, and why.
SAID_ANEW = {
    "--out": "each command names what it writes",
    "--redo": "a run does all again, other commands write over what is there",
    "--resume": "a training goes on; for runs over pictures it is the other side of --redo",
    "--seed": "the same number gives the same scenes, layers, or training",
    "--format": "how cutouts are stored, and how stacks are",
    "--model": "eval takes several",
    "--batch": "how many pictures a pass; cut says what it is by default",
    "--size": "in pixels, of scenes and of what a network sees; a number is a square",
    "--grounds": "what lies behind sprites; train takes several folders",
}


def parser(name: str) -> Any:
    """The parser of a command."""
    found: Any = typer.main.get_command(app)
    for word in name.split():
        found = found.commands[word]
    return found


def settings() -> list[tuple[str, Setting]]:
    return [(name, one) for name, command in ALL.items() for one in command.settings]


@each
def test_the_parser_says_what_the_settings_say(name: str, command: Command) -> None:
    parameters = {one.name: one for one in parser(name).params if one.name != "help"}
    assert set(parameters) == {one.name for one in command.settings}
    unset = offered(command.overrides) if command.overrides else ()
    for one in command.settings:
        found = parameters[one.name]
        opts = [*found.opts, *found.secondary_opts]
        assert one.option.is_argument or one.flag in opts
        assert found.help == one.option.help != ""
        words, default = one.option.words, found.default
        if one in unset or one.default in (None, ()):
            assert default in (None, [])
        elif one.default is dataclasses.MISSING:
            assert found.required
        elif words is not None:
            assert words.read(default[0] if words.is_repeated else default) == one.default
        else:
            assert default == one.default


@each
def test_every_option_is_in_the_help_with_its_words(name: str, command: Command) -> None:
    result = invoke(*name.split(), "--help")
    assert result.exit_code == 0
    # Long words are cut where a column of the help ends.
    said = re.sub(r"[\s│]+", "", result.stdout)
    for one in command.settings:
        for part in command.help_of(one).split():
            assert part in said, (one.name, part)
        assert one.option.is_argument or one.flag in said
    assert "{choices}" not in said


def test_an_option_means_one_thing_in_all_commands() -> None:
    said = defaultdict(set)
    for _, one in settings():
        words = (one.option.help, one.option.metavar, one.option.min, one.option.max)
        for flag in one.names if not one.option.is_argument else ():
            for name in flag.split("/"):
                said[name].add(words)
    anew = {name for name, words in said.items() if len(words) > 1 and name.startswith("--")}
    assert anew == set(SAID_ANEW)
    shorts = {(flag, one.flag) for _, one in settings() for flag in one.names if len(flag) == 2}
    assert len(shorts) == len({short for short, _ in shorts})


def test_no_option_is_declared_to_typer_but_by_the_converter() -> None:
    allowed = {"command.py": 1, "__init__.py": 1}  # --version belongs to no command
    folder = Path(birefcli.cli.__file__).parent
    for path in folder.glob("*.py"):
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute) and node.attr in ("Option", "Argument")
        ]
        options = [node for node in calls if node.attr == "Option"]
        assert len(options) == allowed.get(path.name, 0), path.name


# Examples


@each
def test_the_examples_in_the_help_are_understood(name: str, command: Command, here: Path) -> None:
    shown = invoke(*name.split(), "--help").stdout
    assert EXAMPLES in shown and command.examples
    for example in command.examples:
        assert " ".join(example.split()[:5]) in " ".join(shown.split())
        program, *words = shlex.split(example.partition(" > ")[0])
        assert program == "birefcli" and words[: len(name.split())] == name.split()
        with parser(name).make_context(name, words[len(name.split()) :]) as ctx:
            command.answers(ctx, ctx.params)


@pytest.mark.parametrize("group", ["", "models"])
def test_groups_show_examples_of_their_commands(group: str) -> None:
    shown = " ".join(invoke(*group.split(), "--help").stdout.split())
    assert EXAMPLES in shown
    examples = {one.examples[0] for one in (NESTED if group else ALL).values()}
    assert sum(example in shown for example in examples) >= 4


# What was given


def test_the_names_of_the_options_that_were_given_are_kept() -> None:
    def given(command: Command, *words: str) -> frozenset[str]:
        name = command.name or command.action.__name__
        with parser(name).make_context(name, [*words]) as ctx:
            answer: Any = command.answers(ctx, ctx.params)[0]
        return frozenset(answer.given)

    assert given(cut.cut, "a.png") == {"inputs"}
    assert given(cut.cut, "a.png", "--levels", "0.02,0.98", "-m", "x") == {
        *("inputs", "levels", "model")
    }
    assert given(peel.peel, "a.png", "--inpaint", "auto", "--no-verify") == {
        *("inputs", "inpaint", "verify")
    }


def test_a_training_hears_of_options_only_where_they_are_given() -> None:
    def options(*words: str) -> dict[str, Any]:
        with parser("train").make_context("train", ["p", "-o", "r", *words]) as ctx:
            found: dict[str, Any] = train.train.answers(ctx, ctx.params)[1]
        return found

    assert options() == {}
    assert options("--steps", "3000", "--no-as-is", "--time-budget", "90s", "--val", "v") == {
        **{"steps": 3000, "as_is": False, "time_budget": 1.5, "validation": Path("v")}
    }


def test_no_number_is_nan(here: Path) -> None:
    for option in ("--threshold", "--min-share", "--max-seconds"):
        command = "cut" if option == "--threshold" else "peel"
        assert invoke(command, "a.png", option, "nan").exit_code == 2


def test_choices_are_those_of_the_tables() -> None:
    from birefcli.inpaint.table import INPAINTERS
    from birefcli.stack.formats.table import FORMATS

    assert tuple(choices.inpainters()) == tuple(one.name for one in INPAINTERS)
    assert tuple(choices.stack_formats()) == tuple(one.name for one in FORMATS)
