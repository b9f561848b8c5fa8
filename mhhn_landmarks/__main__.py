"""`python -m mhhn_landmarks`, the same as `mhhn-landmarks`."""

import sys

from .cli import main

sys.exit(main())
