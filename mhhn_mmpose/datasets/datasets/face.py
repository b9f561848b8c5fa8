"""MMPose's face datasets with annotation checks.

The module's name tells MMPose's inferencer that the models find faces.
"""

from os.path import join
from pathlib import Path
from typing import Any

import numpy as np
from mmpose.datasets.datasets import AFLWDataset, COFWDataset, Face300WDataset, WFLWDataset
from mmpose.registry import DATASETS

from mhhn_landmarks.annotations import (
    check_framing,
    check_points,
    read_annotation_file,
    record_faults,
    refuse,
)
from mhhn_landmarks.errors import InputError

HINT = '; tools/dataset_converters/own2coco.py completes plain COCO files'
FRAMING = ('bbox', 'center', 'scale', 'box_size')


class CheckedFaces:
    """Mixin for MMPose's top-down face datasets: every face is used, or the data are refused.

    The check runs when the annotation file is read, before training or testing begins. A face's
    `photo_size` and, where the file has it, `photo_crc32` let `LoadFaceImage` refuse a photo
    that is not the annotated one.

    Raises:
        InputError: Naming the annotation file, and of its first faults annotation and photo.

    >>> CheckedFace300WDataset(ann_file='own.json')  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    mhhn_landmarks.errors.InputError: own.json: no annotation file (...); convert it
    """

    def load_data_list(self) -> list[dict]:
        """Read the annotation file, and report all its faults at once."""
        if self.bbox_file:  # detected boxes: there are no landmarks to check
            return super().load_data_list()
        faces, faults = self.load_and_check()
        refuse(self.ann_file, faults)
        return faces

    def load_and_check(self) -> tuple[list[dict], list[str]]:
        """Return the usable faces, and what is wrong with the others.

        Raises:
            InputError: If the file as a whole cannot be used.
        """
        self._content = read_annotation_file(self.ann_file)
        if faults := record_faults(self._content):
            return [], faults
        self._faults: list[str] = []
        faces = super().load_data_list()
        del self._content
        photos = {face['img_path']: _photo_fault(face['img_path']) for face in faces}
        faults = self._faults + [fault for fault in photos.values() if fault]
        return [face for face in faces if not photos[face['img_path']]], faults

    def _load_annotations(self) -> tuple[list[dict], list[dict]]:
        """Return what `parse_data_info` makes of the faces that were read, and the photos.

        MMPose's own reads the file once more, by xtcocotools, which takes no byte-order mark.
        """
        if 'categories' in self._content:
            self._metainfo['CLASSES'] = self._content['categories']
        photos = {
            image['id']: image
            | dict(img_id=image['id'], img_path=join(self.data_prefix['img'], image['file_name']))
            for image in self._content['images']
            if image['id'] % self.sample_interval == 0
        }
        faces: dict[int, list[dict]] = {number: [] for number in photos}
        for annotation in self._content['annotations']:
            if annotation['image_id'] in photos:
                faces[annotation['image_id']].append(dict(iscrowd=0) | annotation)
        parsed = [
            self.parse_data_info(dict(raw_ann_info=annotation, raw_img_info=photos[number]))
            for number, found in faces.items()
            for annotation in found
        ]
        return [face for face in parsed if face], list(photos.values())

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """Parse one annotation, or note why it cannot be used."""
        annotation, image = raw_data_info['raw_ann_info'], raw_data_info['raw_img_info']
        size = image['width'], image['height']
        try:
            face = super().parse_data_info(raw_data_info)
            _check_face(face, annotation, size, self._metainfo['num_keypoints'])
            if not self._is_valid_instance(face):
                raise ValueError('MMPose leaves it out: of a crowd, or with its box off the photo')
        except Exception as error:  # whatever a malformed annotation makes MMPose's class raise
            reason = f'misses {error}{HINT}' if isinstance(error, KeyError) else str(error)
            self._faults.append(f'annotation {annotation["id"]}, {image["file_name"]}: {reason}')
            return None
        return {**face, **photo_record(image)}

    def _rand_another(self) -> int:
        """Refuse to train another face in the place of one, as MMEngine does."""
        raise InputError(
            f'{self.ann_file}: the pipeline returned nothing for a face; use LoadFaceImage'
        )


def photo_record(image: dict[str, Any]) -> dict[str, Any]:
    """Return what `LoadFaceImage` compares a photo with, of its record in the annotation file.

    >>> photo_record(dict(id=3, file_name='a.jpg', width=640, height=480))
    {'photo_size': (640, 480)}
    """
    record = dict(photo_size=(image['width'], image['height']))
    return record | (dict(photo_crc32=image['crc32']) if 'crc32' in image else {})


def _check_face(
    face: dict[str, Any] | None, annotation: dict[str, Any], size: tuple[int, int], count: int
) -> None:
    """Refuse a face, as MMPose parsed it, of a photo (width, height), by the converters' rules."""
    if face is None:
        raise ValueError("misses 'bbox'")
    points = face['keypoints'][0]
    if len(points) != count:
        raise ValueError(f'{len(points)} landmarks, {count} expected')
    annotated = np.array(annotation['keypoints'], float).reshape(-1, 3)
    if broken := np.flatnonzero(~np.isfinite(annotated).all(axis=1)).tolist():
        raise ValueError(f'landmark {broken[0]} is not finite: {annotated[broken[0]]}')
    visible = annotated[:, 2] > 0
    if not visible.any() or face['num_keypoints'] == 0:
        raise ValueError('no visible landmark')
    left, top, right, bottom = face['bbox'][0].tolist()
    framing = {key: annotation[key] for key in FRAMING if key in annotation}
    check_framing(dict(bbox=[left, top, right - left, bottom - top]) | framing)
    check_points(points[visible], *size, max(right - left, bottom - top))


def _photo_fault(path: str) -> str | None:
    """Return what a look at the folder tells of a photo; its content is for `LoadFaceImage`."""
    if '://' in path:  # not on this machine
        return None
    if not Path(path).is_file():
        return f'{path}: no such photo'
    return None if Path(path).stat().st_size else f'{path}: the photo is an empty file'


@DATASETS.register_module()
class CheckedFace300WDataset(CheckedFaces, Face300WDataset):
    """MMPose's `Face300WDataset`, see `CheckedFaces`.

    >>> CheckedFace300WDataset(lazy_init=True).metainfo['num_keypoints']
    68
    """


@DATASETS.register_module()
class CheckedWFLWDataset(CheckedFaces, WFLWDataset):
    """MMPose's `WFLWDataset`, see `CheckedFaces`.

    >>> CheckedWFLWDataset(lazy_init=True).metainfo['num_keypoints']
    98
    """


@DATASETS.register_module()
class CheckedCOFWDataset(CheckedFaces, COFWDataset):
    """MMPose's `COFWDataset`, see `CheckedFaces`.

    >>> CheckedCOFWDataset(lazy_init=True).metainfo['num_keypoints']
    29
    """


@DATASETS.register_module()
class CheckedAFLWDataset(CheckedFaces, AFLWDataset):
    """MMPose's `AFLWDataset`, see `CheckedFaces`.

    >>> CheckedAFLWDataset(lazy_init=True).metainfo['num_keypoints']
    19
    """
