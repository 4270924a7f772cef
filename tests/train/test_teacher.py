"""Held to a teacher: nothing to learn from itself, pulled back when disturbed, resumed exactly."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training_steps import make_batch, steps_settings, tiny_state

from birefcli.errors import UsageError
from birefcli.settings.train import THE_START, TrainSettings
from birefcli.train.batch import TrainingBatch
from birefcli.train.losses import LossWeights
from birefcli.train.step import batch_loss, take_step
from birefcli.train.teacher import Teacher, make_teacher, map_distance, soft_loss, unknown_of
from birefcli.train.training_state import TrainingState

NOTHING = LossWeights(bce=0.0, iou=0.0, ssim=0.0, mae=1e-12)


def settings_with_teacher(**changes: object) -> TrainSettings:
    settings = steps_settings(teacher=THE_START, keep_encoder=1.0, gradient=0.0, side_weight=0.0)
    return replace(settings, **changes)


def taught_state(settings: TrainSettings) -> TrainingState:
    """A tiny network that is taught by what it is now; its norms are at rest."""
    plain = tiny_state(settings)
    teacher = make_teacher(settings, plain.network.eval(), lambda _: None)
    state = replace(plain, teacher=teacher)
    state.network.train()
    for module in state.network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    return state


def photo_batch(step: int = 0) -> TrainingBatch:
    """Four pictures, the first two of them photographs, the left half of the last one unknown."""
    batch = make_batch(step)
    known = np.ones_like(batch.matte)
    known[3, :, :32] = 0
    return replace(batch, known=known, is_photo=np.array([True, True, False, False]))


def held_terms(state: TrainingState, settings: TrainSettings) -> dict[str, float]:
    _, terms = batch_loss(state, photo_batch(), NOTHING, settings)
    return {name: float(terms[name]) for name in ("taught", "kept", "encoder")}


def disturb(state: TrainingState) -> None:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in state.network.parameters():
            noise = torch.randn(weight.shape, generator=generator, dtype=weight.dtype)
            weight += 0.3 * noise * weight.abs().mean()


def test_the_start_itself_has_nothing_to_learn_from_it():
    settings = settings_with_teacher()
    terms = held_terms(taught_state(settings), settings)
    assert terms == {"taught": 0.0, "kept": 0.0, "encoder": 0.0}


def test_a_disturbed_network_is_pulled_back():
    settings = settings_with_teacher(teacher_photos=100.0, keep_encoder=10.0, encoder_rate=1.0)
    state = taught_state(settings)
    disturb(state)
    before = held_terms(state, settings)
    for step in range(12):
        take_step(state, [photo_batch()], step, 3e-4, NOTHING, settings)
    after = held_terms(state, settings)
    assert before["kept"] > 0 and before["encoder"] > 0
    assert all(after[name] < 0.7 * before[name] for name in ("kept", "encoder"))


def test_only_what_the_teacher_is_sure_of_counts_and_only_where_the_truth_is_unknown():
    batch = photo_batch()
    unknown = unknown_of(batch, torch.zeros(1))
    assert unknown is not None and unknown.sum() == 64 * 32 and unknown[3, 0, :, :32].all()
    assert unknown_of(make_batch(0), torch.zeros(1)) is None
    logits = torch.zeros(4, 1, 64, 64, requires_grad=True)
    soft_loss(logits, torch.full_like(logits, 5.0), unknown).backward()
    assert logits.grad is not None
    assert (logits.grad[unknown > 0] < 0).all() and (logits.grad[unknown == 0] == 0).all()


def test_an_unsure_teacher_says_nothing_where_the_truth_is_unknown():
    settings = settings_with_teacher(teacher_photos=0.0, keep_encoder=0.0)
    state = taught_state(settings)
    assert state.teacher is not None and state.teacher.network is not None
    weight, bias = state.teacher.network.decoder.conv_out1.parameters()
    torch.nn.init.zeros_(weight)
    for logit, is_heard in ((0.0, False), (9.0, True)):
        torch.nn.init.constant_(bias, logit)
        _, terms = batch_loss(state, photo_batch(), NOTHING, settings)
        assert (float(terms["taught"]) > 0) == is_heard


def test_without_photographs_or_unknown_parts_a_teacher_is_not_asked():
    settings = settings_with_teacher(keep_encoder=0.0)
    state = taught_state(settings)
    _, terms = batch_loss(state, make_batch(0), NOTHING, settings)
    assert "taught" not in terms and "kept" not in terms


def test_the_distance_of_maps_is_a_share_of_their_power():
    maps = [torch.ones(1, 2, 4, 4), 10 * torch.ones(1, 2, 2, 2)]
    tenth_off = [1.1 * x for x in maps]
    assert map_distance(tenth_off, maps, torch.float32).item() == pytest.approx(0.01, rel=1e-4)


def test_off_by_default(tmp_path: Path):
    settings = TrainSettings(data=(), out=tmp_path)
    state = tiny_state(steps_settings())
    assert make_teacher(settings, state.network, lambda _: None) is None
    assert state.teacher is None
    with pytest.raises(UsageError, match="keep_encoder must not be negative"):
        replace(settings, keep_encoder=-1.0)


def test_a_named_teacher_is_loaded_and_one_that_is_not_here_is_not_downloaded(tiny: Path):
    settings = settings_with_teacher(teacher=str(tiny), keep_encoder=0.0)
    teacher = make_teacher(settings, tiny_state(settings).network, lambda _: None)
    assert isinstance(teacher, Teacher) and teacher.network is not None
    assert not teacher.is_start and not teacher.network.training
    assert not any(weight.requires_grad for weight in teacher.network.parameters())
