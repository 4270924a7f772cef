"""The models by name: the table, their files here and on the hub, and running them."""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from birefcli.models.cache import megabytes as megabytes
    from birefcli.models.cache import models_dir as models_dir
    from birefcli.models.cache import records as records
    from birefcli.models.cache import sha256_of as sha256_of
    from birefcli.models.depth import DepthEstimator as DepthEstimator
    from birefcli.models.depth import load_depth as load_depth
    from birefcli.models.hub import IMPORTED as IMPORTED
    from birefcli.models.lama import LamaNetwork as LamaNetwork
    from birefcli.models.lama import load_lama as load_lama
    from birefcli.models.peel_models import CheckedSegmenter as CheckedSegmenter
    from birefcli.models.peel_models import PeelModels as PeelModels
    from birefcli.models.peel_models import load_peel_models as load_peel_models
    from birefcli.models.peel_models import pair_models as pair_models
    from birefcli.models.peel_models import partner_of as partner_of
    from birefcli.models.segmenter import LoadedSegmenter as LoadedSegmenter
    from birefcli.models.segmenter import Segmenter as Segmenter
    from birefcli.models.segmenter import asked_model as asked_model
    from birefcli.models.segmenter import load_segmenter as load_segmenter
    from birefcli.models.segmenter import require_device as require_device
    from birefcli.models.segmenter import segment_each as segment_each
    from birefcli.models.store import ModelFile as ModelFile
    from birefcli.models.store import ModelInfo as ModelInfo
    from birefcli.models.store import Purpose as Purpose
    from birefcli.models.store import bundled_model as bundled_model
    from birefcli.models.store import card_sha256 as card_sha256
    from birefcli.models.store import default_choice as default_choice
    from birefcli.models.store import fetching_command as fetching_command
    from birefcli.models.store import imported as imported
    from birefcli.models.store import known_name as known_name
    from birefcli.models.store import local_file as local_file
    from birefcli.models.store import resolve as resolve
    from birefcli.models.store import set_default as set_default
    from birefcli.models.store import stored as stored
    from birefcli.models.user_import import import_model as import_model
    from birefcli.models.variants import COMPANIONS as COMPANIONS
    from birefcli.models.variants import VARIANTS as VARIANTS
    from birefcli.models.variants import Variant as Variant
    from birefcli.models.variants import find_variant as find_variant
else:
    __getattr__ = lazy_imports(__name__)
