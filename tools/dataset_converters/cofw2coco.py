"""Convert the original COFW files, and COFW-68, to the annotation files MMPose reads."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.cofw import convert_cofw
from dataset_converters.command_line import run_converter

DESCRIPTION = """\
Convert the original COFW files, and COFW-68, to the annotation files MMPose reads.

Get COFW_color.zip from https://data.caltech.edu/records/bc0bf-nc666 , whose page names the
licence, and unpack it in SOURCE. For COFW-68 put a clone, or the unpacked ZIP, of
https://github.com/golnazghiasi/cofw68-benchmark there too; it states no licence, so ask its
authors before any use but research:

  SOURCE/COFW_train_color.mat                     1345 faces   train, 29 points
  SOURCE/COFW_test_color.mat                       507         test, 29 points
  SOURCE/cofw68-benchmark/COFW68_Data/
    test_annotations/{1..507}_points.mat           507         COFW-68 (optional), 68 points
    cofw68_test_bboxes.mat                                     its face boxes (optional)

Each may also lie in another folder below SOURCE. A part of it works too, with a warning.
"""

EPILOG = """\
Written: OUT/images/000001.jpg ..., photos of test faces from 001346.jpg on, and
OUT/annotations/cofw_{train,test}.json and cofw68_test.json, which Face300WDataset reads.
MMPose's configs work with data_root='OUT/'. Run it again after an interruption: photos that are
there already are kept. With an error no annotation file is written, but photos may be.
"""


if __name__ == '__main__':
    sys.exit(run_converter(convert_cofw, DESCRIPTION, EPILOG, 'data/cofw'))
