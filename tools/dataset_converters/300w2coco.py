"""The command of `face_300w`, whose name a module could not have."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.face_300w import main

if __name__ == '__main__':
    sys.exit(main())
