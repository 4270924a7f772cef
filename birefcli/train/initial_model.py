"""What a training starts from: a model's weights, or a new network of a backbone."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from birefcli.errors import UsageError
from birefcli.models import ModelFile, resolve
from birefcli.net import (
    TIMM,
    BiRefNet,
    BiRefNetConfig,
    backbone_names,
    compact_config,
    compact_lite2_config,
    load_network,
    published_config,
)
from birefcli.settings import TrainSettings

# Small networks of our own, by the names they have beside the official backbones.
COMPACT = {"compact": compact_config, "compact-lite2": compact_lite2_config}
COMPACT_SIZE = 384


@dataclass(frozen=True)
class InitialModel:
    """A network to train, and where it comes from: a model's name and licence, or nothing."""

    network: BiRefNet
    name: str | None = None
    licence: str | None = None


def initial_model(
    settings: TrainSettings, classes: int, say: Callable[[str], None]
) -> InitialModel:
    """Build the network a training starts from, with a head for the data's classes if it has any.

    A model keeps the size and everything else its file says, unless a size was set.
    """
    if settings.start is None:
        return InitialModel(BiRefNet(sized(new_config(settings.backbone), settings.size, classes)))
    model = resolve(
        settings.start,
        consent=settings.start_is_named,
        offline=settings.offline,
        accept_licence=settings.accept_licence,
        say=say,
    )
    network = load_model(model)
    config = sized(network.config, settings.size, classes)
    say(f"starting from {model.name} ({model.licence}) at {config.size[1]}x{config.size[0]}")
    return InitialModel(with_config(network, config), model.name, model.licence)


def new_config(backbone: str) -> BiRefNetConfig:
    """Describe a new network: a compact one, or the official one of a backbone."""
    if backbone in COMPACT:
        return COMPACT[backbone](COMPACT_SIZE)
    if backbone not in backbone_names() and not backbone.startswith(TIMM):
        import difflib

        known = (*COMPACT, *backbone_names())
        near = difflib.get_close_matches(backbone, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}, timm:NAME"
        raise UsageError(f"no backbone is called {backbone!r}; {hint}")
    return published_config(backbone)


def sized(config: BiRefNetConfig, size: int | None, classes: int) -> BiRefNetConfig:
    """Give a network's description with the size and the classes a training sets."""
    if size is None or (size, size) == config.size:
        return replace(config, classes=classes)
    return replace(config, size=(size, size), classes=classes)


def with_config(network: BiRefNet, config: BiRefNetConfig) -> BiRefNet:
    """Give a network of this description with another's weights; a head that differs is new."""
    if config == network.config:
        return network
    changed = BiRefNet(config)
    own = changed.state_dict()
    weights = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if not name.startswith("cls_head.") or _fits(own.get(name), tensor)
    }
    head = {name: tensor for name, tensor in own.items() if name.startswith("cls_head.")}
    kept = {name: tensor for name, tensor in weights.items() if name in own}
    changed.load_state_dict({**head, **kept}, strict=True)
    return changed


def _fits(ours: torch.Tensor | None, theirs: torch.Tensor) -> bool:
    return ours is not None and ours.shape == theirs.shape


def load_model(model: ModelFile) -> BiRefNet:
    """Load the network of a model's file as its table describes it."""
    return load_network(
        model.path,
        name=model.name,
        known_order=model.tile_order,
        size=model.size,
        keeps_aspect=model.keeps_aspect,
    ).network
