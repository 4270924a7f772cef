"""What a peel looks with: one model for whole things, and one for what nothing covers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from birefcli.models.segmenter import LoadedSegmenter, Segmenter, load_segmenter
from birefcli.models.store import ModelFile, bundled_model, stated_in
from birefcli.models.variants import find_variant
from birefcli.settings.model import ModelSettings

_WHOLE, _TOPMOST = "compact", "compact-peel"


@dataclass(frozen=True)
class Sight:
    """Both models ready to run; `named` is the one that was asked for, of `model` and `device`."""

    named: LoadedSegmenter
    things: Segmenter
    front: Segmenter | None = None


def is_topmost(model: ModelFile) -> bool:
    """Whether a model finds what nothing covers, and not whole things."""
    if model.variant is not None:
        return model.variant.task == "topmost"
    return '"target": "top"' in stated_in(model.path, "recipe")


def beside(model: ModelFile) -> ModelFile:
    """The bundled model that sees what this one does not."""
    variant = find_variant(_WHOLE if is_topmost(model) else _TOPMOST)
    assert variant is not None
    return bundled_model(variant)


def load_sight(settings: ModelSettings, model: ModelFile, say: Callable[[str], None]) -> Sight:
    """Load a model and the bundled one beside it, and say in a line each what looks for what."""
    named = load_segmenter(settings, model, say)
    second = beside(model)
    plain = replace(settings, model=second.name, tile_order=ModelSettings.tile_order)
    other = load_segmenter(plain, second, lambda _: None)
    if is_topmost(model):
        say(f"{second.name} beside it, for whole things")
        return Sight(named, other.segment, named.segment)
    say(f"{second.name} beside it, for what nothing covers")
    return Sight(named, named.segment, other.segment)
