"""The port with a mistake planted: `python -m parity_tests.wrong_port ID REQUEST TRACE [--teacher=LEGACY]`."""

import sys

from parity_tests.zoo import ZOO
from port import __main__ as command_line

if __name__ == "__main__":
    id, *arguments = sys.argv[1:]
    sys.argv = ["port", "record", *arguments]
    with next(mutation for mutation in ZOO if mutation.id == id).plant():
        command_line.main()
