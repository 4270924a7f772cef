"""The protocol of depth estimators, and Depth Anything V2 Small (Yang et al. 2024) as one."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from birefcli.errors import DeviceError, UsageError, WeightsError
from birefcli.image import Rgb, rescale
from birefcli.models.download import obtain
from birefcli.models.store import wanted_variant
from birefcli.models.variants import Variant, find_companion, find_repo

SIDE = 518  # the shorter side the network sees; it was trained at this
PATCH = 14  # sides are multiples of this
LONGEST = 1036  # a very long picture is squeezed to this
# What the network's backbone expects: the mean and spread of ImageNet.
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class DepthEstimator(Protocol):
    """Anything that estimates how near each pixel of a picture is."""

    @property
    def name(self) -> str:
        """What the manifest calls it."""

    def __call__(self, rgb: Rgb) -> NDArray[np.float32]:
        """Give the disparity (H, W), larger is nearer; only its order means anything."""


@dataclass(frozen=True, eq=False)
class DepthAnything:
    """Runs a network on a float32 batch (1, 3, h, w), sides in multiples of 14."""

    run: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    sha256: str
    name: str

    def __call__(self, rgb: Rgb) -> NDArray[np.float32]:
        """Give the disparity (H, W), larger is nearer."""
        height, width = rgb.shape[:2]
        scale = SIDE / min(height, width)
        sides = [
            max(min(round(side * scale / PATCH) * PATCH, LONGEST), PATCH)
            for side in (height, width)
        ]
        image = rescale(rgb.astype(np.float32), (sides[0], sides[1]), cv2.INTER_CUBIC)
        normal = (image / 255 - np.array(MEAN)) / np.array(SPREAD)
        batch = np.ascontiguousarray(normal.transpose(2, 0, 1)[None], np.float32)
        return rescale(self.run(batch), (height, width))


def load_depth(
    name: str,
    *,
    consent: bool,
    offline: bool,
    say: Callable[[str], None],
    device: str = "auto",
) -> DepthEstimator:
    """Load the estimator called `auto`, `depth-small` or by its name on the hub.

    `consent` allows its download. Raise UsageError for an unknown name, DeviceError without
    transformers, WeightsError where the model is missing or broken.
    """
    variant = find_companion("depth-small" if name == "auto" else name)
    variant = variant or find_repo(name.removeprefix("hf:"))
    if variant is None or variant.task != "depth":
        raise UsageError(f"no depth model is called {name!r}; --depth takes off, auto, depth-small")
    return _load(variant, consent=consent, offline=offline, say=say, device=device)


def _load(
    variant: Variant, *, consent: bool, offline: bool, say: Callable[[str], None], device: str
) -> DepthAnything:
    # A missing package is told before anything is downloaded.
    if not _has_transformers():
        raise DeviceError(
            f"{variant.name} needs the package transformers; run `pip install birefcli[depth]`"
        )
    from birefcli.net import choose_compute, import_torchvision

    place = choose_compute(device, "fp32").device
    try:
        with suppress(ImportError):
            import_torchvision()
        from transformers import (
            DepthAnythingConfig,
            DepthAnythingForDepthEstimation,
            Dinov2Config,
        )
        from transformers.utils.logging import disable_progress_bar
    # A torchvision for another torch fails in many ways.
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise DeviceError(
            f"the installed transformers cannot be used ({reason}); "
            "install torch, torchvision and transformers together"
        ) from error
    record = obtain(
        wanted_variant(variant), consent=consent, offline=offline, accept_licence=False, say=say
    )
    import torch

    # The published configuration of the Small model.
    backbone = Dinov2Config(
        image_size=SIDE,
        patch_size=PATCH,
        hidden_size=384,
        num_attention_heads=6,
        num_hidden_layers=12,
        out_indices=[3, 6, 9, 12],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    disable_progress_bar()
    config = DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=PATCH,
        reassemble_hidden_size=384,
        neck_hidden_sizes=[48, 96, 192, 384],
        fusion_hidden_size=64,
        head_hidden_size=32,
    )
    try:
        # The library knows what its own newer versions renamed, so it reads the file itself.
        network, told = DepthAnythingForDepthEstimation.from_pretrained(
            record.path.parent,
            config=config,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(f"{record.path} is damaged ({reason})") from error
    if told["missing_keys"] or told["unexpected_keys"] or told["mismatched_keys"]:
        raise WeightsError(
            f"{record.path} does not fit the network of {variant.name} in this transformers; "
            "install another version of it"
        )
    network = network.to(place).eval()

    def run(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            depth = network(torch.from_numpy(batch).to(place)).predicted_depth[0]
        return np.asarray(depth.float().cpu().numpy(), np.float32)

    say(f"{variant.name} ({variant.licence}) on {place}")
    return DepthAnything(run, record.sha256, variant.name)


def _has_transformers() -> bool:
    try:
        import transformers  # noqa: F401
    except ImportError:
        return False
    return True
