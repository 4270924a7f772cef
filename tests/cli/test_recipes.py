"""Recipes, options and their order: what a training is told becomes its settings."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from birefcli.cli import app
from birefcli.cli.recipes import Asked, combine, named_recipe, read_recipe, read_sets, recipe_names
from birefcli.errors import UsageError
from birefcli.net.config import compact_config, published_config
from birefcli.settings.train import GradientLabel, Stage, TrainSettings
from birefcli.train.initial_model import new_config
from birefcli.train.losses import TASK_WEIGHTS, weights_at
from birefcli.train.schedule import loss_weights, samples_a_step, settle

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sprites(tmp_path: Path) -> Path:
    folder = tmp_path / "sprites"
    folder.mkdir()
    sprite = np.zeros((16, 16, 4), np.uint8)
    sprite[4:12, 4:12] = 255
    for i in range(3):
        Image.fromarray(sprite).save(folder / f"{i}.png")
    return folder


def settings_of(data: Path, recipe: str | None = None, **options: object) -> TrainSettings:
    return combine(Asked((data,), data.parent / "run", recipe, options, False, False))


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_makes_settings_and_a_schedule(name: str, sprites: Path) -> None:
    settings = settings_of(sprites, name)
    config = new_config(settings.backbone)
    settled = settle(settings, config, 100)
    assert settled.steps >= 1 and settled.stages
    text = (ROOT / "birefcli" / "recipes" / f"{name}.toml").read_text("utf-8")
    assert text.startswith("# ") and len(text.splitlines()) < 45


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("recipe", Stage(1.0, 384, 10)),
        ("wider", Stage(1.0, 384, 8)),
        ("peel", Stage(1.0, 320, 12)),
    ],
)
def test_the_recipes_of_the_bundled_models_still_load(name: str, last: Stage) -> None:
    values = read_recipe(ROOT / "examples" / "train_compact" / f"{name}.toml")
    assert values["stages"][-1] == last
    assert {"kenney-topdown", "coco-permissive", "cdogs"} <= set(values["leave_out"])


def test_the_dis_recipe_is_the_official_training(sprites: Path) -> None:
    settings = settings_of(sprites, "dis")
    assert (settings.start, settings.backbone, settings.size) == (None, "swin_v1_l", 1024)
    assert settings.gradient_label == GradientLabel.OFFICIAL
    assert settings.rate == pytest.approx(1e-4 * (8 / 4) ** 0.5, rel=1e-3)
    # 3,000 pictures by eights, 500 times.
    settled = settle(settings, published_config("swin_v1_l"), 3000)
    assert settled.steps == 187_500
    official = TASK_WEIGHTS["DIS5K"]
    for epoch in (1, 460, 461, 470, 500):
        share = (epoch - 0.5) / 500
        weights = loss_weights(share, settled, count=3000, processes=1)
        assert weights == weights_at("DIS5K", epoch, 500), epoch
    assert loss_weights(0.0, settled, count=3000, processes=1) == official


def test_the_matting_recipe_has_the_official_weights(sprites: Path) -> None:
    settings = settings_of(sprites, "matting")
    assert loss_weights(0.0, settings, count=1, processes=1) == TASK_WEIGHTS["Matting"]


def test_the_data_choose_a_recipe_where_none_is_named(sprites: Path, tmp_path: Path) -> None:
    assert settings_of(sprites).photo == 0  # pixel-art
    assert settings_of(sprites).start == "compact"
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "index.csv").write_text("kind,source,shard,member,mask,split,tier\n")
    assert settings_of(pack) == TrainSettings(data=(pack,), out=tmp_path / "run")


def test_options_win_over_the_recipe(sprites: Path, tmp_path: Path) -> None:
    settings = settings_of(sprites, "finetune", rate=0.5, time_budget=3.0)
    assert (settings.rate, settings.time_budget) == (0.5, 3.0)
    assert settings_of(sprites, "dis", steps=7).epochs is None
    with pytest.raises(UsageError, match="--steps and --epochs"):
        settings_of(sprites, steps=7, epochs=7)
    assert settings_of(sprites, "finetune", backbone="pvt_v2_b0").start is None
    recipe = tmp_path / "own.toml"
    recipe.write_text("rate = 0.1\nstages = [{ until = 1, size = 256, batch = 2 }]\n")
    half = settings_of(sprites, str(recipe), size=128)
    assert half.start == "compact" and half.stages == (Stage(1, 128, 2),)


def test_any_setting_is_set_by_name() -> None:
    words = ["ema=0.9", "metric=S", "frozen-norms=true", "stages=[{until=1,size=64,batch=1}]"]
    assert read_sets([*words, "epochs=none", 'tiers=["A"]']) == {
        "ema": 0.9,
        "metric": "S",
        "frozen_norms": True,
        "stages": (Stage(1, 64, 1),),
        "epochs": None,
        "tiers": ("A",),
    }


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("ema", "NAME=VALUE"),
        ("emma=0.9", "did you mean ema"),
        ("ema=high", "ema takes a number, not 'high'"),
        ("steps=1.5", "steps takes a whole number"),
        ("frozen_norms=1", "true or false"),
        ("metric=Dice", "one of S, maxF"),
        ("tiers=A", "a list"),
        ("stages=[{size=3}]", "until, size and batch"),
        ("out=elsewhere", "no recipe knows"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(word: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_sets([word])


@pytest.mark.parametrize(
    ("change", "message"),
    [({"ema": 1.0}, "ema lies"), ({"accumulate": 0}, "more than 0"), ({"lora": -1}, "negative")],
)
def test_impossible_numbers_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainSettings(data=(), out=Path(), **change)


def test_an_unknown_recipe_names_those_there_are() -> None:
    with pytest.raises(UsageError, match="did you mean finetune"):
        named_recipe("fintune")


def test_train_without_data_says_what_to_give(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["train", "-o", str(tmp_path / "run")])
    assert result.exit_code == 2 and "give a folder" in result.stderr
    result = CliRunner().invoke(app, ["train", "-o", str(tmp_path / "run"), "--resume"])
    assert result.exit_code == 2 and "nothing to resume" in result.stderr


def test_a_set_smaller_than_the_batch_still_has_steps() -> None:
    settings = TrainSettings(data=(), out=Path(), epochs=3, batch=16, stages=(Stage(1.0, 64, 4),))
    assert settle(settings, compact_config(64), 5).steps == 1
    assert samples_a_step(settle(settings, compact_config(64), 5)) == 16


def test_stages_follow_the_size_of_the_model() -> None:
    new = TrainSettings(data=(), out=Path())
    assert settle(new, compact_config(), 10).stages == TrainSettings.stages
    assert [stage.size for stage in settle(new, compact_config(192), 10).stages] == [96, 128, 192]
    started = TrainSettings(data=(), out=Path(), start="general")
    large = settle(started, published_config("swin_v1_l"), 10)
    assert large.stages == (Stage(1.0, 1024, 2),)
    # It squashes every picture to a square.
    assert large.aspect == 1.0 and settle(new, compact_config(), 10).aspect == 2.0
