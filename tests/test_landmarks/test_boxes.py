import json

import numpy as np
import pytest

from mhhn_landmarks.boxes import UserBoxes, overlaps, squares
from mhhn_landmarks.errors import InputError


def test_a_square_has_the_box_middle_and_its_larger_side():
    boxes = np.array([[10.0, 20, 14, 30, 0.7], [-3, 5, 9, 8, 0.2]])
    assert squares(boxes).tolist() == [[7, 20, 17, 30, 0.7], [-3, 0.5, 9, 12.5, 0.2]]
    assert squares(np.zeros((0, 5))).shape == (0, 5)


def test_overlaps_are_intersections_over_unions():
    first = np.array([[0.0, 0, 2, 4], [10, 10, 11, 11]])
    second = np.array([[1.0, 1, 3, 3, 9], [0, 0, 2, 4, 9], [2, 0, 3, 4, 9]])
    np.testing.assert_allclose(overlaps(first, second), [[2 / 10, 1, 0], [0, 0, 0]])
    assert overlaps(first, np.zeros((0, 5))).shape == (2, 0)


def test_boxes_of_the_user(tmp_path):
    assert UserBoxes('1,2.5,3,4')('any.jpg', (9, 8)).tolist() == [[1, 2.5, 4, 6.5, 1]]
    file = tmp_path / 'boxes.json'
    file.write_text(json.dumps([[1, 2, 3, 4], [0, 0, 5, 7]]))
    assert UserBoxes(str(file))('17', (9, 8)).tolist() == [[1, 2, 4, 6, 1], [0, 0, 5, 7, 1]]
    content = json.dumps({'a.jpg': [[1, 2, 3, 4]], 'b.jpg': []})
    file.write_text(content, encoding='utf-8-sig')  # with a byte-order mark
    user_boxes = UserBoxes(str(file))
    assert user_boxes('a.jpg', (9, 8)).tolist() == [[1, 2, 4, 6, 1]]
    assert user_boxes('b.jpg', (9, 8)).shape == user_boxes('c.jpg', (9, 8)).shape == (0, 5)
    assert user_boxes.unused() == []
    other = UserBoxes(str(file))
    other('c.jpg', (9, 8))
    assert other.unused() == ['a.jpg', 'b.jpg']


def test_a_box_outside_its_picture_ends_in_one_line():
    height, width = 40, 60
    for text in (f'{width},0,5,7', f'0,{height},5,7', '-5,3,5,7', '3,-7,5,7'):
        with pytest.raises(InputError, match=f'^a.jpg: box {text} is outside its 60 x 40 pixels'):
            UserBoxes(text)('a.jpg', (height, width))
    assert len(UserBoxes('-4,-6,5,7')('a.jpg', (height, width))) == 1
    assert len(UserBoxes(f'{width - 1},{height - 1},5,7')('a.jpg', (height, width))) == 1


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ('[[1, 2, 3]]', r'\[1, 2, 3\] is no box; a box is x,y,w,h'),
        ('[[1, 2, NaN, 4]]', 'has no area'),
        ('{"a.jpg": ["1234"]}', "a.jpg: '1234' is no box"),
        ('7', 'a list of boxes expected'),
        (None, 'boxes.json: no readable JSON'),
        ('1,2,-3,4', '^--boxes: .*x,y,w,h'),
    ],
)
def test_bad_boxes_end_in_one_line(tmp_path, content, words):
    file = tmp_path / 'boxes.json'
    if content is not None:
        file.write_text(content)
    with pytest.raises(InputError, match=words) as error:
        UserBoxes(content if words.startswith('^') else str(file))
    assert '\n' not in str(error.value)
