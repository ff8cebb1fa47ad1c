"""CoNLL columns: what comes back, and what is refused with which words."""

import pytest

from bptt.readers import read_conll
from tests.support.readers import DATA, refusal, shared


@pytest.mark.parametrize("gap", ["\t", " ", "   "])
def test_words_and_tags(write, gap):
    text = "-DOC- O\n\n# a comment\nthe D\ncat N\n\n\n \nsat V"
    X, y = read_conll(write(text.replace("# a comment", "#").replace(" ", gap)))
    assert X == [["-DOC-"], ["the", "cat"], ["sat"]]
    assert y == [["O"], ["D", "N"], ["V"]]


def test_other_columns(write):
    path = write("U.N. NNP I-NP I-ORG\nofficial NN I-NP O\n")
    assert tuple(read_conll(path, tag=-1)) == ([["U.N.", "official"]], [["I-ORG", "O"]])
    assert read_conll(path, word=1, tag=2).X == [["NNP", "NN"]]
    assert tuple(read_conll(path, tagged=False)) == ([["U.N.", "official"]], None)
    assert read_conll(write("one\ntwo\n"), tagged=False).X == [["one", "two"]]


def test_a_hash_that_is_a_word(write):
    assert read_conll(write("we\tP\n#\tSYM\n# 1\tN\n# no word\n#x\tV\n")).X == [
        ["we", "#", "# 1", "#x"]
    ]
    assert read_conll(write("# # 1\nwe P\n# SYM\n# no\tword at all\n")).X == [["we", "#"]]


def row(number, word, tag):
    return "\t".join([number, word, "_", tag, *"______"]) + "\n"


def test_conll_u(write):
    text = "# text = du lait\t\n" + row("1-2", "du", "_") + row("1", "de", "ADP")
    text += row("2", "le", "DET") + row("2.1", "_", "_") + "#\t comment\n" + row("3", "#", "SYM")
    path = write(text + "\n", "a.conllu")
    assert tuple(read_conll(path)) == ([["de", "le", "#"]], [["ADP", "DET", "SYM"]])
    assert tuple(read_conll(path, word=0, tag=1)) == ([["1", "2", "3"]], [["de", "le", "#"]])
    refusal(read_conll, write(text + row("x", "a", "b")), "line 8 has the id 'x'")


def test_conll_words_are_kept_once(write):
    X, _ = read_conll(write("wordy\tT\n\nwordy\tT\n"))
    assert X[0][0] is X[1][0]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("", {}, "holds no sentence"),
        ("\n# nothing\n", {}, "holds no sentence"),
        ("a\tX\nb\n", {}, "line 2 has 1 columns; expected 2"),
        ("a X\nb X Y\n", {}, "line 2 has 3 columns; expected 2"),
        ("a\nb\n", {}, "line 1 has 1 columns; expected more, because the tag is in column 1"),
        ("a\tX\n", {"tag": 2}, "the tag is in column 2"),
        ("a\tX\n", {"word": -3}, "the word is in column -3"),
        ("a\tX\nb\t \n", {}, "line 2 has an empty tag"),
        ("a\tX\n\tX\n", {}, "line 2 has an empty word"),
        (b"a\tX\n\xc3\tX\n", {}, "line 2 is not UTF-8 from its byte 1"),
        ("a\tX\n# b c\td\te\n#\n", {"tag": 5}, "line 1 has 2 columns"),
    ],
)
def test_refused_conll(write, text, options, words):
    refusal(read_conll, write(text), words, **options)


@shared
def test_real_sentences():
    X, y = read_conll(DATA / "ud_english_ewt" / "dev.tsv")
    assert (len(X), sum(map(len, X)), len({t for tags in y for t in tags})) == (2001, 25147, 17)
    assert list(map(len, X)) == list(map(len, y))


# Comments


@pytest.mark.parametrize(
    ("text", "options", "X", "comments"),
    [
        ("# id 1\tdomain=x\na _ _ O\nb _ _ O\n\n# id 2 x y\nc _ _ O\n", {"tag": -1}, "ab c", 2),
        ("#\tex.org\t[2020]\t\n1\ta\tB\tO\n2\tb\tO\tO\n", {"word": 1, "tag": 2}, "ab", 1),
        ("# two words\na X\n\n# newdoc\nb X\n", {}, "a b", 2),
        ("a X\n\n# newpar\n# text\nb X\n", {}, "a b", 2),
        ("#begin document (x); part 0\na X\nb Y\n\n#end document\n", {}, "ab", 2),
        ("# a\tb\nc\td\n", {}, "c", 1),
        ("a X\n# not\tso many\n", {}, "a", 1),
        # Words
        ("# X\na X\n\n# Y\n# X\nb X\n", {}, "#a #b", 1),
        ("a X\n\n# X\n\n# Z\n", {}, "a #", 1),
        ("a X\n# Y\n", {}, "a#", 0),
        ("#\tY\na\tX\n", {}, "#a", 0),
        ("#\n#\na\n", {"tagged": False}, "##a", 0),
        ("a X O\n\n# Y O\nb X O\n", {"tag": 2}, "a #b", 0),
        ("a X\n\n# X\nb Y\n", {"tagged": False}, "a #b", 0),
    ],
)
def test_comments_and_words(write, text, options, X, comments):
    data = read_conll(write(text), **options)
    assert [list(words) for words in X.split()] == data.X
    skipped = f"Skipped {comments} comment line{'s' * (comments != 1)}."
    assert data.notes == ((skipped,) if comments else ())
    if data.y is not None:
        assert list(map(len, data.y)) == list(map(len, data.X))


def test_a_hash_in_front_of_a_sentence_keeps_its_tag(write):
    assert read_conll(write("# X\n# Y\na Y\n\nb X\n")).y == [["X", "Y", "Y"], ["X"]]


@pytest.mark.parametrize("line", ["-DOCSTART-", "-DOCSTART- -X- -X- O", "-DOCSTART-\tO"])
def test_docstart_is_no_sentence(write, line):
    data = read_conll(write(f"{line}\n\na X\n\n{line}\n\nb X\n{line}\nc Y\n"))
    assert data.X == [["a"], ["b"], ["c"]]
    assert data.notes == ("Skipped 3 -DOCSTART- lines.",)
    assert read_conll(write("-DOCSTART-s X\n")).X == [["-DOCSTART-s"]]


# White space


@pytest.mark.parametrize("white", ["\u00a0", "\u2009", "\u3000", "\x0b", "\u2028", "\u0085"])
def test_only_spaces_and_tabs_separate(write, white):
    text = f"a{white}b X\n{white} Y\n"
    assert [[f"a{white}b", white]] == read_conll(write(text)).X
    assert [[f"a{white}b", white]] == read_conll(write(text.replace(" ", "\t"))).X


def test_spaces_inside_words_of_columns_with_tabs(write):
    data = read_conll(write("10 000\tX\n \tY\n b \t Z \n"))
    assert tuple(data) == ([["10 000", " ", "b"]], [["X", "Y", "Z"]])


# Columns by name and number


def test_columns_of_conll_u_plus_by_their_names(write):
    head = "# global.columns = ID UPOS FORM NER\n"
    path = write(head + "1-2\t_\tab\t_\n1\tN\ta\tO\n1.1\t_\t_\t_\n2\tV\tb\tB\n")
    data = read_conll(path)
    assert tuple(data) == ([["a", "b"]], [["N", "V"]])
    assert data.notes == ("Skipped 1 comment line, 1 range, 1 empty node.",)
    assert read_conll(path, word="FORM", tag="NER").y == [["O", "B"]]
    assert read_conll(path, word="2", tag=-1).y == [["O", "B"]]
    message = "has the columns ID, UPOS, FORM, NER; expected 'POS' among them, or a number"
    refusal(read_conll, path, message, tag="POS")
    refusal(read_conll, write(head + "1\ta\tX\n"), "line 2 has 3 columns; expected 4, as # glob")
    text = head + "1\tN\ta\tO\n"
    late = text + "\n# global.columns = ID FORM UPOS NER\n1\ta\tX\tO\n"
    refusal(read_conll, write(late, "late"), "line 4 names other columns; expected those of the")
    assert len(read_conll(write(f"{text}\n{text}", "same")).X) == 2
    plain = write("# global.columns = WORD TAG\na X\nb Y\n")
    refusal(read_conll, plain, "has the columns WORD, TAG; expected 'FORM' among them")
    assert read_conll(plain, word="WORD", tag="TAG").y == [["X", "Y"]]


def test_conll_u_by_names_and_with_spaces(write):
    path = write("1  a  _  N  NN  _  0  root  _  _\n2 b _ V VB _ 1 x _ _\n")
    assert tuple(read_conll(path)) == ([["a", "b"]], [["N", "V"]])
    assert read_conll(path, tag="XPOS").y == [["NN", "VB"]]
    refusal(read_conll, write("a X\n"), "names none; expected 'XPOS' among them", tag="XPOS")


def test_numbers_of_words_are_not_words(write):
    path = write("1\ta\tX\n2\tb\tY\n\n1\tc\tX\n")
    refusal(read_conll, path, r"words' numbers in column 0; expected word and tag, .*--word 1")
    assert read_conll(path, word=1, tag=2).X == [["a", "b"], ["c"]]
    ranges = write("1-2\tab\t_\n1\ta\tX\n", "ranges")
    refusal(read_conll, ranges, "words' numbers in column 0")
    assert read_conll(path, word=0).X == [["1", "2"], ["1"]]
    assert read_conll(write("1 a X\n3 b Y\n")).X == [["1", "3"]]


def test_messages_name_columns_by_number(write):
    empty = "1\ta" + "\t_" * 8 + "\n2\t" + "\t_" * 8 + "\n"
    refusal(read_conll, write(empty), "line 2 has an empty word; expected a word in column FORM")
    refusal(read_conll, write("a\tX\n\tX\n"), "expected a word in column 0")


# Ids of sentences, encodings, lines that are read ahead


def test_ids_of_sentences(write):
    text = "# sent_id = s 1 \na X\n\n# newdoc\n# sent_id = s2\nb X\n"
    assert read_conll(write(text)).ids == ["s 1", "s2"]
    assert read_conll(write(text.replace("s2", "s 1"))).ids is None
    assert read_conll(write(text + "\nc X\n")).ids is None


def test_encodings_of_conll(write):
    data = "El DA\nniño NC\n"
    for encoding in ("utf-16", "utf-8-sig"):
        assert read_conll(write(data.encode(encoding))).X == [["El", "niño"]]
    path = write(data.encode("latin-1"))
    assert read_conll(path, encoding="latin-1").X == [["El", "niño"]]
    refusal(read_conll, path, "line 2 is not UTF-8 from its byte 3; .*encoding='latin-1'")


def test_twice_converted_line_ends_end_no_sentence(write):
    assert read_conll(write(b"a X\r\r\nb X\r\r\n\r\r\nc X\r\r\n")).X == [["a", "b"], ["c"]]


def test_a_first_sentence_longer_than_what_is_read_ahead(write, monkeypatch):
    monkeypatch.setattr("bptt.readers.conll._AHEAD", 2)
    assert read_conll(write("a X\nb X\nc X\n# X\nd X\n")).X == [["a", "b", "c", "#", "d"]]
    refusal(read_conll, write("a X\nb X\nc\n"), "line 3 has 1 columns")


def test_a_conllu_file_has_ten_columns(write):
    words = "line 2 has 2 columns; expected ten, the first one a number"
    refusal(read_conll, write("# x\na X\n", "a.conllu"), words)
    refusal(read_conll, write("# x\n1\ta\n", "a.CoNLLU"), words)
    data = read_conll(write("# global.columns = FORM UPOS\na X\n", "a.conllu"))
    assert tuple(data) == ([["a"]], [["X"]])
