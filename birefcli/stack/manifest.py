"""manifest.json: everything that is known about a stack, in one order and without a clock."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from birefcli.errors import PictureError
from birefcli.matte import Box, Size
from birefcli.stack.trimmed_layers import TrimmedLayer
from birefcli.stack.types import (
    DepthSpan,
    Difference,
    Edge,
    EngineRecord,
    Evidence,
    Fill,
    Hole,
    PictureKind,
    SourceRecord,
    Stack,
    StopReason,
    StopRule,
    Vote,
)

SCHEMA = "birefcli.peel/1"
FILE = "manifest.json"
MASK_FILE = "hallucinated.png"
FORMULA = "straight alpha, encoded 8-bit, round"
DIGITS = 4
# A list of plain values, which reads better on one line; text in JSON holds no line breaks.
_LIST = re.compile(r"\[\n\s+([^\[\]{}]*?)\n\s*\]")
_BREAK = re.compile(r"\n\s+")


# ---- writing ---------------------------------------------------------------------------------


def write_manifest(
    stack: Stack,
    layers: Sequence[TrimmedLayer],
    source: SourceRecord,
    engine: EngineRecord,
    difference: Difference,
) -> bytes:
    """Return the bytes of a manifest; the same stack and records give the same bytes.

    `layers` are those of the stack, the background first.
    """
    height, width = stack.size
    invented = int(np.count_nonzero(stack.invented))
    values = {
        "schema": SCHEMA,
        "source": {
            "file": source.file,
            "sha256": source.sha256,
            "size": [width, height],
            "mode": source.mode,
            "icc": source.icc is not None,
            "kind": stack.kind.value,
            "grid": stack.grid,
        },
        "engine": _engine(engine),
        "canvas": {"w": width, "h": height},
        "layers": [
            _layer(layer, stack.layers[layer.number - 1].evidence if layer.number else None)
            for layer in layers
        ],
        "graph": {
            "edges": [[edge.front, edge.behind, edge.score] for edge in stack.edges],
            "cycles": [list(cycle) for cycle in stack.cycles],
        },
        "hallucinated": {"px": invented, "mask_file": MASK_FILE if invented else None},
        "stop": {"rule": stack.stop.rule.value, "detail": stack.stop.detail},
        "verify": {
            "exact": difference.is_exact,
            "differing_px": difference.differing_px,
            "max_abs": difference.max_abs,
            "soft_overlap_px": difference.soft_overlap_px,
            "formula": FORMULA,
        },
    }
    text = json.dumps(rounded(values), indent=2)
    return (_LIST.sub(lambda found: f"[{_BREAK.sub(' ', found[1])}]", text) + "\n").encode()


def rounded(value: Any) -> Any:
    """Return JSON values with every number rounded to four places.

    So the last bits of a sum, which differ between machines, are never written.
    """
    match value:
        case dict():
            return {key: rounded(inner) for key, inner in value.items()}
        case list() | tuple():
            return [rounded(inner) for inner in value]
        case float() | np.floating():
            short = round(float(value), DIGITS)
            return short if np.isfinite(short) and short else (0.0 if short == 0 else None)
        case np.integer():
            return int(value)
    return value


def _engine(engine: EngineRecord) -> dict[str, Any]:
    return {
        "version": engine.version,
        "segmenter": {
            "id": engine.segmenter,
            "sha256": engine.segmenter_sha256,
            "size": list(engine.segmenter_size) if engine.segmenter_size else None,
        },
        "inpaint": {"default": engine.inpaint, **engine.inpaint_weights},
        "depth": {"id": engine.depth},
        "seed": engine.seed,
        "options": dict(engine.options),
    }


def _layer(layer: TrimmedLayer, evidence: Evidence | None) -> dict[str, Any]:
    left, top, right, bottom = layer.box
    alpha = layer.rgba[..., 3]
    visible, opaque = int(np.count_nonzero(alpha)), int(np.count_nonzero(alpha == 255))
    return {
        "index": layer.number,
        "name": layer.name,
        "file": layer.file,
        "box": [left, top, right - left, bottom - top],
        "pass": evidence.step if evidence else 0,
        "area_px": visible,
        "opaque_px": opaque,
        "soft_px": visible - opaque,
        "confidence": evidence.confidence if evidence else None,
        "exposure": evidence.exposure if evidence else None,
        "order_votes": [_vote(vote) for vote in evidence.votes] if evidence else [],
        "hidden_px": evidence.hidden_px if evidence else 0,
        "alpha_raised_px": evidence.alpha_raised_px if evidence else 0,
        "hole": vars(evidence.hole) if evidence else None,
        "fill": vars(evidence.fill) if evidence and evidence.fill else None,
        "parent": evidence.parent if evidence else None,
        "depth": vars(evidence.depth) if evidence and evidence.depth else None,
    }


def _vote(vote: Vote) -> dict[str, Any]:
    return {
        "with": vote.other,
        "hull": vote.hull,
        "junction": vote.junction,
        "depth": vote.depth,
        "score": vote.score,
    }


# ---- reading ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class LayerEntry:
    """What a manifest says of one layer, or, as number 0, of the background."""

    number: int
    name: str
    file: str
    box: Box
    evidence: Evidence | None


@dataclass(frozen=True)
class Manifest:
    """What a manifest says: everything about a stack but its pixels."""

    source: SourceRecord
    engine: EngineRecord
    canvas: Size
    kind: PictureKind
    grid: int
    entries: tuple[LayerEntry, ...]  # the background first
    edges: tuple[Edge, ...]
    cycles: tuple[tuple[int, ...], ...]
    mask_file: str | None
    stop: StopReason


def read_manifest(data: bytes, name: str = FILE) -> Manifest:
    """Read what `write_manifest` wrote; anything else raises PictureError, which names the file."""
    try:
        values = json.loads(data)
        if values["schema"] != SCHEMA:
            raise ValueError(f"its schema is {values['schema']!r}, not {SCHEMA!r}")
        manifest = _manifest(values)
        numbers = [entry.number for entry in manifest.entries]
        if not numbers or numbers != list(range(len(numbers))):
            raise ValueError(f"its layers are numbered {numbers}, not 0, 1, 2 …")
        _check_boxes(manifest)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise PictureError(
            f"{name} is damaged: {what}; peel the picture again", reason="manifest"
        ) from error
    return manifest


def _check_boxes(manifest: Manifest) -> None:
    """Raise ValueError where a layer does not lie on the canvas."""
    height, width = manifest.canvas
    for entry in manifest.entries:
        left, top, right, bottom = entry.box
        if not (0 <= left < right <= width and 0 <= top < bottom <= height):
            raise ValueError(f"the box of {entry.file} is not on the canvas of {width}x{height}")


def _manifest(values: dict[str, Any]) -> Manifest:
    source, engine, graph = values["source"], values["engine"], values["graph"]
    size = engine["segmenter"]["size"]
    weights = {key: value for key, value in engine["inpaint"].items() if key != "default"}
    return Manifest(
        source=SourceRecord(file=source["file"], sha256=source["sha256"], mode=source["mode"]),
        engine=EngineRecord(
            version=engine["version"],
            segmenter=engine["segmenter"]["id"],
            segmenter_sha256=engine["segmenter"]["sha256"],
            segmenter_size=(size[0], size[1]) if size else None,
            inpaint=engine["inpaint"]["default"],
            inpaint_weights=weights,
            depth=engine["depth"]["id"],
            seed=engine["seed"],
            options=dict(engine["options"]),
        ),
        canvas=(int(values["canvas"]["h"]), int(values["canvas"]["w"])),
        kind=PictureKind(source["kind"]),
        grid=int(source["grid"]),
        entries=tuple(map(_entry, values["layers"])),
        edges=tuple(Edge(int(a), int(b), float(score)) for a, b, score in graph["edges"]),
        cycles=tuple(tuple(map(int, cycle)) for cycle in graph["cycles"]),
        mask_file=values["hallucinated"]["mask_file"],
        stop=StopReason(StopRule(values["stop"]["rule"]), str(values["stop"]["detail"])),
    )


def _entry(values: dict[str, Any]) -> LayerEntry:
    left, top, width, height = map(int, values["box"])
    evidence = None
    if values["index"]:
        votes = (
            Vote(vote["with"], vote["hull"], vote["junction"], vote["depth"], vote["score"])
            for vote in values["order_votes"]
        )
        evidence = Evidence(
            step=values["pass"],
            confidence=values["confidence"],
            exposure=values["exposure"],
            votes=tuple(votes),
            hidden_px=values["hidden_px"],
            alpha_raised_px=values["alpha_raised_px"],
            hole=Hole(**values["hole"]),
            fill=Fill(**values["fill"]) if values["fill"] else None,
            parent=values["parent"],
            depth=DepthSpan(**values["depth"]) if values["depth"] else None,
        )
    box = left, top, left + width, top + height
    return LayerEntry(int(values["index"]), str(values["name"]), str(values["file"]), box, evidence)
