"""Read data files into lists of sequences.

* `read_table`: tables (CSV, TSV, Parquet, Excel); each row is a sequence, or one time step of one.
* `read_series`: tables of time series: a time step in each row, several series below one another.
* `read_frame`: a table as a pandas data frame, read as strictly.
* `read_conll`: CoNLL columns, one word and its tag on each line; CoNLL-U too.
* `read_ts`: ``.ts`` files of the UEA and UCR archives.
* `read_json_lines`: one JSON object on each line.
* `sequences_of_frame`, `series_of_frame`: pandas data frames.

`bptt.corpus` reads plain text. All readers raise a `DataError` for what they cannot read, with the
file, the line, what it holds and what was expected. What is left out or guessed is noted in the
`notes` of the data.
"""

from .conll import read_conll
from .data import Data
from .frames import sequences_of_frame, series_of_frame
from .json_lines import read_json_lines
from .tables import read_frame, read_series, read_table
from .ts import read_ts

__all__ = [
    "Data",
    "read_conll",
    "read_frame",
    "read_json_lines",
    "read_series",
    "read_table",
    "read_ts",
    "sequences_of_frame",
    "series_of_frame",
]
