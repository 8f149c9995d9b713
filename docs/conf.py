"""The site: `make docs`. The root of the repository is the source; docs/_ext has the glue."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "docs" / "_ext")]

from sources import link_to_code  # noqa: E402

import plainnet  # noqa: E402

project = "plainnet"
author = "the plainnet contributors"
version = release = plainnet.__version__
html_title = "plainnet"
html_last_updated_fmt = None
html_show_sphinx = True
html_show_copyright = False
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.linkcode",
    "sphinx_copybutton",
    "addresses",
    "mathematics",
    "sources",
    "reference",
    "formula_pages",
    "recordings",
]
root_doc = "index"
source_suffix = {".md": "markdown"}
include_patterns = ["docs/**", "guide/**", "CHANGELOG.md", "CONTRIBUTING.md"]

highlight_language = "text"  # what has no language is commands, or what they print
smartquotes = False

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
linkcode_resolve = link_to_code

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_logo = "_static/logo.svg"
html_favicon = "_static/favicon.svg"
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {
        "color-brand-primary": "#1f5f8b",
        "color-brand-content": "#1a5680",
        "color-brand-visited": "#1a5680",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7fb8e0",
        "color-brand-content": "#8ec2e6",
        "color-brand-visited": "#8ec2e6",
    },
}
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
