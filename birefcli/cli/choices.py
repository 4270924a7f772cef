"""Words that options take and that tables of other rooms know; asked only when they are needed."""

from collections.abc import Iterable


def inpainters() -> Iterable[str]:
    """Give the names that --inpaint takes."""
    from birefcli.inpaint.table import inpainter_names

    return inpainter_names()


def stack_formats() -> Iterable[str]:
    """Give the names that `birefcli peel --format` takes."""
    from birefcli.stack.formats.table import format_names

    return format_names()
