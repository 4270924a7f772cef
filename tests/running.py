"""Running `birefcli cut` and `birefcli peel` in tests, and reading what they print."""

import json
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from commands import invoke
from PIL import Image
from typer.testing import Result

from birefcli.stack.read import read_stack

PROGRAM = (sys.executable, "-m", "birefcli", "cut")
QUICK = ("--format", "png", "--quiet")


def cut(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run the command in this process."""
    return invoke("cut", *arguments, stdin=stdin)


def peel(*arguments: str, stdin: bytes | None = None) -> Result:
    """Run the command in this process."""
    return invoke("peel", *arguments, stdin=stdin)


def lines(text: str) -> list[dict[str, Any]]:
    """Read lines of JSON."""
    return [json.loads(line) for line in text.split("\n") if line]


def only_sentence(result: Result) -> str:
    """What was said, which must be one sentence, and nothing on stdout."""
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def pixels(path: Path | BytesIO) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA"))


def composed(folder: str) -> np.ndarray:
    return read_stack(Path(folder)).picture


def bytes_in(folder: str) -> dict[str, bytes]:
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in files
        if ".birefcli" not in path.parts
    }
