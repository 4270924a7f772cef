"""The workflows: one file per command, from its settings to its outcomes."""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from birefcli.workflows.baselines import compared_methods as compared_methods
    from birefcli.workflows.bench import BenchStage as BenchStage
    from birefcli.workflows.bench import Clock as Clock
    from birefcli.workflows.bench import peak_memory as peak_memory
    from birefcli.workflows.bench import time_stages as time_stages
    from birefcli.workflows.cut import PreparedCut as PreparedCut
    from birefcli.workflows.cut import cut_all as cut_all
    from birefcli.workflows.cut import prepare_cut as prepare_cut
    from birefcli.workflows.doctor import DoctorFinding as DoctorFinding
    from birefcli.workflows.doctor import examine as examine
    from birefcli.workflows.doctor import worst as worst
    from birefcli.workflows.edit_stack import change as change
    from birefcli.workflows.edit_stack import recall as recall
    from birefcli.workflows.evaluate import EvalResult as EvalResult
    from birefcli.workflows.evaluate import choose_metrics as choose_metrics
    from birefcli.workflows.evaluate import evaluate_all as evaluate_all
    from birefcli.workflows.evaluate import find_models as find_models
    from birefcli.workflows.evaluate_stacks import score_all as score_all
    from birefcli.workflows.inpainter import load_inpainter as load_inpainter
    from birefcli.workflows.peel import PreparedPeel as PreparedPeel
    from birefcli.workflows.peel import peel_all as peel_all
    from birefcli.workflows.peel import prepare_peel as prepare_peel
    from birefcli.workflows.peel_result import engine_of as engine_of
    from birefcli.workflows.peel_result import proven_files as proven_files
    from birefcli.workflows.synth import plan_scenes as plan_scenes
    from birefcli.workflows.synth import synthesize as synthesize
else:
    __getattr__ = lazy_imports(__name__)
