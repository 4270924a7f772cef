"""The door between arrays and tensors: sizes, ranges, batches, and memory that runs out."""

import numpy as np
import pytest
import torch
from numpy.random import default_rng
from torch import nn

from birefcli.errors import PictureError
from birefcli.net.birefnet import BiRefNet
from birefcli.net.config import compact_config
from birefcli.net.decoder import Prediction
from birefcli.net.device import Compute
from birefcli.net.predict import Predictor, enlarge, input_size, to_input, to_matte

CPU = Compute(torch.device("cpu"), torch.float32)


class BrightnessNetwork(nn.Module):
    """Stands where a network stands: bright is foreground; more than `limit` pixels is too much."""

    def __init__(self, limit: int = 10**9) -> None:
        super().__init__()
        self.config = compact_config(128)
        self.limit = limit
        self.batches: list[tuple[int, ...]] = []

    def forward(self, image: torch.Tensor) -> Prediction:
        self.batches.append(tuple(image.shape))
        if image.shape[0] * image.shape[2] * image.shape[3] > self.limit:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return Prediction(20 * image.mean(1, keepdim=True))


def pictures(*sizes: tuple[int, int]) -> list[np.ndarray]:
    return [default_rng(i).integers(0, 256, (*s, 3), dtype=np.uint8) for i, s in enumerate(sizes)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ((384, 384), (384, 384)),
        ((100, 100), (384, 384)),
        ((480, 320), (480, 320)),
        ((1080, 1920), (288, 512)),
        ((1, 1), (384, 384)),
        ((3000, 5), (1536, 32)),
        ((5, 3000), (32, 1536)),
    ],
)
def test_a_kept_aspect_keeps_the_area_in_multiples_of_32(source, expected):
    assert input_size(source, (384, 384), True) == expected


def test_published_models_squash_to_their_square():
    assert input_size((100, 700), (1024, 1024), False) == (1024, 1024)


@pytest.mark.parametrize("size", [(40, 60), (333, 77), (500, 700), (1, 1), (7, 900)])
def test_mattes_have_the_size_of_their_pictures(size):
    (matte,) = Predictor(BrightnessNetwork(), CPU)(pictures(size))
    assert matte.shape == size and matte.dtype == np.float32
    assert matte.min() >= 0 and matte.max() <= 1


def test_a_picture_and_its_matte_line_up():
    picture = np.zeros((300, 200, 3), np.uint8)
    picture[60:180, 50:150] = 255
    (matte,) = Predictor(BrightnessNetwork(), CPU)([picture])
    truth = np.zeros((300, 200))
    truth[60:180, 50:150] = 1
    assert np.abs(matte - truth).mean() < 0.02
    ys, xs = np.nonzero(matte > 0.5)
    assert abs(ys.mean() - 119.5) < 0.5 and abs(xs.mean() - 99.5) < 0.5


def test_pictures_of_one_shape_share_a_batch_and_keep_their_order():
    network = BrightnessNetwork()
    images = pictures((64, 64), (64, 128), (80, 80), (50, 100))
    together = Predictor(network, CPU)(images)
    assert [shape[0] for shape in network.batches] == [2, 2]
    for image, matte in zip(images, together, strict=True):
        (alone,) = Predictor(BrightnessNetwork(), CPU)([image])
        assert np.array_equal(matte, alone)


def test_out_of_memory_halves_the_batch_then_the_size_then_gives_up():
    said: list[str] = []
    images = pictures(*[(128, 128)] * 4)
    network = BrightnessNetwork(limit=2 * 128 * 128)
    mattes = Predictor(network, CPU, say=said.append)(images)
    assert len(mattes) == 4 and said == ["out of memory with 4 pictures at once: trying 2"]

    said.clear()
    network = BrightnessNetwork(limit=64 * 64)
    assert Predictor(network, CPU, say=said.append)(images[:1])[0].shape == (128, 128)
    assert said == ["out of memory: trying at 64x64"]

    with pytest.raises(PictureError, match="does not fit into memory"):
        Predictor(BrightnessNetwork(limit=10), CPU)(images[:1])


def test_other_failures_of_the_network_are_not_taken_for_memory():
    class Broken(BrightnessNetwork):
        def forward(self, image: torch.Tensor) -> Prediction:
            raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        Predictor(Broken(), CPU)(pictures((32, 32)))


def test_small_hard_art_is_enlarged_by_a_whole_factor_with_its_own_colours():
    art = np.zeros((20, 30, 3), np.uint8)
    art[5:15, 5:25] = (200, 40, 0)
    grown = enlarge(art, (128, 128))
    assert grown.shape == (80, 120, 3)
    assert np.array_equal(grown[::4, ::4], art)
    noise = pictures((64, 64))[0]
    assert enlarge(noise, (512, 512)) is noise
    assert enlarge(art, (39, 100)) is art


def test_the_input_is_normalised():
    white = np.full((64, 64, 3), 255, np.uint8)
    tensor = to_input(white, (32, 32), compact_config())
    assert tensor.shape == (3, 32, 32) and torch.allclose(tensor, torch.ones(3, 32, 32))


def test_a_matte_is_the_sigmoid_resized_as_probability():
    logits = torch.tensor([[[-50.0, 50.0], [-50.0, 50.0]]])
    matte = to_matte(logits, (2, 4))
    assert np.allclose(matte, [[0, 0.25, 0.75, 1]] * 2, atol=1e-6)


def test_the_compact_network_gives_the_same_matte_alone_and_in_company():
    torch.manual_seed(0)
    predictor = Predictor(BiRefNet(compact_config(64)), CPU)
    images = pictures((64, 64), (64, 64))
    for together, image in zip(predictor(images), images, strict=True):
        assert np.allclose(together, predictor([image])[0], atol=1e-5)
