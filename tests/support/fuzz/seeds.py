"""Small data files of every format, to fuzz: (name, bytes, check)."""

from functools import partial

from bptt.readers import read_conll, read_json_lines, read_series, read_table, read_ts
from tests.support.fuzz import second
from tests.support.fuzz.data_files import (
    check_data,
    check_frame,
    check_text,
    write_conll,
    write_json_lines,
    write_rows,
    write_series,
    write_table,
    write_ts,
)

TABLES = [
    (
        "grouped.csv",
        b"who,speed,size,kind\na,1,2,x\na,5,-6e-1,x\nb,3,4.5,y\n",
        check_data(
            lambda p: read_table(p, sequence=0, label=-1),
            lambda d: write_table(d, ["who", *["x"] * d.X[0].shape[1], "kind"]),
            reread=partial(read_table, sequence=0, label=-1, separator=",", header=True),
        ),
    ),
    (
        "texts.csv",
        b'name,kind\n"Smith, John",x\nO\'Hara,y\n"a ""b""\nc",x\n',
        check_data(
            lambda p: read_table(p, text=0, label=1),
            lambda d: write_table(d, ["n", "k"]),
            reread=partial(read_table, text=0, label=1, separator=",", header=True),
        ),
    ),
    (
        "rows.tsv",
        b"1\t0.5\t2\n2\t1.5\t3\n1\t2.5\t4\n",
        check_data(
            lambda p: read_table(p, label=0),
            write_rows,
            reread=partial(read_table, label=0, separator="\t", header=True),
        ),
    ),
    (
        "series.csv",
        b"date;load;temp\n2016-07-01 00:00;5.8;30.5\n2016-07-01 01:00;5.6;27.7\n",
        check_data(
            read_series, write_series, reread=partial(read_series, separator=",", header=True)
        ),
    ),
    ("plain.csv", b"a,b,c\n1,2.5,x\n-3,,y z\n1e3,7,x\n", check_frame(",")),
    ("quoted.csv", b'a;"b;c"\n"1";"x"\n2;"y ""z"""\n', check_frame(";")),
    ("columns.tsv", b"a\tb\n1\t2\n3\tNA\n", check_frame("\t")),
    ("utf16.csv", "\u00e9,b\n1,2\n3,4\n".encode("utf-16"), check_frame(",")),
]


def conll_u(n, gap="\t"):
    """Return a sentence of n words in CoNLL-U."""
    rows = [gap.join([f"{k + 1}", f"w{k}", "_", "NOUN", *"______"]) for k in range(n)]
    head = "# text = x\n" + gap.join(["1-2", "w", *"________"]) + "\n"
    return head + "\n".join(rows) + "\n\n"


two_columns = check_data(
    read_conll,
    write_conll,
    partial(second.with_conllu, form="a", tag="b", fields=["a", "b"]),
)
spaces = check_data(partial(read_conll, tag=-1), write_conll, second.with_spaces)
universal = check_data(read_conll, write_conll, second.with_conllu)
plus = partial(second.with_conllu, tag="ner")
CONLL = [
    ("words.tsv", b"# s 1\nthe\tDET\ncat\tNOUN\n\n#\tSYM\nsat\tVERB\n", two_columns),
    ("plain.tsv", b"the\tDET\ncat\tNOUN\n\nsat\tVERB\n", two_columns),
    ("words.conllu", (conll_u(2) + conll_u(1)).encode(), universal),
    ("spaces.conllu", (conll_u(2, "  ") + conll_u(1, "  ")).encode(), universal),
    (
        "plus.conllup",
        b"# global.columns = ID FORM NER\n# sent_id = a\n1\ta\tO\n\n# sent_id = b\n1\tb\tB\n",
        check_data(partial(read_conll, tag=-1), write_conll, plus),
    ),
    ("spaces.txt", b"EU B-ORG\nrejects O\n\nPeter B-PER\n", spaces),
    (
        "eng.testa",
        b"-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\n# # B-NP O\n\n# id 1 x\nBonn NNP B-NP O\n",
        spaces,
    ),
    (
        "germeval.tsv",
        b"#\tex.org\t[2020]\n1\tAnna\tB-PER\n2\tsingt\tO\n\n1\tBonn\tO\n",
        check_data(partial(read_conll, word=1, tag=2), write_conll),
    ),
    ("utf16.conll", "le D\n\u00e9t\u00e9 N\n".encode("utf-16"), spaces),
]

HEAD = (
    b"#c\n@problemName P\n@timeStamps false\n@missing false\n@univariate false\n@dimensions 2\n"
    b"@equalLength false\n@classLabel true a B\n@data\n"
)
ts = check_data(read_ts, write_ts, second.with_split)
TS = [
    ("labeled.ts", HEAD + b"1,2:3,4:a\n5.5,6:7,8:b\n9:1e-3:a\n", ts),
    (
        "target.ts",
        b"@univariate true\n@equalLength true\n@seriesLength 2\n@targetlabel true\n@data\n"
        b"1,2:0.5\n3,4:-7\n",
        ts,
    ),
    ("missing.ts", b"% c\n@missing true\n@rate 50\n@data\n1,?,3\n4,5,NaN\n?,7,8\n", ts),
    (
        "times.ts",
        b"@timeStamps true\n@classLabel true a b\n@data\n(2020-01-01 00:00:00,1),(2020-01-01 "
        b"00:01:00,2):a\n(2020-01-01,3),(2020-01-01 00:01,?):b\n",
        ts,
    ),
    ("numbers.ts", b"@timeStamps true\n@data\n(0,1.5),(1,2.0):(0,3),(1,4)\n(5,6):(5,7)\n", ts),
]

json_lines = check_data(read_json_lines, write_json_lines, second.with_json)
JSON = [
    (
        "objects.jsonl",
        b'{"sequence": [[1, 2], [3, 4.5]], "label": "x"}\n'
        b'{"label": "y", "sequence": [[-5e-1, 6]], "more": {"a": [null, "b"]}}\n',
        json_lines,
    ),
    (
        "tagged.jsonl",
        '{"sequence": ["le", "\u00e9t\u00e9"], "label": ["D", 1]}\n'
        '{"sequence": ["a"], "label": [2]}'.encode(),
        json_lines,
    ),
    (
        "missing.jsonl",
        b'{"sequence": [1, null, 9007199254740993], "label": true}\n'
        b'{"sequence": [2.5], "label": 1.0}\n',
        json_lines,
    ),
    ("utf16.jsonl", '{"sequence": "\u00e9t\u00e9", "label": 1}\n'.encode("utf-16"), json_lines),
]

TEXT = [("text.txt", "\ufeffAll's well,\r\nsaid \u00e9.\n\n \nNew\n".encode(), check_text)]

DATA_SEEDS = [*TABLES, *CONLL, *TS, *JSON, *TEXT]
