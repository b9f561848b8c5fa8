"""What the scripts draw."""
