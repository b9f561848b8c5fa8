"""`LoadFaceImage`: a photo as it is, upright and whole, or an error that names it."""

import zlib

import mmengine.fileio
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS

from mhhn_landmarks.errors import InputError
from mhhn_landmarks.photos import decode_bgr


@TRANSFORMS.register_module()
class LoadFaceImage(LoadImage):
    """MMPose's `LoadImage` for face photos; see `mhhn_landmarks.photos` for what is loaded.

    A photo is refused if it is truncated, or has another size than the annotation file says: then
    landmarks are those of another picture, or of this one before its EXIF turn. So is a file with
    another CRC-32 than when it was annotated, where the annotation file tells: damaged since then,
    it may still be decoded. Nothing is ever left out silently, so there is no `ignore_empty`.

    Args:
        backend_args: Where photos are, see MMEngine's file backends. Default: on the disk.

    >>> LoadFaceImage()(dict(img_path='docs/images/astronaut.jpg'))['img'].shape
    (600, 680, 3)
    """

    def __init__(self, backend_args: dict | None = None) -> None:
        super().__init__(backend_args=backend_args)

    def transform(self, results: dict) -> dict:
        """Put `img`, BGR (H, W, 3), and its shape into `results`, unless `img` is there.

        Raises:
            InputError: If the photo cannot be used.
        """
        if 'img' not in results:
            path = results['img_path']
            try:
                content = mmengine.fileio.get(path, backend_args=self.backend_args)
            except OSError as error:
                reason = error.strerror or error
                raise InputError(f'{path}: no readable photo ({reason}); unpack it') from error
            results['img'] = decode_bgr(content, path)
            height, width = results['img'].shape[:2]
            annotated = tuple(results.get('photo_size', (width, height)))
            if annotated != (width, height):
                raise InputError(
                    f'{path}: the photo is {width}x{height} px, its annotation file says'
                    f' {annotated[0]}x{annotated[1]}: landmarks are of another photo, or of this'
                    ' one without its EXIF turn; convert again'
                )
            crc32 = results.get('photo_crc32')
            if crc32 is not None and zlib.crc32(content) != crc32:
                raise InputError(
                    f'{path}: the file is another than when it was converted (by its CRC-32),'
                    ' damaged or changed; unpack it again, or convert again'
                )
        return super().transform(results)
