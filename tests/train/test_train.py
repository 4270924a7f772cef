"""Training for real: a tiny data pack, a few steps, a resume, and the result at work."""

import csv
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.random import default_rng
from PIL import Image
from typer.testing import CliRunner

from birefcli.batch.executor import StopFlag
from birefcli.cli import app
from birefcli.cli.recipes import read_recipe
from birefcli.errors import UsageError, WeightsError
from birefcli.net.backbones.mobilenet import MobileNetV2
from birefcli.net.birefnet import BiRefNet
from birefcli.net.checkpoint import load_network
from birefcli.net.config import compact_config
from birefcli.settings.train import Stage, TrainSettings
from birefcli.settings.words import DURATION
from birefcli.train.batches import batch_shape, compose_batch
from birefcli.train.data.pack import Pack
from birefcli.train.data.scene_parts import Part
from birefcli.train.folded_encoder import convolutions_with_norms, load_folded
from birefcli.train.loop import train
from birefcli.train.optimizer import make_optimizer, update_average
from birefcli.train.schedule import learning_rate

KINDS = {
    "sprite": 4,
    "photo_mask": 3,
    "photo_background": 3,
    "game_background": 3,
    "game_tile": 3,
    "game_layer": 4,
}


def png(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "png")
    return stream.getvalue()


@pytest.fixture(scope="module")
def pack(tmp_path_factory) -> Path:
    """A pack of noise pictures, six of each kind, with a third of them for validation."""
    folder = tmp_path_factory.mktemp("pack")
    rng = default_rng(0)
    rows = []
    with zipfile.ZipFile(folder / "all.zip", "w") as shard:
        for kind, channels in KINDS.items():
            for i in range(6):
                array = rng.integers(0, 256, (40, 40, channels), dtype=np.uint8)
                if channels == 4:
                    array[..., 3] = 0
                    array[8:32, 8:32, 3] = 255
                member, mask = f"{kind}{i}.png", ""
                shard.writestr(member, png(array))
                if kind == "photo_mask":
                    mask = f"{kind}{i}_mask.png"
                    truth = np.zeros((40, 40), np.uint8)
                    truth[10:30, 10:30] = 255
                    shard.writestr(mask, png(truth))
                source = ("pixelsource", "smoothsource")[i % 2] if kind == "sprite" else kind
                split = "val" if i >= 4 else "train"
                rows.append([kind, source, "all.zip", member, mask, split, "A" if i else "S"])
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", "source", "shard", "member", "mask", "split", "tier"])
        writer.writerows(rows)
    styles = {"pixelsource": {"style": "pixel"}, "smoothsource": {"style": "rendered"}}
    (folder / "sources.json").write_text(json.dumps(styles))
    return folder


@pytest.fixture
def settings(pack: Path, tmp_path: Path) -> TrainSettings:
    return TrainSettings(
        data=(pack,),
        out=tmp_path / "run",
        steps=4,
        stages=(Stage(0.5, 64, 2), Stage(1.0, 96, 2)),
        warmup=2,
        size=64,
        threads=1,
        checkpoint_minutes=0,
        device="cpu",
    )


def test_a_run_asked_to_stop_saves_and_goes_on_and_is_never_overwritten(settings):
    stop_after(2, settings)
    with pytest.raises(UsageError, match="--resume or --redo"):
        train(settings, lambda _: None, StopFlag())
    with pytest.raises(UsageError, match="nothing to resume"):
        train(replace(settings, out=settings.out.with_name("none"), resume=True), print, StopFlag())
    best = train(replace(settings, resume=True), lambda _: None, StopFlag())
    assert best == settings.out / "best.safetensors"
    assert load_network(best, name="run").config == compact_config(64)
    assert torch.load(settings.out / "state.pt", weights_only=True)["progress"]["step"] == 4
    lines = [json.loads(line) for line in (settings.out / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["scores"]["photo_mask"] >= 0


def stop_after(count: int, settings: TrainSettings) -> None:
    """Ask a run to stop once it has saved a step."""
    stop = StopFlag()

    def say(line: str) -> None:
        if line == f"checkpoint at step {count - 1}":
            stop.ask()

    assert train(settings, say, stop) is None


def test_a_batch_is_a_function_of_seed_and_step(settings):
    first, second = (compose_batch(3, 2, (64, 96), settings) for _ in range(2))
    other = compose_batch(4, 2, (64, 96), settings)
    assert np.array_equal(first.rgb, second.rgb) and np.array_equal(first.matte, second.matte)
    assert not np.array_equal(first.rgb, other.rgb)


def test_batches_follow_their_stage_and_vary_their_aspect(settings):
    early = {batch_shape(step, 0.2, settings) for step in range(30)}
    late = {batch_shape(step, 0.9, settings) for step in range(30)}
    assert {count for count, _ in early | late} == {2}
    assert len({size for _, size in late}) > 2
    for _, (height, width) in late:
        assert height % 32 == width % 32 == 0
        assert 0.4 * 96 * 96 < height * width < 2 * 96 * 96


def test_the_rate_warms_up_and_falls_to_a_fiftieth(settings):
    rates = [learning_rate(step, step / 100, replace(settings, warmup=10)) for step in range(101)]
    assert rates[0] < rates[5] < rates[10] > rates[50] > rates[100]
    assert rates[100] == pytest.approx(settings.rate * 0.02)


def test_the_encoder_learns_slower_and_only_matrices_decay(settings):
    network = BiRefNet(compact_config(64))
    groups = make_optimizer(network, settings).param_groups
    names = {id(p): name for name, p in network.named_parameters()}
    for group in groups:
        for parameter in group["params"]:
            is_encoder = names[id(parameter)].startswith("bb.")
            assert group["scale"] == (settings.encoder_rate if is_encoder else 1)
            assert (group["weight_decay"] > 0) == (parameter.ndim > 1)
    assert sum(len(group["params"]) for group in groups) == len(names)


def test_the_average_moves_towards_the_weights():
    average, network = torch.nn.BatchNorm2d(2), torch.nn.BatchNorm2d(2)
    torch.nn.init.constant_(network.weight, 3.0)
    update_average(average, network, 0.9, step=10_000)
    assert torch.allclose(average.weight, torch.full((2,), 1.2))


def test_refitted_norms_leave_the_folded_network_as_it_was(tmp_path):
    backbone, pictures = MobileNetV2().double(), torch.rand(8, 3, 64, 64).double() * 2 - 1
    arrays = {}
    torch.manual_seed(0)
    for name, conv, _ in convolutions_with_norms(backbone):
        arrays[f"{name}.weight"] = np.float32(0.2) * torch.randn(conv.weight.shape).numpy()
        arrays[f"{name}.bias"] = (
            np.random.default_rng(0).normal(0, 0.2, len(conv.weight)).astype(np.float32)
        )
    np.savez(tmp_path / "folded.npz", **arrays)
    load_folded(backbone, tmp_path / "folded.npz", pictures)
    refitted = backbone.eval()(pictures)
    for name, conv, bn in convolutions_with_norms(backbone):
        conv.bias = torch.nn.Parameter(torch.from_numpy(arrays[f"{name}.bias"]).double())
        bn.running_mean.zero_(), bn.running_var.fill_(1 - bn.eps)
        torch.nn.init.ones_(bn.weight), torch.nn.init.zeros_(bn.bias)
    for ours, folded in zip(refitted, backbone(pictures), strict=True):
        assert torch.allclose(ours, folded, atol=1e-8)


def test_refitted_norms_start_from_the_statistics_they_meet(tmp_path):
    backbone, pictures = MobileNetV2(), torch.rand(8, 3, 64, 64)
    arrays = {}
    for name, conv, _ in convolutions_with_norms(backbone):
        arrays[f"{name}.weight"] = conv.weight.detach().numpy()
        arrays[f"{name}.bias"] = np.zeros(len(conv.weight), np.float32)
    np.savez(tmp_path / "folded.npz", **arrays)
    load_folded(backbone, tmp_path / "folded.npz", pictures)
    first = backbone.features[0]
    output = first[0](pictures)
    assert torch.allclose(first[1].running_mean, output.mean((0, 2, 3)), atol=1e-5)


def test_weights_of_another_network_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", **{"conv.weight": np.zeros(3, np.float32)})
    with pytest.raises(WeightsError, match=r"lacks features\.0\.0\.weight"):
        load_folded(MobileNetV2(), tmp_path / "other.npz", torch.rand(1, 3, 64, 64))


def test_a_pack_gives_only_its_split_and_its_tiers(pack):
    assert len(Pack(pack, tiers=("A",)).items) == 3 * len(KINDS)
    assert len(Pack(pack, tiers=("A", "S")).items) == 4 * len(KINDS)
    assert len(Pack(pack, split="val").photographs()) == 2
    left = Pack(pack, leave_out=("photo_mask",)).items
    assert not any(item.source == "photo_mask" for item in left)


def test_a_folder_that_is_no_pack_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"holds no index\.csv"):
        Pack(tmp_path)
    (tmp_path / "index.csv").write_text("kind,source\nsprite,x\n")
    with pytest.raises(UsageError, match="lacks the columns"):
        Pack(tmp_path)


def test_sprites_are_sorted_by_style(pack):
    pools = Pack(pack)._pools
    assert {i.source for source in pools[Part.PIXEL_SPRITE] for i in source} == {"pixelsource"}


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as shard:
        shard.writestr("a.png", b"no picture")
    header = "kind,source,shard,member,mask,split,tier\n"
    (tmp_path / "index.csv").write_text(header + "game_tile,x,all.zip,a.png,,train,A\n")
    with pytest.raises(UsageError, match=r"all\.zip: a\.png cannot be read"):
        Pack(tmp_path).draw(default_rng(0), Part.TILE)


def test_a_pack_without_validation_is_refused_before_anything_is_written(settings, tmp_path):
    (tmp_path / "index.csv").write_text(
        "kind,source,shard,member,mask,split,tier\ngame_tile,x,all.zip,a.png,,val,A\n"
    )
    with pytest.raises(UsageError, match="nothing to validate on"):
        train(replace(settings, data=(tmp_path,)), print, StopFlag())
    assert not settings.out.exists()


@pytest.mark.parametrize(("text", "value"), [("90s", 1.5), ("25m", 25), ("2h", 120)])
def test_a_budget_is_read_in_minutes(text, value):
    assert DURATION.read(text) == value


def test_a_recipe_sets_settings_and_names_what_it_does_not_know(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('rate = 0.1\ntiers = ["A"]\n[[stages]]\nuntil = 1.0\nsize = 64\nbatch = 2\n')
    values = read_recipe(path)
    assert values == {"rate": 0.1, "tiers": ("A",), "stages": (Stage(1.0, 64, 2),)}
    path.write_text("rat = 0.1\n")
    with pytest.raises(UsageError, match="did you mean rate"):
        read_recipe(path)
    path.write_text("rate = \n")
    with pytest.raises(UsageError, match="not a TOML file"):
        read_recipe(path)


def test_the_command_trains_what_the_recipe_and_the_options_say(pack, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    recipe, run = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(
        "steps = 9\nsize = 64\nwarmup = 1\n[[stages]]\nuntil = 1.0\nsize = 64\nbatch = 2\n"
    )
    options = ["--steps", "1", "--seed", "3", "--threads", "1", "--workers", "1", "--device", "cpu"]
    command = ["train", str(pack), "-o", str(run), "--recipe", str(recipe), *options]
    result = CliRunner().invoke(app, [*command, "--precision", "bf16"])
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{run / 'best.safetensors'}\n"
    assert "validated at step 1" in result.stderr
    used = json.loads((run / "settings.json").read_text())
    assert (used["steps"], used["size"], used["seed"], used["precision"]) == (1, 64, 3, "bf16")
    assert load_network(run / "best.safetensors", name="run").config.size == (64, 64)

    again = CliRunner().invoke(app, command)
    assert again.exit_code == 2 and "give --resume or --redo" in again.stderr
    redone = CliRunner().invoke(app, [*command, "--redo", "--quiet", "--time-budget", "1s"])
    assert redone.exit_code == 0 and "validated" not in redone.stderr
