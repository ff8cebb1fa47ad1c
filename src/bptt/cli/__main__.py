"""``python -m bptt.cli``: the same as ``bptt``."""

from . import main

if __name__ == "__main__":
    main()
