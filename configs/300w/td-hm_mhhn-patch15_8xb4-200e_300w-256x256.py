# 15x15 patch instead of 9x9: tests the weights of MHHN. If trained, its loss fits that patch too.
_base_ = ['./td-hm_mhhn_8xb4-200e_300w-256x256.py']

from mhhn_mmpose.datasets.pipelines import with_codec

codec = dict(_base_.codec, patch_size=15)

model = dict(head=dict(loss=dict(patch_size=codec['patch_size']), decoder=codec))
train_dataloader = with_codec(_base_.train_dataloader, codec)
