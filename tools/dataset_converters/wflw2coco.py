"""Convert the original WFLW archives to the annotation files MMPose reads."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.command_line import BOXES, run_converter
from dataset_converters.wflw import convert_wflw

DESCRIPTION = """\
Convert the original WFLW archives to the annotation files MMPose reads.

Get the two archives (images, annotations) from
https://wywu.github.io/projects/LAB/WFLW.html ; they are free for research only, not for
commercial use. Unpack them side by side:

  SOURCE/WFLW_images/EVENT/NAME.jpg                             the photos, by event
  SOURCE/WFLW_annotations/list_98pt_rect_attr_train_test/
      list_98pt_rect_attr_train.txt       7500 faces            train
      list_98pt_rect_attr_test.txt        2500                  test

Each line of a list is a face: 98 landmarks, box, six attributes, photo. One of the two
lists works too, with a warning.
"""

EPILOG = """\
Written: OUT/annotations/face_landmarks_wflw_{train,test}.json; `subsets` of a face names
its attributes (pose, expression, illumination, makeup, occlusion, blur). Photos are not
copied: OUT/images becomes a link to SOURCE/WFLW_images, so MMPose's configs work with
data_root='OUT/'. Without the link, set data_prefix=dict(img='SOURCE/WFLW_images/').
"""


if __name__ == '__main__':
    sys.exit(run_converter(convert_wflw, DESCRIPTION, EPILOG, 'data/wflw', BOXES))
