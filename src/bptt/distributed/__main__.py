"""``mpiexec -n 4 python -m bptt.distributed train.py``: a rank that is killed is named.

The job then ends with status 75. `bptt train --distributed mpi` does this by itself.
"""

import sys

from .supervisor import supervise

if __name__ == "__main__":
    sys.exit(supervise(sys.argv[1:]))
