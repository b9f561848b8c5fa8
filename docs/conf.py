"""Sphinx: the source is the whole repository, so that links work here as they do on GitHub.

`make docs` runs it: README, CHANGELOG, CONTRIBUTING, docs/ and the READMEs of configs/ and
projects/ are pages; what else they link to in the repository is a download.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'tools')]

from mhhn_mmpose.version import __version__  # noqa: E402

project = 'mhhn_mmpose'
copyright = 'the authors of mhhn_mmpose, Apache-2.0'
release = version = __version__

root_doc = 'docs/index'
include_patterns = [
    '*.md',
    'docs/*.md',
    'configs/*/README.md',
    'projects/README.md',
    'projects/*/README.md',
]
exclude_patterns = ['.*', 'data', 'work_dirs', 'docs/_build', 'mhhn_mmpose']
extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.napoleon', 'sphinx.ext.viewcode']

# What GitHub does: $inline$ and ```math formulas, anchors of headings.
myst_enable_extensions = ['dollarmath']
myst_fence_as_directive = ['math']
myst_heading_anchors = 4

default_role = 'code'  # `name` in a docstring
autodoc_member_order = 'bysource'
autodoc_typehints_format = 'short'
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
# Of other packages' classes nothing can be looked up without internet.
nitpick_ignore_regex = [
    ('py:.*', r'(torch|nn|numpy|np|collections|mmengine|mmpose)\..*'),
    ('py:class', r'Tensor|(pathlib\.)?Path|InferenceSession|.*\.(T|Entry)'),
]

smartquotes = False
html_theme = 'furo'
html_title = f'mhhn_mmpose {release}'
templates_path = ['_templates']
html_additional_pages = {'index': 'to_docs.html'}
html_copy_source = False

# `make docs-links`, which needs internet.
linkcheck_timeout = 30
linkcheck_retries = 2


def setup(app):
    """Leave out "Alias for field number 0": the class says what its fields are."""
    app.connect(
        'autodoc-skip-member',
        lambda app, what, name, obj, skip, options: type(obj).__name__ == '_tuplegetter' or None,
    )
