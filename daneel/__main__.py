"""`python -m daneel` is the same as the `daneel` command."""

import sys

from daneel.cli import main

sys.exit(main())
