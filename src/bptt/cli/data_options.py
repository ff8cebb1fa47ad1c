"""The options of the command line that name columns and keys in data files."""

from pathlib import Path

from .options import panel, switch

# All are None if not given, so that an option that a model or a format does not have is refused.
OPTIONS = panel(
    "Data",
    (
        "documents",
        "Read documents that do not continue one another instead of one running text: each file, "
        "each paragraph (between blank lines) or each line is one.",
        str,
        None,
        None,
        ("file", "paragraph", "line"),
    ),
    (
        "label",
        "Column (tables) or key (JSON lines) of the labels. A column is a name, or a number from "
        "0; negative numbers count from the end. Default: label.",
        str,
        None,
        "COLUMN",
    ),
    (
        "sequence",
        "Tables: column with the id of the sequence or series that a row belongs to. Without it, "
        "each row is a sequence and its values are the steps; each column is a series. JSON lines: "
        "key of the sequence; default: sequence.",
        str,
        None,
        "COLUMN",
    ),
    (
        "columns",
        "Tables: columns of numbers, separated by commas; names that hold commas are quoted "
        "(`'\"Temp, C\",load'`). Default: all columns that are neither named in another option nor "
        "times.",
        str,
        None,
        "COLUMN,...",
    ),
    ("text", "Tables: column of a text, read instead of numbers.", str, None, "COLUMN"),
    (
        "time",
        "Tables: column with the times of the steps. Default: found by its dates or its name.",
        str,
        None,
        "COLUMN",
    ),
    (
        "word",
        "CoNLL: column of the word, a number from 0 or, in CoNLL-U, a name. Default: 0; CoNLL-U: "
        "FORM.",
        str,
        None,
        "COLUMN",
    ),
    (
        "tag",
        "CoNLL: column of the tag, a number from 0 or, in CoNLL-U, a name. Default: 1; CoNLL-U: "
        "UPOS.",
        str,
        None,
        "COLUMN",
    ),
    (
        "format",
        "Format of the file, whatever its name ends in. Default: by its ending, then by its "
        "content. One of csv, tsv, parquet, arrow, excel, ts, jsonl, conll, conllu; a kind of "
        "model reads some of them.",
        str,
        None,
        "NAME",
    ),
    (
        "encoding",
        "Encoding of a text without a byte-order mark, such as latin-1. Default: UTF-8.",
        str,
        None,
        "NAME",
    ),
    (
        "separator",
        "Tables: character between the fields, a space for columns aligned by spaces. Default: the "
        "one that divides all rows alike.",
        str,
        None,
        "CHARACTER",
    ),
    ("decimal", "Tables: decimal mark, a point or a comma. Default: a point.", str, None, "MARK"),
    (
        "thousands",
        "Tables: character between groups of three digits. Default: none.",
        str,
        None,
        "CHARACTER",
    ),
)
OPTIONS |= switch(
    "header",
    "Tables: whether the first row names the columns. Default: it does, unless it holds "
    "numbers alone or what the rows below hold.",
    negative=True,
    panel="Data",
)
OPTIONS |= switch(
    "fill_gaps", "Insert steps of missing values where times are missing.", panel="Data"
)


FUTURE = (
    "future",
    "Table with the columns that --future of the training names, for the steps that are forecast: "
    "with their times, and with ids where series have different ones.",
    Path,
)  # an option of the commands that forecast
