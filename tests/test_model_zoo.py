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


def read(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text(encoding='utf-8'))


CONTENT = {path: read(path) for path in METAFILES}
MODELS = {m['Name']: m for content in CONTENT.values() for m in content['Models']}


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


@pytest.mark.parametrize('name', MODELS)
def test_the_metafile_says_what_the_config_does(name):
    model = MODELS[name]
    assert model['Config'].endswith(f'/{name}.py')
    cfg = Config.fromfile(ROOT / model['Config'])
    data = re.sub('Checked|Face|Dataset', '', cfg.train_dataloader.dataset.type)
    assert model['Metadata']['Training Data'] == data
    backbone, architecture = cfg.model.backbone, model['Metadata']['Architecture']
    assert architecture[0] == ('HRNetv2' if backbone.type == 'HRNet' else 'Hourglass')
    assert ('MCG' in architecture) == (backbone.get('attention', 'none') != 'none')
    assert ('SDT' in architecture) == (cfg.codec.type == 'SDTHeatmap')
    assert ('SDL' in architecture) == (cfg.model.head.loss.type == 'SubpixelDetectionLoss')


@pytest.mark.parametrize('name', MODELS)
def test_results_are_the_readmes(name):
    """In the cells of the only README row that links to the model's config."""
    model, path = MODELS[name], ROOT / MODELS[name]['Config']
    lines = (path.parent / 'README.md').read_text(encoding='utf-8').splitlines()
    (row,) = (line for line in lines if line.startswith('|') and f']({path.name})' in line)
    numbers = [float(n) for n in re.findall(r'\d+\.\d+', row.strip('| ').partition('|')[2])]
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
