"""Whose stack each folder holds, as the journals of earlier runs tell."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from birefcli.batch.journal import Journal
from birefcli.image.files import fold
from birefcli.stack.manifest import FILE


@dataclass(frozen=True)
class Holdings:
    """The stacks below one root; folders are relative to it, and `.` is the root itself."""

    # The folders a picture was ever given, the newest last, by the picture's name.
    folders: Mapping[str, tuple[PurePosixPath, ...]]
    # What was written into a folder, by the folder as names are compared, and by the picture.
    written: Mapping[str, Mapping[str, tuple[str, ...]]]

    def written_to(self, folder: PurePosixPath) -> Mapping[str, tuple[str, ...]]:
        """Give what was ever written into a folder, by picture."""
        return self.written.get(fold(folder.as_posix()), {})

    def is_anothers(self, folder: PurePosixPath, name: str) -> bool:
        """Tell whether a folder was given to another picture."""
        return any(owner != name for owner in self.written_to(folder))


def holdings(journal: Journal) -> Holdings:
    """Read what a journal says about stacks."""
    folders: dict[str, tuple[PurePosixPath, ...]] = {}
    written: dict[str, dict[str, tuple[str, ...]]] = defaultdict(dict)
    for name, targets in journal.known.targets.items():
        paths = [PurePosixPath(target) for target in targets]
        folders[name] = tuple(path.parent for path in paths if path.name == FILE)
        for folder in folders[name]:
            inside = (path.as_posix() for path in paths if path.is_relative_to(folder))
            written[fold(folder.as_posix())][name] = tuple(inside)
    return Holdings(folders, written)
