"""Sheets of sampled faces: sides of flip pairs, marks, indices, layout."""

import cv2
import numpy as np
import pytest
from figures import samples
from figures.samples import COLORS, DPI, FaceSample, View, pair_sides

# A mouth: upper lip 0 1 2 from left to right, lower lip 3 4 from right to left; 5 is the chin.
MOUTH = np.array([[30.0, 40], [50, 33], [70, 41], [62, 52], [38, 51], [51, 75]])
FLIP = [2, 1, 0, 4, 3, 5]
SIDES = [1, 0, 2, 2, 1, 0]


def test_left_and_right_are_those_of_the_picture():
    assert pair_sides(FLIP, MOUTH[None]).tolist() == SIDES
    turned = MOUTH * (-1, 1) + (100, 0)
    assert pair_sides(FLIP, np.stack([MOUTH, turned, MOUTH])).tolist() == SIDES
    # One large face has one vote.
    assert pair_sides(FLIP, np.stack([turned, MOUTH * 9, turned])).tolist() == [2, 0, 1, 1, 2, 0]


def test_sides_without_annotations():
    missing = MOUTH.copy()
    missing[4] = np.nan
    assert pair_sides(FLIP, np.stack([missing, missing])).tolist() == [1, 0, 2, 1, 2, 0]
    assert pair_sides(FLIP, np.stack([missing, MOUTH])).tolist() == SIDES


def test_flip_indices_that_are_no_pairs_are_refused():
    with pytest.raises(ValueError, match=r'no pairs: 0 -> 1 -> 2; mend'):
        pair_sides([1, 2, 0], MOUTH[None, :3])


def view(title='a view', hidden=(), missing=(), points=MOUTH):
    picture = np.zeros((90, 110, 3), np.uint8)
    picture[..., 0] = 170  # red
    flags = np.arange(len(points))
    return View(picture, points, ~np.isin(flags, missing), np.isin(flags, hidden), title)


def draw(path, *views, target=None, links=(), title='title'):
    photo, flipped, *inputs = views
    row = FaceSample('a $photo_$1.jpg, id 7', photo, flipped, inputs, target)
    samples.plot_samples([row], FLIP, np.array(SIDES), path, title, links)
    return cv2.imread(str(path))[..., ::-1].astype(int)


def count(picture, color):
    """How many pixels of a picture are of a colour, '#RRGGBB' or (r, g, b)."""
    if isinstance(color, str):
        color = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(picture - color).max(axis=-1) < 10).sum())


def panel(picture, column):
    """The large panel's pixels."""
    left = samples.GAP + column * (samples.PANEL + samples.GAP)
    top = samples.TOP + samples.HEAD
    edges = [round(DPI * v) for v in (left, left + samples.PANEL, top, top + samples.PANEL)]
    return picture[edges[2] : edges[3], edges[0] : edges[1]]


def test_each_colour_is_on_its_side(tmp_path):
    picture = draw(tmp_path / 'new folder' / 'a.png', view(), view(), view())
    for column in range(3):
        part = panel(picture, column)
        half = round(part.shape[1] * 50 / 110) if column else part.shape[1] // 2
        left, right = (part[:, :half], part[:, half:])
        found = [[count(half, color) for color in COLORS[1:]] for half in (left, right)]
        assert found[0][0] > 10 and found[1][1] > 10
        assert found[0][1] == found[1][0] == 0


def test_hidden_landmarks_are_hollow_and_missing_ones_are_left_out(tmp_path):
    full, hollow, none = (
        panel(draw(tmp_path / f'{i}.png', view(**change), view(), view()), 0)
        for i, change in enumerate(({}, dict(hidden=[0, 4]), dict(missing=[0, 4])))
    )
    blue, yellow = COLORS[1:]
    assert count(none, blue) == 0 and count(none, yellow) > 20
    # The middle of a filled mark has its colour, that of a hollow one the picture's.
    middle = middle_of(full, blue)
    assert (np.abs(full[middle] - full[0, 0]) > 20).any()
    assert np.abs(hollow[middle] - (170, 0, 0)).max() < 10
    assert count(hollow, blue) > 5


def middle_of(picture, color):
    """Row and column of the middle of the uppermost mark of a colour."""
    value = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    mask = (np.abs(picture - value).max(axis=-1) < 10).astype(np.uint8)
    _, _, stats, centers = cv2.connectedComponentsWithStats(mask)
    best = min(range(1, len(stats)), key=lambda i: centers[i][1])
    return tuple(np.rint(centers[best]).astype(int)[::-1])


def test_pairs_are_joined_in_the_flipped_input_and_links_everywhere(tmp_path):
    bare = draw(tmp_path / 'a.png', view(), view(), view())
    linked = draw(tmp_path / 'b.png', view(), view(), view(), links=[(1, 5)])
    middle = slice(250, 450)

    def light(picture, column):
        return int((panel(picture, column)[middle, middle].min(axis=-1) > 60).sum())

    assert light(bare, 1) > light(bare, 2) + 20
    for column in range(3):
        assert light(linked, column) > light(bare, column) + 20


def test_three_inputs_and_a_target_share_the_third_column(tmp_path):
    target = np.zeros((30, 40))
    target[7, 31] = 2.5  # of the input's 90 rows and 110 columns
    picture = panel(draw(tmp_path / 'a.png', *[view()] * 5, target=target), 2)
    side, start = round(samples.SMALL * DPI), round((samples.PANEL - samples.SMALL) * DPI)
    quarters = [picture[a:, b:][:side, :side] for a in (0, start) for b in (0, start)]
    for quarter in quarters[:3]:
        assert count(quarter, (170, 0, 0)) > 10_000
    assert count(quarters[3], (170, 0, 0)) == 0
    # Not white, as the landmarks are: the pale yellow at the colour map's end.
    peak = (quarters[3][..., 1] > 215) & (quarters[3][..., 2] < 200)
    middle = np.argwhere(peak).mean(axis=0)
    # The 110 x 90 input fills the panel's width, 10 of 110 from its upper edge.
    expected = np.array([(10 + 7.5 * 3) / 110, 31.5 / 40]) * side
    np.testing.assert_allclose(middle, expected, atol=2.5)
    white = (quarters[3] > 200).all(axis=-1)
    dots = np.argwhere(white[40:-40, 5:-5]).mean(axis=0) + (40, 5)  # above and below is paper
    expected = (MOUTH.mean(axis=0)[::-1] + (10.5, 0.5)) / 110 * side
    np.testing.assert_allclose(dots, expected, atol=5)


def test_indices_are_apart_and_every_fifth_is_there():
    rng = np.random.default_rng(0)
    points, indices = rng.uniform(0, 200, (60, 2)), np.arange(3, 63)
    spots = samples._free_spots(points, indices)
    assert len(spots) > 50
    assert {5, 10, 60} <= spots.keys()
    middles = np.stack(list(spots.values()))
    half = np.array([0.31 * 2, 0.38]) * samples.FONT
    apart = (np.abs(middles[:, None] - middles) >= 1.99 * half).any(axis=-1)
    two_digits = np.array(list(spots)) > 9
    assert apart[np.ix_(two_digits, two_digits)].sum() == two_digits.sum() * (two_digits.sum() - 1)
    crowded = samples._free_spots(np.zeros((30, 2)) + rng.normal(0, 0.5, (30, 2)), np.arange(30))
    assert {0, 5, 10, 15, 20, 25} <= crowded.keys()
    assert len(crowded) < 25


def test_no_face_is_refused(tmp_path):
    with pytest.raises(ValueError, match='no face'):
        samples.plot_samples([], FLIP, np.array(SIDES), tmp_path / 'a.png', 'title')
