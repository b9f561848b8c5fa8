"""model-index.yml, the metafiles and READMEs beside the configs: nothing missing or untrue."""

import re

import pytest
import yaml
from conftest import ROOT
from mmengine.config import Config

import mhhn_mmpose

METAFILES = sorted(
    path.relative_to(ROOT).as_posix() for path in ROOT.glob('configs/[!_]*/metafile.yml')
)
TRAINING_DATA = dict(
    CheckedFace300WDataset='300W',
    CheckedCOFWDataset='COFW',
    CheckedAFLWDataset='AFLW',
    CheckedWFLWDataset='WFLW',
)
LOSSES = dict(SubpixelDetectionLoss='SDL', HeatmapKLDLoss='KLDL', HeatmapJSDLoss='JSDL')


def read(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text(encoding='utf-8'))


CONTENT = {path: read(path) for path in METAFILES}
MODELS = {m['Name']: m for content in CONTENT.values() for m in content['Models']}
COLLECTIONS = [c for content in CONTENT.values() for c in content.get('Collections', [])]


def architecture_of(cfg: Config) -> list[str]:
    """What a config is made of, in the metafiles' words and order."""
    backbone, codec = cfg.model.backbone, cfg.codec
    if backbone.type == 'HRNet':
        parts = ['HRNetv2']
    else:
        parts = ['Hourglass'] + ['MCG'] * (backbone.attention != 'none')
    parts += ['DarkPose'] * codec.get('unbiased', False)
    parts += ['SDT'] * (codec.type == 'SDTHeatmap')
    loss = LOSSES.get(cfg.model.head.loss.type)
    return parts + [loss] * (loss is not None)


def collection_of(architecture: list[str]) -> str:
    if architecture[0] == 'HRNetv2':
        return 'DarkPose' if 'DarkPose' in architecture else 'HRNetv2'
    return 'HGs' if architecture == ['Hourglass'] else 'MHHN'


def readme_row(model: dict) -> list[str]:
    """The cells of the only README row that links to the model's config."""
    path = ROOT / model['Config']
    lines = (path.parent / 'README.md').read_text(encoding='utf-8').splitlines()
    rows = [line for line in lines if line.startswith('|') and f']({path.name})' in line]
    assert len(rows) == 1, path.name
    return [cell.strip() for cell in rows[0].strip('|').split('|')]


def test_the_index_imports_every_metafile():
    assert len(METAFILES) == 4
    assert sorted(read('model-index.yml')['Import']) == METAFILES


def test_every_config_is_listed_once_and_every_listed_one_exists():
    listed = [m['Config'] for content in CONTENT.values() for m in content['Models']]
    present = [p.relative_to(ROOT).as_posix() for p in ROOT.glob('configs/[!_]*/*.py')]
    assert sorted(listed) == sorted(present)
    for path, content in CONTENT.items():
        folder = path.rpartition('/')[0]
        assert {m['Config'].rpartition('/')[0] for m in content['Models']} == {folder}


def test_collections_are_complete_and_used():
    names = [c['Name'] for c in COLLECTIONS]
    assert sorted(names) == sorted({m['In Collection'] for m in MODELS.values()})
    for collection in COLLECTIONS:
        assert collection['Metadata']['Architecture']
        assert collection['Paper']['Title']
        assert collection['Paper']['URL'].startswith('https://')
        assert (ROOT / collection['README']).is_file()


@pytest.mark.parametrize('name', MODELS)
def test_the_metafile_says_what_the_config_does(name):
    model = MODELS[name]
    assert model['Config'].endswith(f'/{name}.py')
    cfg = Config.fromfile(ROOT / model['Config'])
    data = cfg.train_dataloader.dataset.type
    assert model['Metadata']['Training Data'] == TRAINING_DATA[data]
    architecture = architecture_of(cfg)
    assert model['Metadata']['Architecture'] == architecture
    assert model['In Collection'] == collection_of(architecture)


@pytest.mark.parametrize('name', MODELS)
def test_results_are_the_readmes(name):
    model = MODELS[name]
    numbers = [float(n) for n in re.findall(r'\d+\.\d+', ' '.join(readme_row(model)[1:]))]
    results = model.get('Results', [])
    assert numbers == [value for result in results for value in result['Metrics'].values()]
    for result in results:
        assert result['Task'] == 'Face 2D Keypoint'
        assert result['Dataset'].startswith(model['Metadata']['Training Data'])
    assert results or 'Weights' not in model
    if 'Weights' in model:
        assert re.fullmatch(r'https://\S+-[0-9a-f]{8}\.pth', model['Weights'])


def test_measured_results_are_the_projects():
    """docs/results.md says with which data and command each of them was measured."""
    text = (ROOT / 'docs' / 'results.md').read_text(encoding='utf-8')
    for model in MODELS.values():
        for result in model.get('Results', []):
            nme, std, *_ = result['Metrics'].values()
            assert f'{nme:.2f} ± {std:.2f}' in text, model['Name']


def test_the_changelog_begins_with_this_version():
    text = (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8')
    assert re.search(r'^## (\S+)', text, re.MULTILINE)[1] == mhhn_mmpose.__version__
