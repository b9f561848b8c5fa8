"""Convert AFLW with its 19-point annotations to the annotation files MMPose reads."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataset_converters.aflw import NUM_TRAIN, convert_aflw
from dataset_converters.command_line import run_converter

DESCRIPTION = """\
Convert AFLW with its 19-point annotations to the annotation files MMPose reads.

Get the photos (aflw-images-0, -2 and -3) from
https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/aflw/ ; they are
for non-commercial research only, on request, which you accept there. Get the 19-point
annotations, AFLWinfo_release.mat, from
http://mmlab.ie.cuhk.edu.hk/projects/compositional.html (Zhu et al., CVPR 2016).

  SOURCE/AFLWinfo_release.mat     24386 faces: 20000 train, 4386 test
  SOURCE/data/flickr/0/           the photos, image00002.jpg and so on
  SOURCE/data/flickr/2/
  SOURCE/data/flickr/3/

Both may as well lie in SOURCE, SOURCE/data or SOURCE/aflw/data. Later editions of AFLW lack
a few of the photos: --skip-bad leaves their faces out.
"""

EPILOG = """\
Written: OUT/annotations/face_landmarks_aflw_{train,test}.json. Photos are not copied:
OUT/images becomes a link to the folder that has flickr/, so MMPose's configs work with
data_root='OUT/'. Without the link, set data_prefix=dict(img='SOURCE/data/').

Subsets of the test set: 'frontal', all 19 landmarks visible, 1314 faces. The paper (MHHN)
describes its frontal subset so too, but counts 1165, and no list of those is published.
'frontal_in_box' also wants every landmark inside the face box, as the code of SAN and SBR
does; whether these are the 1165 is not known: a warning says if they are not.
"""


OPTIONS = {
    '--num-train': dict(
        type=int,
        default=NUM_TRAIN,
        help='how many faces in the order of `ra` are for training; less for generated faces',
    )
}


if __name__ == '__main__':
    sys.exit(run_converter(convert_aflw, DESCRIPTION, EPILOG, 'data/aflw', OPTIONS))
