"""The models of a peel: one that finds whole objects, one that finds what nothing covers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from birefcli.image import Matte, Rgb
from birefcli.models.depth import DepthEstimator
from birefcli.models.segmenter import LoadedSegmenter, Segmenter, load_segmenter, segment_each
from birefcli.models.store import ModelFile, bundled_model, stated_in
from birefcli.models.variants import find_variant
from birefcli.settings import ModelSettings

_WHOLE, _TOPMOST = "compact", "compact-peel"


@dataclass(frozen=True)
class PeelModels:
    """Everything a peel takes that needs time to load.

    `named` is the model that was asked for, and is one of the two segmenters; the report tells of
    it. Without `topmost` only whole objects are looked for; without `depth` no depth is measured.
    """

    named: LoadedSegmenter
    whole: Segmenter
    topmost: Segmenter | None = None
    depth: DepthEstimator | None = None

    def checked(self) -> "PeelModels":
        """Give the same models, whose mattes are checked before they are used."""
        topmost = None if self.topmost is None else CheckedSegmenter(self.topmost)
        return replace(self, whole=CheckedSegmenter(self.whole), topmost=topmost)


@dataclass(frozen=True)
class CheckedSegmenter:
    """A segmenter that raises what is wrong with a matte, instead of giving it.

    PictureError where a matte has NaN, RuntimeError where it has another size than its picture.
    """

    segment: Segmenter

    def __call__(self, images: Sequence[Rgb]) -> list[Matte]:
        """Give one matte (H, W) in 0…1 for each picture (H, W, 3), in order."""
        mattes = []
        for result in segment_each(self.segment, images):
            if isinstance(result, Exception):
                raise result
            mattes.append(result)
        return mattes


def is_topmost(model: ModelFile) -> bool:
    """Tell whether a model finds what nothing covers, and not whole objects."""
    if model.variant is not None:
        return model.variant.task == "topmost"
    return '"target": "top"' in stated_in(model.path, "recipe")


def partner_of(model: ModelFile) -> ModelFile:
    """Give the bundled model of the other kind, which runs beside this one in a peel."""
    variant = find_variant(_WHOLE if is_topmost(model) else _TOPMOST)
    assert variant is not None
    return bundled_model(variant)


def load_peel_models(
    settings: ModelSettings,
    model: ModelFile,
    say: Callable[[str], None],
    depth: DepthEstimator | None = None,
) -> PeelModels:
    """Load a model and its partner, and say in a line each which of them finds what.

    Raise WeightsError or DeviceError where either cannot be loaded.
    """
    return pair_models(settings, model, load_segmenter(settings, model, say), say, depth)


def pair_models(
    settings: ModelSettings,
    model: ModelFile,
    named: LoadedSegmenter,
    say: Callable[[str], None],
    depth: DepthEstimator | None = None,
) -> PeelModels:
    """Load the partner of a model that is loaded, and say in a line which of them finds what.

    Raise WeightsError or DeviceError where it cannot be loaded.
    """
    second = partner_of(model)
    plain = replace(settings, model=second.name, tile_order=ModelSettings.tile_order)
    partner = load_segmenter(plain, second, lambda _: None)
    if is_topmost(model):
        say(f"{second.name} beside it, for whole things")
        return PeelModels(named, partner.segment, named.segment, depth)
    say(f"{second.name} beside it, for what nothing covers")
    return PeelModels(named, named.segment, partner.segment, depth)
