"""Training: the data, the losses and the loop."""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from birefcli.train.data.preflight import packs_of as packs_of
    from birefcli.train.data.training_data import suggest_recipe as suggest_recipe
    from birefcli.train.forecast import forecast_training as forecast_training
    from birefcli.train.forecast import recipe_lines as recipe_lines
    from birefcli.train.log import StepSummary as StepSummary
    from birefcli.train.loop import train as train
else:
    __getattr__ = lazy_imports(__name__)
