"""A model store before a fake hub: what the hub has, and calls that say nothing aloud."""

from dataclasses import replace

from fakehub import FakeHub, sha256

from birefcli.models import cache, store
from birefcli.models.store import ModelFile
from birefcli.models.variants import Variant

GENERAL, LITE_2K, SMALL, RMBG = b"general" * 999, b"lite-2k" * 99, b"512" * 99, b"rmbg" * 99


def publish(hub: FakeHub, variant: Variant) -> Variant:
    contents = {"general": GENERAL, "lite-2k": LITE_2K, "512": SMALL, "rmbg-2.0": RMBG}
    if variant.repo is None or variant.name not in contents:
        return variant
    content = contents[variant.name]
    head = hub.publish(variant.repo, {variant.file: content})
    return replace(
        variant,
        revision=head if variant.revision else None,
        sha256=sha256(content) if variant.sha256 else None,
    )


class Words(list[str]):
    """What a call said."""


def resolve(name: str, words: Words | None = None, **terms: bool) -> ModelFile:
    terms = {"consent": True, "offline": False, "accept_licence": False, **terms}
    say = words.append if words is not None else lambda _: None
    return store.resolve(name, say=say, **terms)


def files_at_home() -> list[str]:
    home = cache.models_dir()
    return sorted(str(file.relative_to(home)) for file in home.rglob("*") if file.is_file())
