"""From the DATA arguments to accepted examples: found, looked at, divided, and reported."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from birefcli.errors import BirefcliError, UsageError
from birefcli.settings import OnBad, TrainSettings
from birefcli.train.data.examples import Example, Split
from birefcli.train.data.find import find_grounds, find_set, is_pack
from birefcli.train.data.inspect import (
    DECIDED,
    DataFinding,
    DataReport,
    InspectedPicture,
    Problem,
    describe,
    drop_duplicates,
    findings_of,
    inspect_all,
    inspect_grounds,
    listed,
)
from birefcli.train.data.split import SplitExamples, split_examples


@dataclass(frozen=True)
class CheckedData:
    """The accepted examples and what was found on the way."""

    examples: tuple[Example, ...]
    report: DataReport


def packs_of(paths: Sequence[Path]) -> list[Path]:
    """Give the data packs among some folders."""
    return [path for path in paths if is_pack(path)]


def own_sets(paths: Sequence[Path]) -> list[Path]:
    """Give what is no data pack."""
    return [path for path in paths if not is_pack(path)]


def check_data(settings: TrainSettings) -> CheckedData:
    """Look at every picture of the sets that are no packs and divide them into splits.

    What cannot be used is left out and named, or refused where `on_bad` says so; a set with
    nothing to learn from is a UsageError or an InputError that says what is missing.
    """
    seen, findings, notes = _look(own_sets(settings.data), settings)
    grounds, ground_findings = _grounds(settings)
    held, has_own = _own_validation(settings)
    divided = split_examples(
        [*seen, *held.seen], holdout=settings.holdout, seed=settings.seed, has_own=has_own
    )
    if seen:
        if not divided.train:
            where = settings.validation or "the rows with split val"
            raise UsageError(
                f"every training picture is also in {where}; give other pictures to validate on, "
                "or none: a part of the training pictures is then held back"
            )
        notes += [*describe(seen), *_splits_and_classes(divided, settings)]
    examples = (*divided.train, *divided.val, *grounds)
    report = DataReport(
        (*findings, *ground_findings, *held.findings, *divided.findings), (*notes, *divided.notes)
    )
    _check(report, settings)
    return CheckedData(examples, report)


def class_names(examples: Sequence[Example]) -> tuple[str, ...]:
    """Give the classes of a set in the order of their numbers; a single one is none."""
    names = sorted({example.class_name for example in examples if example.class_name is not None})
    return tuple(names if len(names) > 1 else ())


@dataclass(frozen=True)
class _Held:
    seen: tuple[InspectedPicture, ...] = ()
    findings: tuple[DataFinding, ...] = ()


def _look(
    paths: Sequence[Path], settings: TrainSettings
) -> tuple[list[InspectedPicture], list[DataFinding], list[str]]:
    """Look at some sets; give what is accepted, what is wrong, and what is worth a line."""
    accepted: list[InspectedPicture] = []
    findings: list[DataFinding] = []
    notes = []
    for path in paths:
        found = find_set(path)
        seen = inspect_all(found.examples, as_is=settings.as_is)
        _check_something_left(path, seen, found.unpaired)
        refused = [one for one in seen if not one.is_usable]
        usable = drop_duplicates([one for one in seen if one.is_usable])
        findings += [DataFinding(Problem.UNPAIRED, found.unpaired)] if found.unpaired else []
        findings += findings_of([*refused, *usable])
        accepted += [one for one in usable if one.problem != Problem.DUPLICATE]
        if found.own:
            folders = listed([folder.as_posix() for folder in found.own])
            notes.append(f"not entered, as they hold results of ours: {folders}")
    return accepted, findings, notes


def _own_validation(settings: TrainSettings) -> tuple[_Held, bool]:
    """Look at the set given for validation; the rest is held back from the training itself."""
    if settings.validation is None:
        return _Held(), False
    if is_pack(settings.validation):
        return _Held(), True
    seen, findings, _ = _look([settings.validation], settings)
    held = tuple(replace(one, example=replace(one.example, split=Split.VAL)) for one in seen)
    return _Held(held, tuple(findings)), True


def _grounds(settings: TrainSettings) -> tuple[list[Example], list[DataFinding]]:
    """Look at the grounds given; a folder of them without a single opaque one is refused."""
    accepted: list[Example] = []
    findings: list[DataFinding] = []
    for folder in own_sets(settings.grounds):
        looked = inspect_grounds(find_grounds(folder))
        usable = [one for one in looked if isinstance(one, Example)]
        wrong = [one for one in looked if isinstance(one, DataFinding)]
        if not usable:
            if wrong[0].problem == Problem.SEE_THROUGH:
                raise UsageError(
                    f"every picture in {folder} has transparency, so none can lie behind a "
                    "sprite; are the sprites and --grounds swapped?"
                )
            raise UsageError(f"no ground in {folder} can be read: {wrong[0].names[0]}")
        accepted += usable
        for problem in dict.fromkeys(finding.problem for finding in wrong):
            names = [name for f in wrong if f.problem == problem for name in f.names]
            findings.append(DataFinding(problem, tuple(names)))
    return accepted, findings


def _splits_and_classes(divided: SplitExamples, settings: TrainSettings) -> list[str]:
    lines = [f"{len(divided.train)} to train on, {len(divided.val)} to validate on"]
    if settings.validation is not None:
        lines[0] += f" from {settings.validation}"
    classes = class_names(divided.train)
    if classes:
        lines.append(f"{len(classes)} classes: {listed(classes)}")
    return lines


def _check(report: DataReport, settings: TrainSettings) -> None:
    """Refuse a set with bad pictures where that was asked for."""
    bad = [finding for finding in report.findings if finding.problem.is_bad]
    if bad and settings.on_bad == OnBad.FAIL:
        words = "; ".join(f"{len(f.names)} {f.problem}: {listed(f.names)}" for f in bad)
        raise UsageError(f"the data has {words}; mend them, or leave them out with --on-bad skip")


def _check_something_left(
    path: Path, seen: Sequence[InspectedPicture], unpaired: Sequence[str]
) -> None:
    """Say in one sentence why nothing in a set can be learned from."""
    if any(one.problem is None or one.problem == Problem.FULL for one in seen):
        return
    if not seen:
        raise UsageError(
            f"nothing in {path} has its partner ({listed(unpaired, 2)}); a picture and its mask "
            "have the same name, in im/ and gt/ or images/ and masks/, or side by side as "
            "a.jpg and a_mask.png"
        )
    problem, count = Counter(one.problem for one in seen if one.problem).most_common(1)[0]
    raise _nothing_usable(path, problem, [one for one in seen if one.problem == problem], count)


def _nothing_usable(
    path: Path, problem: Problem, seen: list[InspectedPicture], count: int
) -> BirefcliError:
    match problem:
        case Problem.UNLABELLED:
            words = (
                f"none of the {count} pictures in {path} has a mask or transparency; save them as "
                "PNG with alpha, or put masks of the same names in masks/ beside images/"
            )
        case Problem.OPAQUE:
            words = (
                f"all {count} pictures in {path} are opaque everywhere, so their alpha shows no "
                "object; erase their ground, or put masks beside them as NAME_mask.png"
            )
        case Problem.EMPTY:
            peak = max(one.high for one in seen)
            words = (
                f"all {count} masks in {path} are empty: no value exceeds {peak} of 255; "
                "save the object as 255 (white)"
            )
            if 0 < peak < DECIDED:
                words += ", not as a class number"
        case Problem.MISSIZED:
            words = (
                f"every mask in {path} has another size than its picture, as {seen[0].text}; "
                "bring both to one size"
            )
        case Problem.TRANSPARENT:
            words = f"all {count} pictures in {path} are fully transparent; export them again"
        case _:
            words = f"no picture in {path} can be read: {seen[0].text}"
    return UsageError(words)
