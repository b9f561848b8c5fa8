"""Make a checkpoint fit to be given away: weights and the dataset's description, nothing else.

The optimizer, the schedulers, the message hub and the training's config (which holds paths) are
left out. Where an EMA hook was used, MMEngine keeps the averaged weights in `state_dict`, and these
are published. The first 8 hex digits of the file's sha256 are added to its name: `mhhn.pth` is
written as `mhhn-0123abcd.pth`, the same name each time for the same weights.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import pickle
import tempfile
from pathlib import Path
from zipfile import BadZipFile

import torch

from mhhn_mmpose.weights_only import refusal  # and allow-lists what MMEngine's checkpoints hold

# What mmpose.apis.init_model reads, and what tells a reader where the weights come from.
META = ('dataset_meta', 'epoch', 'iter', 'mmengine_version')


def load(source: Path | io.BytesIO) -> dict:
    """Read a checkpoint with torch's weights-only protection on.

    Raises:
        ValueError: If it is not a checkpoint with tensors in `state_dict`.
    """
    try:
        checkpoint = torch.load(source, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        reason = refusal(error) or 'no file of torch.save'
        raise ValueError(f'torch does not load it with weights_only: {reason}') from error
    except (RuntimeError, EOFError, BadZipFile, KeyError, AttributeError) as error:
        raise ValueError(f'not a checkpoint, or a damaged one ({type(error).__name__})') from error
    weights = checkpoint.get('state_dict') if isinstance(checkpoint, dict) else None
    if not weights or not all(isinstance(w, torch.Tensor) for w in weights.values()):
        raise ValueError("no tensors under 'state_dict'; give a file that tools/train.py wrote")
    return checkpoint


def strip(checkpoint: dict, half: bool) -> dict:
    """Return what is published of `checkpoint`, floating-point weights in float16 with `half`.

    Raises:
        ValueError: If a weight is not finite, or no longer is in half precision.
    """
    weights = {}
    for name, weight in checkpoint['state_dict'].items():
        floating = weight.is_floating_point()
        # A copy, since a view would bring along all the storage it looks into.
        weights[name] = weight.detach().to(torch.float16 if half and floating else weight.dtype)
        weights[name] = weights[name].clone(memory_format=torch.contiguous_format)
        if floating and not weights[name].isfinite().all():
            remedy = ' in half precision; leave out --half' if weight.isfinite().all() else ''
            raise ValueError(f'the weight {name} is not finite{remedy}')
    meta = checkpoint.get('meta') or {}
    return dict(meta={k: meta[k] for k in META if k in meta}, state_dict=weights)


def write(checkpoint: dict, out: Path) -> Path:
    """Write `checkpoint` beside `out` under a name with its hash, and return that path.

    Raises:
        ValueError: If it cannot be read back with the protection on.
    """
    # In memory, because torch.save puts a file's name into its content and so into the hash.
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    buffer.seek(0)
    load(buffer)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()[:8]
    target = out.with_name(f'{out.stem}-{digest}.pth')
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        whole = Path(folder, target.name)
        whole.write_bytes(buffer.getvalue())
        os.replace(whole, target)
    return target


def main() -> None:
    """Parse, strip, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', type=Path, help='checkpoint of a training')
    parser.add_argument('out', type=Path, help='NAME.pth; written as NAME-HASH.pth')
    parser.add_argument(
        '--half', action='store_true', help='weights in float16: half the size, nearly the same'
    )
    args = parser.parse_args()
    if args.out.suffix != '.pth':
        parser.error(f'OUT must end in .pth, got {args.out}')
    try:
        target = write(strip(load(args.checkpoint), args.half), args.out)
    except OSError as error:
        parser.exit(1, f'{error.filename or args.checkpoint}: {error.strerror}\n')
    except ValueError as error:
        parser.exit(1, f'{args.checkpoint}: {error}\n')
    size, before = (path.stat().st_size / 1e6 for path in (target, args.checkpoint))
    print(f'{target}: {size:.1f} MB of {before:.1f} MB')


if __name__ == '__main__':
    main()
