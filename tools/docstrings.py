"""Write the parts of the models' docstrings that are declared elsewhere.

* The Parameters section of every model, from its hyper-parameters.
* The entries for `progress` and all after it of every `fit`, from the docstring of `Model.fit`.

``python tools/docstrings.py`` rewrites the sources; with ``--check`` it changes nothing and exits
with 1 where a section does not agree with the declarations.
"""

import ast
import inspect
import sys
import textwrap
from dataclasses import fields
from pathlib import Path

import bptt.models
from bptt.models.base import Model
from bptt.models.hyperparameters import declared
from bptt.models.kinds import CellChoice

INDENT, WIDTH = " " * 4, 100
GROUPS = ("Model", "Input", "Training")
FIRST = f"{INDENT * 2}progress : "
HEADING = f"{INDENT}Parameters\n{INDENT}----------\n"


def section(model):
    """Return the text of the Parameters section of a model, indented."""
    entries = []
    for f in sorted(fields(model), key=lambda f: GROUPS.index(declared(f).group)):
        own = declared(f)
        default = f'"{f.default}"' if isinstance(f.default, str) else repr(f.default)
        unit = f" ({own.unit})" if own.unit else ""
        entries.append(f"{INDENT}{f.name} : {own.kind.slot}{unit}, default={default}")
        text = own.sentence
        if isinstance(own.kind, CellChoice):
            text += " `bptt.equations.CELLS` holds the names."
        entries += textwrap.wrap(
            text, WIDTH, initial_indent=INDENT * 2, subsequent_indent=INDENT * 2
        )
    return HEADING + "\n".join(entries) + "\n"


def run_options():
    """Return the entries of the options that every `fit` has, indented."""
    doc = textwrap.indent(inspect.getdoc(Model.fit) or "", INDENT * 2)
    return doc[doc.index(FIRST) :].rstrip() + "\n"


def rewritten(source, models):
    """Return a module's source with the docstrings of its models as they should be."""
    lines = source.splitlines(keepends=True)
    names = {m.__name__: m for m in models}
    for node in reversed(ast.parse(source).body):  # the last one first: line numbers stay
        if not isinstance(node, ast.ClassDef):
            continue
        methods = [n for n in node.body if getattr(n, "name", "") == "fit"]
        for method in methods if node.name != "Model" else ():
            replace(lines, method.body[0], FIRST, run_options())
        if node.name in names:
            replace(lines, node.body[0], HEADING, section(names[node.name]))
    return "".join(lines)


def replace(lines, doc, begin, text):
    """Replace the part of a docstring from `begin` to the next empty line."""
    old = "".join(lines[doc.lineno - 1 : doc.end_lineno])
    before, found, after = old.partition(begin)
    assert found, f"line {doc.lineno} has no {begin.strip()!r}"
    _, blank, rest = after.partition("\n\n")
    lines[doc.lineno - 1 : doc.end_lineno] = [before + text + blank[1:] + rest]


def main(check):
    """Rewrite, or check, the modules of all models."""
    models = [m for m in vars(bptt.models).values() if inspect.isclass(m) and issubclass(m, Model)]
    bases = {base for m in models for base in m.__mro__ if issubclass(base, Model)}
    paths = {m: Path(inspect.getsourcefile(m) or "") for m in bases}
    wrong = []
    for path in dict.fromkeys(paths.values()):
        source = path.read_text(encoding="utf-8")
        right = rewritten(source, [m for m in models if paths[m] == path])
        if right != source:
            wrong.append(path)
            if not check:
                path.write_text(right, encoding="utf-8")
    for path in wrong:
        print(f"{path}: {'does not agree' if check else 'rewritten'}")
    return 1 if wrong and check else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
