"""Shrink a data pack for a run on a rented machine: small pictures in a few shards of equal kind.

    python examples/train_compact/gpu/pack.py DATA runs/gpu-data --encoder ENCODER.safetensors

OUT is a data pack again (index.csv with the same columns, sources.json, val-scenes.*), so that
`birefcli train OUT` reads it. Photographs and cut-outs become WebP of at most 320 pixels, masks
PNG; pixel art keeps every pixel. Each shard part-N.zip holds a fair share of every kind and source:
a pack of which only some shards arrived still trains. Nothing comes along that the recipe leaves
out.
"""

import argparse
import csv
import hashlib
import io
import shutil
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from birefcli.image.types import rescale, to_uint8

HERE = Path(__file__).parent
COLUMNS = ("kind", "source", "shard", "member", "mask", "split", "tier", "unknown")
SIDE, GROUND_SIDE = 320, 512  # pixels: the longest side of objects, and of grounds
SHARD_BYTES = 40 << 20
# Scored while the machine is rented; the whole set is scored at home.
VALIDATION_PHOTOS, VALIDATION_SCENES = 10, 24  # of a source, of a kind
DATE = (1980, 1, 1, 0, 0, 0)  # the same pack gives the same bytes


@dataclass(frozen=True)
class Packed:
    """A line of the index with the bytes of its members."""

    row: dict[str, str]
    members: dict[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of all members, with what the archive adds for each."""
        return sum(len(data) + 2 * len(name) + 160 for name, data in self.members.items())


class Source:
    """The zip files of a pack, opened when they are first read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shards: dict[str, zipfile.ZipFile] = {}

    def read(self, shard: str, member: str) -> bytes:
        """Give the bytes of a member."""
        if shard not in self._shards:
            self._shards[shard] = zipfile.ZipFile(self.folder / shard)
        return self._shards[shard].read(member)


def main() -> None:
    """Write the small pack."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--encoder", type=Path, help="weights the encoder starts from")
    parser.add_argument("--recipe", type=Path, default=HERE / "first.toml")
    parser.add_argument("--quality", type=int, default=82, help="of WebP, 0 to 100")
    asked = parser.parse_args()
    recipe = tomllib.loads(asked.recipe.read_text(encoding="utf-8"))
    styles = pixel_sources(asked.data / "sources.json")
    asked.out.mkdir(parents=True, exist_ok=True)
    source = Source(asked.data)
    rows = list(chosen(asked.data / "index.csv", set(recipe["tiers"]), set(recipe["leave_out"])))
    # In an order by chance, so that every shard is a sample of the whole.
    rows.sort(key=lambda row: digest(row["shard"] + row["member"]))
    written = write_shards(asked.out, (pack(source, r, styles, asked.quality) for r in rows))
    with (asked.out / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(written)
    shutil.copyfile(asked.data / "sources.json", asked.out / "sources.json")
    write_scenes(asked.data, asked.out)
    if asked.encoder is not None:
        shutil.copyfile(asked.encoder, asked.out / f"encoder{asked.encoder.suffix}")
    for kind, count in sorted(Counter((r["kind"], r["split"]) for r in written).items()):
        print(*kind, count)
    for path in sorted(asked.out.iterdir()):
        print(f"{path.stat().st_size / 2**20:6.1f} MiB  {path.name}")


def chosen(index: Path, tiers: set[str], leave_out: set[str]) -> Iterator[dict[str, str]]:
    """Give the lines of the index a run uses: all of split train, a few of val per source."""
    seen: Counter[str] = Counter()
    with index.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["tier"] not in tiers or row["source"] in leave_out:
                continue
            if row["split"] == "val":
                if row["kind"] != "photo_mask" or seen[row["source"]] == VALIDATION_PHOTOS:
                    continue
                seen[row["source"]] += 1
            yield row


def pixel_sources(path: Path) -> set[str]:
    """Name the sources whose sprites are pixel art, as `birefcli train` tells them."""
    import json

    styles = json.loads(path.read_text(encoding="utf-8"))
    return {name for name, s in styles.items() if "pixel" in s.get("style", "") or "icons" in name}


def pack(source: Source, row: dict[str, str], pixel: set[str], quality: int) -> Packed:
    """Shrink the members of a line; they get new names, of which no two are alike."""
    is_exact = row["kind"] in ("game_tile", "game_background", "game_layer")
    is_exact |= row["kind"] == "sprite" and row["source"] in pixel
    name = f"{row['source']}-{digest(row['shard'] + row['member'])[:12]}"
    side = GROUND_SIDE if row["kind"] == "photo_background" else SIDE
    data = source.read(row["shard"], row["member"])
    suffix, smaller = small_picture(data, side, quality, is_exact=is_exact)
    row = {**row, "member": f"{name}{suffix or Path(row['member']).suffix}"}
    members = {row["member"]: smaller}
    for column in ("mask", "unknown"):
        if row.get(column):
            member = f"{name}.{column}.png"
            members[member] = small_mask(source.read(row["shard"], row[column]), side)
            row[column] = member
    return Packed(row, members)


def small_picture(data: bytes, side: int, quality: int, *, is_exact: bool) -> tuple[str, bytes]:
    """Give the smaller of a picture's file and its WebP, with the suffix if it is the latter."""
    with Image.open(io.BytesIO(data)) as image:
        mode = "RGBA" if image.has_transparency_data else "RGB"
        pixels = np.array(image.convert(mode))
    shrunk = pixels if is_exact else shrink(pixels, side)
    stream = io.BytesIO()
    options = {"lossless": True} if is_exact else {"quality": quality, "alpha_quality": 100}
    Image.fromarray(shrunk).save(stream, "WEBP", method=4, **options)
    if shrunk is pixels and len(data) <= stream.tell():
        return "", data
    return ".webp", stream.getvalue()


def small_mask(data: bytes, side: int) -> bytes:
    """Give a mask as a PNG of the size its picture got."""
    with Image.open(io.BytesIO(data)) as image:
        mask = np.array(image.convert("L"))
    stream = io.BytesIO()
    Image.fromarray(shrink(mask, side)).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def shrink(pixels: np.ndarray, side: int) -> np.ndarray:
    """Average a picture down to a longest side; colour under transparent pixels counts nothing."""
    longest = max(pixels.shape[:2])
    if longest <= side:
        return pixels
    height, width = (max(1, round(n * side / longest)) for n in pixels.shape[:2])
    if pixels.ndim == 2 or pixels.shape[2] == 3:
        return rescale(pixels, (height, width))
    alpha = pixels[..., 3:].astype(np.float32) / 255
    plane = rescale(np.dstack([pixels[..., :3] * alpha, alpha]), (height, width))
    rgb = plane[..., :3] / np.maximum(plane[..., 3:], 1e-3)
    return to_uint8(np.dstack([rgb, plane[..., 3:] * 255]))


def write_shards(out: Path, packed: Iterator[Packed]) -> list[dict[str, str]]:
    """Write part-1.zip, part-2.zip, …, each as full as it may be; give the lines of the index."""
    for old in out.glob("part-*.zip"):
        old.unlink()
    rows: list[dict[str, str]] = []
    shard: zipfile.ZipFile | None = None
    room = number = 0
    for item in packed:
        if shard is None or item.size > room:
            if shard is not None:
                shard.close()
            number += 1
            shard = zipfile.ZipFile(out / f"part-{number}.zip", "w")
            room = SHARD_BYTES - 1000
        for name, data in item.members.items():
            shard.writestr(zipfile.ZipInfo(name, DATE), data)
        room -= item.size
        rows.append({**item.row, "shard": f"part-{number}.zip"})
    if shard is not None:
        shard.close()
    return rows


def write_scenes(data: Path, out: Path) -> None:
    """Take over the first finished scenes of every kind to validate on."""
    if not (data / "val-scenes.csv").is_file():
        return
    seen: Counter[str] = Counter()
    with (data / "val-scenes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = ("member", "mask", "kind")
    with (
        zipfile.ZipFile(data / "val-scenes.zip") as theirs,
        zipfile.ZipFile(out / "val-scenes.zip", "w") as ours,
        (out / "val-scenes.csv").open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            if seen[row["kind"]] < VALIDATION_SCENES:
                seen[row["kind"]] += 1
                writer.writerow(row)
                for member in (row["member"], row["mask"]):
                    ours.writestr(zipfile.ZipInfo(member, DATE), theirs.read(member))


def digest(text: str) -> str:
    """Give the sha1 of a text."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


if __name__ == "__main__":
    main()
