"""What finds the object in a picture: one protocol, and the network behind it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from birefcli.arrays import Matte, Rgb
from birefcli.modelstore import ModelFile, ModelInfo
from birefcli.settings import ModelSettings


class Segmenter(Protocol):
    """Anything that gives each picture its matte."""

    def __call__(self, images: Sequence[Rgb]) -> list[Matte]:
        """Give one matte per picture: same sizes, same order, float32 in 0…1."""


@dataclass(frozen=True)
class LoadedSegmenter:
    """A segmenter ready to run, and what the report says about it."""

    segment: Segmenter
    model: ModelInfo
    device: str
    batch: int


def load_segmenter(
    settings: ModelSettings, model: ModelFile, say: Callable[[str], None]
) -> LoadedSegmenter:
    """Load a network onto its device and say in one line which and where."""
    from birefcli.net.checkpoint import load_network
    from birefcli.net.device import choose_compute
    from birefcli.net.predict import Predictor, default_batch

    compute = choose_compute(settings.device, settings.precision)
    loaded = load_network(
        model.path,
        name=model.name,
        tile_order=settings.tile_order,
        known_order=model.tile_order,
        size=model.size,
        keeps_aspect=model.keeps_aspect,
    )
    info = ModelInfo(model.name, model.sha256, model.licence, loaded.config.tile_order)
    device = f"{compute.device} {str(compute.dtype).removeprefix('torch.')}"
    say(f"{model.name} ({model.licence}) on {device}")
    return LoadedSegmenter(
        Predictor(loaded.network, compute, say=say),
        info,
        str(compute.device),
        default_batch(compute),
    )
