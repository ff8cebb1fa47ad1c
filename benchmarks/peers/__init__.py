"""What the benchmark compares: the cases, the goals, and one module for every contender.

`cases` holds the cases and their arrays, `goals` the rows of the tables, `convert` the weights in
the peers' conventions. Each contender's module has `hello()` and `prepare(case)`; `worker` runs it
in a process of its own, which `processes` starts, stops and continues.
"""
