"""Pictures kept for validation: listed at once, decoded one at a time when they are asked for."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias, overload

from birefcli.errors import BirefcliError
from birefcli.train.data.examples import LabelledPicture

PictureLoader: TypeAlias = Callable[[], LabelledPicture]


class ValidationPictures(Sequence[LabelledPicture]):
    """A sequence of labelled pictures that holds none of them in memory.

    Going through it leaves out pictures that have become unreadable and keeps their names in
    `bad`, unless it is strict: then the first of them is raised.
    """

    def __init__(self, entries: Sequence[PictureLoader], *, is_strict: bool = False) -> None:
        self.bad: dict[str, None] = {}
        self._entries = tuple(entries)
        self._is_strict = is_strict

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> LabelledPicture: ...
    @overload
    def __getitem__(self, index: slice) -> "ValidationPictures": ...
    def __getitem__(self, index: int | slice) -> "LabelledPicture | ValidationPictures":
        if isinstance(index, slice):
            return ValidationPictures(self._entries[index], is_strict=self._is_strict)
        return self._entries[index]()

    def __iter__(self) -> Iterator[LabelledPicture]:
        for entry in self._entries:
            try:
                picture = entry()
            except BirefcliError as error:
                if self._is_strict:
                    raise
                self.bad[str(error)] = None
                continue
            yield picture
