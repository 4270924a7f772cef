"""README.md and the program know the same commands and options."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import commands
from fakes import draw
from PIL import Image

import birefcli

README = Path(birefcli.__file__).parents[1] / "README.md"

FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# A call, after variables that are set for it and a launcher that ends in -m.
CALL = re.compile(r"^(?:\$ )?(?:\w+=\S* +)*(?:.* -m +)?birefcli(?: +(.*))?$")


def code(text: str) -> Iterator[str]:
    """Every piece of a command line in the text: between pipes, without its comment."""
    fenced = "\n".join(FENCED.findall(text)).replace("\\\n", " ")
    for line in (*fenced.splitlines(), *INLINE.findall(FENCED.sub("", text))):
        for piece in re.split(r"[|;&<>]+", re.sub(r"(^|\s)#\s.*", "", line)):
            yield piece.strip()


def calls(text: str) -> Iterator[tuple[str, list[str]]]:
    """The command and the options of every call of ours; a word that is no command is kept."""
    for piece in code(text):
        call = CALL.match(piece)
        words = (call[1] or "").split() if call else []
        if call and (not words or re.match(r"[a-z-]", words[0])):
            names = [" ".join(words[:count]) for count in (2, 1) if " ".join(words[:count])]
            is_option = not words or words[0].startswith("-")
            known = [name for name in names if name in commands()]
            command = "" if is_option else (known or names[-1:])[0]
            yield command, OPTION.findall(piece)


def alone(text: str) -> set[str]:
    """Every option that is mentioned outside a call, of ours or of another program."""
    spoken = INLINE.sub(lambda m: m[0] if m[1].startswith("--") else "", FENCED.sub("", text))
    return set(OPTION.findall(spoken))


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [command for command in commands() if command])
def test_every_command_is_in_the_readme(readme: str, command: str) -> None:
    assert re.search(rf"birefcli {command}\b", readme)


@pytest.mark.parametrize("command", commands())
def test_every_option_is_in_the_readme(readme: str, command: str) -> None:
    # What --crop switches on --no-crop switches off, which the README says once for all.
    on = {option for option in commands()[command] if not option.startswith("--no-")}
    assert on - set(OPTION.findall(readme)) == set()


def test_every_call_in_the_readme_is_understood(readme: str) -> None:
    known = commands()
    assert {command for command, _ in calls(readme)} <= set(known)
    # What follows `birefcli config` is the command line of another command.
    known["config"] |= known["cut"] | known["peel"]
    for command, options in calls(readme):
        assert set(options) <= known[command], command


def test_every_option_in_the_readme_exists(readme: str) -> None:
    assert alone(readme) - frozenset().union(*commands().values()) == set()


def test_calls_are_told_from_other_programs() -> None:
    text = """
Use `birefcli models pull lite` or `--json`; `pip install --pre birefcli` is not ours.
```
$ cat a.jpg | BIREFCLI_MODEL=lite birefcli cut - --crop \\
    --margin 4 > a.png  # with --nonsense
python -m birefcli --version
birefcli: an error
birefcli pel x.png
```
"""
    assert list(calls(text)) == [
        ("cut", ["--crop", "--margin"]),
        ("", ["--version"]),
        ("pel", []),
        ("models pull", []),
    ]
    assert alone(text) == {"--json"}


def test_the_library_example_runs_as_it_stands(here: Path) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.M | re.S)
    draw(0).save("a.jpg")
    draw(1).save("scene.png")
    exec(compile(example, str(README), "exec"), {})
    with Image.open("a.png") as cutout:
        assert cutout.mode == "RGBA" and cutout.getextrema()[3] == (0, 255)
    assert (here / "scene.peel" / "scene.psd").is_file()
