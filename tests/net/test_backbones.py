"""The table of backbones: it is light, and what a record says is what its network does."""

import subprocess
import sys

import pytest
import torch

from birefcli.net.backbones.table import (
    backbone_names,
    build_backbone,
    detect_backbone,
    find_backbone,
)


def test_the_names_load_no_torch() -> None:
    words = "import sys; from birefcli.net.backbones.table import backbone_names as names; "
    words += "assert 'mobilenet_v2' in names() and not {'torch', 'numpy', 'timm'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", words], check=True)


@pytest.mark.parametrize("name", backbone_names())
def test_every_name_has_a_record_that_is_told_from_its_weights(name: str) -> None:
    record = find_backbone(name)
    assert record.name == name and record.widths is not None
    with torch.device("meta"):
        network = record.build()
    assert detect_backbone(network.state_dict()) == name
    if record.recomputed:
        found = {type(module) for module in network.modules()}
        assert found.issuperset(record.recomputed)


@pytest.mark.parametrize("name", ["swin_v1_t", "pvt_v2_b0", "mobilenet_v2", "resnet50", "vgg16bn"])
def test_the_maps_have_the_widths_of_the_record(name: str) -> None:
    maps = build_backbone(name).eval()(torch.randn(1, 3, 64, 96))
    assert tuple(m.shape[1] for m in maps) == find_backbone(name).widths
    assert [tuple(m.shape[-2:]) for m in maps] == [(16, 24), (8, 12), (4, 6), (2, 3)]


def test_an_unknown_name_is_no_backbone() -> None:
    with pytest.raises(KeyError, match="hydra"):
        find_backbone("hydra")
    assert detect_backbone({"features.weight": torch.zeros(1)}) is None
