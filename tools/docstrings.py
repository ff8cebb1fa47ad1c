"""Write the Parameters section of every model's docstring from its hyper-parameters.

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
from bptt.models.hyperparameters import CellChoice, declared

INDENT, WIDTH = " " * 4, 100
GROUPS = ("Model", "Input", "Training")
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
            text += f" Names: {', '.join(own.kind.choices)}."
        entries += textwrap.wrap(
            text, WIDTH, initial_indent=INDENT * 2, subsequent_indent=INDENT * 2
        )
    return HEADING + "\n".join(entries) + "\n"


def rewritten(source, models):
    """Return a module's source with the sections of its models as they should be."""
    lines = source.splitlines(keepends=True)
    classes = {c.name: c for c in ast.parse(source).body if isinstance(c, ast.ClassDef)}
    for model in sorted(models, key=lambda m: -classes[m.__name__].lineno):  # last one first
        doc = classes[model.__name__].body[0]
        text = "".join(lines[doc.lineno - 1 : doc.end_lineno])
        before, _, after = text.partition(HEADING)
        _, blank, rest = after.partition("\n\n")
        lines[doc.lineno - 1 : doc.end_lineno] = [before + section(model) + blank[1:] + rest]
    return "".join(lines)


def main(check):
    """Rewrite, or check, the modules of all models."""
    models = [m for m in vars(bptt.models).values() if inspect.isclass(m)]
    paths = {m: Path(inspect.getsourcefile(m) or "") for m in models}
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
