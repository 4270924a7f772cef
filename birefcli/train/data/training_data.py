"""The data of a training: opened and checked once, then composed from, and validated on."""

import statistics
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from numpy.random import Generator

from birefcli.errors import UsageError
from birefcli.image import identify
from birefcli.settings import OnBad, TrainSettings
from birefcli.train.data.examples import (
    Example,
    Split,
    read_examples,
    read_labelled,
    write_examples,
)
from birefcli.train.data.find import LISTS, find_set
from birefcli.train.data.inspect import DataReport
from birefcli.train.data.pack import Pack, validation_entries
from birefcli.train.data.preflight import check_data, class_names, own_sets, packs_of
from birefcli.train.data.scene_parts import OBJECTS, DrawnPicture, Part, Provider
from birefcli.train.data.split import rank
from birefcli.train.data.supply import OwnPictures, PictureSupply, sprite_scene
from birefcli.train.data.validation_pictures import PictureLoader, ValidationPictures

EXAMPLES = "examples.jsonl"
SMALL = 128  # sprites whose median long side is at most this are taken for pixel art
HEADERS = 400  # files looked at for that
# How much of one's own pictures is validated on: pictures in all, sprites, scenes of a sprite.
MOST, MOST_SPRITES, MOST_VARIANTS = 400, 64, 4


@dataclass(frozen=True)
class TrainingData:
    """What a run trains on, in numbers, and what it validates on."""

    count: int  # pictures with an object
    classes: tuple[str, ...]
    validation: ValidationPictures
    report: DataReport


def open_data(settings: TrainSettings, *, writes: bool = True) -> TrainingData:
    """Check the data and keep the list of what is accepted in the run's folder.

    A resumed run takes its own list again. Data that cannot be trained on is a UsageError or an
    InputError, and then nothing is written.
    """
    path = settings.out / EXAMPLES
    packs = packs_of(settings.data)
    if settings.resume and path.is_file():
        examples = read_examples(path)
        report = DataReport(notes=(f"resumed with the pictures listed in {path}",))
    else:
        gathered = check_data(settings)
        examples, report = list(gathered.examples), gathered.report
    with_own = packs if settings.validation is None else packs_of([settings.validation])
    entries = [entry for pack in with_own for entry in validation_entries(pack, settings.leave_out)]
    entries += _own_entries(examples, settings)
    if not entries:
        raise UsageError(
            f"{settings.data[0]} has nothing to validate on: keep photographs in split val, "
            "or finished scenes in val-scenes.csv, or give other pictures as --val"
        )
    providers = _providers(settings, examples)
    count = sum(provider.count(part) for provider in providers for part in OBJECTS)
    for folder in packs:
        pack = Pack(folder, tiers=settings.tiers, leave_out=settings.leave_out)
        report = DataReport(
            report.findings, (*report.notes, f"{folder}: a data pack of {len(pack.items)} pictures")
        )
    if writes and examples and not (settings.resume and path.is_file()):
        write_examples(path, examples)
    held_out = ValidationPictures(entries, is_strict=settings.on_bad == OnBad.FAIL)
    return TrainingData(count, class_names(_training(examples)), held_out, report)


def open_picture_supply(settings: TrainSettings) -> tuple[PictureSupply, tuple[str, ...]]:
    """Open what scenes are composed from, by the run's own list of examples, and its classes."""
    # A run on packs alone keeps no list.
    is_listed = own_sets([*settings.data, *settings.grounds])
    examples = read_examples(settings.out / EXAMPLES) if is_listed else []
    supplies = PictureSupply(_providers(settings, examples), settings.on_bad)
    return supplies, class_names(_training(examples))


def suggest_recipe(settings: TrainSettings) -> str:
    """Give "pixel-art" where all data is small pictures with alpha, else "finetune"."""
    sides = []
    for path in settings.data:
        if packs_of([path]) or path.suffix.lower() in LISTS:
            return "finetune"
        examples = find_set(path).examples
        sizes = [_sprite_side(example) for example in examples[:: len(examples) // HEADERS + 1]]
        if sum(size is not None for size in sizes) < len(sizes) / 2:
            return "finetune"
        sides += [size for size in sizes if size is not None]
    return "pixel-art" if sides and statistics.median(sides) <= SMALL else "finetune"


def _sprite_side(example: Example) -> int | None:
    """Give the long side from the header of a picture with alpha and no mask, else None."""
    if example.label is None:
        with suppress(Exception), example.picture.open("rb") as stream:
            image = identify(stream)
            return max(image.size) if image.has_transparency_data else None
    return None


def _providers(settings: TrainSettings, examples: Sequence[Example]) -> list[Provider]:
    """Open the packs and the training split of one's own pictures, in the order of DATA."""
    folders = dict.fromkeys(packs_of([*settings.data, *settings.grounds]))
    providers: list[Provider] = []
    for folder in folders:
        pack = Pack(
            folder,
            tiers=settings.tiers,
            leave_out=settings.leave_out,
            keep_mb=settings.keep_decoded,
        )
        providers.append(pack if folder in settings.data else _GroundsOf(pack))
    own = _training(examples)
    return [*providers, OwnPictures(own)] if own else providers


@dataclass(frozen=True)
class _GroundsOf:
    """A pack given as grounds: its objects stay unused."""

    pack: Pack

    def count(self, part: Part) -> int:
        return 0 if part in OBJECTS else self.pack.count(part)

    def draw(self, rng: Generator, part: Part) -> DrawnPicture:
        return self.pack.draw(rng, part)


def _training(examples: Sequence[Example]) -> list[Example]:
    """Give what is trained on: everything but the validation pictures."""
    return [example for example in examples if example.split != Split.VAL]


def _own_entries(examples: Sequence[Example], settings: TrainSettings) -> list[PictureLoader]:
    """List what is held back of one's own pictures: pairs as they are, sprites on grounds."""
    held = [example for example in examples if example.split == Split.VAL]
    held.sort(key=lambda e: rank(f"{e.source}/{e.picture.name}", settings.seed))
    sprites = [example for example in held if example.kind.is_sprite][:MOST_SPRITES]
    variants = max(1, min(MOST_VARIANTS, MOST_SPRITES // max(1, len(sprites))))
    supplies = PictureSupply(_providers(settings, examples)) if sprites else PictureSupply(())
    scenes: list[PictureLoader] = [
        partial(sprite_scene, example, variant, supplies, settings.seed)
        for example in sprites
        for variant in range(variants)
    ]
    pairs = [example for example in held if not example.kind.is_sprite]
    return [*(partial(read_labelled, example) for example in pairs[: MOST - len(scenes)]), *scenes]
