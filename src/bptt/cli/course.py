"""`bptt course`: write the course's notebooks."""

from pathlib import Path
from typing import Annotated

import typer

from ..errors import operation
from .console import Console


@operation
def course(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to write into.")],
) -> None:
    """Write the notebooks of the course: with blanks for students, complete for the teacher.

    FOLDER/student and FOLDER/teacher hold the same notebooks; the cell
    of a blank checks what the student writes there.
    """
    from ..course import notebooks

    for path in notebooks.write(folder):
        Console().say(str(path))
