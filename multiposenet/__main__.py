"""`python -m multiposenet` is the command `multiposenet`."""

import sys

from multiposenet.cli import main

sys.exit(main())
