"""Sphinx configuration: `make docs` builds the pages out of the installed package."""

from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
import re

project = 'fliqe_ros'
author = 'fliqe_ros contributors'
copyright = f'{author}. MIT licence'  # noqa: A001 (Sphinx reads it by this name)
try:
    release = metadata.version('fliqe_ros')
except metadata.PackageNotFoundError:  # in a colcon workspace; rosdoc2 fills it in
    release = ''

extensions = ['sphinx.ext.autodoc', 'myst_parser']
source_suffix = {'.rst': 'restructuredtext', '.md': 'markdown'}
root_doc = 'index'
html_theme = 'sphinx_rtd_theme'

autodoc_default_options = {'members': True, 'member-order': 'bysource'}
autodoc_typehints = 'signature'
# Optional, and not on PyPI or not needed to read what the modules do
autodoc_mock_imports = ['cptv', 'cv_bridge', 'rqt_gui_py']

# Headings can be linked to, as on GitHub.
myst_heading_anchors = 3

#: Links of pages that lie outside of docs/ → the same targets as seen from docs/
_LINKS = {
    '](../../docs/': '](',
    '](docs/': '](',
    '](frames.csv)': '](../fliqe_ros/weights/frames.csv)',
    '](scenes.csv)': '](../fliqe_ros/weights/scenes.csv)',
    '](../fliqe_ros/weights/README.md)': '](model_card.md)',
    '](fliqe_ros/weights/README.md)': '](model_card.md)',
    '](../CONTRIBUTING.md)': '](contributing.md)',
}


def _relink(content: list[str]) -> None:
    for link, target in _LINKS.items():
        content[0] = content[0].replace(link, target)


def _modules(room: str) -> str:
    """Return a section of API reference for each module of a room, the loose modules first."""
    folder = Path(find_spec(f'fliqe_ros.{room}').submodule_search_locations[0])
    sections = []
    for file in sorted(folder.rglob('*.py'), key=lambda file: (len(file.parts), file)):
        if file.name != '__init__.py':
            name = '.'.join(file.relative_to(folder).with_suffix('').parts)
            title = f'``{name}``'
            sections.append(f'{title}\n{"-" * len(title)}\n\n'
                            f'.. automodule:: fliqe_ros.{room}.{name}\n')
    return '\n'.join(sections)


def _list_modules(content: list[str]) -> None:
    """Replace the line ``.. room:: NAME`` by the modules that are installed in that room."""
    content[0] = re.sub(
        r'^\.\. room:: (\w+)$', lambda match: _modules(match[1]), content[0], flags=re.MULTILINE)


def _on_source_read(app, name: str, content: list[str]) -> None:
    _relink(content)
    _list_modules(content)


def setup(app) -> None:
    """Let links work on GitHub and in the built pages alike, and fill in the API reference."""
    app.connect('source-read', _on_source_read)
    app.connect('include-read', lambda app, path, parent, content: _relink(content))
