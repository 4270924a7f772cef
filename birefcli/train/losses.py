"""The losses BiRefNet is trained with: each term alone, their sum over the outputs, their weights.

Every term maps probabilities and a target, both (N, 1, H, W) in 0…1, to one number. All of them
run in float32, outside autocast.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from birefcli.net import GradientPair, laplacian, resize
from birefcli.train.loss_kernels import blur, cross_entropy

Term = Callable[[Tensor, Tensor], Tensor]

PATCH = 64
DILATION = 15  # pixels: how far around the predicted object the dilated label reaches


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """How much each term of the pixel loss counts; a term of weight 0 is never computed."""

    bce: float = 30.0
    iou: float = 0.5
    ssim: float = 10.0
    mae: float = 0.0
    mse: float = 0.0
    iou_patch: float = 0.0
    reg: float = 0.0
    cnt: float = 0.0
    structure: float = 0.0


@dataclass(frozen=True)
class PixelLoss:
    """The pixel loss of one batch, and what to log: each weighted term's mean over the outputs."""

    total: Tensor
    terms: Mapping[str, Tensor]


# The official weights by task, and from how many epochs before the end the last phase runs.
TASK_WEIGHTS: dict[str, LossWeights] = {
    "DIS5K": LossWeights(),
    "COD": LossWeights(),
    "HRSOD": LossWeights(),
    "General": LossWeights(mae=100.0),
    "General-2K": LossWeights(mae=100.0),
    "Matting": LossWeights(iou=0.0, mae=100.0),
}
LAST_EPOCHS: dict[str, int] = {
    "DIS5K": 40,
    "COD": 20,
    "HRSOD": 20,
    "General": 20,
    "General-2K": 20,
    "Matting": 10,
}
CLASS_WEIGHT = 5.0


def pixel_loss(
    outputs: Sequence[Tensor],
    target: Tensor,
    weights: LossWeights,
    *,
    mean_iou: bool = False,
    known: Tensor | None = None,
) -> PixelLoss:
    """Sum the weighted terms over all logit maps, each compared at the target's size.

    Where `known` (N, 1, H, W) is 0 the truth is unknown, and what is predicted there changes
    nothing.
    """
    target = target.clamp(0, 1)
    functions: dict[str, Term] = {**TERMS, "iou": partial(iou, mean=mean_iou)}
    if known is not None:
        functions = {name: _only_where(known > 0, term) for name, term in functions.items()}
        functions |= {name: partial(MASKED[name], known=known) for name in MASKED}
        functions["iou"] = partial(_known_iou, known=known, mean=mean_iou)
    terms: dict[str, Tensor] = {}
    for logits in outputs:
        probability = resize(logits.to(target.dtype), target.shape[-2:]).sigmoid()
        for name, weight in asdict(weights).items():
            if weight != 0:
                value = weight * functions[name](probability, target)
                terms[name] = terms[name] + value if name in terms else value
    total = torch.stack(list(terms.values())).sum()
    return PixelLoss(total, {k: v.detach() / len(outputs) for k, v in terms.items()})


def _only_where(known: Tensor, term: Term) -> Term:
    """Let a term see the truth itself where the truth is unknown."""
    return lambda probability, target: term(torch.where(known, probability, target), target)


def _known_bce(probability: Tensor, target: Tensor, *, known: Tensor) -> Tensor:
    each = cross_entropy(probability, target)
    return (each * known).sum() / known.sum().clamp(min=1)


def _known_mae(probability: Tensor, target: Tensor, *, known: Tensor) -> Tensor:
    return ((probability - target).abs() * known).sum() / known.sum().clamp(min=1)


def _known_iou(probability: Tensor, target: Tensor, *, known: Tensor, mean: bool) -> Tensor:
    return iou(probability * known, target * known, mean=mean)


def gradient_loss(pairs: Sequence[GradientPair], *, stride: int = 1) -> Tensor:
    """Sum, over the supervised stages, how far the predicted edges are from the labels.

    The labels are not detached: the loss reaches the side outputs they are made from. With a
    stride above 1 both are compared at so many times fewer pixels a side, the labels averaged.
    """
    losses = []
    for pair in pairs:
        label = pair.label.sigmoid()
        if stride > 1:
            label = F.avg_pool2d(label, stride)
        prediction = resize(pair.prediction.to(label.dtype), label.shape[-2:])
        losses.append(cross_entropy(prediction.sigmoid(), label).mean())
    return torch.stack(losses).sum()


def dilated_gradient_loss(
    pairs: Sequence[GradientPair], sides: Sequence[Tensor], image: Tensor
) -> Tensor:
    """Sum how far the predicted edges are from the picture's own edges near the object.

    The paper's label: the size of the image gradient times the dilated mask the stage predicts,
    0…1 and detached. `sides` are the stages' raw maps (N, 1, h, w), `image` is (N, 3, H, W).
    """
    edges = laplacian(image.detach()).abs()
    losses = []
    # Older networks have no pair of the deepest stage.
    for pair, side in zip(pairs, sides[len(sides) - len(pairs) :], strict=True):
        mask = resize(side.detach().to(edges.dtype), edges.shape[-2:]).sigmoid()
        near = F.max_pool2d(mask, DILATION, stride=1, padding=DILATION // 2)
        prediction = resize(pair.prediction.to(edges.dtype), edges.shape[-2:])
        label = (edges * near).clamp(0, 1)
        losses.append(cross_entropy(prediction.sigmoid(), label).mean())
    return torch.stack(losses).sum()


def class_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Give the weighted cross-entropy of class logits (N, K) with labels (N,).

    Labels below 0 are unknown and count nothing.
    """
    if not (labels >= 0).any():
        return logits.sum() * 0
    return CLASS_WEIGHT * F.cross_entropy(logits, labels, ignore_index=-1)


def weights_at(task: str, epoch: int, epochs: int, *, resumed_at: int = 1) -> LossWeights:
    """Give a task's weights in `epoch` of `epochs`, both counted from 1.

    In the last epochs the weights shrink again at every epoch, so that SSIM (and for matting
    MAE) remains. A run resumed inside this phase starts it over from the full weights.
    """
    steps = epoch - max(epochs - LAST_EPOCHS[task], resumed_at - 1)
    return weights_in_phase(TASK_WEIGHTS[task], steps)


def weights_in_phase(weights: LossWeights, epochs: int) -> LossWeights:
    """Give the weights in the n-th epoch of the last phase, 1 being its first.

    Weights without an IoU term are a matting's, which keeps cross-entropy and MAE.
    """
    if epochs <= 0:
        return weights
    if weights.iou == 0:
        return replace(weights, mse=weights.mse * 0.9**epochs, ssim=weights.ssim * 0.9**epochs)
    return replace(weights, bce=0.0, iou=weights.iou * 0.5**epochs, mae=weights.mae * 0.9**epochs)


def bce(probability: Tensor, target: Tensor) -> Tensor:
    """Give the mean binary cross-entropy over all pixels."""
    return cross_entropy(probability, target).mean()


def iou(probability: Tensor, target: Tensor, *, mean: bool = False) -> Tensor:
    """Give 1 − soft intersection over union, summed over the pictures (or their mean)."""
    both = (probability * target).sum((1, 2, 3))
    either = target.sum((1, 2, 3)) + probability.sum((1, 2, 3)) - both
    # No smoothing; only an empty prediction of an empty target must not divide by zero.
    loss = 1 - both / either.clamp(min=torch.finfo(either.dtype).tiny)
    return loss.mean() if mean else loss.sum()


def iou_patch(probability: Tensor, target: Tensor) -> Tensor:
    """Give `iou` of the top left 64×64 pixels, the only patch the official loop reaches."""
    return iou(probability[..., :PATCH, :PATCH], target[..., :PATCH, :PATCH])


def ssim(probability: Tensor, target: Tensor) -> Tensor:
    """Give (1 − S) / 2 with S the mean structural similarity under a Gaussian window."""
    p, t = probability, target
    # One blur for all five moments.
    mean_p, mean_t, pp, tt, pt = blur(torch.cat((p, t, p * p, t * t, p * t))).chunk(5)
    c1, c2 = 0.01**2, 0.03**2
    mean_pp, mean_tt, mean_pt = mean_p * mean_p, mean_t * mean_t, mean_p * mean_t
    similarity = ((2 * mean_pt + c1) * (2 * (pt - mean_pt) + c2)) / (
        (mean_pp + mean_tt + c1) * ((pp - mean_pp) + (tt - mean_tt) + c2)
    )
    return (1 - similarity.mean()) / 2


def mae(probability: Tensor, target: Tensor) -> Tensor:
    """Give the mean absolute error."""
    return F.l1_loss(probability, target)


def mse(probability: Tensor, target: Tensor) -> Tensor:
    """Give the mean squared error."""
    return F.mse_loss(probability, target)


def reg(probability: Tensor, target: Tensor) -> Tensor:
    """Give how undecided the probabilities are: 0 for 0 and 1, at most 0.5; ignores the target."""
    return (1 - probability**2 - (probability - 1) ** 2).mean()


def cnt(probability: Tensor, target: Tensor) -> Tensor:
    """Give the active contour loss: the contour's length and the two regions' misfit."""
    rows = probability.diff(dim=-2)[..., 1:, :-2]
    columns = probability.diff(dim=-1)[..., :-2, 1:]
    length = (rows**2 + columns**2 + 1e-8).sqrt().mean()
    inside = (probability * (target - 1) ** 2).mean()
    outside = ((1 - probability) * target**2).mean()
    return 10 * length + inside + outside


def structure(logits: Tensor, target: Tensor) -> Tensor:
    """Give cross-entropy and IoU weighted towards the target's edges (Wei et al. 2020, "F3Net").

    It takes logits. As a term of the pixel loss it receives probabilities, as in the official
    training code.
    """
    near = F.avg_pool2d(target, 31, stride=1, padding=15)
    weight = 1 + 5 * (near - target).abs()
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    entropy = (weight * entropy).sum((2, 3)) / weight.sum((2, 3))
    p = logits.sigmoid()
    both = (weight * p * target).sum((2, 3))
    total = (weight * (p + target)).sum((2, 3))
    return (entropy + (1 - (both + 1) / (total - both + 1))).mean()


TERMS: dict[str, Term] = {
    "bce": bce,
    "iou": iou,
    "ssim": ssim,
    "mae": mae,
    "mse": mse,
    "iou_patch": iou_patch,
    "reg": reg,
    "cnt": cnt,
    "structure": structure,
}
# What the main terms are where some of the truth is unknown.
MASKED: dict[str, Callable[..., Tensor]] = {"bce": _known_bce, "mae": _known_mae}
