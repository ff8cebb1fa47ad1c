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
        "0; negative numbers count from the end. Without: label.",
        str,
        None,
        "COLUMN",
    ),
    (
        "sequence",
        "Tables: column that tells which sequence or series a row is a step of; without it each "
        "row is a sequence and its values are the steps, and series are columns. JSON lines: key "
        "of the sequence; without: sequence.",
        str,
        None,
        "COLUMN",
    ),
    (
        "columns",
        "Tables: columns of numbers, separated by commas; names that hold commas are quoted "
        "(`'\"Temp, C\",load'`). Without: all columns that are neither named in another option nor "
        "times.",
        str,
        None,
        "COLUMN,...",
    ),
    ("text", "Tables: column of a text, read instead of numbers.", str, None, "COLUMN"),
    (
        "time",
        "Tables: column of the times of the steps. Without: found by its dates or its name.",
        str,
        None,
        "COLUMN",
    ),
    (
        "word",
        "CoNLL: column of the word, a number from 0 or, in CoNLL-U, a name. Without: 0; CoNLL-U: "
        "FORM.",
        str,
        None,
        "COLUMN",
    ),
    (
        "tag",
        "CoNLL: column of the tag, a number from 0 or, in CoNLL-U, a name. Without: 1; CoNLL-U: "
        "UPOS.",
        str,
        None,
        "COLUMN",
    ),
    (
        "format",
        "Format of the file, whatever its name ends in. Without: by its ending, then by its "
        "content. One of csv, tsv, parquet, arrow, excel, ts, jsonl, conll, conllu, as the kind of "
        "model reads them.",
        str,
        None,
        "NAME",
    ),
    (
        "encoding",
        "Encoding of a text without a byte-order mark, such as latin-1. Without: UTF-8.",
        str,
        None,
        "NAME",
    ),
    (
        "separator",
        "Tables: character between the fields, a space for columns aligned by spaces. Without: the "
        "one that divides all rows alike.",
        str,
        None,
        "CHARACTER",
    ),
    ("decimal", "Tables: decimal mark, a point or a comma. Without: a point.", str, None, "MARK"),
    (
        "thousands",
        "Tables: character between groups of three digits. Without: none.",
        str,
        None,
        "CHARACTER",
    ),
)
OPTIONS |= switch(
    "header",
    "Tables: the first row names the columns, or it does not. Without: it does, unless it holds "
    "numbers alone or what the rows below hold.",
    negative=True,
    panel="Data",
)
OPTIONS |= switch(
    "fill_gaps", "Insert steps of missing values where times are missing.", panel="Data"
)


FUTURE = (
    "future",
    "Table of the covariates `--future` of the training for the steps that are forecast, with "
    "their times, and ids where there are several series.",
    Path,
)  # an option of the commands that forecast
