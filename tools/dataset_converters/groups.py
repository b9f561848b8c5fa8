"""Photos that belong together when a set is split: those of one person, as far as names tell."""

import re
import zlib
from collections import Counter
from collections.abc import Sequence

from mhhn_landmarks.errors import InputError

LARGEST_GROUP = 1 / 3  # of the faces; a larger group makes a part that is no sample of the set


def group_of(file_name: str) -> str:
    """Return the person or scene a photo's name tells, else the name itself.

    A last number after `_` counts a person's photos, unless it begins with 0: such a number
    counts the photos of a whole folder.

    >>> group_of('afw/1051618982_2.jpg'), group_of('lfpw/trainset/image_0042.png')
    ('afw/1051618982', 'lfpw/trainset/image_0042.png')
    """
    return re.sub(r'_(0|[1-9]\d*)\.[^./]+$', '', file_name)


def hold_out(groups: Sequence[str], parts: int) -> list[bool]:
    """Return which faces are held out: one of `parts` parts, chosen by the group's checksum.

    Raises `InputError` if a group has more than a third of the faces, or a part has none.
    """
    group, count = Counter(groups).most_common(1)[0]
    if count > LARGEST_GROUP * len(groups):
        raise InputError(
            f'{count} of {len(groups)} faces count as one person, {group!r}; call photos'
            ' PERSON_1.jpg, PERSON_2.jpg, or split by photo (--by-photo)'
        )
    held_out = [zlib.crc32(group.encode()) % parts == 0 for group in groups]
    if len(set(held_out)) < 2:
        raise InputError(
            f'all {len(groups)} faces, of {len(set(groups))} persons or photos, would be in one'
            ' part; choose another number of --parts'
        )
    return held_out
