"""A web page for the landmarks of photos and of the webcam; needs no package of its own."""

from __future__ import annotations

import argparse
import base64
import json
import sys
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mhhn_landmarks.aligner import Face
from mhhn_landmarks.arguments import add_model
from mhhn_landmarks.cli import load_aligner
from mhhn_landmarks.errors import InputError
from mhhn_landmarks.photos import decode_bgr
from mhhn_landmarks.writing import COLUMNS, rows_of, to_csv, to_dict

HERE = Path(__file__).parent
FILES = {  # address, file, type
    '/': ('web_demo.html', 'text/html; charset=utf-8'),
    '/example.jpg': ('example.jpg', 'image/jpeg'),
}
LARGEST_FILE = 100 * 2**20  # bytes
LONGEST_SHOWN = 3000  # pixels of the longer side of what the browser shows
RULES = {  # what a browser may do with the answers
    'Content-Security-Policy': "default-src 'self' 'unsafe-inline' data: blob:",
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
}
Find = Callable[[np.ndarray], Sequence[Face]]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_model(parser, onnx=True)
    parser.add_argument('--host', default='127.0.0.1', help='0.0.0.0 lets other machines in')
    parser.add_argument('--port', type=int, default=7860)
    return parser.parse_args(argv)


def answer(find: Find, content: bytes, name: str) -> dict:
    """Return what the page shows of a photo: its faces, the upright photo, and files to keep.

    Args:
        find: From a picture, BGR (h, w, 3) uint8, to its faces.
        content: Of the photo's file.
        name: Of the photo.

    Raises:
        InputError: If the photo cannot be read.
    """
    pixels = decode_bgr(content, name)
    height, width = pixels.shape[:2]
    faces = [to_dict(face, number) for number, face in enumerate(find(pixels))]
    entry = dict(picture=name, width=width, height=height, faces=faces)
    shrink = LONGEST_SHOWN / max(height, width)
    if shrink < 1:
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    jpeg = base64.b64encode(cv2.imencode('.jpg', pixels)[1]).decode()
    return dict(
        entry,
        picture=f'data:image/jpeg;base64,{jpeg}',
        json=json.dumps(dict(pictures=[entry]), allow_nan=False),
        csv=to_csv([COLUMNS, *rows_of(entry)]).decode(errors='replace'),
    )


class Page(BaseHTTPRequestHandler):
    """Serves the page, its example, and `answer`; `serve` adds `find` and `turn`."""

    find: Find
    turn: threading.Lock
    protocol_version = 'HTTP/1.1'
    timeout = 60  # seconds for which a silent connection is kept

    def do_GET(self) -> None:
        """Send a file of the page."""
        file, kind = FILES.get(urlsplit(self.path).path, (None, ''))
        if file:
            self._send(200, (HERE / file).read_bytes(), kind)
        else:
            self._send(404, b'no such page', 'text/plain')

    def do_POST(self) -> None:
        """Take a photo's file and send its faces."""
        address = urlsplit(self.path)
        length = int(self.headers.get('Content-Length') or 0)
        if address.path != '/find' or not 0 < length <= LARGEST_FILE:
            self.close_connection = True
            reason = f'a photo has 1 byte to {LARGEST_FILE >> 20} MB, this file {length} bytes'
            self._send_json(413 if length > LARGEST_FILE else 400, dict(error=reason))
            return
        content = self.rfile.read(length)
        name = parse_qs(address.query).get('name', ['photo'])[0]
        try:
            with self.turn:  # one photo after another: each has all cores
                reply = answer(type(self).find, content, name)
        except InputError as error:
            self._send_json(400, dict(error=str(error)))
            return
        except Exception as error:  # a fault of ours: the page says it, the terminal where it is
            self._send_json(500, dict(error=f'{type(error).__name__}: {error}'))
            raise
        self._send_json(200, reply)

    def _send_json(self, status: int, content: dict) -> None:
        self._send(status, json.dumps(content).encode(), 'application/json')

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        for key, value in RULES.items():
            self.send_header(key, value)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_) -> None:
        """Say nothing of each request."""


class Server(ThreadingHTTPServer):
    """Says nothing of browsers that leave."""

    def handle_error(self, request, client_address) -> None:
        """Print the traceback of any other fault."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def serve(find: Find, host: str, port: int) -> Server:
    """Return the server of the page, which is to be run by its `serve_forever`.

    Raises:
        InputError: If there is no such port, or it is taken.
    """
    page = type('Page', (Page,), dict(find=staticmethod(find), turn=threading.Lock()))
    try:
        return Server((host, port), page)
    except (OSError, OverflowError) as error:
        reason = getattr(error, 'strerror', 'ports are 0 to 65535')
        raise InputError(f'{host}:{port}: {reason}; try another --port') from error


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, build, serve."""
    args = parse_args(argv)
    try:
        server = serve(load_aligner(args.model), args.host, args.port)
    except InputError as error:
        raise SystemExit(f'web_demo: {error}') from error
    print(f'http://{args.host}:{server.server_port} (Ctrl-C ends it)', flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == '__main__':
    main()
