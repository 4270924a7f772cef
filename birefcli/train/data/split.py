"""What is trained on and what is held back: the same for the same seed, and never mixed."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from birefcli.train.data.examples import Example, Split
from birefcli.train.data.inspect import DataFinding, InspectedPicture, Problem
from birefcli.train.data.near_duplicates import near_duplicate_pairs

FEWEST = 10  # smaller sets validate on what they train on


@dataclass(frozen=True)
class SplitExamples:
    """The examples of both splits, and what there is to say about the division."""

    train: tuple[Example, ...]
    val: tuple[Example, ...]
    notes: tuple[str, ...] = ()
    findings: tuple[DataFinding, ...] = ()


def split_examples(
    seen: Sequence[InspectedPicture], *, holdout: float, seed: int, has_own: bool = False
) -> SplitExamples:
    """Divide what was accepted; a split that an example already has stays.

    With `has_own` the validation pictures come from elsewhere and nothing is held back. What
    looks like a validation picture is left out of the training.
    """
    named = [one for one in seen if one.example.split == Split.VAL]
    rest = [one for one in seen if one.example.split != Split.VAL]
    if named or has_own or not rest:
        return _without_leaks(rest, named, is_chosen_here=False)
    if len(rest) < FEWEST or holdout <= 0:
        reason = f"fewer than {FEWEST} pictures" if holdout > 0 else "nothing is held back"
        note = f"{reason}: validation is on the training pictures, and says little about others"
        examples = [one.example for one in rest]
        return SplitExamples(_as(examples, Split.TRAIN), _as(examples, Split.VAL), (note,))
    chosen = _held_back([one.example for one in rest], holdout, seed)
    train = [one for i, one in enumerate(rest) if i not in chosen]
    return _without_leaks(train, [rest[i] for i in sorted(chosen)], is_chosen_here=True)


def animation_of(example: Example) -> str:
    """Name the animation a frame belongs to: what is left of its name without the digits."""
    stem = example.picture.stem
    # The numbers of a DIS name (2#Aircraft#7#Airplane#1234) count photographs, not frames.
    frame = stem if "#" in stem else re.sub(r"\d+", "#", stem)
    return f"{example.source}/{example.picture.parent.name}/{frame}"


def rank(name: str, seed: int) -> str:
    """Give the place of a name in an order that only the seed decides."""
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()


def _held_back(examples: Sequence[Example], holdout: float, seed: int) -> set[int]:
    """Choose whole series by their rank until the share is reached; give the indices."""
    wanted = max(2, round(holdout * len(examples)))
    groups: dict[str, list[int]] = defaultdict(list)
    for i, example in enumerate(examples):
        groups[animation_of(example)].append(i)
    for name, members in list(groups.items()):
        if len(members) > len(examples) / 2:
            # Numbers that count the set itself, or one long animation: neighbours stay together.
            del groups[name]
            for start in range(0, len(members), wanted):
                groups[f"{name} {start}"] = members[start : start + wanted]
    chosen: set[int] = set()
    for name in sorted(groups, key=lambda name: rank(name, seed)):
        if len(chosen) + len(groups[name]) <= 1.5 * wanted:
            chosen.update(groups[name])
        if len(chosen) >= wanted:
            return chosen
    smallest = min(groups.values(), key=len)
    return chosen or set(smallest)


def _without_leaks(
    train: Sequence[InspectedPicture], val: Sequence[InspectedPicture], *, is_chosen_here: bool
) -> SplitExamples:
    """Leave out of the training what looks like a validation picture."""
    both = [*train, *val]
    leaks: dict[int, InspectedPicture] = {}
    twins: dict[int, InspectedPicture] = {}
    for i, j in near_duplicate_pairs([one.fingerprint for one in both]):
        if i < len(train) <= j:
            leaks.setdefault(i, both[j])
        elif j < len(train) and animation_of(both[i].example) != animation_of(both[j].example):
            twins.setdefault(j, both[i])
    notes = []
    if is_chosen_here and len(leaks) > len(train) / 2:
        notes.append(
            f"{len(leaks)} training pictures look like validation pictures, too many to leave "
            "them out: the scores will flatter; give other pictures as --val"
        )
        leaks = {}
    findings = [
        DataFinding(
            problem,
            tuple(
                f"{both[i].example.name} (as {other.example.name})"
                for i, other in sorted(found.items())
            ),
        )
        for problem, found in ((Problem.LEAKING, leaks), (Problem.ALIKE, twins))
        if found
    ]
    kept = [one.example for i, one in enumerate(train) if i not in leaks]
    held = [one.example for one in val]
    return SplitExamples(
        _as(kept, Split.TRAIN), _as(held, Split.VAL), tuple(notes), tuple(findings)
    )


def _as(examples: Sequence[Example], split: Split) -> tuple[Example, ...]:
    return tuple(replace(example, split=split) for example in examples)
