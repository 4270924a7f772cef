"""Score predictions, or models on pictures: read, segment, measure_pair, and keep the worst."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from birefcli.batch import Ended, Outcome, Status, Steps, StopFlag, run_jobs
from birefcli.errors import BirefcliError, DeviceError, PictureError
from birefcli.image import Alpha, Case, Matte, Picture, Rgb, Row, make_row, read_picture, to_uint8
from birefcli.matte import network_view
from birefcli.metrics import (
    Float,
    Tally,
    digits,
    expand_metrics,
    is_error,
    make_pair,
    matte_of,
    measure_pair,
    pooled,
    unavailable,
)
from birefcli.models import (
    LoadedSegmenter,
    ModelFile,
    ModelInfo,
    Purpose,
    asked_model,
    load_segmenter,
    segment_each,
)
from birefcli.settings import EvalProtocol, EvalSettings, ModelSettings

WORST = 20  # rows of a gallery
TINT = 2  # levels between the channels of a pixel, on average: more than a JPEG does to grey


@dataclass(frozen=True, eq=False)
class EvalItem:
    """A case on its way: its truth (H, W), its picture where needed, then its prediction."""

    case: Case
    truth: Alpha
    picture: Picture | None
    prediction: Alpha | None = None
    # Files read as mattes that look like photographs.
    colourful: tuple[Path, ...] = ()


@dataclass(frozen=True, eq=False)
class CaseScore:
    """How one case ended: its measured metrics, and its row of the gallery."""

    outcome: Outcome
    values: dict[str, Float] = field(default_factory=dict)
    row: Row | None = None
    is_resized: bool = False
    is_unreadable: bool = False
    colourful: tuple[Path, ...] = ()


@dataclass
class EvalResult:
    """The scores of one model, or of one folder of predictions, over all its cases."""

    name: str
    tally: Tally
    model: ModelInfo | None = None
    resized: list[str] = field(default_factory=list)
    colourful: list[Path] = field(default_factory=list)
    failures: list[Outcome] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    worst: list[tuple[float, Row]] = field(default_factory=list)

    def add(self, scored: CaseScore) -> None:
        """Count a case; of the pictures only the worst are kept."""
        name = scored.outcome.source
        if scored.is_unreadable:
            self.unreadable.add(name)
        if scored.outcome.status == Status.FAILED:
            self.failures.append(scored.outcome)
            return
        self.tally.add(name, scored.values)
        if scored.is_resized:
            self.resized.append(name)
        self.colourful += scored.colourful
        score = self.tally.of(name, self.tally.metrics[0])
        if scored.row is not None and not np.isnan(score):
            self.worst.append((score, scored.row))
            sign = -1 if is_error(self.tally.metrics[0]) else 1
            self.worst.sort(key=lambda ranked: sign * ranked[0])
            del self.worst[WORST:]


def choose_metrics(settings: EvalSettings, say: Callable[[str], None]) -> tuple[str, ...]:
    """Give the metrics that are asked for and possible; what is left out is said in a sentence.

    Raise UsageError for a name that no metric has, and DeviceError where nothing is left or a bar's
    metric is not possible.
    """
    wanted = expand_metrics((*settings.metrics, *(bar.metric for bar in settings.fail_below)))
    lacking = unavailable(wanted)
    possible = tuple(metric for metric in wanted if metric not in lacking)
    if lacking:
        words = (
            f"{' and '.join(lacking)} need SciPy and scikit-image"
            " (pip install 'scipy>=1.13' 'scikit-image>=0.26')"
        )
        if not possible or any(bar.metric in lacking for bar in settings.fail_below):
            raise DeviceError(words)
        say(f"left out: {words}")
    return possible


@dataclass(frozen=True)
class EvalModel:
    """A model to be scored: what was asked for, and its file."""

    settings: ModelSettings
    file: ModelFile


def find_models(
    asked: Sequence[ModelSettings], say: Callable[[str], None]
) -> tuple[EvalModel, ...]:
    """Find every model before any is run, so that a wrong name fails at once.

    Raise WeightsError for a model that is not here and may not be downloaded.
    """
    return tuple(EvalModel(one, asked_model(one, Purpose.CUT, say)) for one in asked)


def evaluate_all(
    cases: Sequence[Case],
    metrics: tuple[str, ...],
    settings: EvalSettings,
    models: Sequence[EvalModel],
    stop: StopFlag,
    *,
    say: Callable[[str], None],
    show: Callable[[Outcome], None],
) -> Iterator[EvalResult]:
    """Score every model in turn, or the folder of predictions where there is none.

    `show` gets the outcome of every case. What could not be read is not tried again by the next
    model, and once `stop` is asked no further one is begun.
    """
    unreadable: set[str] = set()
    for model in models or (None,):
        if stop.asked:
            return
        result, loaded = _begin(model, metrics, settings, say)
        readable = [case for case in cases if case.name not in unreadable]
        for score in score_cases(readable, metrics, settings, loaded, stop):
            result.add(score)
            show(score.outcome)
        unreadable |= result.unreadable
        yield result


def _begin(
    model: EvalModel | None,
    metrics: tuple[str, ...],
    settings: EvalSettings,
    say: Callable[[str], None],
) -> tuple[EvalResult, LoadedSegmenter | None]:
    """Load a model, where one is scored, and begin its result."""
    tally = Tally(metrics, settings.protocol)
    if model is None:
        return EvalResult(str(settings.folders[0]), tally), None
    loaded = load_segmenter(model.settings, model.file, say, settings.protocol)
    return EvalResult(model.file.name, tally, loaded.model), loaded


def score_cases(
    cases: Sequence[Case],
    metrics: tuple[str, ...],
    settings: EvalSettings,
    loaded: LoadedSegmenter | None,
    stop: StopFlag,
) -> Iterator[CaseScore]:
    """Score every case, in order: its prediction's file, or what the model makes of its picture."""
    worker = EvalWorker(metrics, settings, loaded)
    return run_jobs(cases, worker.steps, stop)


@dataclass(frozen=True)
class EvalWorker:
    """The three steps every case goes through; a bad file ends in its own outcome."""

    metrics: tuple[str, ...]
    settings: EvalSettings
    loaded: LoadedSegmenter | None

    @property
    def steps(self) -> Steps[Case, EvalItem, CaseScore]:
        """Give the steps to the executor."""
        return Steps(self.read, self.compute, self.write, self.batch)

    def batch(self) -> int:
        """Give how many pictures share one pass."""
        return self.loaded.batch if self.loaded else 1

    def read(self, case: Case) -> EvalItem | Ended[CaseScore]:
        """Decode the truth, and the prediction or the picture."""
        try:
            mattes = [path for path in (case.truth, case.prediction) if path is not None]
            read = [self._decode(path) for path in mattes]
            truth, *predictions = (_matte(picture) for picture in read)
            needs_picture = self.loaded or self.settings.gallery
            picture = self._decode(case.picture) if needs_picture and case.picture else None
            colourful = tuple(
                path
                for path, matte in zip(mattes, read, strict=True)
                if matte.alpha is None and _is_colourful(matte.rgb)
            )
            return EvalItem(case, truth, picture, next(iter(predictions), None), colourful)
        except Exception as error:
            return Ended(replace(_failed(case, error), is_unreadable=True))

    def _decode(self, path: Path) -> Picture:
        return read_picture(path, max_pixels=self.settings.max_pixels)

    def compute(self, items: Sequence[EvalItem]) -> list[EvalItem | Ended[CaseScore]]:
        """Segment a batch, where a model is scored."""
        if self.loaded is None:
            return list(items)
        pictures = [item.picture for item in items if item.picture is not None]
        results = segment_each(self.loaded.segment, [self._view(p) for p in pictures])
        return [
            Ended(_failed(item.case, result))
            if isinstance(result, Exception)
            else self._predicted(item, result)
            for item, result in zip(items, results, strict=True)
        ]

    @property
    def _is_official(self) -> bool:
        return self.settings.protocol == EvalProtocol.OFFICIAL

    def _view(self, picture: Picture) -> Rgb:
        """Give what the network sees (H, W, 3): the benchmark knows no alpha, `cut` does."""
        return picture.rgb if self._is_official else network_view(picture)

    def _predicted(self, item: EvalItem, matte: Matte) -> EvalItem:
        """Round a matte to 8 bits as `cut` would write it, with the picture's own alpha."""
        assert item.picture is not None
        own = None if self._is_official else item.picture.alpha
        return replace(item, prediction=to_uint8(matte * (255 if own is None else own)))

    def write(self, item: EvalItem) -> CaseScore:
        """Measure a prediction against its truth."""
        assert item.prediction is not None
        try:
            pair = make_pair(item.prediction, item.truth, stretches=self._is_official)
            values = measure_pair(pair, self.metrics)
            row = self._row(item, pair.prediction, values) if self.settings.gallery else None
        except Exception as error:
            return _failed(item.case, error)
        is_resized = item.prediction.shape != item.truth.shape
        return CaseScore(
            Outcome(item.case.name, Status.DONE),
            values,
            row,
            is_resized=is_resized,
            colourful=item.colourful,
        )

    def _row(self, item: EvalItem, prediction: Alpha, values: dict[str, Float]) -> Row:
        metric = self.metrics[0]
        score = pooled(metric, values[metric][None])[0]
        caption = f"{item.case.name}   {metric} {score:.{digits(metric)}f}"
        rgb: Rgb | None = None if item.picture is None else self._view(item.picture)
        return make_row(caption, rgb, prediction, item.truth)


def _matte(picture: Picture) -> Alpha:
    """Read a matte (H, W); of a cutout in colour that is its alpha, even if nothing was cut."""
    if picture.alpha is not None and _is_colourful(picture.rgb):
        return picture.alpha
    return matte_of(picture)


def _is_colourful(rgb: Rgb) -> bool:
    """Tell colours (H, W, 3) from grey; every fourth pixel a side is enough."""
    some = rgb[::4, ::4]
    low, high = some.min(axis=2), some.max(axis=2)
    return float((high - low).mean()) > TINT


def _failed(case: Case, error: Exception) -> CaseScore:
    """Turn what went wrong with one case into its outcome."""
    if os.environ.get("BIREFCLI_DEBUG") and not isinstance(error, BirefcliError):
        raise error
    is_ours = isinstance(error, BirefcliError)
    reason = error.reason if isinstance(error, PictureError) else "internal"
    message = str(error) if is_ours else f"{type(error).__name__}: {error}"
    files = [str(path) for path in (case.truth, case.picture, case.prediction) if path]
    if not any(file in message for file in files):
        message = f"{case.name}: {message}"
    return CaseScore(Outcome(case.name, Status.FAILED, reason, message))
