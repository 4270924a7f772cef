"""What engines read beside a sheet: JSON as Aseprite and TexturePacker write it."""

import json
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from birefcli.image.atlas import Atlas, Entry, Tag
from birefcli.version import __version__

AtlasForm: TypeAlias = Literal[
    "aseprite-hash", "aseprite-array", "texturepacker-hash", "texturepacker-array"
]


def atlas_to_json(atlas: Atlas, form: AtlasForm, *, image: str, tags: Sequence[Tag] = ()) -> bytes:
    """Return the JSON of a sheet whose picture is the file `image`.

    A hash has frames by their names, an array has them in order with `filename`. Aseprite's
    forms say series as `frameTags` and pivots as a slice, TexturePacker's say them as
    `animations` and as a share of each frame's size. Times are whole milliseconds in all.
    """
    program, kind = form.split("-")
    is_aseprite = program == "aseprite"
    facts = [_facts(entry, is_aseprite=is_aseprite) for entry in atlas.entries]
    names = [entry.name for entry in atlas.entries]
    frames: Any
    if kind == "hash":
        frames = dict(zip(names, facts, strict=True))
    else:
        frames = [{"filename": name, **fact} for name, fact in zip(names, facts, strict=True)]
    meta: dict[str, Any] = {
        "app": "birefcli",
        "version": __version__,
        "image": image,
        "format": "RGBA8888",
        "size": {"w": atlas.rgba.shape[1], "h": atlas.rgba.shape[0]},
        "scale": "1",
    }
    whole: dict[str, Any] = {"frames": frames, "meta": meta}
    if is_aseprite:
        meta["frameTags"] = [
            {"name": tag.name, "from": tag.first, "to": tag.last, "direction": "forward"}
            for tag in tags
        ]
        meta["slices"] = _slices(atlas.entries)
    elif tags:
        whole["animations"] = {tag.name: names[tag.first : tag.last + 1] for tag in tags}
    return (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode()


def _facts(entry: Entry, *, is_aseprite: bool) -> dict[str, Any]:
    left, top, right, bottom = entry.box
    size = {"w": right - left, "h": bottom - top}
    height, width = entry.source_size
    facts: dict[str, Any] = {
        "frame": {"x": left, "y": top, **size},
        "rotated": False,
        "trimmed": entry.is_trimmed,
        "spriteSourceSize": {"x": entry.offset[0], "y": entry.offset[1], **size},
        "sourceSize": {"w": width, "h": height},
        "duration": round(entry.duration),
    }
    if entry.pivot is not None and not is_aseprite:
        x, y = entry.pivot
        facts["pivot"] = {"x": round(x / width, 6), "y": round(y / height, 6)}
    return facts


def _slices(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Say the pivots: one slice over the whole frame, with a key wherever it moves."""
    keys: list[dict[str, Any]] = []
    before = None
    for i, entry in enumerate(entries):
        said = entry.source_size, entry.pivot
        if entry.pivot is not None and said != before:
            height, width = entry.source_size
            x, y = entry.pivot
            bounds = {"x": 0, "y": 0, "w": width, "h": height}
            keys.append({"frame": i, "bounds": bounds, "pivot": {"x": int(x), "y": int(y)}})
        before = said
    return [{"name": "pivot", "color": "#0000ffff", "keys": keys}] if keys else []
