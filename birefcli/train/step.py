"""One step of a training: forward, the losses, back, clip, move, average."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from birefcli.errors import BirefcliError, WeightsError
from birefcli.net import Prediction, is_out_of_memory
from birefcli.settings import GradientLabel, TrainSettings
from birefcli.train.batch import TrainingBatch, to_tensors
from birefcli.train.losses import (
    LossWeights,
    class_loss,
    dilated_gradient_loss,
    gradient_loss,
    pixel_loss,
)
from birefcli.train.optimizer import update_average
from birefcli.train.run_folder import STATE
from birefcli.train.teacher import encoder_maps, teacher_losses
from birefcli.train.training_state import TrainingState

NAMED = 5  # pictures of a batch that an error names
LEAST_SCALE = 2.0**-10  # a scaler of fp16 that went below it will not find gradients any more


@dataclass(frozen=True)
class StepResult:
    """What a step gave for the log: its rate, the loss, its weighted terms, the gradients' norm."""

    rate: float
    loss: float
    terms: dict[str, float]
    norm: float
    samples: int


def take_step(
    state: TrainingState,
    batches: Sequence[TrainingBatch],
    step: int,
    rate: float,
    weights: LossWeights,
    settings: TrainSettings,
) -> StepResult:
    """Move the weights once, by the mean gradient of the batches.

    A loss or gradient that is NaN or infinite is a WeightsError; the batch is saved beside the
    run. Every random draw follows from the seed, the step and the process.
    """
    torch.manual_seed((settings.seed * 1_000_003 + step) * 1009 + state.processes.rank)
    for group in state.optimizer.param_groups:
        group["lr"] = rate * group["scale"]
    loss, terms = _backward(state, batches, weights, settings)
    norm = _clip(state, settings)
    if not np.isfinite(norm):
        _refuse_nan(state, batches, loss, step, settings)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.optimizer.zero_grad(set_to_none=True)
    update_average(state.average, state.network, settings.ema, step)
    return StepResult(rate, loss, terms, norm, sum(len(batch.rgb) for batch in batches))


def _backward(
    state: TrainingState,
    batches: Sequence[TrainingBatch],
    weights: LossWeights,
    settings: TrainSettings,
) -> tuple[float, dict[str, float]]:
    """Run the batches forward and back; give the mean loss and the means of its terms."""
    losses: list[float] = []
    found: dict[str, list[float]] = defaultdict(list)
    try:
        for i, batch in enumerate(batches):
            is_last = i == len(batches) - 1
            with state.processes.holds_gradients(state.forward, is_last):
                total, terms = batch_loss(state, batch, weights, settings)
                torch.autograd.backward(state.scaler.scale(total / len(batches)))
            losses.append(float(total.detach()))
            for name, value in terms.items():
                found[name].append(float(value))
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and not is_out_of_memory(error):
            raise
        height, width = batches[0].rgb.shape[1:3]
        raise BirefcliError(
            f"{len(batches[0].rgb)} pictures of {width}x{height} do not fit into memory: try "
            "a smaller --batch with --accumulate, --set checkpointing=true, --lora 8, "
            "--precision bf16 or a smaller --size"
        ) from error
    return fmean(losses), {name: fmean(values) for name, values in found.items()}


def batch_loss(
    state: TrainingState, batch: TrainingBatch, weights: LossWeights, settings: TrainSettings
) -> tuple[Tensor, dict[str, Tensor]]:
    """Give the loss of one batch and its weighted terms."""
    network, device = state.network, state.compute.device
    # As precise as the weights.
    dtype = next(network.parameters()).dtype
    image, target = (tensor.to(dtype) for tensor in to_tensors(batch, network, device))
    keeps_maps = state.teacher is not None and state.teacher.encoder is not None
    noting: AbstractContextManager[list[Tensor]] = (
        encoder_maps(network.bb) if keeps_maps else nullcontext([])
    )
    with noting as maps, state.compute.autocast():
        out: Prediction = state.forward(image, supervise=True)
    outputs = [*_tensors_of(out)]
    if bool(torch.stack([tensor.isnan().any() for tensor in outputs]).any()):
        # Cross-entropy refuses NaN, on a GPU for good; every weight must still get a gradient.
        return torch.stack([tensor.sum() for tensor in outputs]).sum() * torch.nan, {}
    known = known_of(batch, device, dtype)
    # The losses run in full precision, outside autocast.
    is_mean = not settings.iou_sum
    logits = out.logits.to(dtype)
    final = pixel_loss([logits], target, weights, mean_iou=is_mean, known=known)
    stride = settings.side_stride
    small_known = None if known is None else -F.max_pool2d(-known, stride)
    sides = pixel_loss(
        [side.to(dtype) for side in out.side_logits],
        F.avg_pool2d(target, stride),
        weights,
        mean_iou=is_mean,
        known=small_known,
    )
    edges = _edge_loss(out, image, settings)
    total = final.total + settings.side_weight * sides.total + settings.gradient * edges
    terms = {**final.terms, "sides": sides.total.detach(), "gradient": edges.detach()}
    if out.class_logits is not None and batch.labels is not None:
        labels = torch.from_numpy(batch.labels).to(device)
        classes = class_loss(out.class_logits.to(dtype), labels)
        total = total + classes
        terms["class"] = classes.detach()
    if state.teacher is not None:
        held = teacher_losses(state.teacher, batch, state.compute, logits, maps, image, settings)
        total = total + sum(held.values())
        terms |= {name: term.detach() for name, term in held.items()}
    return total, terms


def _tensors_of(out: Prediction) -> Iterator[Tensor]:
    """Give every output that learns."""
    yield from (out.logits, *out.side_logits, *(pair.prediction for pair in out.gradients))
    if out.class_logits is not None:
        yield out.class_logits


def known_of(batch: TrainingBatch, device: torch.device, dtype: torch.dtype) -> Tensor | None:
    """Give where the truth of a batch is known (N, 1, H, W), or None where all of it is."""
    if batch.known is None:
        return None
    return torch.from_numpy(batch.known).to(device, dtype)[:, None]


def _edge_loss(out: Prediction, image: Tensor, settings: TrainSettings) -> Tensor:
    if settings.gradient_label == GradientLabel.DILATED:
        return dilated_gradient_loss(out.gradients, out.side_logits, image)
    return gradient_loss(out.gradients, stride=settings.gradient_stride)


def _clip(state: TrainingState, settings: TrainSettings) -> float:
    """Shorten the gradient to the length that is allowed; give the length it had."""
    state.scaler.unscale_(state.optimizer)
    learning = [p for group in state.optimizer.param_groups for p in group["params"]]
    return float(nn.utils.clip_grad_norm_(learning, settings.clip))


def _refuse_nan(
    state: TrainingState,
    batches: Sequence[TrainingBatch],
    loss: float,
    step: int,
    settings: TrainSettings,
) -> None:
    """Stop at a loss or gradient that is no number; what only fp16 cannot hold is passed over."""
    is_half = state.scaler.is_enabled()
    is_bad = not np.isfinite(loss)
    if is_half and not state.processes.any(is_bad):
        if state.scaler.get_scale() >= LEAST_SCALE:
            return
        is_bad = True
    rank = state.processes.rank
    names = list(dict.fromkeys(name for batch in batches for name in batch.names))
    where = settings.out / ("nan_batch.npz" if rank == 0 else f"nan_batch_{rank}.npz")
    if is_bad or rank == 0:
        save_batches(where, batches)
    shown = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
    raise WeightsError(
        f"the loss or its gradient is NaN or infinite at step {step}, on pictures made of "
        f"{shown or 'unnamed parts'}; the batch is in {where}: look at it, lower --rate or use "
        f"--precision fp32, and {_way_on(settings)}"
    )


def _way_on(settings: TrainSettings) -> str:
    if (settings.out / STATE).is_file():
        return "go on from the last checkpoint with --resume"
    return "start over with --redo"


def save_batches(path: Path, batches: Sequence[TrainingBatch]) -> None:
    """Write the pictures, mattes and names of a step, so that what was wrong can be looked at."""
    arrays: dict[str, np.ndarray] = {}
    for i, batch in enumerate(batches):
        arrays |= {f"rgb{i}": batch.rgb, f"matte{i}": batch.matte}
        arrays[f"names{i}"] = np.array(batch.names)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
