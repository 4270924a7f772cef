import unicodedata
from pathlib import Path
from typing import Any

import pytest
from fakes import draw_files

from birefcli.batch.inputs import gather
from birefcli.batch.journal import Journal, JournalEntry, KnownNames, ResultKey
from birefcli.batch.plan import CutPlan, output_roots, plan_cuts
from birefcli.errors import UsageError
from birefcli.image.files import sha256_file
from birefcli.settings.cut import CutSettings
from birefcli.settings.cutout import Format, Product


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(*inputs: str, known: dict[Path, KnownNames] | None = None, **settings: Any) -> CutPlan:
    asked = CutSettings(inputs=inputs, **settings)
    return plan_cuts(gather(asked), asked, known or {})


def paths(*inputs: str, **settings: Any) -> list[str]:
    return [
        job.path(product).as_posix()
        for job in plan(*inputs, **settings).jobs
        for product in job.targets
    ]


# Where results go


def test_a_folders_tree_is_mirrored(here: Path) -> None:
    """Other tools flatten it, and the second picture of a name is lost."""
    draw_files(here, "photos/a.png", "photos/x/a.png", "photos/x/y/a.png")
    mirrored = ["a.png", "x/a.png", "x/y/a.png"]
    assert paths("photos") == [f"photos_cut/{path}" for path in mirrored]
    assert paths("photos", out="out") == [f"out/{path}" for path in mirrored]


def test_results_lie_beside_their_folder_however_it_is_written(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_files(here, "photos/a.png")
    (here / "link").symlink_to("photos", target_is_directory=True)
    beside = {"photos/": "photos_cut", "./photos": "photos_cut", "link": "link_cut"}
    beside |= {str(here / "photos"): str(here / "photos_cut")}
    beside |= {"photos/../photos": "photos/../photos_cut"}
    for written, root in beside.items():
        assert paths(written) == [f"{root}/a.png"]
    monkeypatch.chdir(here / "photos")
    for written in (".", "../photos", "../photos/."):
        assert [Path(path).resolve() for path in paths(written)] == [here / "photos_cut/a.png"]


def test_the_root_of_the_disk_has_nothing_beside_it() -> None:
    from birefcli.batch.plan import folder_beside

    with pytest.raises(UsageError, match="-o"):
        folder_beside(Path("/"))


def test_files_land_beside_themselves_or_in_the_folder(here: Path) -> None:
    draw_files(here, "x/a.jpg", "b.png")
    assert paths("x/a.jpg", "b.png") == ["x/a_cut.png", "b_cut.png"]
    assert paths("x/a.jpg", "b.png", out="out") == ["out/a.png", "out/b.png"]
    assert plan("x/a.jpg", "b.png").roots == ()


def test_several_folders_keep_their_names(here: Path) -> None:
    draw_files(here, "x/day/1.png", "y/day/1.png", "night/1.png", "z.png")
    assert paths("x/day", "y/day", "night", "z.png", out="out") == [
        *("out/x/day/1.png", "out/y/day/1.png", "out/night/1.png", "out/z.png")
    ]
    assert paths("x/day", "night") == ["x/day_cut/1.png", "night_cut/1.png"]


def test_a_folder_and_one_inside_it(here: Path) -> None:
    draw_files(here, "photos/a.png", "photos/sub/b.png")
    assert paths("photos", "photos/sub") == ["photos_cut/a.png", "photos_cut/sub/b.png"]
    assert paths("photos/sub", "photos") == ["photos/sub_cut/b.png", "photos_cut/a.png"]


def test_standard_input_goes_to_standard_output_or_where_it_is_told() -> None:
    (job,) = plan("-").jobs
    assert job.targets == {Product.CUTOUT: "-"}
    assert paths("-", out="a.png") == ["a.png"]
    assert paths("-", out="out", emit=(Product.CUTOUT, Product.MASK)) == [
        *("out/stdin.png", "out/stdin_mask.png")
    ]


# One file


def test_one_picture_may_go_to_one_file(here: Path) -> None:
    draw_files(here, "a.jpg")
    for out in ("b.png", "new/b.WEBP", "b.jpeg"):
        assert paths("a.jpg", out=out) == [out]
    assert output_roots(*(lambda s: (gather(s), s))(CutSettings(inputs=("a.jpg",)))) == ()


def test_a_folder_with_a_suffix_is_a_folder(here: Path) -> None:
    draw_files(here, "a.jpg")
    (here / "v1.png").mkdir()
    assert paths("a.jpg", out="v1.png") == ["v1.png/a.png"]
    assert paths("a.jpg", out="v1.2") == ["v1.2/a.png"]


@pytest.mark.parametrize(
    ("inputs", "settings", "complaint"),
    [
        (("a.jpg", "b.jpg"), {"out": "x.png"}, "one file and takes exactly one picture"),
        (("a.jpg", "none.jpg"), {"out": "x.png"}, "one file and takes exactly one picture"),
        (("photos",), {"out": "x.png"}, "one file and takes exactly one picture"),
        (("a.jpg", "b.jpg"), {"out": "-"}, "exactly one picture"),
        (("photos",), {"out": "-"}, "exactly one picture"),
        (("a.jpg",), {"out": "x.png", "emit": tuple(Product)}, "takes one product"),
        (("a.jpg",), {"out": "-", "emit": tuple(Product)}, "takes one product"),
        (("a.jpg",), {"out": "x.png", "name": "{stem}"}, "--name does not go with"),
        (("-",), {"name": "{stem}"}, "--name does not go with"),
        (("a.jpg",), {"out": "x.png", "format": Format.JPG}, "does not go with -o x.png"),
        (("a.jpg",), {"out": "x.tiff"}, "cannot write .tiff"),
        (("photos",), {"out": "x.avif"}, "cannot write .avif"),
        (("a.jpg",), {"out": ""}, "empty text"),
        (
            ("a.jpg",),
            {"out": "x.webp", "emit": (Product.MASK,), "mask_bits": 16},
            "only png holds a 16-bit mask",
        ),
    ],
)
def test_an_output_that_cannot_be_is_refused(
    here: Path, inputs: tuple[str, ...], settings: dict[str, Any], complaint: str
) -> None:
    draw_files(here, "a.jpg", "b.jpg", "photos/a.jpg")
    with pytest.raises(UsageError, match=complaint):
        plan(*inputs, **settings)


# Inputs are never overwritten


@pytest.mark.parametrize(
    ("inputs", "out"),
    [
        (("photos",), "photos"),
        (("photos",), "./photos/x/.."),
        (("photos",), "link"),
        (("a.png",), "a.png"),
        (("a.png",), "A.png"),
        (("a.png",), "."),
        (("photos/a.png", "b.png"), "photos"),
        (("link.png",), "a.png"),
    ],
)
def test_an_input_is_never_overwritten(here: Path, inputs: tuple[str, ...], out: str) -> None:
    draw_files(here, "photos/a.png", "a.png", "b.png", "photos/x/c.png")
    (here / "link").symlink_to("photos", target_is_directory=True)
    (here / "link.png").symlink_to("a.png")
    with pytest.raises(UsageError, match="input"):
        plan(*inputs, out=out)


def test_the_report_overwrites_no_picture(here: Path) -> None:
    draw_files(here, "a.png")
    for report in ("a.png", "a_cut.png"):
        with pytest.raises(UsageError, match="--report"):
            plan("a.png", report=Path(report))


# What the journal knows


def journal_of(here: Path, *inputs: str, out: str = "out") -> None:
    """What a run leaves in its journal."""
    for job in plan(*inputs, out=out, known=known(out)).jobs:
        assert job.source.path is not None
        key = ResultKey(sha256_file(job.source.path), "d", "m", 1)
        with Journal(here / out) as journal:
            journal.note(
                JournalEntry(job.name, "done", key, dict.fromkeys(job.targets.values(), "h"))
            )


def plan_again(root: str, *inputs: str) -> list[str]:
    return [
        target
        for job in plan(*inputs, out=root, known=known(root)).jobs
        for target in job.targets.values()
    ]


def known(root: str) -> dict[Path, KnownNames]:
    return {Path(root): Journal(Path(root)).known}


def test_a_file_is_known_alone_as_in_its_folder_and_from_everywhere(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_files(here, "photos/a.png", "photos/a.jpg")
    journal_of(here, "photos")
    assert plan_again("out", "photos/a.jpg") == ["a.jpg.png"]
    monkeypatch.chdir(here / "photos")
    assert plan_again("../out", "a.jpg", ".") == ["a.jpg.png", "a.png.png"]


def test_pictures_of_one_name_from_two_folders_never_share_a_result(here: Path) -> None:
    """Two cameras' IMG_1.jpg, cut into one folder on two days."""
    draw_files(here, "day1/IMG_1.jpg", "day2/IMG_1.jpg", "day3/IMG_1.jpg")
    journal_of(here, "day1")
    assert plan_again("out", "day2") == ["IMG_1.jpg.png"]
    journal_of(here, "day2")
    assert plan_again("out", "day3/IMG_1.jpg") == ["IMG_1.jpg~2.png"]
    assert plan_again("out", "day1") == ["IMG_1.png"]


def test_a_picture_that_moved_is_known_by_its_bytes(here: Path) -> None:
    draw_files(here, "photos/a.png", "photos/b.png")
    journal_of(here, "photos")
    (here / "photos").rename(here / "pictures")
    draw_files(here, "pictures/b.png")  # another picture now
    assert plan_again("out", "pictures") == ["a.png", "b.png.png"]
    # A copy is no move: both have their own result.
    (here / "pictures").rename(here / "photos")
    (here / "copies").mkdir()
    (here / "copies" / "a.png").write_bytes((here / "photos" / "a.png").read_bytes())
    assert plan_again("out", "copies") == ["a.png.png"]


def test_one_lost_picture_is_found_only_once(here: Path) -> None:
    draw_files(here, "photos/a.png")
    journal_of(here, "photos")
    data = (here / "photos" / "a.png").read_bytes()
    (here / "photos" / "a.png").unlink()
    for folder in ("x", "y"):
        (here / folder).mkdir()
        (here / folder / "a.png").write_bytes(data)
    assert sorted(plan_again("out", "x/a.png", "y/a.png")) == ["a.png", "a.png.png"]


def test_results_of_a_folder_follow_it_when_both_move(here: Path) -> None:
    draw_files(here, "old/photos/a.png")
    journal_of(here, "old/photos", out="old/photos_cut")
    (here / "old").rename(here / "new")
    (job,) = plan("new/photos", known=known("new/photos_cut")).jobs
    assert job.name == "../photos/a.png"
    assert job.targets == {Product.CUTOUT: "a.png"}


def test_names_are_compared_as_the_strictest_file_system_would(here: Path) -> None:
    forms = [unicodedata.normalize(form, "é") for form in ("NFC", "NFD")]
    draw_files(here, *(f"photos/{form}.png" for form in forms))
    assert len({unicodedata.normalize("NFC", path) for path in paths("photos")}) == 2
