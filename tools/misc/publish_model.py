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
from pathlib import Path

from mhhn_landmarks.errors import InputError, exit_on_input_error
from mhhn_landmarks.fileio import write_bytes

# What mmpose.apis.init_model reads, and what tells a reader where the weights come from.
META = ('dataset_meta', 'epoch', 'iter', 'mmengine_version')


def strip(checkpoint: dict, half: bool) -> dict:
    """Return what is published of a checkpoint; `InputError` if it has no finite weights."""
    import torch  # seconds, which --help need not take

    found = checkpoint.get('state_dict')
    if not found or not all(isinstance(w, torch.Tensor) for w in found.values()):
        raise InputError("no tensors under 'state_dict'; give a file that tools/train.py wrote")
    weights = {}
    for name, weight in found.items():
        floating = weight.is_floating_point()
        # A copy, since a view would bring along all the storage it looks into.
        weights[name] = weight.detach().to(torch.float16 if half and floating else weight.dtype)
        weights[name] = weights[name].clone(memory_format=torch.contiguous_format)
        if floating and not weights[name].isfinite().all():
            remedy = ' in half precision; leave out --half' if weight.isfinite().all() else ''
            raise InputError(f'the weight {name} is not finite{remedy}')
    meta = checkpoint.get('meta') or {}
    return dict(meta={k: meta[k] for k in META if k in meta}, state_dict=weights)


def main() -> None:
    """Parse, strip, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', type=Path, help='checkpoint of a training')
    parser.add_argument('out', type=Path, help='NAME.pth; written as NAME-HASH.pth')
    parser.add_argument('--half', action='store_true', help='float16: half the size')
    args = parser.parse_args()
    if args.out.suffix != '.pth':
        parser.error(f'OUT must end in .pth, got {args.out}')
    import torch

    from mhhn_mmpose.apis.model_loading import load_checkpoint

    # In memory, because torch.save puts a file's name into its content and so into the hash.
    buffer = io.BytesIO()
    try:
        torch.save(strip(load_checkpoint(args.checkpoint), args.half), buffer)
    except InputError as error:
        raise InputError(f'{args.checkpoint}: {error}') from error
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()[:8]
    target = args.out.with_name(f'{args.out.stem}-{digest}.pth')
    write_bytes(target, buffer.getvalue())
    load_checkpoint(target)
    size, before = (path.stat().st_size / 1e6 for path in (target, args.checkpoint))
    print(f'{target}: {size:.1f} MB of {before:.1f} MB')


if __name__ == '__main__':
    exit_on_input_error('publish_model', main)
