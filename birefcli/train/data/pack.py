"""A data pack: an index.csv and the zip shards it points into, read in place, piece by piece."""

import csv
import io
import json
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from birefcli.errors import UsageError
from birefcli.train.data.decoded import DecodedPictures
from birefcli.train.data.examples import LabelledPicture, Split
from birefcli.train.data.scene_parts import DrawnPicture, Part
from birefcli.train.data.validation_pictures import PictureLoader

# The columns of index.csv that are read; others may stand beside them.
COLUMNS = ("kind", "source", "shard", "member", "mask", "split", "tier")
UNKNOWN = "unknown"  # a column that may be there: the member with what the mask leaves open
SCENES = "val-scenes"
# The pack that comes with the package: sprites and grounds of many styles, none of photographs.
REMINDERS = Path(__file__).parents[2] / "reminders"
TIERS = ("A", "B")
# What a kind of the index is used as; sprites are sorted by their source's style.
_PARTS = {
    "photo_mask": Part.PHOTO,
    "photo_cutout": Part.SMOOTH_SPRITE,
    "photo_background": Part.PHOTO_GROUND,
    "game_background": Part.GAME_GROUND,
    "game_tile": Part.TILE,
    "game_layer": Part.LAYER,
}
_WITH_ALPHA = {Part.PIXEL_SPRITE, Part.SMOOTH_SPRITE, Part.LAYER}


@dataclass(frozen=True)
class PackItem:
    """One row of the index: a picture in a shard, and its mask and unknown part if it has them."""

    kind: str
    source: str
    shard: str
    member: str
    mask: str
    unknown: str = ""


class Pack:
    """The parts of one split of a data pack, drawn at random or listed; decoded when asked for."""

    def __init__(
        self,
        folder: Path,
        *,
        split: str = Split.TRAIN,
        tiers: Collection[str] = TIERS,
        leave_out: Collection[str] = (),
        keep_mb: int = 0,
    ) -> None:
        self.folder = folder
        self._decoded = DecodedPictures(keep_mb * 1_000_000)
        self._shards: dict[str, zipfile.ZipFile] = {}
        self.items = [
            PackItem(
                row["kind"],
                row["source"],
                row["shard"],
                row["member"],
                row["mask"],
                row.get(UNKNOWN) or "",
            )
            for row in _index_rows(folder)
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
    def _pools(self) -> dict[str, list[list[PackItem]]]:
        """Sort the items by the part they play, and within it by source."""
        pools: dict[str, dict[str, list[PackItem]]] = {}
        for item in self.items:
            if (part := self._part_of(item)) is not None:
                pools.setdefault(part, {}).setdefault(item.source, []).append(item)
        return {part: list(sources.values()) for part, sources in pools.items()}

    def _part_of(self, item: PackItem) -> Part | None:
        if item.kind != "sprite":
            return _PARTS.get(item.kind)
        is_pixel = "pixel" in self._styles.get(item.source, "") or "icons" in item.source
        return Part.PIXEL_SPRITE if is_pixel else Part.SMOOTH_SPRITE

    def count(self, part: Part) -> int:
        """Give how many pictures can play a part."""
        return sum(map(len, self._pools.get(part, [])))

    def draw(self, rng: Generator, part: Part) -> DrawnPicture:
        """Draw a picture that plays the part; one that cannot be read is a UsageError."""
        sources = self._pools.get(part)
        if not sources:
            raise UsageError(f"{self.folder} holds nothing to use as {part.words}")
        # A source comes up with the square root of its size, so that none drowns the others.
        weights = np.sqrt([len(items) for items in sources])
        items = sources[rng.choice(len(sources), p=weights / weights.sum())]
        item = items[rng.integers(len(items))]
        pixels = self._read(item.shard, item.member, "RGBA" if part in _WITH_ALPHA else "RGB")
        name = f"{item.source}/{item.member}"
        if part != Part.PHOTO:
            return DrawnPicture(name, pixels)
        mask = self._read(item.shard, item.mask, "L")
        unknown = self._read(item.shard, item.unknown, "L") if item.unknown else None
        return DrawnPicture(name, pixels, mask, unknown)

    def _read(self, shard: str, member: str, mode: str) -> NDArray[np.uint8]:
        try:
            if shard not in self._shards:
                self._shards[shard] = zipfile.ZipFile(self.folder / shard)
            decode = partial(_decoded, self._shards[shard], member, mode)
            return self._decoded.get((shard, member), decode)
        except Exception as error:  # decoders throw whatever they like
            raise UsageError(
                f"{self.folder / shard}: {member} cannot be read ({error}); "
                "mend it, or take its line out of index.csv"
            ) from error

    # What has a truth.

    def entries(self) -> list[PictureLoader]:
        """List every photograph with a mask, in the index's order, to be decoded when asked for."""
        return [partial(self.labelled, item) for item in self.items if item.kind == "photo_mask"]

    def photographs(self) -> Sequence[LabelledPicture]:
        """List every photograph with a mask, decoded, in the index's order."""
        return [entry() for entry in self.entries()]

    def labelled(self, item: PackItem) -> LabelledPicture:
        """Decode a photograph and its mask."""
        return LabelledPicture(
            item.source,
            self._read(item.shard, item.member, "RGB"),
            self._read(item.shard, item.mask, "L"),
            f"{item.source}/{item.member}",
        )


def validation_entries(folder: Path, leave_out: Collection[str]) -> list[PictureLoader]:
    """List what a pack has to validate on: its photographs of split val, and finished scenes."""
    has_split = any(
        row["split"] == Split.VAL and row["tier"] in TIERS and row["source"] not in leave_out
        for row in _index_rows(folder)
    )
    entries = []
    if has_split:
        entries = Pack(folder, split=Split.VAL, leave_out=leave_out).entries()
    if (folder / f"{SCENES}.csv").is_file():
        entries += _scene_entries(folder)
    return entries


def _scene_entries(folder: Path) -> list[PictureLoader]:
    """List the finished scenes of a pack, named by their kind."""
    with (folder / f"{SCENES}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    shard = zipfile.ZipFile(folder / f"{SCENES}.zip")

    def read(kind: str, member: str, mask: str) -> LabelledPicture:
        rgb, truth = _decoded(shard, member, "RGB"), _decoded(shard, mask, "L")
        return LabelledPicture(kind, rgb, truth, member)

    return [partial(read, row["kind"], row["member"], row["mask"]) for row in rows]


def _index_rows(folder: Path) -> Iterator[dict[str, str]]:
    index = folder / "index.csv"
    if not index.is_file():
        raise UsageError(f"{folder} is not a data pack: it holds no index.csv")
    with index.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = set(COLUMNS) - set(reader.fieldnames or ())
        if missing:
            raise UsageError(f"{index} lacks the columns {', '.join(sorted(missing))}")
        yield from reader


def _decoded(shard: zipfile.ZipFile, member: str, mode: str) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(shard.read(member))) as picture:
        return np.array(picture.convert(mode))
