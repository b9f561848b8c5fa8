"""From photos and videos to landmarks: detection, tracking, the model, pictures, files."""
