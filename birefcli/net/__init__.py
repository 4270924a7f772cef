"""BiRefNet in plain torch: the network, its checkpoints, and running it on pictures."""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from birefcli.net.backbones.table import TIMM as TIMM
    from birefcli.net.backbones.table import backbone_names as backbone_names
    from birefcli.net.backbones.table import find_backbone as find_backbone
    from birefcli.net.backbones.timm_import import import_torchvision as import_torchvision
    from birefcli.net.birefnet import STRIDE as STRIDE
    from birefcli.net.birefnet import BiRefNet as BiRefNet
    from birefcli.net.blocks import BasicDecBlk as BasicDecBlk
    from birefcli.net.blocks import resize as resize
    from birefcli.net.checkpoint import load_backbone as load_backbone
    from birefcli.net.checkpoint import load_network as load_network
    from birefcli.net.checkpoint import save_network as save_network
    from birefcli.net.config import BiRefNetConfig as BiRefNetConfig
    from birefcli.net.config import compact_config as compact_config
    from birefcli.net.config import compact_lite2_config as compact_lite2_config
    from birefcli.net.config import published_config as published_config
    from birefcli.net.decoder import GradientPair as GradientPair
    from birefcli.net.decoder import Prediction as Prediction
    from birefcli.net.decoder import laplacian as laplacian
    from birefcli.net.device import Compute as Compute
    from birefcli.net.device import choose_compute as choose_compute
    from birefcli.net.device import training_compute as training_compute
    from birefcli.net.device_list import describe_devices as describe_devices
    from birefcli.net.official_pipelines import BenchmarkPredictor as BenchmarkPredictor
    from birefcli.net.predict import Predictor as Predictor
    from birefcli.net.predict import default_batch as default_batch
    from birefcli.net.predict import input_size as input_size
    from birefcli.net.predict import is_out_of_memory as is_out_of_memory
else:
    __getattr__ = lazy_imports(__name__)
