"""Tables of scores: drawn on a terminal or written as Markdown, and numbers made fit for JSON."""

import math
from collections.abc import Iterable, Sequence


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Give rows as a Markdown table, whose first row holds the titles; numbers stand right."""
    titles, *lines = rows
    marked = [titles, ["---", *["---:"] * (len(titles) - 1)], *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in marked)


def print_table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], caption: str | None = None
) -> None:
    """Draw a table on the terminal; its first column stands left, the others right."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=caption)
    for i, title in enumerate(titles):
        table.add_column(Text(title), justify="right" if i else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def print_line(text: str) -> None:
    """Write a line above a table, just as it is."""
    from rich.console import Console

    Console().print(text, highlight=False, soft_wrap=True)


def finite(value: float) -> float | None:
    """Give a number that JSON can hold; what has no value is null."""
    return None if math.isnan(value) else value
