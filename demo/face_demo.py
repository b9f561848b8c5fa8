"""The command `mhhn-landmarks`, from a clone: photos, folders, videos and webcams."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mhhn_landmarks.cli import main

if __name__ == '__main__':
    sys.exit(main())
