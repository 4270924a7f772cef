"""Pictures as arrays and as files: their types, read, written, listed, paired, shown."""

from typing import TYPE_CHECKING

from birefcli.lazy_imports import lazy_imports

if TYPE_CHECKING:
    from birefcli.image.animation import Animation as Animation
    from birefcli.image.animation import Container as Container
    from birefcli.image.animation import is_animated as is_animated
    from birefcli.image.animation import read_frames as read_frames
    from birefcli.image.animation import write_frames as write_frames
    from birefcli.image.atlas import Tag as Tag
    from birefcli.image.atlas import pack as pack
    from birefcli.image.atlas_json import AtlasForm as AtlasForm
    from birefcli.image.atlas_json import atlas_to_json as atlas_to_json
    from birefcli.image.decode import Picture as Picture
    from birefcli.image.decode import identify as identify
    from birefcli.image.files import PICTURE_SUFFIXES as PICTURE_SUFFIXES
    from birefcli.image.files import encode as encode
    from birefcli.image.files import find_pictures as find_pictures
    from birefcli.image.files import fold as fold
    from birefcli.image.files import is_ours as is_ours
    from birefcli.image.files import output_error as output_error
    from birefcli.image.files import read_picture as read_picture
    from birefcli.image.files import real as real
    from birefcli.image.files import remove_stale_temporaries as remove_stale_temporaries
    from birefcli.image.files import sha256_file as sha256_file
    from birefcli.image.files import write_atomic as write_atomic
    from birefcli.image.gallery import SIDE as SIDE
    from birefcli.image.gallery import Row as Row
    from birefcli.image.gallery import make_row as make_row
    from birefcli.image.gallery import page as page
    from birefcli.image.gallery import shrunk as shrunk
    from birefcli.image.hard_edges import looks_hard as looks_hard
    from birefcli.image.pairs import LAYOUTS as LAYOUTS
    from birefcli.image.pairs import Case as Case
    from birefcli.image.pairs import Cases as Cases
    from birefcli.image.pairs import Unpaired as Unpaired
    from birefcli.image.pairs import find_cases as find_cases
    from birefcli.image.pairs import pair_pictures as pair_pictures
    from birefcli.image.placing import next_power as next_power
    from birefcli.image.types import Alpha as Alpha
    from birefcli.image.types import Disparity as Disparity
    from birefcli.image.types import Labels as Labels
    from birefcli.image.types import Mask as Mask
    from birefcli.image.types import Matte as Matte
    from birefcli.image.types import Rgb as Rgb
    from birefcli.image.types import Rgba as Rgba
    from birefcli.image.types import rescale as rescale
    from birefcli.image.types import to_uint8 as to_uint8
else:
    __getattr__ = lazy_imports(__name__)
