"""The bundled model still does on a few scenes what its card says."""

import csv
import re
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image

from birefcli.matte.morphology import is_empty
from birefcli.metrics.pixels import iou
from birefcli.models.segmenter import load_segmenter
from birefcli.models.store import WEIGHTS, resolve
from birefcli.settings.model import ModelSettings

PROBE = Path(__file__).parents[1] / "data" / "probe"
ALLOWED_LOSS = 0.02


def test_bundled_model_scores_what_its_card_says() -> None:
    promised = promised_iou((WEIGHTS / "compact.md").read_text(encoding="utf-8"))
    model = resolve("compact", consent=False, offline=True, accept_licence=False, say=print)
    segment = load_segmenter(ModelSettings(), model, print).segment
    scores: dict[str, float] = {}
    with (PROBE / "index.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rgb = read(row["file"], "RGB")
            (matte,) = segment([rgb])
            if row["kind"] == "no-object":
                scores[row["file"]] = float(is_empty(matte))
            else:
                scores[row["file"]] = iou(matte, read(row["mask"], "L").astype(np.float32) / 255)
    assert len(scores) == 24
    found = fmean(scores.values())
    worst = sorted(scores.items(), key=lambda item: item[1])[:5]
    print(f"probe_iou: {found:.4f}")
    assert found >= promised - ALLOWED_LOSS, f"{found:.4f}, promised {promised}; worst: {worst}"


def read(name: str, mode: str) -> np.ndarray:
    with Image.open(PROBE / name) as picture:
        return np.array(picture.convert(mode))


def promised_iou(card: str) -> float:
    """The number of the card's line `probe_iou: 0.1234`; a card without it is an error."""
    lines = re.findall(r"^probe_iou: (\d\.\d+)$", card, re.MULTILINE)
    assert len(lines) == 1, "the model card needs one line like `probe_iou: 0.8731`"
    return float(lines[0])
