"""Settings of Sphinx, for `make docs`.

The source is the whole repository, so that links work here as they do on GitHub. All its Markdown
is pages; other files that it links to are downloads. The API's pages are made from the packages, in
docs/_api.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'tools')]

from mhhn_landmarks import __version__  # noqa: E402

project = 'mhhn_mmpose'
copyright = 'the authors of mhhn_mmpose, Apache-2.0'
release = version = __version__

root_doc = 'docs/index'
include_patterns = [
    '*.md',
    'docs/*.md',
    'docs/_api/*/mhhn*.rst',
    'configs/*/README.md',
    'mhhn_mmpose/weights/README.md',
    'projects/README.md',
    'projects/*/README.md',
]
exclude_patterns = ['.*', 'data', 'work_dirs', 'docs/_build', 'mhhn_mmpose/.mim']
extensions = [
    'myst_parser',
    'sphinx.ext.apidoc',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx.ext.viewcode',
]

apidoc_modules = [
    {
        'path': f'../{package}',
        'destination': f'docs/_api/{package}',
        'separate_modules': True,
        'module_first': True,
        'automodule_options': ['members', 'show-inheritance'],
    }
    for package in ('mhhn_mmpose', 'mhhn_landmarks')
]
# Each name stands on the page of the module that has it, not of those that import it.
autodoc_default_options = {'ignore-module-all': True}

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
