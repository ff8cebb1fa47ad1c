"""Run the fuzzer from a shell."""

from .runner import main

main()
