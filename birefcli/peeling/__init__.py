"""Peeling: a picture becomes an ordered stack of layers that recomposes to it exactly."""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from birefcli.peeling.assemble import enlarge_stack as enlarge_stack
    from birefcli.peeling.edit import redo as redo
    from birefcli.peeling.edit import reorder as reorder
    from birefcli.peeling.instances.instance import Instance as Instance
    from birefcli.peeling.instances.instance import label_map as label_map
    from birefcli.peeling.kind_detection import DetectedKind as DetectedKind
    from birefcli.peeling.kind_detection import detect_kind as detect_kind
    from birefcli.peeling.loop import PeelLoop as PeelLoop
    from birefcli.peeling.loop import peel as peel
    from birefcli.peeling.order.graph import find_order as find_order
    from birefcli.peeling.proposals import KnownMattes as KnownMattes
    from birefcli.peeling.proposals import KnownUnion as KnownUnion
    from birefcli.peeling.proposals import Proposer as Proposer
    from birefcli.peeling.proposals import SegmenterProposer as SegmenterProposer
    from birefcli.peeling.state import PeelStart as PeelStart
else:
    __getattr__ = lazy_imports(__name__)
