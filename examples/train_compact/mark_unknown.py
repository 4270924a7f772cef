"""Mark in a data pack what its masks say nothing about: things a labeller sees beside the object.

    python mark_unknown.py DATA mobilenetv2_100_deeplab_voc_folded.npz

A photograph's mask holds its main object. Parked cars, bicycles and chairs behind it are neither
object nor ground, and a network that learns them as ground forgets that they can be objects. This
adds a column `unknown` to DATA/index.csv, with one picture for every photograph of split `train`
where DeepLab-v3 sees something outside the mask, and a source `street-objects`: windows about such
things, large in the frame, with the labeller's outline as their mask and its rim left open.
"""

import csv
import io
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

SIDE = 513  # what DeepLab sees
PERSON = 15  # its class; people behind the one in the mask are ground in such photographs
STREET = "photos/street-objects.zip"


class DeepLab:
    """DeepLab-v3 on MobileNetV2 (Chen et al. 2017, Sandler et al. 2018) from folded arrays."""

    def __init__(self, path: Path) -> None:
        self.arrays = {name: torch.from_numpy(a) for name, a in np.load(path).items()}

    @torch.inference_mode()
    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """Give class probabilities (21, H, W) of a picture (H, W, 3)."""
        x = torch.from_numpy(rgb).permute(2, 0, 1)[None].float()
        x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=True) / 127.5 - 1
        x = self._same(x, "features.0.0", stride=2)
        x = self._same(x, "features.1.conv.0.0")
        x = self._same(x, "features.1.conv.1", relu=False)
        for i in range(2, 18):
            y = self._same(x, f"features.{i}.conv.0.0")
            stride, dilation = 2 if i in (2, 4, 7) else 1, 2 if i >= 15 else 1
            y = self._same(y, f"features.{i}.conv.1.0", stride, dilation)
            y = self._same(y, f"features.{i}.conv.2", relu=False)
            x = x + y if x.shape == y.shape else y
        near = F.relu(self._point(x, "aspp.0"))
        whole = F.relu(self._point(x.mean((2, 3), keepdim=True), "image_pooling"))
        x = torch.cat((whole.expand_as(near), near), 1)
        logits = self._point(F.relu(self._point(x, "concat_projection")), "logits")
        logits = F.interpolate(logits, rgb.shape[:2], mode="bilinear", align_corners=True)
        return logits.softmax(1)[0].numpy()

    def _point(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return F.conv2d(x, self.arrays[f"{name}.weight"], self.arrays[f"{name}.bias"])

    def _same(
        self, x: torch.Tensor, name: str, stride: int = 1, dilation: int = 1, *, relu: bool = True
    ) -> torch.Tensor:
        """Convolve with TensorFlow's padding: an odd pixel goes to the bottom and the right."""
        weight = self.arrays[f"{name}.weight"]
        reach = (weight.shape[-1] - 1) * dilation + 1
        pads = []
        for length in reversed(x.shape[-2:]):
            whole = max((-(-length // stride) - 1) * stride + reach - length, 0)
            pads += [whole // 2, whole - whole // 2]
        groups = x.shape[1] // weight.shape[1]
        bias = self.arrays[f"{name}.bias"]
        x = F.conv2d(F.pad(x, pads), weight, bias, stride, 0, dilation, groups)
        return x.clamp(0, 6) if relu else x


@dataclass(frozen=True)
class Window:
    """A window about one thing: picture (H, W, 3), mask and unknown part (H, W)."""

    rgb: np.ndarray
    mask: np.ndarray
    unknown: np.ndarray


def unknown_part(other: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Give where (H, W) a labeller sees something, away from the object."""
    seen = ((other > 0.3) & ~near).astype(np.uint8) * 255
    seen = cv2.morphologyEx(seen, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    return np.where(near, 0, cv2.dilate(seen, np.ones((9, 9), np.uint8))).astype(np.uint8)


def windows(rgb: np.ndarray, mask: np.ndarray, other: np.ndarray) -> Iterator[Window]:
    """Cut a window about each thing of some size that stands clear of the object."""
    height, width = mask.shape
    near = cv2.dilate(mask, np.ones((13, 13), np.uint8)) > 40
    sure = ((other > 0.55) & ~near).astype(np.uint8)
    count, numbers, boxes, _ = cv2.connectedComponentsWithStats(sure)
    for number in range(1, count):
        x, y, w, h, area = (int(n) for n in boxes[number])
        if area < 0.015 * height * width or min(w, h) < 36:
            continue
        rim = int(0.22 * max(w, h))
        inside = np.s_[max(0, y - rim) : y + h + rim, max(0, x - rim) : x + w + rim]
        mine = (numbers[inside] == number).astype(np.uint8)
        main = mask[inside] > 127
        if main.mean() > 0.25 or mine.mean() < 0.12:
            continue
        seen = other[inside]
        grown = cv2.dilate(mine, np.ones((7, 7), np.uint8)) > 0
        shrunk = cv2.erode(mine, np.ones((7, 7), np.uint8)) > 0
        own = (seen > 0.5) & (cv2.dilate(mine, np.ones((5, 5), np.uint8)) > 0)
        half_sure = (seen > 0.2) & (seen < 0.8)
        elsewhere = (seen > 0.3) & (mine == 0)
        unknown = (half_sure | elsewhere | near[inside] | (grown & ~shrunk)) & ~main
        yield Window(rgb[inside], bytes_of(own | main), bytes_of(unknown))


def bytes_of(mask: np.ndarray) -> np.ndarray:
    """Turn truth values into 0 and 255."""
    return mask.astype(np.uint8) * 255


def encoded(array: np.ndarray, kind: str = "png") -> bytes:
    """Give a picture as the bytes of a file."""
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, quality=94)
    return stream.getvalue()


def main(folder: Path, weights: Path) -> None:
    """Add the column and the source to a pack."""
    label = DeepLab(weights)
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if any(row["source"] == "street-objects" for row in rows):
        sys.exit(f"{folder} is marked already")
    new = []
    with zipfile.ZipFile(folder / STREET, "w") as street:
        for row in rows:
            row["unknown"] = ""
            if row["kind"] != "photo_mask" or row["split"] != "train":
                continue
            with zipfile.ZipFile(folder / row["shard"], "a") as shard:
                rgb, mask = (
                    np.array(Image.open(io.BytesIO(shard.read(row[column]))).convert(mode))
                    for column, mode in (("member", "RGB"), ("mask", "L"))
                )
                seen = label(rgb)
                other = 1 - seen[0]
                hides = other - seen[PERSON] if row["source"] == "ccp-people" else other
                near = cv2.dilate(mask, np.ones((13, 13), np.uint8)) > 40
                unknown = unknown_part(hides, near)
                if (unknown > 0).mean() > 0.002:
                    row["unknown"] = f"unknown/{Path(row['member']).stem}.png"
                    shard.writestr(row["unknown"], encoded(unknown))
            for number, window in enumerate(windows(rgb, mask, other)):
                name = f"{row['source']}-{Path(row['member']).stem}-{number}"
                files = {
                    "member": (f"img/{name}.jpg", encoded(window.rgb, "jpeg")),
                    "mask": (f"mask/{name}.png", encoded(window.mask)),
                    "unknown": (f"unknown/{name}.png", encoded(window.unknown)),
                }
                for member, data in files.values():
                    street.writestr(member, data)
                about = {"source": "street-objects", "shard": STREET}
                new.append({**row, **about, **{k: member for k, (member, _) in files.items()}})
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows([*rows, *new])
    print(f"{sum(bool(row['unknown']) for row in rows)} pictures marked, {len(new)} windows added")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
