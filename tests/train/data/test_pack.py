"""Data packs: joined to a set, with unknown parts, and the one that comes with the package."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from own_sets import SIZE, pairs, save, sprite, sprites
from PIL import Image

from birefcli.errors import UsageError
from birefcli.train.batches import compose_batch, supply_of_this_process
from birefcli.train.data.pack import REMINDERS, Pack
from birefcli.train.data.scene_parts import Part
from birefcli.train.data.training_data import open_data


def test_a_pack_without_tiles_joins_a_folder_and_never_runs_dry(settings, tmp_path):
    sprites(tmp_path / "set")
    pack = tmp_path / "pack"
    save(pack / "sprite.png", sprite(5))
    with zipfile.ZipFile(pack / "all.zip", "w") as shard:
        shard.write(pack / "sprite.png", "sprite.png")
    (pack / "index.csv").write_text(
        "kind,source,shard,member,mask,split,tier\nsprite,drawn,all.zip,sprite.png,,train,A\n"
        "sprite,drawn,all.zip,gone.png,,train,A\n"
    )
    both = replace(settings, data=(tmp_path / "set", pack))
    data = open_data(both)
    assert data.count == 12 and "a data pack of 2 pictures" in "\n".join(data.report.lines())
    batch = compose_batch(0, 32, SIZE, both)
    names = " ".join(batch.names)
    assert "drawn/sprite.png" in names and "set/" in names
    assert len(batch.bad) == 1 and "gone.png cannot be read" in batch.bad[0]
    # The pack has nothing to validate on, so that it cannot be trained on alone.
    alone = replace(settings, data=(pack,), out=tmp_path / "alone")
    with pytest.raises(UsageError, match="nothing to validate on"):
        open_data(alone)
    given = open_data(replace(alone, validation=pairs(tmp_path / "val", 3)))
    assert given.count == 2 and [p.source for p in given.validation] == ["val"] * 3
    assert len(compose_batch(0, 2, SIZE, alone).rgb) == 2


def test_what_a_pack_marks_as_unknown_reaches_the_batch(tmp_path, settings):
    rgb, mask = np.full((60, 60, 3), 90, np.uint8), np.zeros((60, 60), np.uint8)
    mask[20:40, 20:40] = 255
    unknown = np.full((60, 60), 255, np.uint8)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as shard:
        for name, array in (("a.png", rgb), ("m.png", mask), ("u.png", unknown)):
            stream = io.BytesIO()
            Image.fromarray(array).save(stream, "png")
            shard.writestr(name, stream.getvalue())
    header = "kind,source,shard,member,mask,split,tier,unknown\n"
    row = "photo_mask,x,all.zip,a.png,m.png,{},A,{}\n"
    for split, member, expected in (("train", "u.png", 0.0), ("train", "", 1.0)):
        text = header + row.format(split, member) + row.format("val", "")
        (tmp_path / "index.csv").write_text(text)
        own = replace(
            settings,
            data=(tmp_path,),
            out=tmp_path / f"run{member}",
            photo=1.0,
            empty=0.0,
            pixel=0.0,
        )
        supply_of_this_process.cache_clear()
        batch = compose_batch(0, 3, (64, 64), own)
        assert batch.known is not None and np.allclose(batch.known, expected)


def test_reminders_take_their_share_and_leave_the_other_samples_as_they_were(settings, tmp_path):
    sprites(tmp_path / "set", 12)
    plain = replace(settings, data=(tmp_path / "set",), out=tmp_path / "run")
    open_data(plain)
    supply_of_this_process.cache_clear()
    own = "the package's own pictures"
    batch = compose_batch(0, 40, (64, 64), replace(plain, remind=0.4))
    share = sum(name == own for name in batch.names) / 40
    assert 0.2 < share < 0.6
    assert own not in compose_batch(0, 40, (64, 64), plain).names


def test_the_packages_own_pictures_are_free_small_and_all_readable():
    assert sum(file.stat().st_size for file in REMINDERS.iterdir()) < 2_000_000
    pack = Pack(REMINDERS, tiers=("A",))
    kept = {part: pack.count(part) for part in Part if pack.count(part)}
    assert Part.PHOTO not in kept and min(kept.values()) >= 8
    credited = (REMINDERS.parent / "weights" / "CREDITS.md").read_text(encoding="utf-8")
    assert all(item.source in credited for item in pack.items)
    with zipfile.ZipFile(REMINDERS / "pictures.zip") as shard:
        for item in pack.items:
            with Image.open(io.BytesIO(shard.read(item.member))) as picture:
                picture.load()
