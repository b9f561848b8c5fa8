"""demo/web_demo.py with a model that knows where the drawn faces are."""

import base64
import json
import queue
import runpy
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from conftest import ROOT
from odd_photos import JPEG_ERROR, PICTURE, write_turned

from mhhn_landmarks.errors import InputError

WEB = runpy.run_path(str(ROOT / 'demo/web_demo.py'))
POINTS = np.array([[20.0, 30], [60, 30], [40, 75.5]])


def find(pixels):
    """Two faces in any picture but a grey one."""
    if pixels.std() < 1:
        return []
    scores = dict(scores=np.array([0.0, 0.5, 1.0]), box_score=0.9, angle=-7.0)
    boxes = np.array([[10, 20, 60, 60], [110, 20, 60, 60]])
    return [
        SimpleNamespace(box=box, points=POINTS + [x, 0], **scores)
        for box, x in zip(boxes, (0, 100), strict=True)
    ]


@pytest.fixture(scope='module')
def server():
    server = WEB['serve'](find, '127.0.0.1', 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def ask(server, path, content=None, **headers):
    url = f'http://127.0.0.1:{server.server_port}/{path}'
    request = urllib.request.Request(url, content, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_a_photo_is_answered_with_numbers_of_the_upright_photo(server, tmp_path, monkeypatch):
    monkeypatch.setitem(WEB['answer'].__globals__, 'LONGEST_SHOWN', 100)
    write_turned(tmp_path / 'a.jpg', 6)
    status, reply = ask(server, 'find?name=caf%C3%A9.jpg', (tmp_path / 'a.jpg').read_bytes())
    answer = json.loads(reply)
    height, width = PICTURE.shape[:2]
    assert status == 200 and (answer['width'], answer['height']) == (width, height)
    assert answer['faces'][1]['landmarks'] == (POINTS + [100, 0]).tolist()
    assert answer['faces'][1]['box'] == [110, 20, 60, 60]
    assert answer['faces'][1]['box_angle'] == -7
    (entry,) = json.loads(answer['json'])['pictures']
    assert entry['picture'] == 'caf\u00e9.jpg' and entry['faces'] == answer['faces']
    assert answer['csv'].splitlines()[4] == 'caf\u00e9.jpg,1,0,120.0,30.0,0.0'
    kind, _, data = answer['picture'].partition(',')
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert kind == 'data:image/jpeg;base64' and max(shown.shape) == 100
    small = cv2.resize(PICTURE[..., ::-1], shown.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - shown).mean() < 2 * JPEG_ERROR


def test_what_is_no_photo_is_said(server):
    status, reply = ask(server, 'find?name=a.pdf', b'%PDF-1.7')
    assert status == 400 and json.loads(reply)['error'].startswith('a.pdf: this is a PDF')
    for content, length, expected in ((b'', 0, 400), (b'a', 10**12, 413)):
        status, reply = ask(server, 'find', content, **{'Content-Length': str(length)})
        assert status == expected and b'1 byte to 100 MB' in reply
    assert ask(server, '../README.md')[0] == 404 and ask(server, 'other', b'a')[0] == 400
    with pytest.raises(InputError, match='try another --port'):
        WEB['serve'](find, '127.0.0.1', server.server_port)


def test_a_fault_of_the_model_is_said_and_a_browser_that_leaves_is_not(server, monkeypatch, capfd):
    def fail(_):
        raise RuntimeError('out of memory')

    monkeypatch.setattr(server.RequestHandlerClass, 'find', staticmethod(fail))
    photo = cv2.imencode('.png', PICTURE)[1].tobytes()
    status, reply = ask(server, 'find', photo)
    assert status == 500 and json.loads(reply)['error'] == 'RuntimeError: out of memory'
    for error in (ConnectionResetError(), BrokenPipeError(), TimeoutError(), RuntimeError('ours')):
        capfd.readouterr()
        try:
            raise error
        except Exception:
            server.handle_error(None, ('127.0.0.1', 1))
        assert ('Traceback' in capfd.readouterr().err) == isinstance(error, RuntimeError)


DRIVER = """<iframe src="/" width="390" height="900"></iframe><script>
onload = async () => {
  const page = frames[0], one = id => page.document.getElementById(id), said = [];
  const note = id => said.push(one(id).textContent);
  try {
    await one('example').onclick(); note('said'); note('numbers');
    const {left, top, width} = one('photo').getBoundingClientRect(), scale = width / 960;
    one('photo').dispatchEvent(new page.MouseEvent('click',
      {clientX: left + 140 * scale, clientY: top + 50 * scale}));
    note('numbers'); said.push(page.document.activeElement.id, page.scrollY);
    one('landmark').value = 2; one('landmark').oninput(); note('numbers');
    one('labels').click();
    said.push(one('faces').children.length, one('csv').download, one('json').download);
    said.push(one('face').width > 200 && page.document.body.scrollWidth <= page.innerWidth);
    await page.look(new Blob(['<html>']), 'a.png'); note('said');
  } catch (error) { said.push(String(error)); }
  fetch('said', {method: 'POST', body: said.join('|')});
};</script>"""


def test_the_page_in_a_browser_of_a_phones_width(server, tmp_path, monkeypatch):
    if not (browser := shutil.which('chromium') or shutil.which('google-chrome')):
        pytest.skip('no Chromium here; apt install chromium')
    (tmp_path / 'drive.html').write_text(DRIVER)
    monkeypatch.setitem(WEB['FILES'], '/drive.html', (tmp_path / 'drive.html', 'text/html'))
    said, take = queue.Queue(), WEB['Page'].do_POST

    def listen(page):
        if page.path == '/said':
            said.put(page.rfile.read(int(page.headers['Content-Length'])).decode())
        take(page)

    monkeypatch.setattr(server.RequestHandlerClass, 'do_POST', listen)
    off = 'gpu quic background-networking component-update sync'.split()
    command = [browser, '--headless', '--no-sandbox', '--no-first-run',
               '--remote-debugging-port=0', f'--user-data-dir={tmp_path / "user"}',
               *(f'--disable-{name}' for name in off),
               f'http://127.0.0.1:{server.server_port}/drive.html']  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            answer = said.get(timeout=120)
        finally:
            process.terminate()
    assert answer.split('|') == [
        '2 faces found; click one to enlarge it.',
        'Face 0, landmark 0: x 20.0, y 30.0, score 0.00',
        'Face 1, landmark 0: x 120.0, y 30.0, score 0.00', 'landmark', '0',
        'Face 1, landmark 2: x 140.0, y 75.5, score 1.00',
        '2', 'example.csv', 'example.json', 'true',
        'a.png: this is a web page or SVG, not a photo; download the photo itself',
    ]  # fmt: skip
