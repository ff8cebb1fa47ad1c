"""The fuzzer of the files that bptt reads: `python -m tests.support.fuzz`; see `runner`."""
