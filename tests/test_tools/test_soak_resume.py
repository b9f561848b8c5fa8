"""A kill and a resume through torchrun; tools/misc/soak_resume.py does more of them."""

import sys

import pytest
from conftest import run_tool


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='looks for processes in /proc')
def test_killed_run_ends_as_one_left_alone(tmp_path, monkeypatch, capfd, uncovered_processes):
    assert not run_tool(monkeypatch, 'misc/soak_resume.py', tmp_path, '--kills', 1, '--epochs', 2)
    printed = capfd.readouterr().out
    assert 'kill 1:' in printed
    assert printed.endswith('equal bit by bit\n')
