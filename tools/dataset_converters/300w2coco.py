"""Convert the original 300W archives to the annotation files MMPose reads."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.command_line import BOXES, run_converter
from dataset_converters.face_300w import convert_300w

DESCRIPTION = """\
Convert the original 300W archives to the annotation files MMPose reads.

Get the archives (AFW, HELEN, LFPW, IBUG, and the 300W test set if you want it) from
https://ibug.doc.ic.ac.uk/resources/300-W/ ; they are free for research only, which you
accept there. Unpack them side by side:

  SOURCE/afw/                     337 faces   train
  SOURCE/helen/trainset/         2000         train
  SOURCE/lfpw/trainset/           811         train
  SOURCE/helen/testset/           330         valid, subset common
  SOURCE/lfpw/testset/            224         valid, subset common
  SOURCE/ibug/                    135         valid, subset challenge
  SOURCE/300W/01_Indoor/          300         test, subset indoor      (optional)
  SOURCE/300W/02_Outdoor/         300         test, subset outdoor     (optional)
  SOURCE/**/bounding_boxes_*.mat              the detector's boxes, for --boxes detector

each face as NAME.pts beside NAME.jpg or NAME.png. A part of it works too, with a warning.
"""

EPILOG = """\
Written: OUT/annotations/face_landmarks_300w_{train,valid,test}.json. Photos are not copied:
OUT/images becomes a link to SOURCE, so MMPose's configs work with data_root='OUT/'.
Without the link, set data_prefix=dict(img='SOURCE/').
"""


if __name__ == '__main__':
    sys.exit(run_converter(convert_300w, DESCRIPTION, EPILOG, 'data/300w', BOXES))
