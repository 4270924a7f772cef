import re
from itertools import combinations

import pytest

from birefcli.models.variants import VARIANTS, find_repo, find_sha256, find_variant, names_of

REPOS = {
    "ZhengPeng7/BiRefNet",
    "ZhengPeng7/BiRefNet_lite",
    "ZhengPeng7/BiRefNet_lite-2K",
    "ZhengPeng7/BiRefNet_HR",
    "ZhengPeng7/BiRefNet_HR-matting",
    "ZhengPeng7/BiRefNet-matting",
    "ZhengPeng7/BiRefNet_lite-matting",
    "ZhengPeng7/BiRefNet-portrait",
    "ZhengPeng7/BiRefNet_dynamic",
    "ZhengPeng7/BiRefNet_dynamic-matting",
    "ZhengPeng7/BiRefNet_512x512",
    "ZhengPeng7/BiRefNet-DIS5K",
    "ZhengPeng7/BiRefNet-DIS5K-TR_TEs",
    "ZhengPeng7/BiRefNet-HRSOD",
    "ZhengPeng7/BiRefNet-COD",
    "ZhengPeng7/BiRefNet-legacy",
    "joelseytre/toonout",
    "briaai/RMBG-2.0",
}


def test_every_published_model_is_in_the_table() -> None:
    assert {variant.repo for variant in VARIANTS} >= REPOS


def test_no_two_models_answer_to_one_name() -> None:
    for one, other in combinations(VARIANTS, 2):
        assert not names_of(one) & names_of(other), (one.name, other.name)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_each_row_is_well_formed(variant) -> None:
    assert variant.revision is None or re.fullmatch("[0-9a-f]{40}", variant.revision)
    assert variant.sha256 is None or re.fullmatch("[0-9a-f]{64}", variant.sha256)
    assert variant.tile_order in ("old", "new", None)
    assert variant.size is None or all(side % 16 == 0 for side in variant.size)
    assert variant.file.endswith((".safetensors", ".pth"))
    assert variant.purpose.endswith(".")
    assert variant.is_bundled == (variant.repo is None)
    assert variant.non_commercial == ("NC" in variant.licence)


def test_hashes_and_commits_belong_to_one_model_each() -> None:
    for column in ("sha256", "revision"):
        known = [getattr(v, column) for v in VARIANTS if getattr(v, column)]
        assert len(known) == len(set(known))


def test_tile_order_follows_the_training_date() -> None:
    new = {variant.name for variant in VARIANTS if variant.tile_order == "new"}
    assert new == {
        "compact",
        "compact-peel",
        "hr",
        "hr-matting",
        "lite-matting",
        "dynamic",
        "dynamic-matting",
        "512",
        "toonout",
    }


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("general", "general"),
        ("GENERAL", "general"),
        ("hr_matting", "hr-matting"),
        ("BiRefNet", "general"),
        ("BiRefNet_HR", "hr"),
        ("birefnet-hr", "hr"),
        ("BiRefNet_512x512", "512"),
        ("512x512", "512"),
        ("BiRefNet-DIS5K-TR_TEs", "dis-tr-tes"),
        ("RMBG-2.0", "rmbg-2.0"),
        ("lite-2K", "lite-2k"),
        ("compact", "compact"),
    ],
)
def test_find_variant_folds_case_and_dashes(written: str, name: str) -> None:
    variant = find_variant(written)
    assert variant is not None
    assert variant.name == name


@pytest.mark.parametrize("written", ["", "generl", "ZhengPeng7/BiRefNet", "hf:ZhengPeng7/BiRefNet"])
def test_find_variant_knows_no_other_names(written: str) -> None:
    assert find_variant(written) is None


def test_models_are_found_by_repository_and_by_hash() -> None:
    general = find_variant("general")
    assert general is not None
    assert general.sha256 is not None
    assert find_repo("zhengpeng7/birefnet") is general
    assert find_repo("nobody/nothing") is None
    assert find_sha256(general.sha256) is general
    assert find_sha256("0" * 64) is None
