"""The page of a gallery: captions over cells, one row below the other."""

import numpy as np

from birefcli.image.gallery import CAPTION, SIDE, make_row, page

WHITE = np.full((30, 60), 255, np.uint8)
BLACK = np.zeros((30, 60), np.uint8)
RED = np.dstack([WHITE, BLACK, BLACK])


def test_a_row_shows_the_picture_the_prediction_and_the_truth() -> None:
    sheet = page([make_row("caption", RED, WHITE, BLACK)])
    assert sheet.shape == (CAPTION + SIDE, 3 * SIDE, 3)
    middle = sheet[CAPTION + SIDE // 2]
    for i, color in enumerate(((255, 0, 0), (255, 255, 255), (0, 0, 0))):
        assert (middle[i * SIDE : (i + 1) * SIDE] == color).all()


def test_cells_keep_their_shape_and_leave_room_for_captions() -> None:
    sheet = page([make_row("caption 名", None, WHITE, WHITE), make_row("b", None, WHITE, WHITE)])
    assert sheet.shape == (2 * (CAPTION + SIDE), 2 * SIDE, 3)
    is_white = (sheet[:, SIDE + 1] == 255).all(1)
    rows = np.flatnonzero(is_white)
    half = SIDE // 2
    first = CAPTION + half // 2
    wanted = [*range(first, first + half)]
    assert rows.tolist() == [*wanted, *(y + CAPTION + SIDE for y in wanted)]
    assert sheet[:CAPTION, :SIDE].max() > 200 > sheet[CAPTION : first - 1, :SIDE].max()
