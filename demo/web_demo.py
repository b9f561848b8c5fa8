"""A web page: drop a photo, see landmarks, heatmaps and the fitted Gaussians."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import cv2
import numpy as np

from mhhn_landmarks.boxes import squares
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.sources import open_source
from mhhn_landmarks.writing import count
from mhhn_mmpose.apis.aligner import FaceAligner, FaceLandmarks
from mhhn_mmpose.apis.detector import DETECTORS, build_detector
from mhhn_mmpose.apis.drawing import draw_heatmaps, draw_landmarks
from mhhn_mmpose.apis.fitting import plot_fit
from mhhn_mmpose.codecs import SDTHeatmap

INVITATION = 'Drop a photo of a face above.'
LONGEST = 1600  # pixels of a photo's longer side; larger ones are shrunk, for the browser's sake


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--config', required=True, help='config file of the model')
    parser.add_argument('--checkpoint', required=True, help='its weights')
    parser.add_argument('--detector', choices=DETECTORS, default=DETECTORS[0])
    parser.add_argument('--device', help="such as cpu or cuda:0; the GPU if there's one")
    parser.add_argument('--amp', action='store_true', help='compute in 16 bits; CPU: bfloat16')
    parser.add_argument('--host', default='127.0.0.1', help='0.0.0.0 lets other machines in')
    parser.add_argument('--port', type=int, default=7860)
    return parser.parse_args(argv)


class Page:
    """What the page does.

    Args:
        aligner: With heatmaps.
        detector: Name of the face detector.
        device: Where it runs; None for the CPU.
    """

    def __init__(self, aligner: FaceAligner, detector: str, device: str | None = None):
        self.aligner = aligner
        self.detect = build_detector(detector, aligner.num_landmarks, device)

    def look(self, photo: str | None) -> tuple:
        """Return pictures of landmarks and heatmaps, what was found, in words and for `fit`.

        Args:
            photo: The file, or None where there is none.
        """
        if photo is None:
            return None, None, INVITATION, None
        try:
            picture = next(iter(open_source(photo))).pixels
        except InputError:
            return None, None, 'No photo that can be read; try a JPEG or PNG file.', None
        shrink = LONGEST / max(picture.shape[:2])
        if shrink < 1:
            picture = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        boxes = squares(self.detect(picture))
        faces = self.aligner([(picture, box) for box in boxes])
        drawn = draw_landmarks(picture, faces, range(len(faces)))
        heat = draw_heatmaps(picture, faces, self.aligner.activation)
        told = 'No face found; try another photo.'
        if faces:
            scores = ', '.join(f'{i}: {f.scores.mean():.2f}' for i, f in enumerate(faces))
            told = f'Found {count(len(faces), "face")}; mean score of face {scores}'
        return drawn[..., ::-1], heat[..., ::-1], told, (picture, faces)

    def fit(
        self,
        found: tuple[np.ndarray, list[FaceLandmarks]] | None,
        face: float,
        landmark: float,
    ) -> np.ndarray | None:
        """Return the picture of one landmark's fit, or None where there is no such face."""
        if not found or not 0 <= face < len(found[1]):
            return None
        picture, faces = found
        return plot_fit(picture, faces[int(face)], self.aligner.codec, int(landmark))


def build_page(page: Page):
    """Lay out the page.

    Raises:
        InputError: If Gradio is not installed.
    """
    try:
        import gradio
    except ImportError as error:
        raise InputError('Gradio is not installed; run: pip install gradio') from error
    with gradio.Blocks(title='MHHN face alignment', analytics_enabled=False) as blocks:
        gradio.Markdown(
            '# Face alignment\nDrop a photo; dots are violet (unsure) to yellow (sure).'
        )
        found = gradio.State()
        with gradio.Row():
            photo = gradio.Image(label='Photo', type='filepath', sources=['upload', 'clipboard'])
            # Gradio's own reading shows a bare 'Error' for what is no photo.
            photo.preprocess = lambda payload: payload and payload.path
            drawn = gradio.Image(label='Landmarks', interactive=False)
            heat = gradio.Image(label='Heatmaps', interactive=False)
        told = gradio.Markdown(INVITATION)
        fits = isinstance(page.aligner.codec, SDTHeatmap)
        with gradio.Row(visible=fits):
            with gradio.Column(scale=1):
                face = gradio.Number(0, label='Face', precision=0, minimum=0)
                last = page.aligner.num_landmarks - 1
                landmark = gradio.Slider(0, last, value=min(36, last), step=1, label='Landmark')
            fit = gradio.Image(label='Fitted Gaussian', interactive=False, scale=2)
        event = photo.change(page.look, photo, [drawn, heat, told, found], api_name='look')
        if fits:
            parts = dict(fn=page.fit, inputs=[found, face, landmark], outputs=fit)
            event.then(**parts, api_name=False)
            landmark.release(**parts, api_name=False)
            face.change(**parts, api_name=False)
    return blocks


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, build, serve."""
    args = parse_args(argv)
    try:
        aligner = FaceAligner(
            args.config, args.checkpoint, args.device, heatmaps=True, amp=args.amp
        )
        blocks = build_page(Page(aligner, args.detector, args.device))
    except InputError as error:
        raise SystemExit(f'web_demo: {error}') from error
    try:
        blocks.launch(server_name=args.host, server_port=args.port)
    except OSError as error:
        raise SystemExit(f'web_demo: {error}; try another --port') from error


if __name__ == '__main__':
    main()
