"""How Sphinx makes the site of `make docs`: these pages where they stand, and a reference from the sources.

The folder of sources is the repository, so that links between pages are the ones that people follow in an editor.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

_ROOT = Path(__file__).resolve().parents[1]

project = "Metalayer"
copyright = "Metalayer"
root_doc = "README"
include_patterns = [
    "*.md",
    "docs/*.md",
    "docs/examples/*.md",
    "docs/reference/**",
    "tests/PROPERTIES.md",
    "benchmarks/README.md",
]
exclude_patterns = [".*", "node_modules", "build"]
extensions = ["myst_parser", "sphinx.ext.autodoc", "autoapi.extension"]
# The highlighter does not know Solidity's 1_000; AutoAPI, which only reads the sources, does not know names that are
# unpacked from a tuple.
suppress_warnings = ["misc.highlighting_failure", "autoapi.python_import_resolution"]

# GitHub's anchors, so that one link works in both places.
myst_heading_anchors = 4

autoapi_dirs = [str(_ROOT / "metalayer")]
autoapi_root = "docs/reference/python"
autoapi_add_toctree_entry = False
autoapi_member_order = "bysource"
autoapi_options = ["members", "undoc-members", "show-inheritance", "show-module-summary"]
# Docstrings mark code with single backticks, as everything here does.
default_role = "code"

html_theme = "furo"
html_title = "Metalayer"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "monokai"

_CONTENTS = """
```{{toctree}}
:hidden:
:caption: {}

{}
```
"""
_PAGES = {
    "Read": ["docs/README", "docs/architecture", "docs/protocol", "docs/glossary"],
    "Use": ["docs/integrating", "docs/operating", "docs/incidents"],
    "Build": ["docs/examples/game", "docs/examples/exchange", "docs/examples/social"],
    "Judge": ["SECURITY", "AUDIT", "tests/PROPERTIES", "benchmarks/README", "CHANGELOG"],
    "Contribute": ["CONTRIBUTING"],
    "Reference": ["docs/reference/contracts/index", "docs/reference/python/metalayer/index"],
}


def add_contents(_: Sphinx, name: str, source: list[str]) -> None:
    """The sidebar: pages that other viewers show as they are have no place for it."""
    if name == root_doc:
        source[0] += "".join(_CONTENTS.format(title, "\n".join(pages)) for title, pages in _PAGES.items())


def shorten_title(_: Sphinx, name: str, source: list[str]) -> None:
    """Modules by their last name: the sidebar shows where they are."""
    if name.startswith(autoapi_root):
        source[0] = re.sub(r"^(?:\w+\.)+(\w+)$", r"\1", source[0], count=1, flags=re.MULTILINE)


def add_entrance(app: Sphinx, error: Exception | None) -> None:
    """The page that a folder opens with."""
    if error is None:
        text = f'<!doctype html><meta http-equiv="refresh" content="0; url={root_doc}.html"><title>{project}</title>\n'
        (Path(app.outdir) / "index.html").write_text(text, encoding="utf-8")


def page_of(folder: Path) -> str | None:
    """The page that stands for a folder of the repository, if there is one."""
    first, *rest = folder.relative_to(_ROOT).parts or [""]
    found = {
        "contracts": f"docs/reference/contracts/{'-'.join(rest) or 'index'}",
        "metalayer": "/".join(("docs/reference/python/metalayer", *rest, "index")),
        "docs": "docs/README",
        "benchmarks": "benchmarks/README",
        "tests": "tests/PROPERTIES",
    }.get(first)
    return found if found and list(_ROOT.glob(f"{found}.*")) else None


def link_folders(app: Sphinx, doctree: nodes.document) -> None:
    """Links to folders lead to the page about them; where there is none, they are plain text."""
    here = Path(app.env.doc2path(app.env.docname)).parent
    for node in list(doctree.findall(addnodes.pending_xref)):
        target = (here / node["reftarget"]).resolve()
        if node["reftype"] == "myst" and node["refdomain"] != "doc" and target.is_dir():
            page = page_of(target)
            if page:
                node["refdomain"], node["reftarget"], node["reftargetid"] = "doc", page, None
            else:
                node.replace_self(node.children)


def escape(_app: Sphinx, _what: str, _name: str, _obj: None, _options: None, lines: list[str]) -> None:
    """Docstrings are prose with code between backticks: nothing else in them is markup."""
    text = re.sub(r"(`[^`]*`)|([*|\\]|_(?!\w))", lambda m: m[1] or "\\" + m[2], "\n".join(lines))
    # A closing backtick ends code for reStructuredText only before a space or punctuation.
    lines[:] = re.sub(r"(`[^`]*`)(?=\w)", r"\1\\ ", text).split("\n")


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_contents)
    app.connect("source-read", shorten_title)
    app.connect("doctree-read", link_folders)
    app.connect("autodoc-process-docstring", escape)
    app.connect("build-finished", add_entrance)
