"""A run over many pictures: inputs, names, plans, journals, reports, executor and runner."""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from birefcli.batch.executor import Ended as Ended
    from birefcli.batch.executor import Steps as Steps
    from birefcli.batch.executor import StopFlag as StopFlag
    from birefcli.batch.executor import run_jobs as run_jobs
    from birefcli.batch.inputs import Inputs as Inputs
    from birefcli.batch.inputs import gather as gather
    from birefcli.batch.journal import Journal as Journal
    from birefcli.batch.journal import KnownNames as KnownNames
    from birefcli.batch.journal import ResultKey as ResultKey
    from birefcli.batch.plan import STDOUT as STDOUT
    from birefcli.batch.plan import CutJob as CutJob
    from birefcli.batch.plan import CutPlan as CutPlan
    from birefcli.batch.plan import output_roots as output_roots
    from birefcli.batch.plan import plan_cuts as plan_cuts
    from birefcli.batch.report import CutFacts as CutFacts
    from birefcli.batch.report import Outcome as Outcome
    from birefcli.batch.report import RunReport as RunReport
    from birefcli.batch.report import Status as Status
    from birefcli.batch.report import to_line as to_line
    from birefcli.batch.run import Batch as Batch
    from birefcli.batch.run import EncodedResult as EncodedResult
    from birefcli.batch.run import run_batch as run_batch
    from birefcli.batch.stack_inputs import pictures_asked as pictures_asked
    from birefcli.batch.stack_plan import EarlierStacks as EarlierStacks
    from birefcli.batch.stack_plan import StackJob as StackJob
    from birefcli.batch.stack_plan import StackPlan as StackPlan
    from birefcli.batch.stack_plan import earlier_stacks as earlier_stacks
    from birefcli.batch.stack_plan import plan_stacks as plan_stacks
else:
    __getattr__ = lazy_imports(__name__)
