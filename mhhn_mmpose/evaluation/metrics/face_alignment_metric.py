"""`FaceAlignmentMetric`: every row of a face alignment table from one pass over the test set."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.fileio import get_text
from mmengine.logging import MMLogger
from mmpose.registry import METRICS

from mhhn_landmarks.annotations import is_photo
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.fileio import write_json_files

from ..functional import (
    Normalizer,
    check_rules,
    failure_rate,
    landmark_errors,
    mean_where_finite,
    resolve,
    summarize,
)
from .data_samples import LANDMARK_GROUPS, WHOLE_SET, reduce_sample, sort_and_dedupe


@METRICS.register_module()
class FaceAlignmentMetric(BaseMetric):
    """NME with its standard deviation, failure rate and AUC, per subset and normaliser.

    An image's error is the mean over its visible landmarks of distance / normaliser, in percent; a
    set's NME is the mean over its images. MMPose's `NME` is a fraction and averages over the
    landmarks of all images at once; times 100 it is the same number where every image has equally
    many visible landmarks, and weighs images by their visible landmarks where not.

    The result's keys are `{subset}/{normalizer}/{score}`, such as `full/inter_ocular/NME`:

    * `NME` and `NME_std`, percent; the latter is the population deviation over images;
    * `FR`, percent of the images with an error above `failure_threshold`;
    * `AUC`, area under the CED from 0 to `failure_threshold`, divided by it, in [0, 1].

    Numbers do not depend, to the last digit, on batch size, order or number of processes: samples
    are sorted by id, and those a sampler repeated count once.

    Where annotations say which landmarks are hidden (`occluded`, a flag per landmark), the
    pseudo-subsets `visible_landmarks` and `occluded_landmarks` score those landmarks alone;
    an image without such a landmark takes no part.

    Args:
        normalizers: What errors are divided by, each one of

            * `'inter_ocular'`: between the outer eye corners;
            * `'inter_pupil'`: between the pupils, or means of each eye's landmarks;
            * `'face_size'`: the annotation's `box_size`, for AFLW the side of its face box;
            * `'box'`, `'box_diagonal'`: sqrt(w h) and sqrt(w^2 + h^2) of
              `gt_instances.bboxes`, which MMPose makes from the annotation's centre and scale,
              so a square for 300W, WFLW and AFLW. AFLW's two are `'face_size'` and
              `'box_diagonal'`; the latter's numbers are smaller by sqrt(2);
            * `'landmark_box'`: sqrt(w h) of the tight box round the true landmarks (Bulat and
              Tzimiropoulos, ICCV 2017), for COFW-68;
            * `dict(name=..., keypoint_indices=[i, j])`, for other landmark schemes.

            Eye landmarks are taken as annotated, visible or not.
        ann_file: Annotation file of the test set, whose `subsets` (a list of names),
            `box_size` and `occluded` are read by annotation id. Without it they come from the
            sample's `raw_ann_info`, which MMPose's face datasets mostly do not keep.
        failure_threshold: In percent of the normaliser.
        also_failures_at: Further thresholds, in percent; 10 adds the score `FR@10`.
        errors_file: Where to write every image's errors as JSON, for CED curves; each evaluation
            replaces it.
        collect_device: `'cpu'` or `'gpu'`, see `BaseMetric`.
        prefix: Put before the keys, with a slash.

    Raises:
        ValueError: If an argument makes no sense; during the evaluation, if a sample cannot be
            scored, naming it.

    >>> metric = FaceAlignmentMetric([dict(name='eyes', keypoint_indices=[0, 1])])
    >>> metric.dataset_meta = dict(dataset_name='own')
    >>> points = np.array([[[30.0, 40.0], [60.0, 80.0]]])
    >>> face = dict(keypoints=points, keypoints_visible=np.ones((1, 2)))
    >>> metric.process(None, [dict(id=7, gt_instances=face, pred_instances=face)])
    >>> metric.results[0]['normalizers']
    {'eyes': 50.0}
    """

    def __init__(
        self,
        normalizers: Sequence[str | Mapping[str, Any]] = ('inter_ocular',),
        ann_file: str | None = None,
        failure_threshold: float = 10.0,
        also_failures_at: Sequence[float] = (),
        errors_file: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ):
        # BaseMetric warns if there is no prefix; here the subset's name does a prefix's work.
        super().__init__(collect_device=collect_device, prefix=prefix or WHOLE_SET)
        self.prefix = prefix
        check_rules(normalizers)
        for threshold in (failure_threshold, *also_failures_at):
            if not 0 < threshold < float('inf'):
                raise ValueError(f'failure_threshold is in percent, above 0, got {threshold}')
        self.normalizers = tuple(normalizers)
        self.ann_file = ann_file
        self.failure_threshold = float(failure_threshold)
        self.also_failures_at = tuple(also_failures_at)
        self.errors_file = errors_file
        self._annotations: dict[int, dict] | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep of each sample its landmarks' distances and its normalisers."""
        rules = self._rules()
        for sample in data_samples:
            if 'id' not in sample:
                raise ValueError("a sample has no 'id': add it to meta_keys of PackPoseInputs")
            try:
                self.results.append(reduce_sample(sample, self._annotation(sample), rules))
            except ValueError as error:
                name = f'image {sample.get("img_path", "?")} (id {sample["id"]})'
                raise InputError(f'{name}: {error}') from error

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Score the whole set; `results` may come in any order and repeat samples."""
        results = self._drop_invisible(sort_and_dedupe(results))
        distances = np.stack([r['distances'] for r in results])
        visible = np.stack([r['visible'] for r in results])
        groups = np.stack([r['groups'] for r in results], axis=1)
        lengths = {
            name: np.array([r['normalizers'][name] for r in results])
            for name in results[0]['normalizers']
        }
        by_landmark = {n: landmark_errors(distances, visible, x) for n, x in lengths.items()}
        errors = {name: mean_where_finite(e, axis=1) for name, e in by_landmark.items()}
        if self.errors_file is not None:
            self._write_errors(self.errors_file, results, errors, by_landmark)
        scored = {
            (subset, name): values[members]
            for subset, members in self._members(results).items()
            for name, values in errors.items()
        }
        for name, values in by_landmark.items():
            for group, mask in zip(LANDMARK_GROUPS, groups, strict=True):
                per_image = mean_where_finite(np.where(mask, values, np.nan), axis=1)
                if np.isfinite(per_image).any():
                    scored[group, name] = per_image[np.isfinite(per_image)]
        scores: dict[str, float] = {}
        for (subset, name), values in scored.items():
            found = summarize(values, self.failure_threshold)
            found |= {f'FR@{t:g}': failure_rate(values, t) for t in self.also_failures_at}
            scores |= {f'{subset}/{name}/{score}': value for score, value in found.items()}
        return scores

    def _rules(self) -> list[Normalizer]:
        """Return the normalisers for the dataset being evaluated."""
        name = (self.dataset_meta or {}).get('dataset_name')
        if name is None:
            raise ValueError("dataset_meta has no 'dataset_name': set it in the dataset's metainfo")
        return [resolve(rule, name) for rule in self.normalizers]

    def _annotation(self, sample: dict) -> dict:
        """Return the sample's annotation from `ann_file`, else what the pipeline kept of it."""
        if self.ann_file is None:
            raw = sample.get('raw_ann_info') or {}
            return raw[0] if isinstance(raw, list) else raw
        if self._annotations is None:
            self._annotations = self._read_annotations()
        found = self._annotations.get(sample['id'])
        # Ids start anew in every split, so the same id may be another face.
        name = found and found['file_name']
        if found is None or (name and not is_photo(sample.get('img_path') or '', name)):
            raise ValueError(f"not in ann_file '{self.ann_file}'; give that of this dataset")
        return found

    def _read_annotations(self) -> dict[int, dict]:
        """Return of every annotation, by its id, its photo and what is scored by."""
        kept = ('subsets', 'box_size', 'occluded')
        try:
            # As JSON whatever its name: MMEngine would unpickle a .pkl, and a .yaml may hold code.
            content = json.loads(get_text(self.ann_file, encoding='utf-8-sig'))
            photos = {image['id']: image['file_name'] for image in content.get('images', ())}
            return {
                ann['id']: {key: ann[key] for key in kept if key in ann}
                | dict(file_name=photos.get(ann.get('image_id'), ''))
                for ann in content['annotations']
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f'{self.ann_file}: no COCO-style annotations ({error!r})'
            raise InputError(f"{reason}; give the metric the dataset's ann_file") from error

    def _drop_invisible(self, results: list[dict]) -> list[dict]:
        """Leave out images without a visible landmark, and say how many."""
        kept = [r for r in results if r['visible'].any()]
        if not kept:
            raise ValueError(f'none of {len(results)} samples has a visible landmark to score')
        if len(kept) < len(results):
            MMLogger.get_current_instance().warning(
                f'{len(results) - len(kept)} of {len(results)} images have no visible landmark'
                ' and are left out of the scores'
            )
        return kept

    def _members(self, results: list[dict]) -> dict[str, list[int]]:
        """Return each subset's indices into `results`, the whole set first."""
        members = {WHOLE_SET: list(range(len(results)))}
        for index, result in enumerate(results):
            for subset in dict.fromkeys(result['subsets']):
                members.setdefault(subset, []).append(index)
        counts = ', '.join(f'{subset} {len(m)}' for subset, m in members.items())
        MMLogger.get_current_instance().info(f'FaceAlignmentMetric, images: {counts}')
        return members

    def _write_errors(
        self, path: str, results: list[dict], errors: dict, by_landmark: dict
    ) -> None:
        """Write `errors_file`; tools/analysis/errors_file.py reads it."""
        images = [
            {key: result[key] for key in ('id', 'img_path', 'subsets')}
            | {'errors': {name: float(values[index]) for name, values in errors.items()}}
            for index, result in enumerate(results)
        ]
        landmarks = {
            name: [None if np.isnan(v) else float(v) for v in mean_where_finite(values, axis=0)]
            for name, values in by_landmark.items()
        }
        content = dict(
            dataset_name=self.dataset_meta['dataset_name'],
            normalizers=list(errors),
            images=images,
            landmark_errors=landmarks,
        )
        write_json_files({Path(path): content})
