"""What each command was asked to do: frozen records, every default written once."""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from birefcli.settings.bench import BenchSettings as BenchSettings
    from birefcli.settings.compose import ComposeSettings as ComposeSettings
    from birefcli.settings.config import ConfigSettings as ConfigSettings
    from birefcli.settings.cut import CutSettings as CutSettings
    from birefcli.settings.cut import OnEmpty as OnEmpty
    from birefcli.settings.cutout import EVERYWHERE as EVERYWHERE
    from birefcli.settings.cutout import SUFFIXES as SUFFIXES
    from birefcli.settings.cutout import AlphaMode as AlphaMode
    from birefcli.settings.cutout import Anchor as Anchor
    from birefcli.settings.cutout import Format as Format
    from birefcli.settings.cutout import Product as Product
    from birefcli.settings.digest import deciding as deciding
    from birefcli.settings.digest import recalled as recalled
    from birefcli.settings.digest import settings_digest as settings_digest
    from birefcli.settings.evaluate import EvalProtocol as EvalProtocol
    from birefcli.settings.evaluate import EvalSettings as EvalSettings
    from birefcli.settings.evaluate_stacks import Baseline as Baseline
    from birefcli.settings.evaluate_stacks import EvalPeelSettings as EvalPeelSettings
    from birefcli.settings.evaluate_stacks import PeelMode as PeelMode
    from birefcli.settings.file import MODEL as MODEL
    from birefcli.settings.file import RECORDS as RECORDS
    from birefcli.settings.file import SettingsFile as SettingsFile
    from birefcli.settings.file import find_file as find_file
    from birefcli.settings.file import key_of as key_of
    from birefcli.settings.file import table_of as table_of
    from birefcli.settings.model import ModelSettings as ModelSettings
    from birefcli.settings.model import NetworkSettings as NetworkSettings
    from birefcli.settings.model import Precision as Precision
    from birefcli.settings.options import REQUIRED as REQUIRED
    from birefcli.settings.options import Setting as Setting
    from birefcli.settings.options import borrowed as borrowed
    from birefcli.settings.options import make as make
    from birefcli.settings.options import offered as offered
    from birefcli.settings.options import option as option
    from birefcli.settings.options import settings_of as settings_of
    from birefcli.settings.peel import PeelBy as PeelBy
    from birefcli.settings.peel import PeelCommand as PeelCommand
    from birefcli.settings.peel import PeelKind as PeelKind
    from birefcli.settings.peel import PeelSettings as PeelSettings
    from birefcli.settings.run import JsonSettings as JsonSettings
    from birefcli.settings.run import RunSettings as RunSettings
    from birefcli.settings.synth import Suite as Suite
    from birefcli.settings.synth import SynthSettings as SynthSettings
    from birefcli.settings.toml_values import NONE as NONE
    from birefcli.settings.toml_values import MisfitError as MisfitError
    from birefcli.settings.toml_values import fit as fit
    from birefcli.settings.toml_values import nearest as nearest
    from birefcli.settings.toml_values import read_toml as read_toml
    from birefcli.settings.train import THE_START as THE_START
    from birefcli.settings.train import GradientLabel as GradientLabel
    from birefcli.settings.train import OnBad as OnBad
    from birefcli.settings.train import Schedule as Schedule
    from birefcli.settings.train import Stage as Stage
    from birefcli.settings.train import Target as Target
    from birefcli.settings.train import TrainCommand as TrainCommand
    from birefcli.settings.train import TrainSettings as TrainSettings
    from birefcli.settings.words import Bar as Bar
    from birefcli.settings.words import named as named
else:
    __getattr__ = lazy_imports(__name__)
