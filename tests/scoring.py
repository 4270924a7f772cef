"""Running `birefcli eval` in tests: small folders of truths, predictions and pictures."""

from pathlib import Path

import numpy as np
from commands import invoke
from fakes import draw, draw_files
from PIL import Image
from typer.testing import Result


def evaluate(*arguments: str) -> Result:
    """Run the command in this process."""
    return invoke("eval", *arguments)


def scores(result: Result) -> dict[str, list[str]]:
    """The table that a pipe gets: cells by metric."""
    comment, _, *lines = result.stdout.splitlines()
    assert comment.startswith("# ")
    return {name: cells for name, *cells in (line.split("\t") for line in lines)}


def disk(path: Path, shift: int = 0, size: tuple[int, int] = (40, 30)) -> Path:
    """The true matte of a drawn disk, moved to the right."""
    grey = np.array(draw(0, size).convert("L")) > 128
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.roll(grey, shift, 1).astype(np.uint8) * 255).save(path)
    return path


def two_folders() -> tuple[str, str]:
    """Predictions, the second a little off, and their truths."""
    for i, name in enumerate(("a", "sub/b")):
        disk(Path("gt", f"{name}.png"))
        disk(Path("pred", f"{name}.png"), shift=2 * i)
    return "pred", "gt"


def data(folder: str = "data") -> str:
    """Pictures in im/ and truths in gt/."""
    for name in ("a", "sub/b"):
        draw_files(Path(folder), f"im/{name}.jpg")
        disk(Path(folder, "gt", f"{name}.png"))
    return folder
