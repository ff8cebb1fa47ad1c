"""Decoding: byte-order marks, given encodings, line ends, and what is refused with which words."""

import codecs
import io
import re

import pytest

from bptt.corpus import read_text
from bptt.errors import ConfigError, DataError
from bptt.readers import encodings
from bptt.readers.lines import Lines

TEXT = "a é\nb—\u2028語😀\n\nc"
MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@pytest.fixture
def lines_of(tmp_path):
    """Write a file and return its lines."""

    def lines_of(data, *args, **options):
        path = tmp_path / "file"
        path.write_bytes(data)
        return list(Lines(path, *args, **options))

    return lines_of


@pytest.mark.parametrize("encoding", MARKED)
@pytest.mark.parametrize("given", [None, "latin-1"])
def test_a_byte_order_mark_decides(lines_of, encoding, given):
    data = MARKED[encoding] + TEXT.encode(encoding)
    assert lines_of(data, given) == TEXT.split("\n")
    assert encodings.decode(data, "file", given) == TEXT


@pytest.mark.parametrize("chunk", [4, 5, 7, 2**16])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-32-le"])
def test_lines_do_not_depend_on_the_pieces_of_a_file(monkeypatch, lines_of, chunk, encoding):
    monkeypatch.setattr(encodings, "_CHUNK", chunk)
    text = "a\r\nb\rc\n\r\n\rd\r\r\ne\r\r\rf\u0085\u2028\x0c\r\r\r\n"
    expected = ["a", "b", "c", "", "", "d", "e", "", "", "f\u0085\u2028\x0c", ""]
    assert lines_of(text.encode(encoding), encoding) == expected
    assert encodings.decode(text.encode(encoding), "file", encoding).split("\n") == [*expected, ""]


@pytest.mark.parametrize("encoding", ["latin-1", "ISO-8859-1", "cp1252", "L1"])
def test_a_given_encoding(lines_of, encoding):
    assert lines_of("niño\n€"[:5].encode("latin-1"), encoding) == ["niño"]
    assert encodings.decode("niño".encode("latin-1"), "file", encoding) == "niño"


@pytest.mark.parametrize(
    ("data", "encoding", "words"),
    [
        (b"ab\n" + "niño".encode("latin-1"), None, "line 2 is not UTF-8 from its byte 3; .*latin-"),
        (codecs.BOM_UTF8 + b"ab\xff", None, "line 1 is not UTF-8 from its byte 6"),
        (b"a\r\r\n\xed\xa0\x80", None, "line 2 is not UTF-8 from its byte 1"),
        ("é".encode() + b"\xc3", None, "line 1 is not UTF-8 from its byte 3"),
        ("a\nbc".encode("utf-16") + b"x", None, "line 2 is not UTF-16-LE from its byte 5"),
        ("a\nb".encode("utf-16-be") + b"\xd8\x00", "utf-16-be", "line 2 is not UTF-16-BE .* 3;"),
        ("a".encode("utf-32") + b"\0\0\x11\0", None, "line 1 is not UTF-32-LE from its byte 9"),
        ("é".encode(), "ascii", r"line 1 is not ASCII from its byte 1; .*encoding='utf-8'"),
        (b"a\n\x81", "cp1252", "line 2 is not CP1252 from its byte 1"),
        ("a,b".encode("utf-16-le"), None, "line 1 has a NUL; expected .*encoding='utf-16'"),
        ("a\0b".encode("utf-16"), None, "line 1 has a NUL; expected text"),
    ],
)
def test_refused_bytes(lines_of, data, encoding, words):
    with pytest.raises(DataError, match=words):
        lines_of(data, encoding)


@pytest.mark.parametrize(
    ("data", "encoding", "words"),
    [
        (b"ab\nni\xf1o", None, "file is not UTF-8 from byte offset 5, in line 2; .*latin-1"),
        ("a\nb".encode("utf-16") + b"x", None, "not UTF-16-LE from byte offset 8, in line 2"),
        (b"ab\0", None, "file has a NUL at byte offset 2; expected .*encoding='utf-16'"),
    ],
)
def test_refused_bytes_of_a_text(data, encoding, words):
    with pytest.raises(DataError, match=words):
        encodings.decode(data, "file", encoding)


def test_comments_need_not_be_utf8(lines_of):
    data = b"# \xe9\xe9\na\n"
    assert lines_of(data, comments=("#",))[1] == "a"
    with pytest.raises(DataError, match="line 2 is not UTF-8"):
        lines_of(b"# \n\xe9\n", comments=("#",))
    with pytest.raises(DataError, match="line 1 is not ASCII"):
        lines_of(data, "ascii", comments=("#",))


@pytest.mark.parametrize("bad", ["", "utf-99", "base64", "rot13", "hex", "a\0b", "undefined", 7])
def test_names_that_are_no_encoding_of_text(lines_of, bad):
    with pytest.raises(ConfigError, match=r"^encoding is .*; expected the name of an encoding"):
        lines_of(b"a", bad)


@pytest.mark.parametrize("encoding", ["shift_jis", "gb18030", "utf-8-sig", "cp437", "big5"])
def test_wrong_bytes_in_encodings_of_several_bytes(lines_of, encoding):
    """Whatever a codec makes of them, they are refused or read; nothing is lost after them."""
    for byte in range(256):
        try:
            read = lines_of(b"a\n" + bytes([byte]) + b"\nz", encoding)[-1]
        except DataError as error:
            read = str(error)
        assert re.search(r"line [23] (is not|has a NUL)|z$", read)


def test_text_with_twice_converted_line_ends(tmp_path):
    (tmp_path / "file").write_bytes(b"a\r\r\nb\r\r\n")
    assert read_text(tmp_path / "file") == "a\nb\n"


def test_pieces_take_little_memory():
    class Source(io.BytesIO):
        def read(self, n=-1):
            assert n == encodings._CHUNK
            return super().read(n)

    assert "".join(encodings.pieces(Source(b"ab\r\n" * 50_000))) == "ab\n" * 50_000
