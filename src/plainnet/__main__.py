"""`python -m plainnet` is the command `plainnet`."""

import sys

from plainnet.cli import main

if __name__ == "__main__":
    sys.exit(main())
