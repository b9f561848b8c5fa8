"""Photos that belong together when a set is split: those of one person, as far as names tell."""

import re
import zlib
from collections import Counter
from collections.abc import Sequence

from mhhn_landmarks.errors import InputError

LARGEST_GROUP = 1 / 3  # of the faces; a larger group makes a part that is no sample of the set


def group_of(file_name: str) -> str:
    """Return the person or scene a photo's name tells, else the name itself.

    A last number after ``_`` counts a person's photos, unless it begins with 0: such a number
    counts the photos of a whole folder.

    >>> group_of('afw/1051618982_2.jpg'), group_of('lfpw/trainset/image_0042.png')
    ('afw/1051618982', 'lfpw/trainset/image_0042.png')
    """
    return re.sub(r'_(0|[1-9]\d*)\.[^./]+$', '', file_name)


def hold_out(groups: Sequence[str], parts: int) -> list[bool]:
    """Return of each face whether it is in the one of ``parts`` that its group's checksum chooses.

    Raises:
        InputError: If a group has more than a third of the faces, or a part has none.
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


def groups_to_test(groups: Sequence[str], share: float) -> set[str]:
    """Return groups, chosen by their checksums, that together have at least a share of the faces.

    Raises:
        InputError: If there is but one group.
    """
    counts = Counter(groups)
    if len(counts) < 2:
        raise InputError(
            f'all {len(groups)} faces count as one person, {groups[0]!r}; split by photo'
            ' (--by-photo), or give more photos'
        )
    order = sorted(counts, key=lambda group: (zlib.crc32(group.encode()), group))
    chosen: set[str] = set()
    for group in order[:-1]:
        if sum(counts[name] for name in chosen) >= share * len(groups):
            break
        chosen.add(group)
    return chosen
