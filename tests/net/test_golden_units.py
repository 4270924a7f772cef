"""The network's parts alone, against the official ones."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from golden_rule import GOLDEN, weight_rule
from torch import Tensor, nn

from birefcli.net.backbones.pvt import ReducedAttention
from birefcli.net.backbones.swin import PatchMerging, SwinStage, relative_positions, shift_mask
from birefcli.net.blocks import ASPP, ASPPDeformable, BasicDecBlk
from birefcli.net.decoder import image_tiles, laplacian
from birefcli.net.deform import DeformableConv2d, deform_conv2d

ARRAYS = dict(np.load(GOLDEN / "units.npz"))


@pytest.fixture(autouse=True)
def no_grad() -> Iterator[None]:
    with torch.no_grad():
        yield


def array(name: str) -> Tensor:
    return torch.from_numpy(ARRAYS[name])


def ruled(module: nn.Module) -> nn.Module:
    weight_rule(module)
    return module.eval()


def check(ours: Tensor, name: str, tolerance: float = 1e-5) -> None:
    assert ours.shape == ARRAYS[name].shape
    assert np.abs(ours.numpy() - ARRAYS[name]).max() <= tolerance


@pytest.mark.parametrize("k", (1, 3, 7))
def test_deformable_convolution_with_samples_outside(k: int) -> None:
    inputs = [array(f"deform{k}:{part}") for part in ("x", "offset", "mask", "weight")]
    check(deform_conv2d(*inputs), f"deform{k}:out")
    check(deform_conv2d(*(x.double() for x in inputs)), f"deform{k}:out_f64", 1e-12)


def test_deformable_module() -> None:
    module = ruled(DeformableConv2d(8, 6, 3))
    check(module(array("deformable_conv_k3:x")), "deformable_conv_k3:out")


def test_laplacian() -> None:
    check(laplacian(array("laplacian:x")), "laplacian:out", 1e-6)
    impulse = torch.zeros(1, 1, 11, 11)
    impulse[..., 5, 5] = 1
    check(laplacian(impulse)[0, 0], "laplacian:impulse_response", 1e-7)


def test_tiles_in_both_orders() -> None:
    image = array("patches:x")
    check(image_tiles(image, (2, 3)), "patches:out_c_hg_wg", 0)
    check(image_tiles(image, (2, 3), "old"), "patches:out_legacy_wg_hg_c", 0)


def test_swin_stage_on_a_map_that_needs_padding() -> None:
    stage = ruled(SwinStage(12, 3, 7, [0.0, 0.0], merges=False))
    tokens = array("swin:layer_x").view(2, 10, 13, 12)
    check(stage(tokens).view(2, 130, 12), "swin:layer_out")


def test_swin_masks_and_positions() -> None:
    assert shift_mask(10, 13, 7).equal(array("swin:mask_10x13_w7_is_blocked"))
    check(relative_positions(7), "swin:relative_position_index_w7", 0)


def test_swin_merging_of_odd_sides() -> None:
    merging = ruled(PatchMerging(6))
    merged = merging(array("swin:merge_x_5x7").view(1, 5, 7, 6))
    check(merged.view(1, 12, 12), "swin:merge_out_3x4")


def test_pvt_attention_that_drops_incomplete_patches() -> None:
    attention = ruled(ReducedAttention(16, 2, 4))
    tokens = array("pvt:attn_x_10x7").view(2, 10, 7, 16)
    check(attention(tokens).view(2, 70, 16), "pvt:attn_out")


def test_pyramids_and_decoder_block() -> None:
    deformable = ruled(ASPPDeformable(16, 256, (1, 3, 7)))
    check(deformable(array("aspp_deformable:x")), "aspp_deformable:out")
    plain = ruled(ASPP(16, 256, (6, 12, 18)))
    check(plain(array("aspp_plain:x")), "aspp_plain:out")
    block = ruled(BasicDecBlk(20, 12))
    check(block(array("basic_dec_blk:x")), "basic_dec_blk:out")
