import numpy as np
import pytest

from mhhn_landmarks.tracking import PATIENCE, FaceTracker, follow


def square(x, y, side=100.0, score=0.9):
    return [x - side / 2, y - side / 2, x + side / 2, y + side / 2, score]


def centers(boxes):
    return ((boxes[:, :2] + boxes[:, 2:4]) / 2).tolist()


def test_faces_keep_their_numbers_when_detections_change_places():
    track = FaceTracker()
    assert track(np.array([square(200, 200), square(500, 200)]))[1].tolist() == [0, 1]
    boxes, names = track(np.array([square(510, 210), square(190, 190), square(800, 100)]))
    assert names.tolist() == [0, 1, 2]
    assert centers(boxes) == [[190, 190], [510, 210], [800, 100]]


def test_a_shaking_box_is_calmed_and_a_moving_one_is_not_late():
    rng = np.random.default_rng(0)
    track = FaceTracker()
    shaken = 300 + rng.normal(0, 1.0, (80, 2))
    found = np.array([centers(track(np.array([square(*place)]))[0])[0] for place in shaken])
    assert found[20:].std() < 0.5 * shaken[20:].std()
    assert abs(found[20:].mean() - 300) < 0.3
    assert centers(track(np.array([square(315, 300)]))[0]) == [[315, 300]]


def test_a_face_that_is_missed_keeps_its_box_for_a_while():
    track, nothing = FaceTracker(), np.zeros((0, 5))
    for _ in range(2):
        track(np.array([square(300, 200)]))
    for _ in range(PATIENCE):
        boxes, names = track(nothing)
        assert centers(boxes) == [[300, 200]] and names.tolist() == [0]
    assert len(track(nothing)[0]) == 0
    assert track(np.array([square(300, 200)]))[1].tolist() == [1]  # by now somebody else


def test_a_detection_is_one_face_only():
    track = FaceTracker()
    for _ in range(2):
        track(np.array([square(300, 200), square(360, 200)]))
    boxes, names = track(np.array([square(320, 200)]))
    assert names.tolist() == [0, 1]
    assert centers(boxes) == [[320, 200], [360, 200]]  # the other one is missed and stays


def test_a_face_begins_with_the_first_of_two_detections():
    """A single false one is none, and takes no number."""
    nothing, face, ghost = np.zeros((0, 5)), square(300, 200), square(700, 300)
    frames = [[face], [face, ghost], [face], [], [face], [square(900, 900)]]
    found = follow((i, np.array(f) if f else nothing) for i, f in enumerate(frames))
    assert [(item, names.tolist(), len(boxes)) for item, boxes, names in found] == [
        (number, [0], 1) for number in range(6)
    ]
    twice = follow(enumerate([np.array([ghost]), nothing, np.array([ghost]), nothing]))
    assert [names.tolist() for _, _, names in twice] == [[]] * 4
    late = list(follow(enumerate([nothing, np.array([ghost]), nothing, *[np.array([face])] * 2])))
    assert [names.tolist() for _, _, names in late] == [[], [], [], [0], [0]]


def test_frames_come_one_late_and_no_later():
    taken = []

    def frames():
        for number in range(4):
            taken.append(number)
            yield number, np.zeros((0, 5))

    for item, _, _ in follow(frames()):
        assert taken == list(range(min(item + 2, 4)))
    assert list(follow([])) == []


def test_an_angle_is_calmed_too_and_goes_the_short_way():
    track = FaceTracker()
    track(np.array([[*square(300, 300), 179.0]]))
    boxes, _ = track(np.array([[*square(300, 300), -180.0]]))  # by 1 degree, 0.017 in radians
    assert boxes[0, 5] == pytest.approx(179 + np.radians(1) / 0.1)
    boxes, _ = track(np.array([[*square(300, 300), 90.0]]))
    assert boxes[0, 5] == pytest.approx(90)
