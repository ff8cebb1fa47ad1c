"""Reading text: what is read, and what is refused with which words."""

import sys
from pydoc_data.topics import topics

import pytest

from bptt.corpus import default_corpus, read_documents, read_text, stream_documents
from bptt.errors import ConfigError, DataError


def refusal(paths, pattern, error=DataError):
    with pytest.raises(error, match=pattern) as caught:
        read_text(paths)
    message = str(caught.value)
    assert message.startswith("read_text: ")
    assert message.endswith(".")
    assert "\n" not in message
    return message


def test_default_corpus_is_every_section_in_sorted_order(monkeypatch):
    assert len(default_corpus()) == sum(map(len, topics.values())) + 2 * (len(topics) - 1) > 400_000
    monkeypatch.setattr("pydoc_data.topics.topics", {"b": "second\n", "a": "first", "c": "third"})
    assert default_corpus() == "first\n\nsecond\n\n\nthird"


def test_default_corpus_says_when_python_was_packaged_without_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(ConfigError, match=r"no pydoc_data\.topics"):
        default_corpus()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain\n", "plain\n"),
        (b"\xef\xbb\xbfmarked", "marked"),
        (b"a\r\nb\rc\n\r\n\rd\r", "a\nb\nc\n\n\nd\n"),
        ("é—語😀\u2028x\x0c".encode(), "é—語😀\u2028x\x0c"),
        (b"a\xef\xbb\xbfb", "a\ufeffb"),
        (b" ", " "),
    ],
)
def test_reads_utf8_without_mark_and_with_one_kind_of_line_end(tmp_path, data, text):
    path = tmp_path / "file"
    path.write_bytes(data)
    assert read_text([path]) == text
    assert read_text(str(path)) == read_text(path) == text  # a single path, not its characters


def test_joins_several_files_with_a_newline(tmp_path):
    for name, data in [("b", b"\xef\xbb\xbfone"), ("a", b"\xef\xbb\xbftwo\r\n"), ("c", b"three")]:
        (tmp_path / name).write_bytes(data)
    assert read_text(tmp_path / name for name in "bac") == "one\ntwo\n\nthree"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"text\0text", "NUL at byte offset 4"),
        ("éé".encode() + b"\0", "NUL at byte offset 4"),
        (b"\xef\xbb\xbfab\xffcd", "not UTF-8 from byte offset 5"),
        ("é".encode() + b"\xc3", "not UTF-8 from byte offset 2"),
        ("naïve".encode("latin-1"), "not UTF-8 from byte offset 2"),
        (b"\xed\xa0\x80", "not UTF-8 from byte offset 0"),
    ],
)
def test_refuses_what_is_not_text(tmp_path, data, words):
    good, bad = tmp_path / "good", tmp_path / "bad file"
    good.write_text("fine")
    bad.write_bytes(data)
    assert str(bad) in refusal([good, bad], words)


def test_refuses_what_cannot_be_read(tmp_path):
    missing = tmp_path / "missing.txt"
    message = refusal([missing], "cannot read")
    assert message == f"read_text: cannot read {missing}: No such file or directory."
    assert str(tmp_path) in refusal([tmp_path], "directory|Permission")
    refusal(["a\0b"], "null")
    refusal([], "no file given", ConfigError)


def test_a_text_that_does_not_fit_is_refused_with_the_way_out(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("much")

    def decode(*_):
        raise MemoryError

    monkeypatch.setattr("bptt.corpus.decode", decode)
    refusal(tmp_path / "a", r"a does not fit into the memory; .* \(bptt tokenize\)")
    monkeypatch.setattr("bptt.corpus.MAX_FILE", 3)
    refusal(tmp_path / "a", r"a is too long; expected at most 3 bytes, .* \(bptt tokenize\)")


def test_other_encodings_are_read_where_they_are_named(tmp_path):
    text = "naïve\n\ncafé"
    for encoding in ("latin-1", "utf-16", "cp1252"):
        (tmp_path / "a").write_bytes(text.encode(encoding))
        assert read_text(tmp_path / "a", encoding=encoding) == text
        assert read_documents(tmp_path / "a", "line", encoding=encoding) == ["naïve", "café"]
        (stream,) = stream_documents(tmp_path / "a", encoding=encoding)
        assert "".join(stream) == text
    with pytest.raises(ConfigError, match="encoding is 'klingon'"):
        read_text(tmp_path / "a", encoding="klingon")


def test_a_stream_refuses_what_is_not_text_where_it_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"good " * 10**5 + b"\xff bad")
    (stream,) = stream_documents(tmp_path / "a")
    with pytest.raises(DataError, match="is not UTF-8 between the byte offsets"):
        list(stream)
    for split in ("paragraph", "line"):
        (tmp_path / "a").write_text("\n \n")
        with pytest.raises(DataError, match="all lines are blank"):
            list(stream_documents(tmp_path / "a", split))
