"""A stack of layers: its types, its files written, read and verified, and its composed picture."""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from birefcli.stack.compose import COMPOSED as COMPOSED
    from birefcli.stack.compose import compose_stack as compose_stack
    from birefcli.stack.compose import composed_bytes as composed_bytes
    from birefcli.stack.compositing import composite as composite
    from birefcli.stack.compositing import composite_with_pillow as composite_with_pillow
    from birefcli.stack.formats.export import prepare_export as prepare_export
    from birefcli.stack.formats.ora import read_ora as read_ora
    from birefcli.stack.formats.ora import write_ora as write_ora
    from birefcli.stack.formats.psd import write_psd as write_psd
    from birefcli.stack.formats.psd_read import read_psd as read_psd
    from birefcli.stack.formats.table import FORMATS as FORMATS
    from birefcli.stack.formats.table import fixed_names as fixed_names
    from birefcli.stack.formats.table import folder_names as folder_names
    from birefcli.stack.formats.table import format_names as format_names
    from birefcli.stack.formats.write_all import file_names as file_names
    from birefcli.stack.formats.write_all import stack_files as stack_files
    from birefcli.stack.manifest import FILE as FILE
    from birefcli.stack.manifest import SCHEMA as SCHEMA
    from birefcli.stack.manifest import Manifest as Manifest
    from birefcli.stack.read import OpenedStack as OpenedStack
    from birefcli.stack.read import read_stack as read_stack
    from birefcli.stack.types import DepthSpan as DepthSpan
    from birefcli.stack.types import Edge as Edge
    from birefcli.stack.types import EngineRecord as EngineRecord
    from birefcli.stack.types import Evidence as Evidence
    from birefcli.stack.types import Fill as Fill
    from birefcli.stack.types import Hole as Hole
    from birefcli.stack.types import Layer as Layer
    from birefcli.stack.types import PictureKind as PictureKind
    from birefcli.stack.types import SourceRecord as SourceRecord
    from birefcli.stack.types import Stack as Stack
    from birefcli.stack.types import StopReason as StopReason
    from birefcli.stack.types import StopRule as StopRule
    from birefcli.stack.types import Vote as Vote
    from birefcli.stack.verify import compare as compare
    from birefcli.stack.verify import composite_all as composite_all
    from birefcli.stack.verify import measure_recomposition as measure_recomposition
    from birefcli.stack.verify import require_exact as require_exact
else:
    __getattr__ = lazy_imports(__name__)
