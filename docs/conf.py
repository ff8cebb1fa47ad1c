"""Configuration of the site: ``docs/build.sh`` builds it, offline once its packages are there."""

import re
from pathlib import Path

import bptt
from bptt.course import notebooks

HERE = Path(__file__).parent

project = "bptt"
author = "The bptt developers"
copyright = "The bptt developers"
version = release = bptt.__version__

extensions = [
    "myst_nb",  # pages and notebooks in Markdown; notebooks are executed
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_design",
    "sphinx_copybutton",
]
exclude_patterns = ["build"]
suppress_warnings = ["myst.header"]

html_theme = "furo"
html_title = "bptt"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5394", "color-brand-content": "#0b5394"},
    "dark_css_variables": {"color-brand-primary": "#8ab4f8", "color-brand-content": "#8ab4f8"},
}
pygments_style, pygments_dark_style = "friendly", "monokai"
mathjax_path = "mathjax/tex-svg-full.js"  # build.sh puts it there: no network when reading

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_code_prompt_show, nb_code_prompt_hide = "Show a solution", "Hide the solution"

autodoc_typehints = "none"  # numpydoc's Parameters sections give types and shapes
autosummary_generate = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False


def setup(app):
    """Show the exercises' blanks before their solutions; mend links from sources to the API."""

    def with_blanks(app, name, source):
        if name.startswith("notebooks/"):
            source[0] = notebooks.page(source[0])

    def full_names(app, page, template, context, doctree):
        # viewcode writes one prefix for a module: "bptt." also where the page has "bptt.layers.".
        if page.startswith("_modules/") and "body" in context:
            context["body"] = re.sub(
                r'(generated/([\w.]*?)(\w+)\.html#)(?:\w+\.)*?(\3(?:\.\w+)*")',
                r"\1\2\4",
                context["body"],
            )

    app.connect("source-read", with_blanks)
    app.connect("html-page-context", full_names)
