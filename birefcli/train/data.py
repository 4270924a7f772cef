"""A data pack: an index.csv and the zip shards it points into, read in place, piece by piece."""

import csv
import io
import json
import zipfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from birefcli.arrays import Rgb
from birefcli.errors import UsageError

# The columns of index.csv that are read; others may stand beside them.
COLUMNS = ("kind", "source", "shard", "member", "mask", "split", "tier")


@dataclass(frozen=True)
class Item:
    """One row of the index: a picture in a shard, and its mask where it has one."""

    kind: str
    source: str
    shard: str
    member: str
    mask: str


@dataclass(frozen=True)
class LabelledPicture:
    """A picture and its true matte, decoded."""

    source: str
    rgb: Rgb  # (H, W, 3)
    mask: NDArray[np.uint8]  # (H, W)


class Pack:
    """The parts of one split of a data pack, drawn at random or listed; decoded when asked for."""

    def __init__(
        self,
        folder: Path,
        *,
        split: str = "train",
        tiers: Collection[str] = ("A", "B"),
        leave_out: Collection[str] = (),
    ) -> None:
        self.folder = folder
        self._shards: dict[str, zipfile.ZipFile] = {}
        index = folder / "index.csv"
        if not index.is_file():
            raise UsageError(f"{folder} is not a data pack: it holds no index.csv")
        with index.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = set(COLUMNS) - set(reader.fieldnames or ())
            if missing:
                raise UsageError(f"{index} lacks the columns {', '.join(sorted(missing))}")
            self.items = [
                Item(row["kind"], row["source"], row["shard"], row["member"], row["mask"])
                for row in reader
                if row["split"] == split and row["tier"] in tiers and row["source"] not in leave_out
            ]
        if not self.items:
            raise UsageError(f"{folder} has nothing of split {split!r} left to use")

    @cached_property
    def _styles(self) -> dict[str, str]:
        path = self.folder / "sources.json"
        if not path.is_file():
            return {}
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {name: entry.get("style", "") for name, entry in entries.items()}

    @cached_property
    def _pools(self) -> dict[str, list[list[Item]]]:
        """Sort the items by the part they play, and within it by source."""
        pools: dict[str, dict[str, list[Item]]] = {}
        for item in self.items:
            part = item.kind
            if item.kind == "sprite":
                pixel = "pixel" in self._styles.get(item.source, "") or "icons" in item.source
                part = "pixel_sprite" if pixel else "smooth_sprite"
            elif item.kind == "photo_cutout":
                part = "smooth_sprite"
            pools.setdefault(part, {}).setdefault(item.source, []).append(item)
        return {part: list(sources.values()) for part, sources in pools.items()}

    def _draw(self, rng: Generator, part: str) -> Item:
        """Draw a source with the square root of its size, then one of its items."""
        sources = self._pools.get(part)
        if not sources:
            raise UsageError(f"{self.folder} holds nothing to use as {part.replace('_', ' ')}")
        weights = np.sqrt([len(items) for items in sources])
        items = sources[rng.choice(len(sources), p=weights / weights.sum())]
        return items[rng.integers(len(items))]

    def _read(self, shard: str, member: str, mode: str) -> NDArray[np.uint8]:
        try:
            if shard not in self._shards:
                self._shards[shard] = zipfile.ZipFile(self.folder / shard)
            return _decoded(self._shards[shard], member, mode)
        except (OSError, KeyError, zipfile.BadZipFile, SyntaxError) as error:
            raise UsageError(
                f"{self.folder / shard}: {member} cannot be read ({error}); "
                "mend it, or take its line out of index.csv"
            ) from error

    # The parts of a scene (compose.Supply).

    def photo(self, rng: Generator) -> tuple[Rgb, NDArray[np.uint8]]:
        """Give a photograph (H, W, 3) and its mask (H, W)."""
        pictures = self._pools.get("photo_mask", [])
        items = [item for source in pictures for item in source]
        if not items:
            raise UsageError(f"{self.folder} holds no photographs with masks")
        item = items[rng.integers(len(items))]
        return self._read(item.shard, item.member, "RGB"), self._read(item.shard, item.mask, "L")

    def pixel_sprite(self, rng: Generator) -> NDArray[np.uint8]:
        """Give a piece of pixel art (H, W, 4)."""
        item = self._draw(rng, "pixel_sprite")
        return self._read(item.shard, item.member, "RGBA")

    def smooth_sprite(self, rng: Generator) -> NDArray[np.uint8]:
        """Give a drawn, rendered or photographed cut-out (H, W, 4)."""
        item = self._draw(rng, "smooth_sprite")
        return self._read(item.shard, item.member, "RGBA")

    def photo_ground(self, rng: Generator) -> Rgb:
        """Give a photograph without a main object (H, W, 3)."""
        item = self._draw(rng, "photo_background")
        return self._read(item.shard, item.member, "RGB")

    def game_ground(self, rng: Generator) -> Rgb:
        """Give an opaque picture of game scenery (H, W, 3)."""
        item = self._draw(rng, "game_background")
        return self._read(item.shard, item.member, "RGB")

    def tile(self, rng: Generator) -> Rgb:
        """Give a small picture that repeats (H, W, 3)."""
        item = self._draw(rng, "game_tile")
        return self._read(item.shard, item.member, "RGB")

    def layer(self, rng: Generator) -> NDArray[np.uint8]:
        """Give a scenery layer (H, W, 4)."""
        item = self._draw(rng, "game_layer")
        return self._read(item.shard, item.member, "RGBA")

    def photographs(self) -> Sequence[LabelledPicture]:
        """List every photograph with a mask, decoded, in the index's order."""
        return [
            LabelledPicture(
                item.source,
                self._read(item.shard, item.member, "RGB"),
                self._read(item.shard, item.mask, "L"),
            )
            for item in self.items
            if item.kind == "photo_mask"
        ]


def read_scenes(folder: Path, name: str) -> list[LabelledPicture]:
    """Read `name`.csv and `name`.zip: finished scenes for validation, named by their kind."""
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with zipfile.ZipFile(folder / f"{name}.zip") as shard:
        return [
            LabelledPicture(
                row["kind"],
                _decoded(shard, row["member"], "RGB"),
                _decoded(shard, row["mask"], "L"),
            )
            for row in rows
        ]


def _decoded(shard: zipfile.ZipFile, member: str, mode: str) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(shard.read(member))) as picture:
        return np.array(picture.convert(mode))
