"""Which settings decide a result's bytes: their values, their digest, and how they are recalled."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, TypeVar

from birefcli.settings.options import settings_of, value_of

R = TypeVar("R")


def deciding(settings: Any, *, leaving: Collection[str] = ()) -> dict[str, Any]:
    """Give the values that decide a result's bytes by their keys, as JSON would hold them.

    They come in the order of the fields. Records inside `settings` that are named in `leaving`
    are left out, and new settings at their default, so that older results keep their digests.
    """
    return {
        one.key: sorted(value) if one.option.is_set else value
        for one in settings_of(type(settings))
        if one.option.changes_bytes and not set(one.path) & set(leaving)
        for value in (_plain(value_of(settings, one)),)
        if not (one.option.is_new and value == _plain(one.default))
    }


def settings_digest(settings: Any, **more: Any) -> str:
    """Digest what decides a result's bytes: 16 hexadecimal digits, the same in every run.

    `more` is what decides them beside the settings. A new option that is not used leaves the
    digest as it was before there was one.
    """
    unused = {
        one.key
        for one in settings_of(type(settings))
        if one.option.is_new and value_of(settings, one) == one.default
    }
    told = {key: value for key, value in deciding(settings).items() if key not in unused}
    text = json.dumps({**told, **more}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def recalled(settings: R, told: Mapping[str, Any], given: Collection[str]) -> R:
    """Give settings with the values that `told` has by key, except those named in `given`."""
    changes = {}
    for one in settings_of(type(settings)):
        if one.option.changes_bytes and not one.path and one.key in told and one.name not in given:
            value, kind = told[one.key], one.kind
            is_word = isinstance(kind, type) and issubclass(kind, Enum)
            changes[one.name] = kind(value) if is_word else value
    return replace(settings, **changes)  # type: ignore[type-var]


def _plain(value: object) -> Any:
    """Write enums as their words, and tuples as lists."""
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value.value if isinstance(value, Enum) else value
