"""Draw scenes whose truth is known: a seeded suite, or the user's sprites over grounds."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path

import numpy as np

from birefcli.batch import Outcome, Status, StopFlag
from birefcli.errors import (
    BirefcliError,
    DiskFullError,
    InputError,
    OutputError,
    PictureError,
    UsageError,
)
from birefcli.image import (
    Rgba,
    encode,
    find_pictures,
    output_error,
    read_picture,
    remove_stale_temporaries,
    to_uint8,
    write_atomic,
)
from birefcli.scenes import (
    LayeredScene,
    draw_suite,
    foreground_matte,
    is_pixel_art,
    layer_file,
    picture,
    sprite_scene,
    trim,
    truth_json,
)
from birefcli.settings import Suite, SynthSettings

SPRITE_SCENES = 100
_COUNTS = (0.4, 0.3, 0.2, 0.1)  # how often a scene has one, two, three and four sprites


@dataclass(frozen=True)
class SceneJob:
    """One scene to draw: of a suite by its seed, or of some sprites by the run's seed and number.

    `name` is its folder in the suite's form, and the stem of its files in the other.
    """

    name: str
    seed: tuple[int, ...]
    suite: Suite | None = None
    sprites: tuple[Path, ...] = ()
    ground: Path | None = None
    is_pixel: bool = False


@dataclass
class ScenePlan:
    """Every scene to draw, what cannot be read of the material, and what was left out."""

    jobs: list[SceneJob]
    failures: list[Outcome] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)  # sprites that have no alpha


class _SpriteKind(StrEnum):
    """What a picture is as a sprite."""

    PIXEL = "pixel"
    SMOOTH = "smooth"
    OPAQUE = "no-alpha"


@dataclass
class _Sprites:
    """The usable sprites, by the kind that may stand in one scene together."""

    pixel: list[Path] = field(default_factory=list)
    smooth: list[Path] = field(default_factory=list)


def plan_scenes(settings: SynthSettings) -> ScenePlan:
    """List every scene; an OUT that holds something needs --redo, and no material is an error."""
    _check_out(settings)
    if settings.suites:
        return ScenePlan(
            [
                SceneJob(f"{suite}/{seed:06}", (seed,), suite)
                for suite in settings.suites
                for seed in range(settings.seed, settings.seed + (settings.number or suite.scenes))
            ]
        )
    plan = ScenePlan([])
    sprites = _usable(settings, plan)
    ground_files = _grounds(settings)
    number = settings.number or SPRITE_SCENES
    plan.jobs = [_picked(settings, i, sprites, ground_files) for i in range(number)]
    return plan


def synthesize(plan: ScenePlan, settings: SynthSettings, stop: StopFlag) -> Iterator[Outcome]:
    """Draw and write every scene, and give the outcomes in order.

    Once `stop` is asked, scenes that were begun are finished and the rest is left.
    """
    jobs = settings.jobs or os.cpu_count() or 1
    if settings.out.is_dir():
        remove_stale_temporaries(settings.out)
    todo = iter(plan.jobs)
    waiting: deque[Future[Outcome]] = deque()
    with ThreadPoolExecutor(jobs) as pool:
        while True:
            if stop.asked:
                waiting = deque(future for future in waiting if not future.cancel())
            else:
                for job in islice(todo, 2 * jobs - len(waiting)):
                    waiting.append(pool.submit(_outcome, job, settings, stop))
            if not waiting:
                return
            yield waiting.popleft().result()


def draw(job: SceneJob, settings: SynthSettings) -> LayeredScene:
    """Draw one scene; the same job gives the same one."""
    if job.suite is not None:
        return draw_suite(job.suite, job.seed[0])
    sprites = [(path.stem, _sprite(path, settings)) for path in job.sprites]
    ground = None
    if job.ground is not None:
        ground = read_picture(job.ground, max_pixels=settings.max_pixels).rgb
    rng = np.random.default_rng((*job.seed, 1))
    scene = sprite_scene(
        rng, settings.size, sprites, ground, is_pixel=job.is_pixel, overlap=settings.overlap
    )
    seed, number = job.seed
    return replace(scene, seed=seed, parameters={"number": number, **scene.parameters})


def write_scene(job: SceneJob, scene: LayeredScene, settings: SynthSettings) -> Path:
    """Write a scene's files and give the path of its picture, which comes last."""
    mask = encode(to_uint8(foreground_matte(scene) * 255), "png")
    if job.suite is not None:
        folder = settings.out / job.name
        target, truth = folder / "input.png", folder / "mask.png"
    else:
        folder = settings.out / "layers" / job.name
        target = settings.out / "im" / f"{job.name}.png"
        truth = settings.out / "gt" / f"{job.name}.png"
    if job.suite is not None or settings.layers:
        _write_layers(folder, scene, settings.out)
    write_atomic(truth, mask, root=settings.out)
    write_atomic(target, encode(picture(scene), "png"), root=settings.out)
    return target


def _write_layers(folder: Path, scene: LayeredScene, root: Path) -> None:
    """Write the background, every layer and truth.json; layers of an earlier scene go."""
    arrays = [scene.background, *(layer.rgba for layer in scene.layers)]
    for number, array in enumerate(arrays):
        write_atomic(folder / layer_file(number), encode(array, "png"), root=root)
    write_atomic(folder / "truth.json", truth_json(scene).encode(), root=root)
    for path in (folder / "layers").glob("[0-9][0-9].png"):
        if int(path.stem) >= len(arrays):
            try:
                path.unlink()
            except OSError as error:
                raise output_error(error, path) from error


def _outcome(job: SceneJob, settings: SynthSettings, stop: StopFlag) -> Outcome:
    """Draw and write one scene; what goes wrong is its outcome, and a full disk ends the run."""
    try:
        scene = draw(job, settings)
        target = write_scene(job, scene, settings)
    except PictureError as error:
        return Outcome(job.name, Status.FAILED, error.reason, f"scene {job.name}: {error}")
    except BirefcliError as error:
        if isinstance(error, DiskFullError):
            stop.ask()
        return Outcome(job.name, Status.FAILED, "output", f"scene {job.name}: {error}")
    return Outcome(job.name, Status.DONE, outputs=(target,), size=scene.size)


# ---- the material ----------------------------------------------------------------------------


def _check_out(settings: SynthSettings) -> None:
    """Refuse to mix with what is there already."""
    out = settings.out
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; give a folder with -o")
    if out.is_dir() and not settings.redo and any(out.iterdir()):
        raise UsageError(
            f"{out} is not empty; give another folder, or --redo to write over scenes of the"
            " same name"
        )


def _usable(settings: SynthSettings, plan: ScenePlan) -> _Sprites:
    """Decode every sprite once: those with alpha are used, the others are noted in the plan."""
    paths = [
        path
        for path in _listed(settings.sprites)
        if not path.resolve().is_relative_to(settings.out.resolve())
    ]
    found = _Sprites()
    with ThreadPoolExecutor(settings.jobs) as pool:
        for path, kind in zip(paths, pool.map(lambda p: _kind(p, settings), paths), strict=True):
            if isinstance(kind, PictureError):
                message = f"{kind}; it is left out"
                plan.failures.append(Outcome(path.as_posix(), Status.FAILED, kind.reason, message))
            elif kind == _SpriteKind.OPAQUE:
                plan.left_out.append(path)
            else:
                (found.pixel if kind == _SpriteKind.PIXEL else found.smooth).append(path)
    if not (found.pixel or found.smooth):
        places = ", ".join(map(str, settings.sprites))
        why = f" ({plan.failures[0].message})" if plan.failures else ""
        raise InputError(
            f"no sprite in {places}: none of its {len(paths)} pictures can be read and has"
            f" transparent and solid pixels{why}; `birefcli cut` makes such cutouts"
        )
    return found


def _kind(path: Path, settings: SynthSettings) -> _SpriteKind | PictureError:
    """Tell what a picture is as a sprite, or why it cannot be read."""
    try:
        return _SpriteKind.PIXEL if is_pixel_art(_sprite(path, settings)) else _SpriteKind.SMOOTH
    except PictureError as error:
        return _SpriteKind.OPAQUE if error.reason == _SpriteKind.OPAQUE else error


def _sprite(path: Path, settings: SynthSettings) -> Rgba:
    """Read a sprite, cut to the box of its alpha."""
    found = read_picture(path, max_pixels=settings.max_pixels)
    if found.alpha is None or found.alpha.min() == 255 or found.alpha.max() <= 127:
        raise PictureError(f"{path} has no alpha to cut it out by", reason=_SpriteKind.OPAQUE)
    return trim(np.dstack([found.rgb, found.alpha]))


def _grounds(settings: SynthSettings) -> list[Path]:
    """List the ground pictures; none given is fine, none found is not."""
    if settings.grounds is None:
        return []
    found = _listed((settings.grounds,))
    if not found:
        raise InputError(f"no picture in {settings.grounds}; --grounds wants a folder of them")
    return found


def _listed(places: tuple[Path, ...]) -> list[Path]:
    """List files as they are named, and the pictures in folders."""
    found: dict[Path, None] = {}
    for place in places:
        if not place.exists():
            raise InputError(f"there is no {place}; check the path")
        inside = find_pictures(place, recursive=True).pictures if place.is_dir() else (place,)
        found |= dict.fromkeys(inside)
    return list(found)


def _picked(
    settings: SynthSettings, number: int, sprites: _Sprites, ground_files: list[Path]
) -> SceneJob:
    """Pick what a scene is made of; pixel art stands with pixel art only."""
    rng = np.random.default_rng((settings.seed, number, 0))
    share = len(sprites.pixel) / (len(sprites.pixel) + len(sprites.smooth))
    is_pixel = bool(rng.random() < share)
    pool = sprites.pixel if is_pixel else sprites.smooth
    count = 1 + int(rng.choice(len(_COUNTS), p=_COUNTS))
    chosen = tuple(pool[int(i)] for i in rng.integers(len(pool), size=count))
    ground = ground_files[int(rng.integers(len(ground_files)))] if ground_files else None
    return SceneJob(f"{number:06}", (settings.seed, number), None, chosen, ground, is_pixel)
