"""Run the tests on every stack (`nox -s tests`) or renew the locked requirements (`nox -s lock`).

One stack alone: `nox -s "tests(py312-numpy2)"`. What follows `--` goes to pytest. Interpreters are
found on PATH.
"""

import nox

nox.options.default_venv_backend = 'uv|virtualenv'
nox.options.sessions = ['tests']

PYTHONS = ('3.10', '3.11', '3.12')
EXTRAS = 'mmpose,export,media,dev'
ALONE = ('--no-deps', '--no-build-isolation')
STACKS = [
    nox.param('3.11', 'mmcv-lite', True, id='py311-numpy1'),
    nox.param('3.12', 'mmcv-lite', True, id='py312-numpy2'),
    nox.param('3.11', 'mmcv', True, id='py311-mmcv-full'),
    nox.param('3.12', 'mmcv-lite', False, id='newest-torch'),
]


@nox.session
@nox.parametrize('python,mmcv,locked', STACKS)
def tests(session: nox.Session, mmcv: str, locked: bool) -> None:
    """Install one stack and run the tests on it."""
    if locked:
        pinned = f'requirements/pinned-py{session.python.replace(".", "")}.txt'
        session.install('--require-hashes', '--no-deps', '-r', pinned)
    else:
        # Recent torchvisions name their torch exactly, the oldest take any.
        session.install(f'.[{EXTRAS}]', 'torchvision>=0.26')
    for name in ('xtcocotools', 'openmmlab'):
        session.install('--require-hashes', *ALONE, '-r', f'requirements/{name}.txt')
    if mmcv == 'mmcv':
        # Over mmcv-lite, whose files are the same but for the operators; 14 minutes on two cores.
        session.install('ninja')
        options = dict(env={'MMCV_WITH_OPS': '1'})
        session.install('--require-hashes', *ALONE, '-r', 'requirements/mmcv.txt', **options)
    session.install(*ALONE, '-e', '.')
    versions = 'import sys, numpy, torch; print(sys.version, numpy.__version__, torch.__version__)'
    session.run('python', '-c', versions)
    session.run('python', '-m', 'pytest', *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Write the locked requirements from the `.in` beside them; versions that still fit stay."""
    session.install('uv')

    def compile_(target: str, python: str, *sources: str) -> None:
        how = ('--universal', '--generate-hashes', '--no-annotate', '--python-version', python)
        says = ('--custom-compile-command', 'nox -s lock')
        files = (*sources, '-o', f'requirements/{target}.txt')
        session.run('uv', 'pip', 'compile', '-q', *how, *says, *files, silent=True)

    extras = [word for extra in EXTRAS.split(',') for word in ('--extra', extra)]
    for python in PYTHONS:
        target = f'pinned-py{python.replace(".", "")}'
        compile_(target, python, *extras, 'pyproject.toml', 'requirements/pinned.in')
    for name in ('openmmlab', 'xtcocotools', 'mmcv'):
        compile_(name, PYTHONS[0], '--no-deps', f'requirements/{name}.in')
    compile_('docs', '3.11', 'requirements/docs.in')
