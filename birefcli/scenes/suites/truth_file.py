"""What truth.json says about a scene."""

import json
from typing import Any

import numpy as np

from birefcli.scenes.suites.layered import (
    LayeredScene,
    SceneLayer,
    alpha_box,
    cycles,
    pairs,
    uncovered,
    visible_mattes,
)

SCHEMA = "birefcli.truth/1"


def truth_json(scene: LayeredScene) -> str:
    """Write everything known about a scene as JSON that is the same in every run.

    Layers are numbered from 1, bottom up; boxes are [left, top, right, bottom].
    """
    height, width = scene.size
    seen = visible_mattes(scene)
    values = {
        "schema": SCHEMA,
        "suite": scene.suite,
        "seed": scene.seed,
        "canvas": {"w": width, "h": height},
        "jpeg": scene.jpeg,
        "background": layer_file(0),
        "layers": [
            _layer(number, layer, int((seen[number] > 0.5).sum()) if number in seen else None)
            for number, layer in enumerate(scene.layers, 1)
        ],
        "pairs": [
            {"front": pair.front, "behind": pair.behind, "overlap_px": pair.overlap}
            for pair in pairs(scene)
        ],
        "cycles": cycles(scene),
        "uncovered": uncovered(scene),
        "parameters": _rounded(scene.parameters),
    }
    return json.dumps(values, indent=1) + "\n"


def layer_file(number: int) -> str:
    """Name the file of a layer; 0 is the background."""
    return f"layers/{number:02}.png"


def _layer(number: int, layer: SceneLayer, visible: int | None) -> dict[str, Any]:
    alpha = layer.alpha
    return {
        "index": number,
        "file": layer_file(number),
        "name": layer.name,
        "kind": layer.kind.value,
        "of": layer.of,
        "box": alpha_box(alpha),
        "area_px": int(np.count_nonzero(alpha > 127)),
        # Of an object with its parts; parts and shadows have no count of their own.
        "visible_px": visible,
        "soft_px": int(np.count_nonzero((alpha > 0) & (alpha < 255))),
    }


def _rounded(value: Any) -> Any:
    """Round every float in nested values to four places."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value
