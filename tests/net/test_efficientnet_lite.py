"""EfficientNet-Lite2: the same numbers as timm's network under the same names."""

from pathlib import Path

import pytest
import safetensors.torch
import torch

from birefcli.errors import WeightsError
from birefcli.net.backbones.efficientnet_lite import EfficientNetLite2
from birefcli.net.backbones.timm_import import import_timm
from birefcli.net.birefnet import BiRefNet
from birefcli.net.checkpoint import infer_config, load_backbone
from birefcli.net.config import compact_lite2_config, published_config


def filled_at_random(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Give weights and statistics that leave no layer an identity and no map at zero."""
    state = {}
    for name, tensor in module.state_dict().items():
        if "num_batches" in name:
            state[name] = tensor
        elif "running_var" in name:
            state[name] = torch.rand_like(tensor) + 0.5
        elif tensor.ndim == 1:
            state[name] = torch.randn_like(tensor) * 0.3 + (name.endswith("weight"))
        else:
            state[name] = torch.randn_like(tensor) * (2 / tensor[0].numel()) ** 0.5
    return state


@pytest.fixture(scope="module")
def pair() -> tuple[EfficientNetLite2, torch.nn.Module]:
    """Give our network and timm's with the same weights."""
    torch.manual_seed(0)
    theirs = import_timm().create_model(
        "tf_efficientnet_lite2", features_only=True, out_indices=(1, 2, 3, 4)
    )
    ours = EfficientNetLite2()
    state = filled_at_random(theirs)
    theirs.load_state_dict(state, strict=True)
    ours.load_state_dict(state, strict=True)
    return ours.double(), theirs.double()


@pytest.mark.parametrize("is_training", [False, True])
@pytest.mark.parametrize("size", [(64, 96), (65, 63), (77, 50), (130, 131)])
def test_it_gives_the_maps_of_timms_network(pair, size, is_training) -> None:
    image = torch.randn(2, 3, *size, dtype=torch.double)
    ours, theirs = (network.train(is_training)(image) for network in pair)
    for mine, expected in zip(ours, theirs, strict=True):
        assert mine.shape == expected.shape
        assert torch.allclose(mine, expected, rtol=1e-5, atol=1e-5)


def test_its_norms_learn_the_statistics_that_timms_learn(pair) -> None:
    image = torch.randn(2, 3, 64, 64, dtype=torch.double)
    for network in pair:
        network.train()(image)
    ours, theirs = (network.state_dict() for network in pair)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.allclose(tensor, theirs[name], rtol=1e-5, atol=1e-5), name


def test_a_file_of_its_weights_fills_it(tmp_path: Path) -> None:
    path, network = tmp_path / "encoder.safetensors", EfficientNetLite2()
    state = {name: tensor.half() for name, tensor in filled_at_random(network).items()}
    safetensors.torch.save_file(state, path)
    load_backbone(network, path)
    for name, tensor in network.state_dict().items():
        assert tensor.dtype in (torch.float32, torch.int64)
        assert torch.equal(tensor, state[name].to(tensor.dtype)), name

    safetensors.torch.save_file({**state, "classifier.weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"1 unexpected \(classifier.weight\)"):
        load_backbone(network, path)


def test_a_network_is_told_from_its_weights() -> None:
    with torch.device("meta"):
        network = BiRefNet(published_config("efficientnet_lite2"))
    assert infer_config(network.state_dict(), "x") == network.config


def test_the_compact_network_around_it_stays_small() -> None:
    network = BiRefNet(compact_lite2_config(64)).eval()
    assert sum(weight.numel() for weight in network.parameters()) < 8e6
    assert network(torch.randn(1, 3, 64, 96)).logits.shape == (1, 1, 64, 96)


def test_the_maps_have_the_strides_and_widths_the_decoder_expects() -> None:
    maps = EfficientNetLite2().eval()(torch.randn(1, 3, 64, 96))
    shapes = [tuple(m.shape[1:]) for m in maps]
    assert shapes == [(24, 16, 24), (48, 8, 12), (120, 4, 6), (352, 2, 3)]


@pytest.mark.parametrize(("count", "stages"), [(1, 2), (2, 3), (3, 5), (4, 7)])
def test_the_parts_to_a_stride_are_all_that_its_map_needs(count, stages) -> None:
    network = EfficientNetLite2().eval()
    parts = network.parts_to_stride(count)
    assert parts == [network.conv_stem, network.bn1, *network.blocks[:stages]]
    for part in parts:
        part.requires_grad_(False)
    maps = network(torch.randn(1, 3, 32, 32))
    assert [m.requires_grad for m in maps] == [i >= count for i in range(4)]
