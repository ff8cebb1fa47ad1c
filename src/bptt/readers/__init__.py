"""Data files that people have, read into lists of sequences.

* `read_table`: CSV and TSV, a row a sequence or a row a step; `read_series`: a table of series.
* `read_conll`: a word a line with its tag, a blank line between sentences; CoNLL-U too.
* `read_ts`: the ``.ts`` files of the UEA and UCR archives.
* `read_json_lines`: a JSON object a line.

Plain text is `bptt.corpus`'s. All refuse what they do not understand with a `DataError` that names
the file, the line, what is there and what was expected; nothing is skipped, clamped or guessed.
"""

from .conll import read_conll
from .json_lines import read_json_lines
from .lines import Data
from .tables import read_series, read_table
from .ts import read_ts

__all__ = ["Data", "read_conll", "read_json_lines", "read_series", "read_table", "read_ts"]
