"""Landmarks of one face, from an ONNX file of tools/deployment/export_onnx.py; no torch, no MMPose.

Needs `pip install numpy onnxruntime opencv-python-headless`.
Run: python onnx_example.py MODEL.onnx PHOTO X1 Y1 X2 Y2, with the face's box in photo pixels.
"""

import sys

import cv2
import numpy as np
import onnxruntime


def find_landmarks(session, photo, box):
    """Return landmarks (K, 2) in photo pixels and scores (K,); photo (H, W, 3) uint8 BGR."""
    facts = session.get_modelmeta().custom_metadata_map
    size, span = (np.array(facts[k].split(), float) for k in ('input_size', 'crop_span'))
    box = np.array(box, float).reshape(2, 2)
    extent = (box[1] - box[0]) * float(facts['padding'])
    extent = (extent / size).max() * size  # grown to the crop's shape
    corner = box.mean(0) - extent / 2
    matrix = np.column_stack((np.diag(span / extent), -corner * span / extent))
    crop = cv2.warpAffine(photo, matrix, tuple(size.astype(int).tolist()))
    landmarks, scores = session.run(None, {'crops': crop.transpose(2, 0, 1)[None]})
    return landmarks[0] / size * extent + corner, scores[0]


if __name__ == '__main__':
    if len(sys.argv) != 7:
        sys.exit(__doc__)
    image = cv2.imread(sys.argv[2])
    if image is None:
        sys.exit(f'{sys.argv[2]}: no readable photo')
    model = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])
    for (x, y), score in zip(*find_landmarks(model, image, sys.argv[3:]), strict=True):
        print(f'{x:.2f} {y:.2f} {score:.3f}')
