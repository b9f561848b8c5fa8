"""What MMPose's datasets lack: converters and generated faces."""
