"""Names, shapes and kinds of everything in the published checkpoints, for every variant."""

import json
from dataclasses import replace

import pytest
import torch
from golden_rule import GOLDEN

from birefcli.net.birefnet import BiRefNet
from birefcli.net.config import published_config

FILES = sorted(GOLDEN.glob("keys_*.json"))
COUNTS = {
    "swin_v1_l": 754,
    "swin_v1_b": 754,
    "swin_v1_s": 754,
    "swin_v1_t": 586,
    "pvt_v2_b0": 573,
    "pvt_v2_b0_auxcls": 575,
    "pvt_v2_b1": 573,
    "pvt_v2_b2": 729,
    "pvt_v2_b5": 1449,
    "resnet50": 715,
    "vgg16": 423,
    "vgg16bn": 488,
    "dino_v3_s": 565,
}


def test_every_variant_has_a_list() -> None:
    assert {path.stem.removeprefix("keys_") for path in FILES} == set(COUNTS)


@pytest.mark.parametrize("variant", COUNTS)
def test_state_dict_is_the_published_one(variant: str) -> None:
    golden = json.loads((GOLDEN / f"keys_{variant}.json").read_text())
    config = published_config(variant.removesuffix("_auxcls"))
    with torch.device("meta"):
        network = BiRefNet(replace(config, classes=219 if "auxcls" in variant else 0))
    ours = {
        key: (list(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for key, tensor in network.state_dict().items()
    }
    assert ours == {key: (shape, dtype) for key, shape, dtype in golden["keys"]}
    assert len(ours) == COUNTS[variant]
    assert sum(p.numel() for p in network.parameters()) == golden["info"]["n_params"]
