import cv2
import numpy as np
import pytest
from figures.faces import (
    DPI,
    PANEL,
    PREDICTION_COLOR,
    TRUTH_COLOR,
    FacePanel,
    plot_faces,
)


def panel(offset=0.0, title='a face'):
    photo = np.zeros((90, 120, 3), np.uint8)
    photo[..., 0] = 200  # red
    truth = np.array([[40.0, 30.0], [70.0, 30.0], [55.0, 60.0], [44.0, 47.0], [66.0, 47.0]])
    return FacePanel(photo, truth, truth + offset, title)


def count(path, color):
    """How many pixels of a picture are of a colour, given as '#RRGGBB' or (r, g, b)."""
    if isinstance(color, str):
        color = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
    picture = cv2.imread(str(path))[..., ::-1].astype(int)
    return (np.abs(picture - color).max(axis=-1) < 8).sum()


def test_draws_photos_and_both_sets_of_landmarks(tmp_path):
    path = tmp_path / 'new folder' / 'faces.png'
    plot_faces({'HGs': [panel(4.0), panel(2.0), panel(3.0)], 'MHHN': [panel(2.0)]}, path, 'Faces')
    height, width = cv2.imread(str(path)).shape[:2]
    assert width == 3 * PANEL * DPI and height > 2 * PANEL * DPI
    assert count(path, (200, 0, 0)) > 4 * (0.5 * PANEL * DPI) ** 2  # four photos, not empty frames
    truth, prediction = count(path, TRUTH_COLOR), count(path, PREDICTION_COLOR)
    assert min(truth, prediction) > 4 * 5 * 5  # five points in four faces
    assert max(truth, prediction) < 1.3 * min(truth, prediction)


def test_predictions_lie_over_the_truth(tmp_path):
    plot_faces({'': [panel(0.0)]}, tmp_path / 'same.png')
    plot_faces({'': [panel(4.0)]}, tmp_path / 'apart.png')
    legend = 100
    assert count(tmp_path / 'same.png', TRUTH_COLOR) < legend
    assert count(tmp_path / 'apart.png', TRUTH_COLOR) > 1.5 * count(
        tmp_path / 'same.png', TRUTH_COLOR
    )
    # The lines from truth to prediction are white on red.
    assert count(tmp_path / 'apart.png', (255, 255, 255)) > count(
        tmp_path / 'same.png', (255, 255, 255)
    )


def test_a_prediction_far_off_leaves_the_view_as_it_is(tmp_path):
    plot_faces({'': [panel(1.0)]}, tmp_path / 'near.png')
    plot_faces({'': [panel(5000.0)]}, tmp_path / 'far.png')
    near, far = (count(tmp_path / f'{name}.png', (200, 0, 0)) for name in ('near', 'far'))
    assert far > 0.8 * near


def test_refuses(tmp_path):
    with pytest.raises(ValueError, match='no face'):
        plot_faces({'HGs': []}, tmp_path / 'faces.png')
    broken = panel()._replace(prediction=np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r'got \(5, 2\) and \(3, 2\)'):
        plot_faces({'HGs': [broken]}, tmp_path / 'faces.png')
