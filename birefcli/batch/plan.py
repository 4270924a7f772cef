"""Where every result goes: inputs become jobs with targets, decided before anything is cut."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from birefcli.batch.inputs import STDIN, InputFile, Inputs
from birefcli.batch.journal import NOTHING_KNOWN, KnownNames
from birefcli.batch.naming import Place, Targets, name_results, wanted_targets
from birefcli.errors import UsageError
from birefcli.image import fold, real, sha256_file
from birefcli.settings import SUFFIXES, CutSettings, Format, Product

STDOUT = "-"
# A name with one of these was meant as a file, not as a folder.
_OTHER_PICTURES = {".avif", ".bmp", ".heic", ".ico", ".jp2", ".psd", ".tif", ".tiff"}


@dataclass(frozen=True)
class CutJob:
    """One picture to cut: its source, and the files that will hold the results.

    Targets are paths below the root; without a root the job stands by itself, keeps no journal,
    and its targets are ordinary paths. A target of `-` is standard output.
    """

    source: InputFile
    name: str  # the source as the journal knows it: its path as seen from the root
    root: Path | None
    targets: Targets
    # Whether further files come with the targets, which are known once the picture is cut.
    has_more: bool = False

    @property
    def wanted(self) -> list[str]:
        """Which files a finished job must have."""
        return list(self.targets.values())

    def path(self, product: Product) -> Path:
        """Give the path of a result."""
        return self.path_of(self.targets[product])

    def path_of(self, target: str) -> Path:
        """Give the path of a target."""
        return Path(target) if self.root is None else self.root / target

    def outputs(self, targets: Iterable[str]) -> tuple[Path, ...]:
        """Give what the report names: the files that were written, without standard output."""
        return tuple(self.path_of(target) for target in targets if target != STDOUT)


@dataclass(frozen=True)
class CutPlan:
    """All jobs in order, and the output folders they write to."""

    jobs: tuple[CutJob, ...]
    roots: tuple[Path, ...]


def plan_cuts(inputs: Inputs, settings: CutSettings, known: Mapping[Path, KnownNames]) -> CutPlan:
    """Give every source its targets; `known` are the names each root's journal already holds.

    A target that would overwrite an input, or lie outside its root, is a UsageError.
    """
    single = _single_target(inputs, settings)
    if single is not None:
        has_more = settings.pack is not None
        job = CutJob(inputs.sources[0], inputs.sources[0].name, None, single, has_more)
        plan = CutPlan((job,), ())
    else:
        plan = _folder_plan(inputs, settings, known)
    _check_depth(plan, settings)
    _check_inputs_stay(plan, inputs, settings)
    return plan


def output_roots(inputs: Inputs, settings: CutSettings) -> tuple[Path, ...]:
    """List the output folders a plan for these inputs will write to."""
    if _single_target(inputs, settings) is not None:
        return ()
    roots = (_place(source, inputs, settings).root for source in inputs.sources)
    return tuple(dict.fromkeys(root for root in roots if root is not None))


# ---- one picture, one file -------------------------------------------------------------------


def _single_target(inputs: Inputs, settings: CutSettings) -> Targets | None:
    """Give the target where the result is one file that was named, or standard output."""
    out = settings.out
    if out == STDOUT or (out is None and inputs.sources[0].path is None):
        if inputs.single is None:
            raise UsageError("-o - takes exactly one picture file; give a folder for several")
        _check_alone(settings, "standard output")
        return {settings.emit[0]: STDOUT}
    if out is None:
        return None
    if not out:
        raise UsageError("-o is an empty text; is a variable of your script unset?")
    suffix = Path(out).suffix.lower()
    if suffix not in {*SUFFIXES, *_OTHER_PICTURES} or os.path.isdir(out):  # noqa: PTH112
        return None
    if suffix not in SUFFIXES:
        raise UsageError(f"cannot write {suffix}; choose png, webp, jpg or gif")
    if inputs.single is None:
        raise UsageError(f"-o {out} is one file and takes exactly one picture file; give a folder")
    _check_alone(settings, f"-o {out}")
    if settings.pack is not None and suffix != ".png":
        raise UsageError(f"--pack writes a png, not -o {out}")
    if settings.format not in (None, SUFFIXES[suffix]):
        raise UsageError(f"--format {settings.format} does not go with -o {out}")
    return {settings.emit[0]: out}


def _check_alone(settings: CutSettings, where: str) -> None:
    """Refuse what only makes sense in a folder."""
    if len(settings.emit) > 1:
        raise UsageError(f"{where} takes one product; give one --emit, or a folder with -o")
    if settings.has_pieces or (settings.pack is not None and where == "standard output"):
        flag = "--pack" if settings.pack else "--split"
        raise UsageError(f"{flag} writes several files; give a folder with -o, not {where}")
    if settings.name is not None:
        raise UsageError(f"--name does not go with {where}; give a folder with -o")


# ---- folders ---------------------------------------------------------------------------------


def _folder_plan(
    inputs: Inputs, settings: CutSettings, known: Mapping[Path, KnownNames]
) -> CutPlan:
    by_root: dict[Path | None, list[Place]] = defaultdict(list)
    for source in inputs.sources:
        place = _place(source, inputs, settings)
        by_root[place.root].append(place)
    jobs: dict[InputFile, CutJob] = {}
    has_more = settings.split or settings.pack is not None
    for root, places in by_root.items():
        names = known.get(root, NOTHING_KNOWN) if root else NOTHING_KNOWN
        places = _recognised(places, settings, names)
        targets = name_results(places, settings, names)
        for place, named in zip(places, targets, strict=True):
            jobs[place.source] = CutJob(*(place.source, place.name, root, named), has_more=has_more)
    roots = tuple(root for root in by_root if root is not None)
    return CutPlan(tuple(jobs[source] for source in inputs.sources), roots)


def _place(source: InputFile, inputs: Inputs, settings: CutSettings) -> Place:
    """Decide the output folder of a source, and where below it the result lies."""
    if source.path is None:
        return Place(source, STDIN, Path(str(settings.out)), PurePosixPath(), "stdin")
    if source.folder is None:
        if settings.out is None and settings.has_pieces:
            root = source.path.with_name(f"{source.path.stem}_cut")
            name = seen_from(root, source.path)
            return Place(source, name, root, PurePosixPath(), source.path.name, is_alone=True)
        if settings.out is None:
            parent = PurePosixPath(source.path.parent.as_posix())
            return Place(source, source.name, None, parent, source.path.name)
        root, parent = Path(settings.out), PurePosixPath()
    else:
        inside = source.path.relative_to(source.folder).parent
        if settings.out is None:
            root, parent = folder_beside(source.folder), PurePosixPath(inside.as_posix())
        else:
            prefix = folder_prefix(source.folder, inputs.folders)
            root, parent = Path(settings.out), prefix / inside.as_posix()
    return Place(source, seen_from(root, source.path), root, parent, source.path.name)


def folder_beside(folder: Path, ending: str = "_cut") -> Path:
    """Give the output folder of an input folder, `photos_cut` beside `photos`.

    Raise UsageError for the root of a disk, beside which there is nothing.
    """
    full = Path(os.path.abspath(folder))  # noqa: PTH100 (a link keeps its own name)
    if not full.name:
        raise UsageError(f"say with -o where the results of {folder} shall go")
    named = folder if folder.name not in ("", "..") else full
    return named.with_name(full.name + ending)


def folder_prefix(folder: Path, folders: Sequence[Path]) -> PurePosixPath:
    """Give the name a folder keeps among several: as many of its last parts as set it apart."""
    if len(folders) == 1:
        return PurePosixPath()
    parts = [Path(os.path.abspath(other)).parts[1:] for other in folders]  # noqa: PTH100
    mine = Path(os.path.abspath(folder)).parts[1:]  # noqa: PTH100
    for length in range(1, len(mine) + 1):
        tail = mine[-length:]
        if sum(other[-length:] == tail for other in parts) == 1:
            return PurePosixPath(*tail)
    return PurePosixPath(*mine)


def seen_from(root: Path, path: Path) -> str:
    """Name a picture in the journal: its path relative to the output folder, links resolved.

    Pictures of the same name in other folders are other pictures, whatever run they come in.
    """
    full = Path(os.path.realpath(path.parent), path.name)
    try:
        return Path(os.path.relpath(full, os.path.realpath(root))).as_posix()
    except ValueError:  # another drive
        return full.as_posix()


def _recognised(places: Sequence[Place], settings: CutSettings, known: KnownNames) -> list[Place]:
    """Know pictures again that were moved, or whose results were, by their bytes.

    They are looked at only where their name is new and their result's name is not.
    """
    mine = {place.name for place in places}
    lost = {
        fold(target): name
        for name, targets in known.targets.items()
        if name not in mine
        for target in targets
    }
    recognised = []
    for i, place in enumerate(places):
        if lost and place.name not in known.targets:
            names = {
                lost[fold(target)]
                for keeps_suffix in (False, True)
                for target in wanted_targets(place, i, settings, keeps_suffix).values()
                if fold(target) in lost
            }
            for name in sorted(names):
                if _has_moved(place, name, known):
                    place = replace(place, name=name)
                    lost = {target: other for target, other in lost.items() if other != name}
                    break
        recognised.append(place)
    return recognised


def _has_moved(place: Place, name: str, known: KnownNames) -> bool:
    """Tell whether a place holds the picture that once lay where the journal says."""
    assert place.root is not None and place.source.path is not None
    if os.path.lexists(Path(os.path.realpath(place.root), name)):
        return False
    try:
        return sha256_file(place.source.path) in known.hashes[name]
    except OSError:
        return False


# ---- what must never happen ------------------------------------------------------------------


def _check_depth(plan: CutPlan, settings: CutSettings) -> None:
    """Refuse 16 bits in a file that cannot hold them."""
    if settings.mask_bits == 16 and settings.has_pieces and settings.piece_format != Format.PNG:
        raise UsageError(f"only png holds a 16-bit mask, not {settings.piece_format}")
    for target, _ in _targets(plan.jobs) if settings.mask_bits == 16 else ():
        if SUFFIXES.get(target.suffix.lower()) not in (None, Format.PNG):
            raise UsageError(f"only png holds a 16-bit mask, not {target}")


def _check_inputs_stay(plan: CutPlan, inputs: Inputs, settings: CutSettings) -> None:
    """Refuse a plan that would overwrite a picture it reads."""
    sources = {real(source.path) for source in inputs.sources if source.path is not None}
    for folder in inputs.folders:
        for root in plan.roots:
            if real(folder) == real(root):
                raise UsageError(f"{root} is an input folder; choose another one with -o")
    for target, job in _targets(plan.jobs):
        if real(target) in sources:
            raise UsageError(
                f"{target} is an input and would be overwritten by the result of "
                f"{job.source.name}; choose another folder with -o"
            )
    if settings.report is not None:
        results = {real(target) for target, _ in _targets(plan.jobs)}
        if settings.pack is not None:
            results |= {real(target.with_suffix(".json")) for target, _ in _targets(plan.jobs)}
        if real(settings.report) in sources | results:
            raise UsageError(f"--report {settings.report} would overwrite a picture")


def _targets(jobs: Sequence[CutJob]) -> Iterator[tuple[Path, CutJob]]:
    for job in jobs:
        for product, target in job.targets.items():
            if target != STDOUT:
                yield job.path(product), job
