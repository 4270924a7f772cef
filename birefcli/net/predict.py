"""Running a network on pictures: arrays are made tensors, and its logits mattes."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from birefcli.errors import PictureError
from birefcli.image import Matte, Rgb, looks_hard
from birefcli.net.birefnet import STRIDE, BiRefNet
from birefcli.net.config import BiRefNetConfig
from birefcli.net.device import Compute

LONGEST = 4  # a kept aspect may stretch the longer side to this multiple of the model's size


def input_size(
    source: tuple[int, int], size: tuple[int, int], keeps_aspect: bool
) -> tuple[int, int]:
    """Give the network's (height, width) for a source: its own, or its area at the source's aspect.

    Sides are multiples of 32; a strip longer than the network can use is squashed.
    """
    if not keeps_aspect:
        return size
    area = size[0] * size[1]
    longest = LONGEST * max(size)

    def side(a: int, b: int) -> int:
        exact = math.sqrt(area * a / b)
        return max(STRIDE, min(longest, round(exact / STRIDE) * STRIDE))

    height, width = source
    return side(height, width), side(width, height)


def enlarge(rgb: Rgb, size: tuple[int, int]) -> Rgb:
    """Repeat the pixels of hard-edged art that is under half of `size` by a whole factor."""
    factor = min(size[0] // rgb.shape[0], size[1] // rgb.shape[1])
    if factor < 2 or not looks_hard(rgb):
        return rgb
    return np.repeat(np.repeat(rgb, factor, 0), factor, 1)


def to_input(rgb: Rgb, size: tuple[int, int], config: BiRefNetConfig) -> Tensor:
    """Resize (H, W, 3) with antialiasing and normalise it to (3, height, width)."""
    resized = Image.fromarray(enlarge(rgb, size)).resize(size[::-1], Image.Resampling.BILINEAR)
    tensor = torch.from_numpy(np.array(resized)).permute(2, 0, 1).float().div_(255)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (config.mean, config.std))
    return tensor.sub_(mean).div_(std)


def to_matte(logits: Tensor, size: tuple[int, int]) -> Matte:
    """Turn logits (1, h, w) into a matte of `size`, resized as probability."""
    probability = logits.float().sigmoid()[None]
    if probability.shape[-2:] != size:
        probability = F.interpolate(
            probability, size=size, mode="bilinear", align_corners=False, antialias=True
        )
    matte: Matte = probability[0, 0].clamp_(0, 1).cpu().numpy()
    return matte


class Predictor:
    """A network that takes pictures of any size and gives mattes of the same sizes."""

    def __init__(
        self,
        network: BiRefNet,
        compute: Compute,
        *,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.config = network.config
        self.compute = compute
        self.say = say
        self.network = network.to(compute.device).eval()
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, images: Sequence[Rgb]) -> list[Matte]:
        """Give each picture (H, W, 3) its matte (H, W) in 0…1.

        Where memory runs out it goes on with fewer pictures at once, then smaller.

        A picture that does not fit even then is a PictureError.
        """
        try:
            return self.segment(images, self.config.size)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        if len(images) > 1:
            half = len(images) // 2
            self.say(f"out of memory with {len(images)} pictures at once: trying {half}")
            return self(images[:half]) + self(images[half:])
        height, width = (max(2 * STRIDE, side // 2 // STRIDE * STRIDE) for side in self.config.size)
        self.say(f"out of memory: trying at {width}x{height}")
        try:
            return self.segment(images, (height, width))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise PictureError(
                "the picture does not fit into memory; close other programs or use --device cpu",
                reason="out-of-memory",
            ) from error

    def segment(self, images: Sequence[Rgb], size: tuple[int, int]) -> list[Matte]:
        """Give pictures (H, W, 3) their mattes (H, W) at an inference size (height, width).

        Those of one input shape share a batch.
        """
        config = self.config
        shapes = [input_size(rgb.shape[:2], size, config.keeps_aspect) for rgb in images]
        mattes: dict[int, Matte] = {}
        for shape in dict.fromkeys(shapes):
            group = [i for i, other in enumerate(shapes) if other == shape]
            batch = torch.stack([to_input(images[i], shape, config) for i in group])
            batch = batch.to(self.compute.device, memory_format=torch.channels_last)
            with torch.inference_mode(), self.compute.autocast():
                logits = self.network(batch).logits
            for i, row in zip(group, logits, strict=True):
                mattes[i] = to_matte(row, images[i].shape[:2])
        return [mattes[i] for i in range(len(images))]


def default_batch(compute: Compute) -> int:
    """Give the batch of `auto`: 1 on a CPU, where a picture must never depend on its neighbours."""
    return 4 if compute.device.type == "cuda" else 1


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell memory that ran out, on a GPU or a CPU, from other failures of torch."""
    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(
        sign in text for sign in ("out of memory", "not enough memory", "can't allocate memory")
    )
