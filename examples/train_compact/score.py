"""Score models on a data pack: the mean IoU of every source that none of them was trained on.

    python3 examples/train_compact/score.py DATA compact runs/gpu-out/best.safetensors

Photographs of split val, the finished scenes of val-scenes.csv, and as a probe `coco-permissive`,
of whatever split: things no bundled model has met.
"""

import argparse
from pathlib import Path

from birefcli.models.store import resolve
from birefcli.net.device import choose_compute
from birefcli.net.predict import Predictor
from birefcli.train.data.pack import Pack, validation_entries
from birefcli.train.data.validation_pictures import ValidationPictures
from birefcli.train.initial_model import load_model
from birefcli.train.validation import validate

PROBE = "coco-permissive"


def main() -> None:
    """Print a table, a source a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    entries = validation_entries(asked.data, (PROBE,))
    for split in ("train", "val"):
        whole = Pack(asked.data, split=split, tiers=("A", "B", "S"))
        entries += [
            lambda item=item, whole=whole: whole.labelled(item)
            for item in whole.items
            if item.source == PROBE and item.kind == "photo_mask"
        ]
    pictures = ValidationPictures(entries)
    verdicts = []
    for name in asked.models:
        model = resolve(name, consent=False, offline=True, accept_licence=False, say=print)
        segment = Predictor(load_model(model), choose_compute(asked.device))
        verdicts.append(validate(segment, pictures, "IoU"))
    print(f"{'':24s}", *(f"{Path(name).parent.name or name:>12.12s}" for name in asked.models))
    for source in verdicts[0].scores:
        print(f"{source:24s}", *(f"{one.scores[source]:12.4f}" for one in verdicts))
    print(f"{'mean over the sources':24s}", *(f"{one.value:12.4f}" for one in verdicts))


if __name__ == "__main__":
    main()
