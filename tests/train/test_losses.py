"""The losses beyond the official ones: unknown truth, the dilated label, the last phase."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from birefcli.net.decoder import GradientPair
from birefcli.train.loss_kernels import blur_at_once, blur_in_turn, cross_entropy
from birefcli.train.losses import (
    TERMS,
    LossWeights,
    class_loss,
    dilated_gradient_loss,
    gradient_loss,
    pixel_loss,
    weights_in_phase,
)

ALL = LossWeights(bce=1, iou=1, ssim=1, mae=1, mse=1, iou_patch=1, reg=1, cnt=1, structure=1)


def drawn(seed: int) -> torch.Tensor:
    return torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize("term", TERMS)
def test_what_is_predicted_where_the_truth_is_unknown_changes_nothing(term: str) -> None:
    target = (drawn(0) > 0).double()
    known = torch.ones_like(target)
    known[..., 8:20, 4:30] = 0
    weights = LossWeights(**{**dict.fromkeys(TERMS, 0.0), term: 1.0})
    first = drawn(1).requires_grad_()
    other = torch.where(known > 0, first.detach(), drawn(2))
    totals = [pixel_loss([x], target, weights, known=known).total for x in (first, other)]
    assert totals[0].item() == pytest.approx(totals[1].item(), rel=1e-12)
    totals[0].backward()
    assert first.grad is not None
    assert (first.grad[known == 0] == 0).all() and (first.grad[known > 0] != 0).any()


def test_a_truth_known_everywhere_is_the_plain_loss() -> None:
    target, logits = (drawn(0) > 0).double(), drawn(1)
    plain = pixel_loss([logits], target, ALL).total
    masked = pixel_loss([logits], target, ALL, known=torch.ones_like(target)).total
    assert masked.item() == pytest.approx(plain.item(), rel=1e-12)


def test_the_known_half_weighs_as_much_as_a_whole_picture() -> None:
    target, logits = (drawn(0) > 0).double(), drawn(1)
    known = torch.zeros_like(target)
    known[..., :16, :] = 1
    weights = LossWeights(bce=1, iou=1, ssim=0, mae=1)
    masked = pixel_loss([logits], target, weights, known=known).total
    half = pixel_loss([logits[..., :16, :]], target[..., :16, :], weights).total
    assert masked.item() == pytest.approx(half.item(), rel=1e-12)


def test_a_truth_known_nowhere_teaches_nothing() -> None:
    logits = drawn(1).requires_grad_()
    nowhere = torch.zeros_like(logits)
    weights = LossWeights(bce=1, iou=1, ssim=1, mae=1)
    pixel_loss([logits], nowhere, weights, known=nowhere).total.backward()
    assert logits.grad is not None and (logits.grad == 0).all()


def test_the_dilated_label_holds_the_edges_near_the_predicted_object() -> None:
    image = torch.zeros(1, 3, 64, 64).double()
    image[..., 10:] = 1  # an edge at column 10, on the object,
    image[..., 50:] = 0  # and one at column 50, far from it
    side = torch.full((1, 1, 8, 8), -20.0).double()
    side[..., :2] = 20
    prediction = torch.zeros(1, 1, 64, 64).double().requires_grad_()
    pair = GradientPair(prediction, torch.zeros(1, 1, 64, 64))
    dilated_gradient_loss([pair], [side], image).backward()
    assert prediction.grad is not None
    # Where the label is above a prediction of one half, the gradient is below that of no edge.
    nothing = prediction.grad[0, 0, 32, 40]
    assert prediction.grad[0, 0, 32, 10] < nothing
    assert prediction.grad[0, 0, 32, 50] == pytest.approx(nothing.item(), rel=1e-3)


def test_unknown_classes_count_nothing() -> None:
    logits = drawn(0).view(-1, 4)[:3]
    some = class_loss(logits, torch.tensor([1, -1, 2]))
    only = class_loss(logits[[0, 2]], torch.tensor([1, 2]))
    assert some.item() == pytest.approx(only.item(), rel=1e-12)
    assert class_loss(logits, torch.full((3,), -1)).item() == 0


def test_the_phase_of_a_matting_keeps_what_it_is_about() -> None:
    weights = weights_in_phase(LossWeights(iou=0, mae=100), 2)
    assert (weights.bce, weights.mae) == (30, 100)
    assert weights.ssim == pytest.approx(8.1)
    assert weights_in_phase(LossWeights(), 0) == LossWeights()


def test_the_blur_of_ssim_has_the_gradient_that_autograd_gives_it() -> None:
    x = torch.rand(3, 1, 17, 23, dtype=torch.float64, requires_grad=True)
    target = torch.rand(3, 1, 17, 23, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda p: TERMS["ssim"](p, target), (x,))


def test_the_blur_of_gpus_equals_that_of_cpus() -> None:
    steps = torch.arange(-5.0, 6)
    bell = torch.exp(-(steps**2) / 4.5)
    channels = drawn(5).reshape(1, 2, 32, 32)
    blurred = blur_in_turn(channels, bell), blur_at_once(channels, bell)
    assert torch.allclose(*blurred, atol=1e-5)


def test_cross_entropy_is_that_of_pytorch_with_its_gradients() -> None:
    found = []
    for entropy in (cross_entropy, partial(F.binary_cross_entropy, reduction="none")):
        generator = torch.Generator().manual_seed(6)
        probability = torch.rand(2, 1, 8, 8, generator=generator, dtype=torch.float64)
        probability[0, 0, 0, :4] = torch.tensor([0.0, 1.0, 0.0, 1.0])
        target = torch.rand(2, 1, 8, 8, generator=generator, dtype=torch.float64)
        target[0, 0, 0, :4] = torch.tensor([0.0, 1.0, 1.0, 0.0])
        probability.requires_grad_()
        target.requires_grad_()
        each = entropy(probability, target)
        (each * drawn(7)[..., :8, :8]).sum().backward()
        found.append((each.detach(), probability.grad, target.grad))
    for ours, theirs in zip(*found, strict=True):
        assert ours is not None and torch.allclose(ours, theirs, rtol=1e-6, atol=1e-9)


def test_edges_compared_at_a_stride_agree_where_the_maps_are_even() -> None:
    even = GradientPair(torch.full((1, 1, 8, 8), 0.7), torch.full((1, 1, 64, 64), -0.4))
    assert torch.allclose(gradient_loss([even], stride=4), gradient_loss([even]))
