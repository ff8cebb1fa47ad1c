"""Reading data files: what comes back, and what is refused with which words."""

import gzip
import tracemalloc

import pytest

from bptt.corpus import MAX_FILE, read_documents
from bptt.errors import ConfigError, DataError
from bptt.readers import read_conll, read_json_lines, read_series, read_table, read_ts
from bptt.readers.lines import MAX_LINE
from tests.support.readers import DATA, refusal, shared

# Files


@pytest.mark.parametrize("read", [read_table, read_series, read_conll, read_ts, read_json_lines])
def test_refuses_what_cannot_be_read(tmp_path, read):
    missing = tmp_path / "missing\nfile"
    with pytest.raises(DataError) as caught:
        read(missing)
    name = str(missing).replace("\n", " ")
    assert str(caught.value) == f"{read.__name__}: cannot read {name}: No such file or directory."
    refusal(read, tmp_path, "directory|Permission")
    with pytest.raises(DataError, match="cannot read"):
        read("a\0b")


@pytest.mark.parametrize("read", [read_table, read_series, read_conll, read_ts, read_json_lines])
def test_a_file_of_one_endless_line_is_refused_in_little_memory(tmp_path, read):
    path = tmp_path / "endless"
    with open(path, "wb") as file:
        file.truncate(2**40)  # sparse: takes no room
    tracemalloc.start()
    try:
        tables = read in (read_table, read_series)
        refusal(read, path, "too long" if tables else f"line 1 has more than {MAX_LINE} characters")
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_LINE
    finally:
        tracemalloc.stop()


def test_a_file_that_is_too_long_is_refused(write, monkeypatch):
    monkeypatch.setattr("bptt.readers.lines.MAX_FILE", 7)
    assert read_conll(write("a b\nc d")).X == [["a", "c"]]
    refusal(read_conll, write("a b\nc de"), "line 2 is too far; expected a file of at most 7")
    monkeypatch.setattr("bptt.readers.packed.MAX_FILE", 7)
    assert read_series(write("1,2\n3,4")).X[0].shape == (2, 2)
    refusal(read_series, write("1,2\n3,45"), "is too long; expected a file of at most 7")
    packed = write(gzip.compress(b"1,2\n3,45"))
    monkeypatch.setattr("bptt.readers.packed.MAX_FILE", len(packed.read_bytes()))
    assert read_series(packed).X[0].shape == (2, 2)
    assert MAX_FILE == 2**30


# Documents


def test_documents(write):
    path, more = write("one\ntwo\n \t\n\n\nthree\n"), write("\ufefffour\r\n\r\n", "b")
    assert read_documents([path, more]) == ["one\ntwo\n \t\n\n\nthree\n", "four\n\n"]
    assert read_documents([path, more], "paragraph") == ["one\ntwo", "three", "four"]
    assert read_documents([path, more], "line") == ["one", "two", "three", "four"]
    with pytest.raises(ConfigError, match="split is 'word'; expected one of file, paragraph"):
        read_documents(path, "word")
    with pytest.raises(DataError, match="all lines are blank"):
        read_documents(write(" \n"), "line")
    with pytest.raises(DataError, match=r"^read_documents: cannot read"):
        read_documents("missing")


# Real files


@shared
def test_real_documents():
    tunes = read_documents(sorted((DATA / "nottingham_abc").glob("*.abc")), "paragraph")
    assert len(tunes) == 1034
    assert all(tune.startswith("X:") for tune in tunes)
    assert len(read_documents(DATA / "names_us" / "names.txt", "line")) == 32033
