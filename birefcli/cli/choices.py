"""Words that options take and that tables of other rooms know; asked only when help is shown."""

from collections.abc import Iterable

from birefcli.settings.peel import StackFormat


def inpainters() -> Iterable[str]:
    """Give the names that --inpaint takes."""
    networks = ("lama", "anime-lama")
    return ("auto", "patchmatch", "exemplar", "membrane", "palette", "ns", *networks, "auto+lama")


def stack_formats() -> Iterable[str]:
    """Give the names that `birefcli peel --format` takes."""
    return StackFormat
