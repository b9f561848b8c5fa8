"""The table and the pictures that compare the quickstart's models."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from figures.ced import plot_ced, read_errors
from figures.faces import FacePanel, plot_faces
from figures.heatmaps import HeatmapRow, plot_heatmaps
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmpose.apis import init_model
from mmpose.registry import DATASETS, KEYPOINT_CODECS
from mmpose.structures import PoseDataSample
from paper_tables.markdown import FIRST_SUBSETS, LEGEND, comparison_table

from mhhn_mmpose.visualization.heatmaps import displayable, heatmap_box

NORMALIZERS = {'inter_ocular': 'inter-ocular', 'inter_pupil': 'inter-pupil'}
THRESHOLD = 10.0  # percent, FaceAlignmentMetric's own
NUM_FACES = 6
# Of 300W's 68: jaw, outer ends and tops of the brows, nose tip, outer eye corners, mouth, chin.
DRAWN = (2, 14, 17, 19, 24, 26, 30, 36, 45, 48, 54, 8)


@dataclass
class Model:
    """A trained model with what its tests wrote.

    Attributes:
        name: For tables and pictures.
        config: Its config, the test data's paths merged into it.
        checkpoint: Its weights.
        decoder: Of ``tests`` the one that the config itself decodes with.
        tests: By the decoder's name the folder with ``metrics.json`` and ``errors.json``.
    """

    name: str
    config: Config
    checkpoint: Path
    decoder: str
    tests: Mapping[str, Path]


OFFICIAL_COUNTS = {
    'afw': 337, 'helen/trainset': 2000, 'lfpw/trainset': 811, 'helen/testset': 330,
    'lfpw/testset': 224, 'ibug': 135, '300W/01_Indoor': 300, '300W/02_Outdoor': 300,
}  # fmt: skip


def write_results(
    models: Sequence[Model], header: str, out_file: Path, pictures: Sequence[Path]
) -> str:
    """Write the tables and links to the pictures beside it; return the text without the links."""
    runs = {
        f'{model.name}, {decoder}': json.loads((folder / 'metrics.json').read_text())
        for model in models
        for decoder, folder in model.tests.items()
    }
    parts = ['# HGs against MHHN, argmax against SDT', header]
    for key, name in NORMALIZERS.items():
        parts += [f'## Errors divided by the {name} distance', comparison_table(runs, key).strip()]
        parts += [LEGEND.format(normalizer=name, threshold=THRESHOLD)]
    text = '\n\n'.join(parts) + '\n'
    links = '\n'.join(f'![{path.stem}]({path.name})\n' for path in pictures)
    out_file.write_text(f'{text}\n{links}', encoding='utf-8')
    return text


def draw_pictures(models: Sequence[Model], folder: Path) -> None:
    """Draw ``ced.png``, ``faces.png`` and ``heatmaps.png``."""
    errors = {
        f'{model.name}, {decoder}': read_errors(test / 'errors.json', 'inter_ocular')
        for model in models
        for decoder, test in model.tests.items()
    }
    plot_ced(errors, folder / 'ced.png', THRESHOLD, 'Test faces', 'inter-ocular distance')

    scores = [read_images(model.tests[model.decoder] / 'errors.json') for model in models]
    chosen = choose_faces(scores[-1], NUM_FACES)
    samples = [predict(model, chosen) for model in models]
    rows = {
        f'{model.name}, {model.decoder}': [_face_panel(sample, own[sample.id]) for sample in found]
        for model, own, found in zip(models, scores, samples, strict=True)
    }
    plot_faces(rows, folder / 'faces.png', 'Test faces, NME in % of the inter-ocular distance')
    heatmaps = [
        _heatmap_row(models, found, ', '.join(scores[0][face]['subsets']))
        for face, *found in zip(chosen, *samples, strict=True)
    ]
    title = f'Heatmaps of {len(DRAWN)} landmarks; + annotated'
    plot_heatmaps(heatmaps[1::2], folder / 'heatmaps.png', title)


def read_images(errors_file: Path) -> dict[int, dict]:
    """Read what `FaceAlignmentMetric` wrote of each image, by its id."""
    return {image['id']: image for image in json.loads(errors_file.read_text())['images']}


def choose_faces(images: Mapping[int, dict], count: int) -> list[int]:
    """Choose faces without favour: of each subset those at evenly spaced ranks of the error.

    Args:
        images: From `read_images`.
        count: How many at most.

    Returns:
        Ids, subset by subset, the smallest error of each first.
    """
    subsets: dict[str, list[int]] = {name: [] for name in FIRST_SUBSETS}
    for image in sorted(images.values(), key=lambda i: i['errors']['inter_ocular']):
        subsets.setdefault(''.join(image['subsets'][:1]), []).append(image['id'])
    found = [ids for ids in subsets.values() if ids]
    chosen = []
    for ids in found:
        take = min(max(count // len(found), 1), len(ids))
        chosen += [ids[int((rank + 0.5) / take * len(ids))] for rank in range(take)]
    return chosen


def predict(model: Model, ids: Sequence[int]) -> list[PoseDataSample]:
    """Return the model's predictions, with heatmaps, for the test faces of these ids."""
    config = model.config.copy()
    config.model.test_cfg.output_heatmaps = True
    network = init_model(config, str(model.checkpoint), device='cpu')
    dataset = DATASETS.build(config.test_dataloader.dataset)
    index = {dataset.get_data_info(i)['id']: i for i in range(len(dataset))}
    with torch.no_grad():
        return network.test_step(pseudo_collate([dataset[index[face]] for face in ids]))


def describe_faces(ann_file: Path, generated: bool) -> str:
    """Say which faces an annotation file has, such as ``HELEN train (870 of 2000)``.

    Args:
        ann_file: From `convert_300w`.
        generated: The faces are drawn: their folders' official sizes are of no interest.
    """
    files = [image['file_name'] for image in json.loads(ann_file.read_text())['images']]
    parts = []
    for folder, official_count in OFFICIAL_COUNTS.items():
        count = sum(str(Path(name).parent.as_posix()) == folder for name in files)
        if count:
            archive, *rest = folder.split('/')
            name = ' '.join([archive.upper(), *(part.removesuffix('set') for part in rest)])
            official = '' if generated or count == official_count else f' of {official_count}'
            parts.append(f'{name} ({count}{official})')
    return f'{len(files)} faces: {", ".join(parts)}'


def _photo(sample: PoseDataSample) -> np.ndarray:
    """Return the whole photo, RGB."""
    return np.ascontiguousarray(cv2.imread(sample.img_path)[..., ::-1])


def _face_panel(sample: PoseDataSample, image: dict) -> FacePanel:
    """Return a face for `plot_faces`."""
    return FacePanel(
        _photo(sample),
        np.asarray(sample.gt_instances.keypoints)[0],
        np.asarray(sample.pred_instances.keypoints)[0],
        f'{", ".join(image["subsets"])}: {image["errors"]["inter_ocular"]:.1f} %',
    )


def _heatmap_row(
    models: Sequence[Model], samples: Sequence[PoseDataSample], title: str
) -> HeatmapRow:
    """Return one face, as every model sees it, for `plot_heatmaps`."""
    drawn, first = list(DRAWN), samples[0]
    truth = np.asarray(first.gt_instances.keypoints)[0]
    codec = KEYPOINT_CODECS.build(models[0].config.model.head.decoder)
    corner = first.input_center - first.input_scale / 2
    truth_input = (truth - corner) / first.input_scale * codec.input_size  # photo -> input px
    maps = {'truth': codec.encode(truth_input[None])['heatmaps'][drawn]}
    for model, sample in zip(models, samples, strict=True):
        output = sample.pred_fields.heatmaps.cpu().numpy()[drawn]
        maps[model.name] = displayable(output, model.config.model.head.decoder.get('activation'))
    box = heatmap_box(first.input_center, first.input_scale, codec.input_size)
    return HeatmapRow(_photo(first), truth[drawn], box, maps, title)
