"""Teachers: mattes as soft labels, and the maps of the encoder that a training started with.

Learning from the output of another network is distillation (Hinton et al. 2015); keeping maps near
those of the start is L2 regularisation towards it in function space (cf. Li et al. 2018, "L2-SP").
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from birefcli.errors import UsageError
from birefcli.models import resolve
from birefcli.net import BiRefNet, BiRefNetConfig, Compute
from birefcli.settings import THE_START, TrainSettings
from birefcli.train.batch import TrainingBatch, to_tensors
from birefcli.train.initial_model import load_model

# A map with hardly any power is compared by its plain difference, which would else be blown up.
LEAST_POWER = 1e-3
SURE = 0.9  # a teacher is sure of a pixel from this matte up, and from 1 - this down


@dataclass(frozen=True)
class Teacher:
    """Networks that do not learn: one to take mattes from, and the encoder of the start."""

    network: BiRefNet | None = None
    encoder: nn.Module | None = None
    is_start: bool = False  # whether the network is the start's own

    def to(self, compute: Compute) -> "Teacher":
        """Give it on the device where the training runs."""
        for module in (self.network, self.encoder):
            if module is not None:
                module.to(  # type: ignore[call-overload]
                    compute.device, memory_format=torch.channels_last
                )
        return self


def make_teacher(
    settings: TrainSettings, start: BiRefNet, say: Callable[[str], None]
) -> Teacher | None:
    """Give what the settings hold a training to, or None where they hold it to nothing.

    `start` is the network before its first step; what is kept of it is a copy. A teacher of
    another name must be on this machine already: a WeightsError says what would bring it.
    """
    if settings.teacher is None and settings.keep_encoder == 0:
        return None
    network = _at_rest(start) if settings.teacher == THE_START else _other(settings, say)
    encoder = _at_rest(start.bb) if settings.keep_encoder else None
    return Teacher(network, encoder, settings.teacher == THE_START)


def teacher_state(teacher: Teacher | None) -> dict[str, Any]:
    """Give what `resumed_teacher` needs: weights of the start, which later exist nowhere else."""
    if teacher is None:
        return {}
    state: dict[str, Any] = {}
    if teacher.network is not None and teacher.is_start:
        state["network"] = teacher.network.state_dict()
        state["config"] = teacher.network.config.to_json()
    if teacher.encoder is not None:
        state["encoder"] = teacher.encoder.state_dict()
    return state


def resumed_teacher(
    settings: TrainSettings,
    network: BiRefNet,
    state: Mapping[str, Any],
    say: Callable[[str], None],
) -> Teacher | None:
    """Give the teacher of a saved run, whose network is `network`, from `teacher_state`.

    A run that did not keep what the settings ask for is a UsageError.
    """
    if settings.teacher is None and settings.keep_encoder == 0:
        return None
    is_start = settings.teacher == THE_START
    if (is_start and "network" not in state) or (settings.keep_encoder and "encoder" not in state):
        raise UsageError(
            "this run did not keep its start, so teacher = start and keep_encoder cannot be "
            "added to it; start over with --redo"
        )
    if is_start:
        teacher = BiRefNet(BiRefNetConfig.from_json(state["config"]))
        teacher.load_state_dict(state["network"])
        other: BiRefNet | None = _at_rest(teacher)
    else:
        other = _other(settings, say)
    encoder = None
    if settings.keep_encoder:
        encoder = _at_rest(network.bb)
        encoder.load_state_dict(state["encoder"])
    return Teacher(other, encoder, is_start)


_M = TypeVar("_M", bound=nn.Module)


def _at_rest(module: _M) -> _M:
    """Copy a network or a part of it that will not learn."""
    return copy.deepcopy(module).eval().requires_grad_(False)


def _other(settings: TrainSettings, say: Callable[[str], None]) -> BiRefNet | None:
    """Load the teacher that was named; it is never downloaded for that."""
    if settings.teacher is None:
        return None
    model = resolve(
        settings.teacher,
        consent=False,
        offline=settings.offline,
        accept_licence=settings.accept_licence,
        say=say,
    )
    say(f"taught by {model.name} ({model.licence})")
    return _at_rest(load_model(model))


# ---- the losses ------------------------------------------------------------------------------


@contextmanager
def encoder_maps(encoder: nn.Module) -> Iterator[list[Tensor]]:
    """Note the maps an encoder gives while a network runs; of several passes those of the first."""
    noted: list[Tensor] = []

    def note(_module: nn.Module, _inputs: object, maps: Sequence[Tensor]) -> None:
        if not noted:
            noted.extend(maps)

    hook = encoder.register_forward_hook(note)
    try:
        yield noted
    finally:
        hook.remove()


def teacher_losses(
    teacher: Teacher,
    batch: TrainingBatch,
    compute: Compute,
    logits: Tensor,
    maps: Sequence[Tensor],
    image: Tensor,
    settings: TrainSettings,
) -> dict[str, Tensor]:
    """Give the weighted terms that hold a network to its teacher, by name.

    `logits` (N, 1, H, W) and `maps` are what the network made of the batch, `image` (N, 3, H, W)
    is what it saw. "taught" is about what the truth leaves open, "kept" about photographs,
    "encoder" about the maps.
    """
    terms: dict[str, Tensor] = {}
    if teacher.network is not None:
        unknown, photos = unknown_of(batch, logits), photos_of(batch, logits)
        if unknown is not None or photos is not None:
            theirs = _logits_of(teacher.network, batch, compute).to(logits.dtype)
            if unknown is not None:
                is_sure = (theirs.sigmoid() - 0.5).abs() >= SURE - 0.5
                open_part = unknown * is_sure
                terms["taught"] = settings.teacher_unknown * soft_loss(logits, theirs, open_part)
            if photos is not None:
                terms["kept"] = settings.teacher_photos * soft_loss(logits, theirs, photos)
    if teacher.encoder is not None:
        with torch.no_grad(), compute.autocast():
            wanted = teacher.encoder(image)
        terms["encoder"] = settings.keep_encoder * map_distance(maps, wanted, logits.dtype)
    return terms


def soft_loss(logits: Tensor, teacher: Tensor, where: Tensor) -> Tensor:
    """Give the mean divergence (Kullback-Leibler) of mattes from a teacher's, 0 where they agree.

    Both are logits (N, 1, H, W); `where`, 0…1 and of a shape that broadcasts, is what counts.
    """
    labels = teacher.sigmoid()
    cross = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    own = F.binary_cross_entropy_with_logits(teacher, labels, reduction="none")
    weight = where.expand_as(logits)
    return ((cross - own) * weight).sum() / weight.sum().clamp(min=1)


def map_distance(maps: Sequence[Tensor], wanted: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    """Give the mean squared difference of encoder maps from others, as a share of their power."""
    shares = []
    for ours, theirs in zip(maps, wanted, strict=True):
        ours, theirs = ours.to(dtype), theirs.to(dtype)
        power = theirs.square().mean().clamp(min=LEAST_POWER)
        shares.append(F.mse_loss(ours, theirs) / power)
    return torch.stack(shares).mean()


def unknown_of(batch: TrainingBatch, like: Tensor) -> Tensor | None:
    """Give where the truth of a batch is unknown (N, 1, H, W), 0…1; None where it nowhere is."""
    if batch.known is None or batch.known.min() == 1:
        return None
    return 1 - torch.from_numpy(batch.known).to(like.device, like.dtype)[:, None]


def photos_of(batch: TrainingBatch, like: Tensor) -> Tensor | None:
    """Give 1 for each photograph of a batch and 0 for the others (N, 1, 1, 1); None without any."""
    if batch.is_photo is None or not batch.is_photo.any():
        return None
    return torch.from_numpy(batch.is_photo).to(like.device, like.dtype)[:, None, None, None]


@torch.no_grad()
def _logits_of(network: BiRefNet, batch: TrainingBatch, compute: Compute) -> Tensor:
    image = to_tensors(batch, network, compute.device)[0]
    dtype = next(network.parameters()).dtype
    with compute.autocast():
        logits: Tensor = network(image.to(dtype)).logits
    return logits
