import random
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from birefcli.batch.inputs import InputFile
from birefcli.batch.journal import NOTHING_KNOWN, KnownNames
from birefcli.batch.naming import Place, name_results
from birefcli.errors import UsageError
from birefcli.image.files import fold
from birefcli.settings.cut import CutSettings
from birefcli.settings.cutout import Format, Product

BOTH = (Product.CUTOUT, Product.MASK)


def named(
    *files: str, known: dict[str, tuple[str, ...]] | None = None, **settings: Any
) -> list[list[str]]:
    """The targets of files below an output folder."""
    places = [
        Place(InputFile(Path(f)), f, Path("out"), PurePosixPath(f).parent, PurePosixPath(f).name)
        for f in files
    ]
    memory = KnownNames(known, {}) if known else NOTHING_KNOWN
    found = name_results(places, CutSettings(inputs=("x",), **settings), memory)
    return [list(targets.values()) for targets in found]


def test_the_cutout_has_the_sources_name_and_other_products_say_what_they_are() -> None:
    emit = tuple(Product)
    assert named("sub/a.jpg", emit=emit) == [["sub/a.png", "sub/a_mask.png", "sub/a_preview.png"]]
    assert named("a.jpg", emit=(Product.MASK,), format=Format.WEBP) == [["a_mask.webp"]]


def test_beside_its_source_a_cutout_says_so() -> None:
    place = Place(InputFile(Path("x/a.jpg")), "x/a.jpg", None, PurePosixPath("x"), "a.jpg")
    (targets,) = name_results([place], CutSettings(inputs=("x",), emit=BOTH), NOTHING_KNOWN)
    assert list(targets.values()) == ["x/a_cut.png", "x/a_mask.png"]


def test_a_jpg_and_a_png_of_one_name_both_keep_their_suffix() -> None:
    assert named("a.jpg", "b.png", "a.png") == [["a.jpg.png"], ["b.png"], ["a.png.png"]]


def test_names_meet_whatever_their_case_or_form() -> None:
    nfc, nfd = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    assert named("a.jpg", "A.webp", f"{nfc}.jpg", f"{nfd}.webp", "ß.jpg", "SS.webp") == [
        *(["a.jpg.png"], ["A.webp.png"], [f"{nfc}.jpg.png"], [f"{nfd}.webp.png"]),
        *(["ß.jpg.png"], ["SS.webp.png"]),
    ]


def test_what_still_meets_is_numbered() -> None:
    assert named("a.jpg", "a.JPG", "A.jpg", "a.jpg~2.webp", "x/a.jpg") == [
        *(["a.jpg.png"], ["a.JPG~3.png"], ["A.jpg~4.png"]),
        *(["a.jpg~2.png"], ["x/a.png"]),
    ]


def test_keeping_a_suffix_may_meet_a_third() -> None:
    assert named("a.jpg", "a.png", "a.jpg.webp") == [
        *(["a.jpg.png"], ["a.png.png"], ["a.jpg.webp.png"])
    ]


def test_a_product_never_takes_the_cutout_of_another_picture() -> None:
    assert named("a.jpg", "a_mask.jpg", emit=BOTH) == [
        *(["a.jpg.png", "a.jpg_mask.png"], ["a_mask.jpg.png", "a_mask.jpg_mask.png"])
    ]


def test_a_file_never_takes_the_place_of_a_folder() -> None:
    assert named("a.jpg", "a.png/b.jpg") == [["a.jpg.png"], ["a.png/b.png"]]


def test_a_name_in_the_journal_stays_when_a_colliding_file_appears() -> None:
    known = {"b.png": ("b.png",)}
    assert named("b.jpg", "b.png", known=known) == [["b.jpg.png"], ["b.png"]]
    assert named("b.jpg", known=known) == [["b.jpg.png"]]


def test_names_the_journal_gave_in_a_crowd_stay_when_the_crowd_is_gone() -> None:
    known = {"a.jpg": ("a.jpg.png",), "a.JPG": ("a.JPG~2.png",), "b~2.png": ("b~2.png",)}
    assert named("a.jpg", "b~2.png", known=known) == [["a.jpg.png"], ["b~2.png"]]
    assert named("a.JPG", known=known) == [["a.JPG~2.png"]]
    assert named("a.jpg.jpg", known={"a.jpg.jpg": ("a.jpg.jpg.png",)}) == [["a.jpg.jpg.png"]]


def test_a_run_that_goes_on_gives_the_names_of_an_unbroken_one() -> None:
    assert named("a.jpg", "a.png", known={"a.jpg": ("a.jpg.png",)})[1] == ["a.png.png"]


def test_a_result_of_other_settings_keeps_its_name_too() -> None:
    """After a run for cutouts, a run for masks must not overwrite one of them."""
    known = {"a.jpg": ("a.png",), "a_mask.jpg": ("a_mask.png",)}
    masks = named("a.jpg", "a_mask.jpg", known=known, emit=(Product.MASK,))
    assert masks == [["a.jpg_mask.png"], ["a_mask_mask.png"]]
    assert named("a.jpg", "a_mask.jpg", known=known) == [["a.png"], ["a_mask.png"]]


def test_a_journal_that_gives_one_name_to_two_is_not_believed_twice() -> None:
    known = {"a.jpg": ("a.png",), "a.webp": ("a.png",)}
    assert named("a.jpg", "a.webp", known=known) == [["a.png"], ["a.webp.png"]]


# --name


def test_a_template_is_filled() -> None:
    assert named("sub/a.jpg", "b.png", name="{stem}-{suffix}-{product}-{n:03}") == [
        *(["sub/a-jpg-cutout-001.png"], ["b-png-cutout-002.png"])
    ]
    assert named("a.jpg", name="by/{product}/{stem}", emit=BOTH) == [
        ["by/cutout/a.png", "by/mask/a.png"]
    ]


def test_a_template_without_product_tells_all_but_the_cutout_apart() -> None:
    assert named("a.jpg", name="x", emit=BOTH) == [["x.png", "x_mask.png"]]
    assert named("a.jpg", name="{stem}.webp", emit=BOTH) == [["a.webp", "a_mask.webp"]]
    assert named("a.jpg", name="x", emit=(Product.MASK,)) == [["x.png"]]


def test_a_template_may_name_the_format() -> None:
    assert named("a.jpg", name="{stem}_x.PNG") == [["a_x.PNG"]]
    assert named("a.jpg", name="{stem}.jpg", format=Format.JPG) == [["a.jpg"]]
    with pytest.raises(UsageError, match="--format png does not go with --name"):
        named("a.jpg", name="{stem}.jpg", format=Format.PNG)


def test_a_template_that_gives_all_the_same_name_is_numbered() -> None:
    assert named("a.jpg", "b.jpg", name="x") == [["x.png"], ["x~2.png"]]


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{nope}", "cannot be filled"),
        ("{", "cannot be filled"),
        ("{stem:d}", "cannot be filled"),
        ("{0}", "cannot be filled"),
        ("", "empty file name"),
        ("x/", "empty file name"),
        ("../{stem}", "outside the output folder"),
        ("/tmp/{stem}", "outside the output folder"),
        ("a\0b", "outside the output folder"),
        (".birefcli/{stem}", "cannot begin with .birefcli"),
    ],
)
def test_a_template_that_leads_astray_is_refused(template: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        named("a.jpg", name=template)


def test_two_products_of_one_name_are_refused() -> None:
    with pytest.raises(UsageError, match="two products one name"):
        named("a.jpg", name="x{product:.0}", emit=BOTH)


# Whatever comes


def test_no_two_results_ever_meet_and_nothing_known_is_given_away() -> None:
    chance = random.Random(0)
    stems = ["a", "A", "a.jpg", "a_mask", "a~2", "a.png", "b"]
    for _ in range(150):
        files = sorted(
            {
                chance.choice(["", "x/", "X/", "a.png/"]) + chance.choice(stems) + suffix
                for suffix in chance.choices([".jpg", ".JPG", ".png", ".webp"], k=12)
            }
        )
        emit = chance.choice([(Product.CUTOUT,), (Product.MASK,), BOTH])
        first = named(*files, emit=emit)
        known = dict(zip(files, map(tuple, first), strict=True))
        noted = {file: known[file] for file in chance.sample(files, len(files) // 2)}
        assert named(*files, known=noted, emit=emit) == first
        later = sorted({*chance.sample(files, len(files) // 2), "a.gif", "x/a.gif", "A_mask.gif"})
        second = named(*later, known=known, emit=chance.choice([emit, (Product.MASK,)]))
        for every in (first, second):
            targets = [fold(target) for targets in every for target in targets]
            assert len(set(targets)) == len(targets)
            folders = {fold(p.as_posix()) for t in targets for p in PurePosixPath(t).parents}
            assert not folders & set(targets)
        taken = {fold(t): file for file, targets in known.items() for t in targets}
        for file, targets in zip(later, second, strict=True):
            assert all(taken.get(fold(target), file) == file for target in targets)
